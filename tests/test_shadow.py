"""The parts of a shadow without its process: backlog, ears, and the worker on real backends."""

import threading
from collections.abc import Sequence
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models import tiny_model
from vau.backend import Backend, BackendOptions, Result, Work
from vau.session import Heard
from vau.shadow.backlog import Backlog
from vau.shadow.ear import Ear
from vau.shadow.messages import DIVERGENCE_EDGES, Piece, Pieces, Primary, Tally
from vau.shadow.worker import ROUND_STEPS, Worker
from vau_backends.float.backend import FACTORY as FLOAT
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA

MODEL = tiny_model()
PRIMARIES = (Primary("a", "munt-spec-0/C1"), Primary("b", "float32"))
DIM, CLASSES = MODEL.network.inputs, MODEL.network.classes


def backend(slot_count: int = 8) -> Backend:
    return MUNTANIALA.open(MODEL, BackendOptions(slot_count=slot_count))


def features(steps: int, seed: int = 0) -> NDArray[np.float32]:
    noise = np.random.default_rng(seed).normal(size=(steps, DIM))
    return (MODEL.mean + noise / MODEL.inv_std).astype(np.float32)


def piece(
    key: int = 1,
    steps: int = 5,
    *,
    primary: int = 0,
    frames: int | None = None,
    ends: bool = False,
) -> Piece:
    """Return a piece that a primary answered with nothing but zeros."""
    return Piece(
        key=key,
        primary=primary,
        features=features(steps, key),
        log_prob=np.zeros((steps, CLASSES), np.float32),
        logits=np.zeros((steps, CLASSES), np.int32),
        frames=steps if frames is None else frames,
        ends=ends,
    )


def answered(
    rows: NDArray[np.float32], cuts: Sequence[int], key: int, by: Backend, silent: int = 0
) -> list[Piece]:
    """Return an utterance as ``by`` answers it, cut into pieces; the first steps are silent."""
    slot, pieces, at = by.open(), [], 0
    for part in np.split(rows, cuts):
        (result,) = by.run([Work(slot, part)])
        frames = len(part) - min(len(part), max(0, silent - at))
        at += len(part)
        ends = at == len(rows)
        pieces.append(Piece(key, 0, part, result.log_prob, result.logits, frames, ends))
    by.release(slot)
    return pieces


def worked(worker: Worker) -> dict[int, Tally]:
    while worker.has_work:
        worker.round()
    return {tally.primary: tally for tally in worker.report()}


# --- messages ------------------------------------------------------------------------------


def test_pieces_come_apart_as_they_were_joined() -> None:
    given = [piece(1, 3), piece(2, 0, ends=True), piece(1, 4, frames=2, ends=True)]
    for was, now in zip(given, Pieces.join(given).split(), strict=True):
        assert (was.key, was.primary, was.frames, was.ends) == (
            now.key,
            now.primary,
            now.frames,
            now.ends,
        )
        np.testing.assert_array_equal(was.features, now.features)
        np.testing.assert_array_equal(was.log_prob, now.log_prob)
        assert was.logits is not None
        assert now.logits is not None
        np.testing.assert_array_equal(was.logits, now.logits)


# --- backlog -------------------------------------------------------------------------------


def test_a_backlog_takes_no_more_frames_than_its_limit_until_some_are_done() -> None:
    backlog = Backlog(PRIMARIES, limit_frames=10)
    assert backlog.offer(piece(steps=6))
    assert not backlog.offer(piece(steps=5))
    assert backlog.offer(piece(steps=4, primary=1))
    assert backlog.frames == 10
    backlog.done(0, 6)
    assert backlog.offer(piece(steps=5))


def test_what_is_gathered_comes_in_order() -> None:
    backlog = Backlog(PRIMARIES)
    for key in (1, 2, 3):
        backlog.offer(piece(key))
    assert [each.key for each in backlog.gather()] == [1, 2, 3]
    assert backlog.rest() == []


def test_the_end_of_an_utterance_fits_into_a_full_backlog() -> None:
    backlog = Backlog(PRIMARIES, limit_frames=5)
    full = piece(steps=5)
    backlog.offer(full)
    backlog.forget(1, full)
    last = backlog.gather()[-1]
    assert (last.key, last.frames, last.ends, len(last.features)) == (1, 0, True, 0)


def test_a_closed_backlog_tells_what_was_lost_and_takes_nothing() -> None:
    backlog = Backlog(PRIMARIES)
    backlog.offer(piece(steps=5))
    backlog.offer(piece(steps=7, primary=1))
    backlog.done(0, 2)
    assert backlog.close() == [3, 7]
    assert backlog.close() == []
    assert not backlog.offer(piece())
    assert backlog.frames == 0


