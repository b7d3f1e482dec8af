"""A decoder that is written down goes on elsewhere as if nothing had happened."""

from typing import Any, Final, get_args

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.test_decode import CLASSES, MODEL, model_with, posteriors
from vau.checkpoint.form import Reader, Writer
from vau.decode import Decoder, DecoderName, Transcript, decoder_of
from vau.decode.lineage import Bounds, restore_lineage
from vau.errors import ResumeInvalid
from vau.model import Model

NAMES: Final = st.sampled_from(get_args(DecoderName))
TUNINGS: Final = st.fixed_dictionaries(
    {
        "min_frames": st.integers(1, 5),
        "look_back_frames": st.integers(1, 30),
        "language_weight": st.sampled_from([0.0, 1.5]),
    }
)


def written(decoder: Decoder) -> bytes:
    out = Writer()
    decoder.save(out)
    return out.bytes()


def read(model: Model, name: DecoderName, data: bytes) -> Decoder:
    decoder, saved = decoder_of(model, name), Reader(data)
    decoder.restore(saved)
    saved.check_end()
    return decoder


def said(
    decoder: Decoder, log_prob: NDArray[np.float32], chunk: int, *, looks: bool
) -> list[Transcript]:
    """Push the rest in chunks; return all that was said, the end included."""
    transcripts = []
    for at in range(0, len(log_prob), chunk):
        decoder.push(log_prob[at : at + chunk])
        if looks:
            transcripts.append(decoder.transcript())
    return [*transcripts, decoder.finish()]


@settings(max_examples=150, deadline=None)
@given(
    tuning=TUNINGS,
    name=NAMES,
    frames=st.integers(0, 160),
    cut=st.integers(0, 160),
    seed=st.integers(0, 10_000),
    chunk=st.integers(1, 30),
    looks=st.booleans(),
)
def test_what_was_read_again_says_what_would_have_been_said(
    tuning: dict[str, Any],
    name: DecoderName,
    frames: int,
    cut: int,
    seed: int,
    chunk: int,
    looks: bool,
) -> None:
    model = model_with(**tuning)
    log_prob = posteriors(frames, seed)
    decoder = decoder_of(model, name)
    for at in range(0, min(cut, frames), chunk):
        decoder.push(log_prob[at : min(cut, at + chunk)])
        if looks:
            decoder.transcript()
    data = written(decoder)
    again = read(model, name, data)
    assert written(again) == data
    rest = log_prob[cut:]
    assert said(again, rest, chunk, looks=looks) == said(decoder, rest, chunk, looks=looks)


@settings(max_examples=20, deadline=None)
@example(tuning={"min_frames": 3, "look_back_frames": 5}, name="viterbi", seed=0)
@example(tuning={"min_frames": 2, "look_back_frames": 1}, name="viterbi", seed=0)
@given(tuning=TUNINGS, name=NAMES, seed=st.integers(0, 10_000))
def test_a_decoder_may_be_written_down_and_read_at_every_frame(
    tuning: dict[str, Any], name: DecoderName, seed: int
) -> None:
    model = model_with(**tuning)
    log_prob = posteriors(90, seed)
    uncut, moving = decoder_of(model, name), decoder_of(model, name)
    for row in log_prob:
        uncut.push(row[np.newaxis])
        data = written(moving)
        moving = read(model, name, data)
        assert written(moving) == data
        moving.push(row[np.newaxis])
    assert moving.finish() == uncut.finish()


@pytest.mark.parametrize("name", get_args(DecoderName))
def test_to_write_a_decoder_down_changes_nothing_in_it(name: DecoderName) -> None:
    log_prob = posteriors(150, seed=3)
    watched, left_alone = decoder_of(MODEL, name), decoder_of(MODEL, name)
    for row in log_prob:
        for decoder in (watched, left_alone):
            decoder.push(row[np.newaxis])
        written(watched)
    assert watched.finish() == left_alone.finish()


def test_a_run_longer_than_anything_remembered_can_be_written_down_in_its_midst() -> None:
    classes = np.repeat([0, 3, 0], [300, 500, 7])
    log_prob = np.full((len(classes), CLASSES), -9.0, np.float32)
    log_prob[np.arange(len(classes)), classes] = np.log(0.75)
    model = model_with(min_frames=3, look_back_frames=5)
    decoder = decoder_of(model, "viterbi")
    decoder.push(log_prob[:700])
    again = read(model, "viterbi", written(decoder))
    assert said(again, log_prob[700:], 10, looks=True) == said(
        decoder, log_prob[700:], 10, looks=True
    )


@settings(max_examples=400, deadline=None)
@given(
    tuning=TUNINGS,
    name=NAMES,
    frames=st.integers(1, 80),
    places=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 12),
    seed=st.integers(0, 50),
)
def test_bytes_that_no_decoder_wrote_are_refused_or_do_no_harm(
    tuning: dict[str, Any],
    name: DecoderName,
    frames: int,
    places: list[tuple[int, int]],
    cut: int,
    seed: int,
) -> None:
    model = model_with(**tuning)
    decoder = decoder_of(model, name)
    decoder.push(posteriors(frames, seed))
    data = bytearray(written(decoder))
    for place, value in places:
        data[place % len(data)] = value
    try:
        again = read(model, name, bytes(data[: len(data) - cut]))
    except ResumeInvalid:
        return
    again.push(posteriors(120, seed + 1))
    assert isinstance(again.finish(), Transcript)


def lineage_of_bytes(*nodes: tuple[int, ...]) -> bytes:
    """Write nodes as ``Lineage.save`` does: age, phoneme, phoneme before, parent if any."""
    out = Writer()
    out.count(len(nodes))
    for node in nodes:
        for number in node:
            out.count(number)
    return out.bytes()


@pytest.mark.parametrize(
    "nodes",
    [
        [(9, 1, 0), (5, 2, 1, 0), (5, 3, 2, 1)],  # of two that begin at once
        [(9, 1, 0), (5, 2, 0, 0)],  # the one before is another phoneme than it says
        [(4, 1, 0, 0)],  # the first follows itself
        [(9, 1, 0), (5, 2, 1, 1)],  # as does the second
        [(9, 1, 0), (3, 6, 1, 0)],  # a phoneme that there is not
        [(11, 1, 0)],  # before the first frame
    ],
)
def test_a_run_follows_one_that_began_before_it(nodes: list[tuple[int, ...]]) -> None:
    bounds = Bounds(root_start=4, latest_start=10, kept_frames=8, phonemes=6)
    good = restore_lineage(Reader(lineage_of_bytes((9, 1, 0), (5, 2, 1, 0))), bounds)
    assert good.parents == (None, 0)
    with pytest.raises(ResumeInvalid):
        restore_lineage(Reader(lineage_of_bytes(*nodes)), bounds)


def test_a_run_that_began_longer_ago_than_is_remembered_is_refused() -> None:
    bounds = Bounds(root_start=1, latest_start=10, kept_frames=4, phonemes=6)
    with pytest.raises(ResumeInvalid):
        restore_lineage(Reader(lineage_of_bytes((9, 1, 0), (5, 2, 1, 0))), bounds)


@pytest.mark.parametrize("name", get_args(DecoderName))
def test_every_beginning_of_what_was_written_is_refused(name: DecoderName) -> None:
    decoder: Any = decoder_of(MODEL, name)
    decoder.push(posteriors(60, seed=1))
    data = written(decoder)
    for size in range(len(data)):
        with pytest.raises(ResumeInvalid):
            read(MODEL, name, data[:size])
