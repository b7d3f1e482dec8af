"""The parts of a shadow's process without a process: the worker on real backends, its words."""

import pickle
import sys
import threading
from collections.abc import Iterator, Sequence
from dataclasses import replace
from queue import Empty

import numpy as np
import pytest
from numpy.typing import NDArray
from prometheus_client import CollectorRegistry

from tests.stretches import CLASSES, MODEL, PRIMARIES, features, stretch
from vau.backend import Backend, BackendOptions, Result, Work
from vau.errors import BackendFault, BackendNotFound, VauError
from vau.shadow import child
from vau.shadow.messages import (
    DIVERGENCE_EDGES,
    Done,
    GaveUp,
    Primary,
    Stretch,
    Stretches,
    Tally,
)
from vau.shadow.meters import ShadowMeters, ShadowMetrics
from vau.shadow.worker import ROUND_STEPS, Worker
from vau_backends.float.backend import FACTORY as FLOAT
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA


def backend(slot_count: int = 8) -> Backend:
    return MUNTANIALA.open(MODEL, BackendOptions(slot_count=slot_count))


def answered(
    rows: NDArray[np.float32], cuts: Sequence[int], key: int, by: Backend, silent: int = 0
) -> list[Stretch]:
    """Return an utterance as ``by`` answers it, cut up; the first steps are silent."""
    slot, stretches, at = by.open(), [], 0
    for part in np.split(rows, cuts):
        (result,) = by.run([Work(slot, part)])
        frames = len(part) - min(len(part), max(0, silent - at))
        at += len(part)
        ends = at == len(rows)
        stretches.append(Stretch(key, 0, part, result.log_prob, result.logits, frames, ends))
    by.release(slot)
    return stretches


def worked(worker: Worker) -> dict[int, Tally]:
    while worker.has_work:
        worker.round()
    return {tally.primary: tally for tally in worker.report()}


# --- messages ------------------------------------------------------------------------------


def test_stretches_come_apart_as_they_were_joined() -> None:
    given = [stretch(1, 3), stretch(2, 0, ends=True), stretch(1, 4, frames=2, ends=True)]
    for was, now in zip(given, Stretches.join(given).split(), strict=True):
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


class BoardFault(BackendFault):
    """As plug-ins have them: what it says cannot be made into it again."""

    def __init__(self, board: str, register: int) -> None:
        super().__init__(f"{board} broke at {register:#x}", board=board, register=register)


class Mute(BackendFault):
    def __init__(self) -> None:
        self.args = ("it says nothing",)


def crossed(error: VauError) -> VauError:
    """Return what the server has of an error of the process."""
    message = pickle.loads(pickle.dumps(GaveUp.for_want_of(error)))
    assert isinstance(message, GaveUp)
    return message.error


def test_an_error_of_a_plug_in_crosses_the_pipe_in_a_class_of_ours() -> None:
    found = crossed(BoardFault("left", 16))
    assert type(found) is BackendFault
    assert str(found) == "left broke at 0x10"
    assert found.facts == {"board": "left", "register": 16}


def test_an_error_of_ours_crosses_the_pipe_as_it_is() -> None:
    found = crossed(BackendNotFound("no such kind", field="shadow", name="nosuch"))
    assert type(found) is BackendNotFound
    assert (found.field, found.facts) == ("shadow", {"name": "nosuch"})


def test_an_error_that_was_never_made_properly_crosses_the_pipe() -> None:
    found = crossed(Mute())
    assert (str(found), found.field) == ("it says nothing", "")


def test_a_fact_that_is_no_plain_value_crosses_the_pipe_in_words() -> None:
    odd = threading.Lock()
    found = crossed(BackendFault("odd", what=odd))  # type: ignore[arg-type]
    assert found.facts == {"what": str(odd)}


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
    worker.take(stretch(key, steps=key) for key in range(1, 6))
    worked(worker)
    assert watching.batches == [[1, 2, 3], [4, 5]]


def test_nobody_has_a_second_turn_before_all_have_had_one() -> None:
    worker, watching = watched(max_batch=1)
    half = ROUND_STEPS // 2
    worker.take([*(stretch(1, half) for _ in range(4)), stretch(2, 5)])
    worked(worker)
    assert watching.batches == [[ROUND_STEPS], [5], [ROUND_STEPS]]


def test_an_utterance_that_finds_no_slot_is_counted_as_shed_and_the_next_is_not() -> None:
    worker, _ = watched(slot_count=1)
    worker.take([stretch(1, 5), stretch(2, 6), stretch(2, 7, ends=True)])
    (tally,) = worked(worker).values()
    assert (tally.frames, tally.shed_frames, tally.without_slot) == (5, 13, (2,))
    worker.take([stretch(1, 1, ends=True)])
    worked(worker)
    worker.take([stretch(3, 4)])
    (tally,) = worked(worker).values()
    assert (tally.frames, tally.shed_frames, tally.without_slot) == (4, 0, ())


