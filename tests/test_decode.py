"""The search against an exhaustive one, and the laws that every decoder keeps."""

import tracemalloc
from dataclasses import replace
from itertools import pairwise
from math import inf
from typing import Final, get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.models import TINY_PHONEMES, tiny_model
from vau.decode import (
    DECIDING_FRAMES,
    SETTLING_FRAMES,
    DecoderName,
    Run,
    Transcript,
    Viterbi,
    decoder_of,
    viterbi,
)
from vau.model import Model, find_model

MODEL: Final = tiny_model()
CLASSES: Final = len(TINY_PHONEMES)
EVERYTHING: Final = 200
"""Frames to look back: more than any of these utterances has."""

SHAPES = st.tuples(st.integers(1, 90), st.integers(1, 4), st.integers(0, 10_000))
each_decoder = pytest.mark.parametrize("name", get_args(DecoderName))


def model_with(**changes: object) -> Model:
    return replace(MODEL, decoder=replace(MODEL.decoder, **changes))  # type: ignore[arg-type]


def posteriors(frames: int, seed: int) -> NDArray[np.float32]:
    """Peaked random posteriors that stay for three frames each, so that runs form."""
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(CLASSES, 0.3), -(-frames // 3)) + 1e-9
    return np.log(np.repeat(rows, 3, axis=0)[:frames]).astype(np.float32)


def decode_all(
    model: Model, log_prob: NDArray[np.float32], name: DecoderName = "viterbi"
) -> Transcript:
    decoder = decoder_of(model, name)
    decoder.push(log_prob)
    return decoder.finish()


def spans(runs: tuple[Run, ...]) -> list[tuple[int, int, int]]:
    return [(run.class_id, run.start_frame, run.end_frame) for run in runs]


def exhaustive(model: Model, log_prob: NDArray[np.float32]) -> list[tuple[int, int, int]]:
    """Find the best sequence of (class, start, end) by dynamic programming over run ends.

    Returns the phoneme runs whose durations are all at least ``min_frames``, by looking at
    every start of every last run and all that may be before it: slow, and nothing like the
    search under test.
    """
    tables, frames = model.decoder, len(log_prob)
    gains = log_prob - tables.prior_weight * tables.log_prior.astype(np.float64)
    sums = np.vstack([np.zeros(CLASSES), np.cumsum(gains, axis=0)])
    language = tables.language_weight * tables.log_trigram.astype(np.float64)
    silence = model.silence_ids[0]
    # By where the last run ends, its phoneme, and the one before it: where it began, and the
    # phoneme before that.
    State = tuple[int, int, int]  # noqa: N806
    best: dict[State, tuple[float, State | None]] = {}
    for end in range(tables.min_frames, frames + 1):
        for phone in range(CLASSES):
            best[end, phone, silence] = (sums[end, phone], None)
            for start in range(tables.min_frames, end - tables.min_frames + 1):
                run = sums[end, phone] - sums[start, phone]
                for before in range(CLASSES):
                    for first in range(CLASSES):
                        if (start, before, first) not in best:
                            continue
                        score = best[start, before, first][0] + language[first, before, phone]
                        score += run + tables.insertion_bonus
                        if score > best.get((end, phone, before), (-inf, None))[0]:
                            best[end, phone, before] = (score, (start, before, first))
    at: State | None = max(
        (key for key in best if key[0] == frames), key=lambda key: best[key][0]
    )
    runs = []
    while at is not None:
        came_from = best[at][1]
        runs.append((at[1], came_from[0] if came_from else 0, at[0]))
        at = came_from
    return runs[::-1]


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(4, 30), min_frames=st.integers(1, 4), seed=st.integers(0, 10_000))
def test_the_answer_is_that_of_an_exhaustive_search(
    frames: int, min_frames: int, seed: int
) -> None:
    model = model_with(min_frames=min_frames, look_back_frames=EVERYTHING)
    log_prob = posteriors(frames, seed)
    with pytest.MonkeyPatch.context() as patch:  # nothing is given up
        patch.setattr(viterbi, "FOLLOWED", CLASSES)
        patch.setattr(viterbi, "BEAM", inf)
        found = decode_all(model, log_prob)
    assert spans(found.runs) == exhaustive(model, log_prob)