def test_whoever_waits_for_a_piece_is_released_by_the_close() -> None:
    backlog, found = Backlog(PRIMARIES), list[list[Piece]]()
    waiting = threading.Thread(target=lambda: found.append(backlog.gather()))
    waiting.start()
    backlog.close()
    waiting.join(30.0)
    assert found == [[]]


# --- ears ----------------------------------------------------------------------------------


class Shadow:
    """Where an ear puts what it hears."""

    def __init__(self, backlog: Backlog | None) -> None:
        self.backlog = backlog
        self.shed_frames = self.shed_utterances = 0

    def shed(self, _primary: int, frames: int, utterances: int) -> None:
        self.shed_frames += frames
        self.shed_utterances += utterances

    def taken(self) -> list[tuple[int, int, bool]]:
        """Return key, frames and end of each piece that got through."""
        assert self.backlog is not None
        return [(each.key, each.frames, each.ends) for each in self.backlog.rest()]


def heard(frames: int, *, ends: bool = False) -> Heard:
    result = Result(log_prob=np.zeros((frames, CLASSES), np.float32))
    return Heard(features(frames), result, frames, ends)


def test_utterances_follow_each_other_under_numbers_of_their_own() -> None:
    shadow = Shadow(Backlog(PRIMARIES))
    ear, other = (Ear(shadow, keys, 0) for keys in [count(1)] * 2)
    ear.heard(heard(3))
    other.heard(heard(4))
    ear.heard(heard(2, ends=True))
    ear.heard(heard(5))
    assert shadow.taken() == [(1, 3, False), (2, 4, False), (1, 2, True), (3, 5, False)]


def test_what_does_not_fit_costs_the_rest_of_its_utterance_and_no_more() -> None:
    shadow = Shadow(Backlog(PRIMARIES, limit_frames=5))
    ear = Ear(shadow, count(1), 0)
    ear.heard(heard(4))
    ear.heard(heard(4))
    assert shadow.backlog is not None
    shadow.backlog.done(0, 4)
    ear.heard(heard(2))  # would fit, but the state of the shadow is not what it would need
    ear.heard(heard(3, ends=True))
    ear.heard(heard(5))
    assert shadow.taken() == [(1, 4, False), (1, 0, True), (2, 5, False)]
    assert (shadow.shed_frames, shadow.shed_utterances) == (9, 1)


def test_a_stream_that_leaves_ends_its_utterance_in_the_shadow() -> None:
    shadow = Shadow(Backlog(PRIMARIES))
    ear = Ear(shadow, count(1), 0)
    ear.heard(heard(3))
    ear.left()
    assert shadow.taken() == [(1, 3, False), (1, 0, True)]


def test_an_utterance_without_audio_is_nothing_to_a_shadow() -> None:
    shadow = Shadow(Backlog(PRIMARIES))
    ear = Ear(shadow, count(1), 0)
    ear.heard(heard(0, ends=True))
    ear.left()
    assert shadow.taken() == []
    assert shadow.shed_utterances == 0


def test_while_a_shadow_is_down_everything_is_counted_as_shed() -> None:
    shadow = Shadow(None)
    ear = Ear(shadow, count(1), 0)
    ear.heard(heard(3))
    ear.heard(heard(3, ends=True))
    ear.heard(heard(2))
    assert (shadow.shed_frames, shadow.shed_utterances) == (8, 2)


def test_an_utterance_is_not_carried_over_into_another_life_of_the_shadow() -> None:
    first, second = Backlog(PRIMARIES), Backlog(PRIMARIES)
    shadow = Shadow(first)
    ear = Ear(shadow, count(1), 0)
    ear.heard(heard(3))
    first.close()
    shadow.backlog = second
    ear.heard(heard(4, ends=True))
    ear.heard(heard(5))
    assert shadow.taken() == [(2, 5, False)]
    assert shadow.shed_frames == 4


# --- the worker ----------------------------------------------------------------------------


class Watched:
    """A real backend that remembers the sizes of its batches."""

    def __init__(self, backend: Backend, max_batch: int = 32) -> None:
        self.backend = backend
        self.info = replace(backend.info, max_batch=max_batch)
        self.batches: list[list[int]] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.backend, name)

    def run(self, work: Sequence[Work]) -> list[Result]:
        self.batches.append([len(each.features) for each in work])
        return self.backend.run(work)


def watched(max_batch: int = 32, slot_count: int = 8) -> tuple[Worker, Watched]:
    watching = Watched(backend(slot_count), max_batch)
    return Worker(watching, PRIMARIES), watching  # type: ignore[arg-type]