@pytest.mark.parametrize("max_batch", [1, 2, 32])
def test_the_next_utterances_of_a_stream_wait_for_the_slot_of_those_before(
    max_batch: int,
) -> None:
    worker, _ = watched(max_batch, slot_count=1)
    for key in range(1, 7):
        worker.take(answered(features(2 * ROUND_STEPS, key), [150, 250], key, backend()))
    (tally,) = worked(worker).values()
    assert (tally.frames, tally.shed_frames, tally.without_slot) == (12 * ROUND_STEPS, 0, ())
    assert tally.mismatches == 0


def test_what_is_done_is_told_of_each_utterance_whether_it_was_computed_or_not() -> None:
    worker, _ = watched(slot_count=1)
    worker.take([stretch(1, 5, frames=3), stretch(2, 6, frames=4)])
    (tally,) = worked(worker).values()
    assert sorted(tally.done) == [Done(1, 5, 3), Done(2, 6, 4)]


def test_floating_point_beside_itself_promises_no_bits() -> None:
    shadow = FLOAT.open(MODEL, BackendOptions())
    worker = Worker(shadow, (Primary("c", shadow.info.arithmetic_id, bit_exact=False),))
    worker.take([stretch(1, 3)])
    (tally,) = worked(worker).values()
    assert tally.mismatches is None


def test_each_primary_has_a_tally_of_its_own() -> None:
    worker, watching = watched()
    worker.take([stretch(1, 3), stretch(2, 4, primary=1)])
    tallies = worked(worker)
    assert watching.batches == [[3, 4]]
    assert {at: tally.frames for at, tally in tallies.items()} == {0: 3, 1: 4}
    assert tallies[0].mismatches == 3
    assert tallies[1].mismatches is None


def test_what_the_shadow_spends_is_added_up_since_the_last_report() -> None:
    worker, _ = watched()
    worker.take([stretch(1, 3), stretch(2, 4)])
    (first,) = worked(worker).values()
    worker.take([stretch(1, 7)])
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


# --- the meters ------------------------------------------------------------------------------


@pytest.fixture
def hasty_threads() -> Iterator[None]:
    """Let threads take turns as often as can be."""
    before_s = sys.getswitchinterval()
    sys.setswitchinterval(1e-6)
    yield
    sys.setswitchinterval(before_s)


def test_two_models_of_one_shadow_lose_no_frame_of_the_histogram(hasty_threads: None) -> None:
    registry = CollectorRegistry()
    metrics, info = ShadowMetrics(registry), backend().info
    worker, _ = watched()
    worker.take([stretch(1, 3)])
    tally, reports = worked(worker)[0], 2000
    meters = [
        ShadowMeters(metrics, info, model=model, primaries=PRIMARIES) for model in ("a", "b")
    ]

    def report(ours: ShadowMeters) -> None:
        for _ in range(reports):
            ours.count(tally, 0)

    threads = [threading.Thread(target=report, args=(ours,)) for ours in meters]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    names = {"backend": "a", "shadow": info.id}
    assert registry.get_sample_value("vau_shadow_divergence_count", names) == 6 * reports


def test_floating_point_beside_itself_has_no_series_of_mismatches() -> None:
    registry, info = CollectorRegistry(), FLOAT.open(MODEL, BackendOptions()).info
    alike = Primary("c", info.arithmetic_id, bit_exact=False)
    ShadowMeters(ShadowMetrics(registry), info, model="tiny", primaries=[alike])
    names = {"backend": "c", "shadow": info.id}
    assert registry.get_sample_value("vau_backend_mismatches_total", names) is None


# --- the end of a process --------------------------------------------------------------------


class Script:
    """What a process is told: a message, nothing, or that it is to close."""

    def __init__(self, *lines: Stretches | type[Empty] | None) -> None:
        self.lines = list(lines)

    def get(self, *, block: bool) -> Stretches | None:
        line = self.lines.pop(0)
        if isinstance(line, type):
            assert not block
            raise line
        return line


class Sent(list[tuple[Tally, ...]]):
    """Where a process says something."""

    send = list.append


def test_what_was_computed_is_reported_before_a_process_closes() -> None:
    worker, _ = watched(max_batch=1)
    both, sent = Stretches.join([stretch(1, 3), stretch(2, 4)]), Sent()
    child.work(sent, Script(both, Empty, None), worker)  # type: ignore[arg-type]
    assert sum(tally.frames for report in sent for tally in report) == 3