@each_decoder
@settings(max_examples=50, deadline=None)
@given(shape=SHAPES, cuts=st.lists(st.tuples(st.integers(0, 90), st.booleans()), max_size=6))
def test_neither_chunks_nor_looking_at_interim_results_change_the_answer(
    name: DecoderName, shape: tuple[int, int, int], cuts: list[tuple[int, bool]]
) -> None:
    frames, min_frames, seed = shape
    model = model_with(min_frames=min_frames, look_back_frames=8)
    log_prob = posteriors(frames, seed)
    decoder, begin = decoder_of(model, name), 0
    for end, looks in sorted(cuts):
        decoder.push(log_prob[begin:end])
        begin = max(begin, min(end, frames))
        if looks:
            seen, alone = decoder.transcript(), decoder_of(model, name)
            alone.push(log_prob[:begin])
            assert seen == alone.transcript()
    decoder.push(log_prob[begin:])
    assert decoder.finish() == decode_all(model, log_prob, name)


@each_decoder
def test_how_the_frames_lie_in_memory_changes_nothing(name: DecoderName) -> None:
    log_prob = posteriors(40, 7)
    assert decode_all(MODEL, np.asfortranarray(log_prob), name) == decode_all(
        MODEL, log_prob, name
    )


@each_decoder
@settings(max_examples=50, deadline=None)
@given(shape=SHAPES, look_back=st.sampled_from([1, 6, 20]))
def test_what_was_called_stable_never_changes(
    name: DecoderName, shape: tuple[int, int, int], look_back: int
) -> None:
    frames, min_frames, seed = shape
    model = model_with(min_frames=min_frames, look_back_frames=look_back)
    decoder, stable = decoder_of(model, name), tuple[Run, ...]()
    for frame in posteriors(frames, seed):
        decoder.push(frame[np.newaxis])
        transcript = decoder.transcript()
        assert transcript.runs[: len(stable)] == stable
        assert transcript.stable_count >= len(stable)
        stable = transcript.runs[: transcript.stable_count]
    final = decoder.finish()
    assert final.runs[: len(stable)] == stable
    assert final.stable_count == len(final.runs)


@settings(max_examples=25, deadline=None)
@given(seed=st.integers(0, 10_000), look_back=st.integers(1, 20))
def test_what_ended_longer_ago_than_the_look_back_is_stable(seed: int, look_back: int) -> None:
    decoder = Viterbi(model_with(min_frames=3, look_back_frames=look_back))
    for at, frame in enumerate(posteriors(120, seed), start=1):
        decoder.push(frame[np.newaxis])
        transcript = decoder.transcript()
        if at % SETTLING_FRAMES == 0:
            open_runs = transcript.runs[transcript.stable_count :]
            assert all(run.end_frame > at - look_back for run in open_runs)


def aloof(look_back_frames: int, insertion_bonus: float) -> Model:
    """Two phonemes, 1 and 2, of which either is followed by itself alone."""
    log_trigram = np.full((CLASSES,) * 3, -1e4, np.float16)
    log_trigram[:, 1, 1] = log_trigram[:, 2, 2] = 0.0
    return model_with(
        log_trigram=log_trigram,
        log_prior=np.zeros(CLASSES, np.float16),
        insertion_bonus=insertion_bonus,
        look_back_frames=look_back_frames,
    )


def leaning(*stretches: tuple[int, int]) -> NDArray[np.float32]:
    """Return frames that know 1 and 2 alone; in each stretch one is a little likelier."""
    log_prob = np.full((sum(frames for _, frames in stretches), CLASSES), -20.0, np.float32)
    log_prob[:, 1:3] = -0.8
    likelier = np.repeat([each for each, _ in stretches], [frames for _, frames in stretches])
    log_prob[np.arange(len(log_prob)), likelier] = -0.7
    return log_prob


