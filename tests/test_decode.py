"""The streaming search against an exhaustive one, and against itself in other chunks."""

from dataclasses import replace
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.models import TINY_PHONEMES, tiny_model
from vau.decode import LOOK_BACK_FRAMES, Decoder, Run, Transcript
from vau.model import Model

MODEL = tiny_model()
SHAPES = st.tuples(st.integers(1, 90), st.integers(1, 4), st.integers(0, 10_000))


def with_min_frames(min_frames: int) -> Model:
    return replace(MODEL, decoder=replace(MODEL.decoder, min_frames=min_frames))


def posteriors(frames: int, seed: int) -> NDArray[np.float32]:
    """Peaked random posteriors that stay for three frames each, so that runs form."""
    rng = np.random.default_rng(seed)
    rows = rng.dirichlet(np.full(len(TINY_PHONEMES), 0.3), -(-frames // 3)) + 1e-9
    return np.log(np.repeat(rows, 3, axis=0)[:frames]).astype(np.float32)


def decode(model: Model, log_prob: NDArray[np.float32]) -> Transcript:
    decoder = Decoder(model)
    decoder.push(log_prob)
    return decoder.finish()


def exhaustive(model: Model, log_prob: NDArray[np.float32]) -> list[tuple[int, int, int]]:
    """Find the best sequence of (class, start, end) by dynamic programming over run ends.

    Returns the phoneme runs whose durations are all at least ``min_frames``, by looking at
    every start of every last run: slow, and nothing like the search under test.
    """
    tables, frames = model.decoder, len(log_prob)
    gains = log_prob - tables.prior_weight * tables.log_prior.astype(np.float64)
    sums = np.vstack([np.zeros(gains.shape[1]), np.cumsum(gains, axis=0)])
    follow = tables.bigram_weight * tables.log_bigram.astype(np.float64)
    best: dict[tuple[int, int], tuple[float, tuple[int, int] | None]] = {}
    for end in range(tables.min_frames, frames + 1):
        for phone in range(gains.shape[1]):
            options: list[tuple[float, tuple[int, int] | None]] = []
            for start in range(end - tables.min_frames + 1):
                run = sums[end, phone] - sums[start, phone]
                if start == 0:
                    options.append((run, None))
                for before in range(gains.shape[1]):
                    if (start, before) in best:
                        score = best[start, before][0] + follow[before, phone]
                        gain = run + tables.insertion_bonus
                        options.append((score + gain, (start, before)))
            best[end, phone] = max(options, key=lambda option: option[0])
    last = max(range(gains.shape[1]), key=lambda phone: best[frames, phone][0])
    runs, at = [], (frames, last)
    while True:
        before_run = best[at][1]
        start = 0 if before_run is None else before_run[0]
        runs.append((at[1], start, at[0]))
        if before_run is None:
            return runs[::-1]
        at = before_run


@settings(max_examples=25, deadline=None)
@given(frames=st.integers(4, 40), min_frames=st.integers(1, 4), seed=st.integers(0, 10_000))
def test_the_answer_is_that_of_an_exhaustive_search(
    frames: int, min_frames: int, seed: int
) -> None:
    model, log_prob = with_min_frames(min_frames), posteriors(frames, seed)
    found = [
        (run.class_id, run.start_frame, run.end_frame) for run in decode(model, log_prob).runs
    ]
    assert found == exhaustive(model, log_prob)


@settings(max_examples=50, deadline=None)
@given(shape=SHAPES, cuts=st.lists(st.tuples(st.integers(0, 90), st.booleans()), max_size=6))
def test_neither_chunks_nor_looking_at_interim_results_change_the_answer(
    shape: tuple[int, int, int], cuts: list[tuple[int, bool]]
) -> None:
    frames, min_frames, seed = shape
    model, log_prob = with_min_frames(min_frames), posteriors(frames, seed)
    decoder, begin = Decoder(model), 0
    for end, looks in sorted(cuts):
        decoder.push(log_prob[begin:end])
        begin = max(begin, min(end, frames))
        if looks:
            decoder.transcript()
    decoder.push(log_prob[begin:])
    assert decoder.finish() == decode(model, log_prob)


@settings(max_examples=50, deadline=None)
@given(shape=SHAPES)
def test_what_was_called_stable_never_changes(shape: tuple[int, int, int]) -> None:
    frames, min_frames, seed = shape
    model, log_prob = with_min_frames(min_frames), posteriors(frames, seed)
    decoder, stable = Decoder(model), tuple[Run, ...]()
    for frame in log_prob:
        decoder.push(frame[np.newaxis])
        transcript = decoder.transcript()
        assert transcript.runs[: len(stable)] == stable
        stable = transcript.runs[: transcript.stable_count]
    assert decoder.finish().runs[: len(stable)] == stable


def test_runs_tile_the_utterance_and_confidence_is_the_mean_posterior() -> None:
    log_prob = posteriors(300, seed=5)
    runs = decode(MODEL, log_prob).runs
    assert [runs[0].start_frame, runs[-1].end_frame] == [0, 300]
    for run, after in pairwise(runs):
        assert run.end_frame == after.start_frame
    for run in runs:
        said = np.exp(log_prob[run.start_frame : run.end_frame, run.class_id], dtype=np.float64)
        assert run.confidence == pytest.approx(said.mean(), abs=1e-12)


def test_no_run_is_shorter_than_the_minimum_unless_the_utterance_is() -> None:
    assert all(
        run.end_frame - run.start_frame >= 4
        for run in decode(with_min_frames(4), posteriors(200, seed=1)).runs
    )
    assert len(decode(with_min_frames(4), posteriors(3, seed=1)).runs) == 1


def test_an_utterance_without_frames_has_no_phones() -> None:
    assert Decoder(MODEL).finish() == Transcript((), 0)


def test_hypotheses_that_never_agree_are_settled_in_bounded_time() -> None:
    """Two phonemes that cannot be told apart, with nothing that ever joins their histories."""
    classes = len(TINY_PHONEMES)
    bigram = np.full((classes, classes), -1e6, np.float32)
    bigram[1, 1] = bigram[2, 2] = 0.0
    tables = replace(MODEL.decoder, log_bigram=bigram, log_prior=np.zeros(classes, np.float32))
    model = replace(MODEL, decoder=tables)
    log_prob = np.full((LOOK_BACK_FRAMES + 200, classes), -20.0, np.float32)
    log_prob[:, 1:3] = np.log(0.5)
    log_prob[::7, 1:3] -= 1.0  # runs of one frame more or less tie: let them begin anew
    decoder = Decoder(model)
    decoder.push(log_prob)
    waiting = decoder.transcript()
    oldest_open = waiting.runs[waiting.stable_count].start_frame
    assert len(log_prob) - oldest_open <= LOOK_BACK_FRAMES + 50