@pytest.mark.parametrize("cuts", [[], [1], [0, 7, 7, 20]], ids=str)
def test_equal_arithmetic_gives_equal_bits_however_the_utterance_was_cut(
    cuts: list[int],
) -> None:
    worker = Worker(backend(), PRIMARIES)
    worker.take(answered(features(30), cuts, 1, backend()))
    (tally,) = worked(worker).values()
    assert (tally.frames, tally.mismatches, tally.disagreements) == (30, 0, 0)
    assert tally.divergences == (30, *[0] * len(DIVERGENCE_EDGES))
    assert tally.divergence_sum == 0.0


def test_steps_that_answer_no_frame_are_computed_but_not_compared() -> None:
    worker, watching = watched()
    given = answered(features(10), [1], 1, backend(), silent=2)
    assert given[0].logits is not None
    given[0].logits[:] += 1  # of a silent step, so nobody minds
    worker.take(given)
    (tally,) = worked(worker).values()
    assert watching.batches == [[10]]
    assert (tally.frames, tally.mismatches) == (8, 0)


def test_one_bit_is_one_frame_that_mismatches() -> None:
    given = answered(features(10), [], 1, backend())
    assert given[0].logits is not None
    given[0].logits[7, 3] ^= 1
    worker = Worker(backend(), PRIMARIES)
    worker.take(given)
    assert worked(worker)[0].mismatches == 1


def test_of_unlike_arithmetics_no_mismatch_is_told() -> None:
    worker = Worker(FLOAT.open(MODEL, BackendOptions()), PRIMARIES)
    worker.take(answered(features(10), [], 1, backend()))
    (tally,) = worked(worker).values()
    assert tally.mismatches is None
    assert 0.0 < tally.divergence_sum < 10.0
    assert sum(tally.divergences) == 10


def test_all_that_wait_share_a_round_up_to_what_the_backend_gains_by() -> None:
    worker, watching = watched(max_batch=3)
    worker.take(piece(key, steps=key) for key in range(1, 6))
    worked(worker)
    assert watching.batches == [[1, 2, 3], [4, 5]]


def test_nobody_has_a_second_turn_before_all_have_had_one() -> None:
    worker, watching = watched(max_batch=1)
    half = ROUND_STEPS // 2
    worker.take([*(piece(1, half) for _ in range(4)), piece(2, 5)])
    worked(worker)
    assert watching.batches == [[ROUND_STEPS], [5], [ROUND_STEPS]]


def test_an_utterance_that_finds_no_slot_is_counted_as_shed_and_the_next_is_not() -> None:
    worker, _ = watched(slot_count=1)
    worker.take([piece(1, 5), piece(2, 6), piece(2, 7, ends=True), piece(1, 1, ends=True)])
    (tally,) = worked(worker).values()
    assert (tally.frames, tally.shed_frames, tally.shed_utterances) == (6, 13, 1)
    worker.take([piece(3, 4)])
    (tally,) = worked(worker).values()
    assert (tally.frames, tally.shed_frames, tally.shed_utterances) == (4, 0, 0)


def test_each_primary_has_a_tally_of_its_own() -> None:
    worker, watching = watched()
    worker.take([piece(1, 3), piece(2, 4, primary=1)])
    tallies = worked(worker)
    assert watching.batches == [[3, 4]]
    assert {at: tally.frames for at, tally in tallies.items()} == {0: 3, 1: 4}
    assert tallies[0].mismatches == 3
    assert tallies[1].mismatches is None


def test_what_the_shadow_spends_is_added_up_since_the_last_report() -> None:
    worker, _ = watched()
    worker.take([piece(1, 3), piece(2, 4)])
    (first,) = worked(worker).values()
    worker.take([piece(1, 7)])
    (second,) = worked(worker).values()
    assert first.cycles == second.cycles
    assert first.cycles is not None
    assert first.cycles[1] > 0
    boundaries = {(origin, boundary) for origin, boundary, _ in first.energies}
    assert boundaries == {("estimated", "accelerator"), ("estimated", "system")}
    assert worker.report() == ()


# --- the difference of two posteriors --------------------------------------------------------


def test_an_edge_of_the_histogram_belongs_to_the_bucket_that_it_ends() -> None:
    given = answered(features(1), [], 1, backend())
    certain, half = np.full(CLASSES, -200.0, np.float32), np.full(CLASSES, -200.0, np.float32)
    certain[0] = 0.0
    half[:2] = np.log(0.5)

    class Half(Watched):
        def run(self, work: Sequence[Work]) -> list[Result]:
            return [replace(each, log_prob=half[np.newaxis]) for each in super().run(work)]

    worker = Worker(Half(backend()), PRIMARIES)  # type: ignore[arg-type]
    worker.take([replace(given[0], log_prob=certain[np.newaxis])])
    (tally,) = worked(worker).values()
    assert tally.divergence_sum == pytest.approx(0.5)
    assert sum(tally.divergences[: 1 + DIVERGENCE_EDGES.index(0.5)]) == 1