def said(transcript: Transcript) -> set[int]:
    return {run.class_id for run in transcript.runs}


def test_hypotheses_that_never_agree_leave_nothing_stable_before_the_look_back() -> None:
    decoder = Viterbi(aloof(EVERYTHING, insertion_bonus=0.5))  # runs are as short as can be
    decoder.push(leaning((1, 10)))
    assert (said(decoder.transcript()), decoder.transcript().stable_count) == ({1}, 0)
    decoder.push(leaning((2, 20)))
    assert (said(decoder.transcript()), decoder.transcript().stable_count) == ({2}, 0)


def test_hypotheses_that_never_agree_are_settled_after_the_look_back() -> None:
    decoder = Viterbi(aloof(20, insertion_bonus=0.5))
    decoder.push(leaning((1, 200)))
    decoder.push(leaning((2, 400)))
    waiting = decoder.transcript()
    assert waiting.runs[waiting.stable_count].end_frame > 600 - 20
    assert said(waiting) == {1}


def test_a_run_that_does_not_end_is_decided_too() -> None:
    undecided = Viterbi(aloof(20, insertion_bonus=-1.0))
    undecided.push(leaning((1, 20), (2, 30)))
    assert said(undecided.finish()) == {2}
    decided = Viterbi(aloof(20, insertion_bonus=-1.0))
    decided.push(leaning((1, 20 + DECIDING_FRAMES), (2, 100)))
    assert spans(decided.finish().runs) == [(1, 0, 120 + DECIDING_FRAMES)]


def test_what_is_given_up_on_the_way_is_hopeless() -> None:
    for seed in range(20):
        log_prob = np.log(np.exp(posteriors(60, seed)) * 0.9 + 0.1 / CLASSES)
        found = decode_all(MODEL, log_prob)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(viterbi, "FOLLOWED", CLASSES)
            patch.setattr(viterbi, "BEAM", inf)
            assert decode_all(MODEL, log_prob) == found


def test_a_run_may_be_longer_than_anything_that_is_remembered() -> None:
    classes = np.repeat([0, 3, 0], [300, 500, 7])
    log_prob = np.full((len(classes), CLASSES), -9.0, np.float32)
    log_prob[np.arange(len(classes)), classes] = np.log(0.75)
    found = decode_all(model_with(min_frames=3, look_back_frames=5), log_prob).runs
    assert spans(found) == [(0, 0, 300), (3, 300, 800), (0, 800, 807)]
    assert [run.confidence for run in found] == pytest.approx([0.75] * 3, abs=1e-6)


def test_what_the_search_remembers_does_not_grow_with_the_audio() -> None:
    decoder = Viterbi(MODEL)

    def array_bytes() -> int:
        filled = decoder._tables, decoder._standing  # noqa: SLF001
        parts = [getattr(each, name) for each in filled for name in each.__slots__]
        arrays = [each for each in parts if isinstance(each, np.ndarray)]
        return sum(each.nbytes if each.base is None else each.base.nbytes for each in arrays)

    sizes = []
    for seed in range(4):
        decoder.push(posteriors(500, seed))
        sizes.append(array_bytes())
    assert sizes == sizes[:1] * 4


def test_a_stream_of_the_shipped_model_needs_less_than_75_kb_for_its_search() -> None:
    model = find_model("munt-3x384")
    rng = np.random.default_rng(2)
    rows = np.log(rng.dirichlet(np.full(40, 0.3), 60) + 1e-9).astype(np.float32)
    decode_all(model, rows)  # what is made once is there
    tracemalloc.start()
    try:
        decoder = Viterbi(model)
        begun, _ = tracemalloc.get_traced_memory()
        decoder.push(rows)
        decoder.transcript()
        pushed, _ = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert pushed < 75_000
    assert pushed - begun < 4_000  # of what was pushed no array stays


def test_runs_tile_the_utterance_and_confidence_is_the_mean_posterior() -> None:
    log_prob = posteriors(300, seed=5)
    runs = decode_all(MODEL, log_prob).runs
    assert [runs[0].start_frame, runs[-1].end_frame] == [0, 300]
    assert len(runs) > 20
    for run, after in pairwise(runs):
        assert run.end_frame == after.start_frame
    for run in runs:
        heard = np.exp(log_prob[run.start_frame : run.end_frame, run.class_id], dtype=float)
        assert run.confidence == pytest.approx(heard.mean(), abs=1e-12)


def test_no_run_is_shorter_than_the_minimum_unless_the_utterance_is() -> None:
    model = model_with(min_frames=4)
    assert all(
        run.end_frame - run.start_frame >= 4
        for run in decode_all(model, posteriors(200, seed=1)).runs
    )
    assert len(decode_all(model, posteriors(3, seed=1)).runs) == 1


def test_what_usually_follows_depends_on_the_two_phonemes_before() -> None:
    """After SIL AA comes B, after S AA comes T: frames that cannot tell them are decided."""
    log_trigram = np.full((CLASSES,) * 3, np.log(0.1), np.float16)
    log_trigram[0, 1, 2] = log_trigram[4, 1, 5] = np.log(0.9)
    model = model_with(log_trigram=log_trigram, log_prior=np.zeros(CLASSES, np.float16))
    unsure = {2: np.log(0.5), 5: np.log(0.5)}
    frames: list[dict[int, float]] = [{0: 0.0}] * 4
    for _ in range(2):
        frames += [*[{1: 0.0}] * 4, *[unsure] * 4, *[{4: 0.0}] * 4]
    log_prob = np.full((len(frames), CLASSES), -9.0, np.float32)
    for row, frame in zip(log_prob, frames, strict=True):
        for class_id, value in frame.items():
            row[class_id] = value
    assert [run.class_id for run in decode_all(model, log_prob).runs] == [0, 1, 2, 4, 1, 5, 4]


@each_decoder
def test_a_posterior_of_zero_is_only_very_unlikely(name: DecoderName) -> None:
    log_prob = np.full((9, CLASSES), -np.inf, np.float32)
    log_prob[np.arange(9), np.repeat([1, 2, 3], 3)] = 0.0
    found = decode_all(MODEL, log_prob, name).runs
    assert spans(found) == [(1, 0, 3), (2, 3, 6), (3, 6, 9)]
    assert [run.confidence for run in found] == pytest.approx([1.0] * 3)


@each_decoder
def test_an_utterance_without_frames_has_no_phones(name: DecoderName) -> None:
    assert decoder_of(MODEL, name).finish() == Transcript((), 0)


def test_greedy_leaves_out_what_is_short_and_knows_no_language() -> None:
    classes = np.repeat([0, 3, 1, 4, 0], [3, 2, 2, 1, 2])
    log_prob = np.full((len(classes), CLASSES), -3.0, np.float32)
    log_prob[np.arange(len(classes)), classes] = np.log(0.5)
    found = decode_all(model_with(min_frames=2), log_prob, "greedy").runs
    assert spans(found) == [(0, 0, 3), (3, 3, 5), (1, 5, 7), (0, 8, 10)]
    assert [run.confidence for run in found] == pytest.approx([0.5] * 4)


def test_greedy_may_name_a_phoneme_twice_in_a_row() -> None:
    log_prob = np.full((5, CLASSES), -3.0, np.float32)
    log_prob[np.arange(5), [3, 3, 1, 3, 3]] = np.log(0.5)
    found = decode_all(model_with(min_frames=2), log_prob, "greedy").runs
    assert spans(found) == [(3, 0, 2), (3, 3, 5)]


def test_greedy_does_not_show_a_run_before_it_is_long_enough() -> None:
    decoder = decoder_of(model_with(min_frames=2), "greedy")
    row = np.full((1, CLASSES), -3.0, np.float32)
    row[0, 3] = 0.0
    decoder.push(row)
    assert decoder.transcript() == Transcript((), 0)
    decoder.push(row)
    assert decoder.transcript() == Transcript((Run(3, 0, 2, 1.0),), 0)
