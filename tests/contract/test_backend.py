"""What every backend owes the service; the ``backend`` fixture tries each of them."""

from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.contract.conftest import SLOT_COUNT
from tests.models import tiny_model
from vau.backend import Backend, BackendFactory, BackendOptions, Result, Slot, State, Work
from vau.errors import BackendBusy, BackendNotFound, BadSnapshot
from vau.model import Model

Open = Callable[..., Backend]
Features = NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)


def some_frames(backend: Backend, count: int = 20, seed: int = 3) -> Features:
    shape = (count, backend.info.feature_dim)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def run(backend: Backend, slot: Slot, features: Features) -> Result:
    return backend.run([Work(slot, features)])[0]


def assert_same_bits(found: Result, expected: Result) -> None:
    np.testing.assert_array_equal(found.log_prob, expected.log_prob)
    for ours, theirs in ((found.logits, expected.logits), (found.inputs, expected.inputs)):
        assert (ours is None) == (theirs is None)
        if ours is not None and theirs is not None:
            np.testing.assert_array_equal(ours, theirs)


def along_time(parts: list[NDArray[Number] | None]) -> NDArray[Number] | None:
    present = [part for part in parts if part is not None]
    return np.concatenate(present) if present else None


def joined(results: list[Result]) -> Result:
    return Result(
        log_prob=np.concatenate([result.log_prob for result in results]),
        logits=along_time([result.logits for result in results]),
        inputs=along_time([result.inputs for result in results]),
    )


# --- identity ---------------------------------------------------------------------------


def test_its_identity_does_not_change(backend: Backend) -> None:
    before = backend.info
    run(backend, backend.open(), some_frames(backend))
    assert backend.info == before


def test_its_id_begins_with_its_kind(backend: Backend) -> None:
    assert backend.info.id.split(":")[0] == backend.info.kind


def test_it_carries_the_slots_that_were_asked_for(backend: Backend) -> None:
    assert backend.info.slot_count == SLOT_COUNT


def test_it_is_ready(backend: Backend) -> None:
    assert backend.health().state is State.READY


# --- answers ----------------------------------------------------------------------------


def test_each_frame_gets_a_distribution_over_the_phonemes(
    backend: Backend, model: Model
) -> None:
    frames = some_frames(backend)
    log_prob = run(backend, backend.open(), frames).log_prob
    assert log_prob.dtype == np.float32
    assert log_prob.shape == (len(frames), model.network.classes)
    totals = np.exp(log_prob.astype(np.float64)).sum(axis=1)
    np.testing.assert_allclose(totals, 1.0, atol=1e-6)  # each term is rounded to float32


def test_raw_logits_come_from_an_integer_datapath_and_from_no_other(backend: Backend) -> None:
    result = run(backend, backend.open(), some_frames(backend))
    assert (result.logits is not None) == backend.info.bit_exact
    assert (result.inputs is not None) == backend.info.bit_exact
    assert (backend.info.logit_fraction_bits is not None) == backend.info.bit_exact


def test_log_posteriors_are_the_softmax_of_the_logits(backend: Backend, model: Model) -> None:
    result = run(backend, backend.open(), some_frames(backend))
    if result.logits is None or backend.info.logit_fraction_bits is None:
        pytest.skip("no integer logits")
    assert result.logits.dtype == np.int32
    value = result.logits * 2.0**-backend.info.logit_fraction_bits / model.temperature
    expected = value - np.log(np.exp(value).sum(axis=1, keepdims=True))
    np.testing.assert_allclose(result.log_prob, expected, atol=1e-6)  # float32


def test_the_quantised_inputs_are_one_row_per_frame(backend: Backend) -> None:
    frames = some_frames(backend)
    inputs = run(backend, backend.open(), frames).inputs
    assert inputs is None or inputs.shape == frames.shape


def test_no_frames_are_answered_by_no_rows_and_cost_nothing(
    backend: Backend, model: Model
) -> None:
    slot, frames = backend.open(), some_frames(backend)
    result = run(backend, slot, frames[:0])
    assert result.log_prob.shape == (0, model.network.classes)
    assert not result.cost.cycles
    assert not result.cost.device_s
    assert not any(energy.joules for energy in result.cost.energies)
    expected = run(backend, backend.open(), frames)
    assert_same_bits(run(backend, slot, frames), expected)


def test_no_work_is_answered_by_no_results(backend: Backend) -> None:
    assert backend.run([]) == []


def test_results_come_in_the_order_of_the_work(backend: Backend) -> None:
    counts = [3, 0, 7, 5]
    work = [Work(backend.open(), some_frames(backend, count, count)) for count in counts]
    assert [len(result.log_prob) for result in backend.run(work)] == counts


def test_the_features_are_left_as_they_were(backend: Backend) -> None:
    frames = some_frames(backend)
    frames.flags.writeable = False
    before = frames.copy()
    run(backend, backend.open(), frames)
    np.testing.assert_array_equal(frames, before)


def test_a_result_outlives_the_calls_that_follow(backend: Backend) -> None:
    slot, frames = backend.open(), some_frames(backend)
    result = run(backend, slot, frames)
    kept = joined([result, result])
    run(backend, slot, -frames)
    assert_same_bits(joined([result, result]), kept)


# --- whose bits depend on what ----------------------------------------------------------


def test_frames_are_heard_in_the_light_of_those_before(backend: Backend) -> None:
    frames = some_frames(backend)
    fresh, used = backend.open(), backend.open()
    run(backend, used, frames)
    after_itself = run(backend, used, frames).log_prob
    assert (run(backend, fresh, frames).log_prob != after_itself).any()


@pytest.mark.parametrize("cut", [0, 1, 7, 19, 20])
def test_bits_do_not_depend_on_how_the_frames_were_cut(backend: Backend, cut: int) -> None:
    frames = some_frames(backend)
    whole, cut_up = backend.open(), backend.open()
    pieces = [run(backend, cut_up, part) for part in (frames[:cut], frames[cut:])]
    assert_same_bits(joined(pieces), run(backend, whole, frames))


def test_a_long_call_and_single_frames_give_the_same_bits(backend: Backend) -> None:
    frames = some_frames(backend, 100)
    whole, single = backend.open(), backend.open()
    pieces = [run(backend, single, frame[np.newaxis]) for frame in frames]
    assert_same_bits(joined(pieces), run(backend, whole, frames))


@pytest.mark.parametrize("mates", [1, 2, 4])
def test_bits_do_not_depend_on_who_shares_the_call(backend: Backend, mates: int) -> None:
    frames = some_frames(backend)
    alone, ours = backend.open(), backend.open()
    expected = run(backend, alone, frames)
    backend.release(alone)
    others = [
        Work(backend.open(), some_frames(backend, 4 + 11 * n, 50 + n)) for n in range(mates)
    ]
    work = [*others[: mates // 2], Work(ours, frames), *others[mates // 2 :]]
    assert_same_bits(backend.run(work)[mates // 2], expected)


def test_a_mate_that_stops_early_goes_on_later_as_if_alone(backend: Backend) -> None:
    frames = some_frames(backend)
    alone, ours, mate = backend.open(), backend.open(), backend.open()
    first = backend.run([Work(mate, some_frames(backend, 40)), Work(ours, frames[:3])])[1]
    second = run(backend, ours, frames[3:])
    assert_same_bits(joined([first, second]), run(backend, alone, frames))


def test_a_new_slot_knows_nothing_of_the_one_released(backend: Backend) -> None:
    frames = some_frames(backend)
    used = backend.open()
    expected = run(backend, used, frames)
    run(backend, used, frames)
    backend.release(used)
    assert_same_bits(run(backend, backend.open(), frames), expected)


def test_two_backends_of_one_model_agree(backend: Backend, open_backend: Open) -> None:
    frames, other = some_frames(backend), open_backend()
    ours = run(backend, backend.open(), frames)
    assert_same_bits(run(other, other.open(), frames), ours)


# --- snapshots --------------------------------------------------------------------------


def test_a_restored_slot_goes_on_where_the_snapshot_was_taken(backend: Backend) -> None:
    frames = some_frames(backend)
    first, second = backend.open(), backend.open()
    run(backend, first, frames[:12])
    state = backend.snapshot(first)
    expected = run(backend, first, frames[12:])
    backend.restore(second, state)
    assert_same_bits(run(backend, second, frames[12:]), expected)


def test_a_slot_can_go_back_to_its_own_snapshot(backend: Backend) -> None:
    slot, frames = backend.open(), some_frames(backend)
    run(backend, slot, frames)
    state = backend.snapshot(slot)
    expected = run(backend, slot, frames)
    backend.restore(slot, state)
    assert backend.snapshot(slot) == state
    assert_same_bits(run(backend, slot, frames), expected)


def test_a_snapshot_moves_to_another_backend_of_the_same_model(
    backend: Backend, open_backend: Open
) -> None:
    frames, other = some_frames(backend), open_backend()
    ours, theirs = backend.open(), other.open()
    run(backend, ours, frames)
    other.restore(theirs, backend.snapshot(ours))
    assert_same_bits(run(other, theirs, frames), run(backend, ours, frames))


def test_a_snapshot_of_another_network_is_refused(open_backend: Open, backend: Backend) -> None:
    stranger = open_backend(tiny_model(layers=2, hidden=8, seed=1))
    with pytest.raises(BadSnapshot, match="start anew"):
        backend.restore(backend.open(), stranger.snapshot(stranger.open()))


def damaged(state: bytes) -> list[bytes]:
    flipped = [
        state[:at] + bytes([state[at] ^ 1]) + state[at + 1 :] for at in range(0, len(state), 7)
    ]
    return [b"", state[:10], state[:-1], state + b"\0", *flipped]


def test_a_damaged_snapshot_is_refused_and_changes_nothing(backend: Backend) -> None:
    slot = backend.open()
    run(backend, slot, some_frames(backend))
    state = backend.snapshot(slot)
    for bad in damaged(state):
        with pytest.raises(BadSnapshot):
            backend.restore(slot, bad)
    assert backend.snapshot(slot) == state


def test_a_released_slot_has_no_state_to_take_or_to_set(backend: Backend) -> None:
    slot = backend.open()
    state = backend.snapshot(slot)
    backend.release(slot)
    with pytest.raises(ValueError, match="not open"):
        backend.snapshot(slot)
    with pytest.raises(ValueError, match="not open"):
        backend.restore(slot, state)


# --- slots ------------------------------------------------------------------------------


def test_it_is_busy_while_every_slot_is_open(backend: Backend) -> None:
    slots = [backend.open() for _ in range(SLOT_COUNT)]
    with pytest.raises(BackendBusy, match=f"all {SLOT_COUNT} slots"):
        backend.open()
    backend.release(slots[2])
    backend.open()


def test_a_slot_number_is_never_used_again(backend: Backend) -> None:
    seen = set()
    for _ in range(3 * SLOT_COUNT):
        slot = backend.open()
        assert slot not in seen
        seen.add(slot)
        backend.release(slot)


def test_slots_come_and_go_without_touching_those_that_stay(backend: Backend) -> None:
    frames = some_frames(backend)
    stays = backend.open()
    run(backend, stays, frames)
    state = backend.snapshot(stays)
    for _ in range(SLOT_COUNT):
        passing = [backend.open() for _ in range(SLOT_COUNT - 1)]
        backend.run([Work(slot, frames) for slot in passing])
        for slot in passing:
            backend.release(slot)
    assert backend.snapshot(stays) == state


def test_releasing_twice_is_harmless(backend: Backend) -> None:
    slots = [backend.open() for _ in range(SLOT_COUNT)]
    backend.release(slots[0])
    backend.release(slots[0])
    backend.open()
    with pytest.raises(BackendBusy):
        backend.open()


def test_closing_twice_is_harmless_and_ends_every_slot(backend: Backend) -> None:
    slot, frames = backend.open(), some_frames(backend)
    backend.close()
    backend.close()
    with pytest.raises(ValueError, match="not open"):
        run(backend, slot, frames)
    with pytest.raises(ValueError, match="closed"):
        backend.open()


# --- what is refused, and leaves all states as they were --------------------------------


def assert_refused(backend: Backend, work: list[Work], witness: Slot, says: str = ".") -> None:
    state = backend.snapshot(witness)
    with pytest.raises(ValueError, match=says):
        backend.run(work)
    assert backend.snapshot(witness) == state


def test_a_slot_may_appear_once_only(backend: Backend) -> None:
    slot, frames = backend.open(), some_frames(backend)
    assert_refused(backend, [Work(slot, frames), Work(slot, frames)], slot)


def test_a_released_slot_is_refused(backend: Backend) -> None:
    slot, released, frames = backend.open(), backend.open(), some_frames(backend)
    backend.release(released)
    assert_refused(backend, [Work(slot, frames), Work(released, frames)], slot)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_feature_that_is_not_finite_is_refused(backend: Backend, bad: float) -> None:
    slot, other, frames = backend.open(), backend.open(), some_frames(backend)
    spoilt = frames.copy()
    spoilt[-1, 4] = bad
    says = rf"features\[{len(frames) - 1}, 4\] is"  # by its place in its own work
    assert_refused(backend, [Work(slot, frames), Work(other, spoilt)], slot, says)


def test_a_feature_that_overflows_when_normalised_is_refused(backend: Backend) -> None:
    slot, frames = backend.open(), some_frames(backend)
    frames[3] = np.finfo(np.float32).max
    assert_refused(backend, [Work(slot, frames)], slot)


def test_features_of_another_width_or_type_are_refused(backend: Backend) -> None:
    slot, frames = backend.open(), some_frames(backend)
    wrong: list[Any] = [
        frames[:, :-1],
        frames[0],
        frames.astype(np.float64),
        frames.astype(np.float16),
    ]
    for features in wrong:
        assert_refused(backend, [Work(slot, features)], slot)
        work = [Work(slot, frames), Work(backend.open(), features)]
        assert_refused(backend, work, slot, "not float32")


# --- cost -------------------------------------------------------------------------------


def test_a_cut_does_not_change_what_the_frames_cost(backend: Backend) -> None:
    frames = some_frames(backend)
    whole, cut_up = backend.open(), backend.open()
    total = run(backend, whole, frames).cost
    parts = [run(backend, cut_up, part).cost for part in (frames[:6], frames[6:])]
    if total.cycles is not None:
        assert sum(part.cycles or 0 for part in parts) == total.cycles
    if total.device_s is not None:
        assert sum(part.device_s or 0 for part in parts) == pytest.approx(total.device_s)
    for n, energy in enumerate(total.energies):
        assert sum(part.energies[n].joules for part in parts) == pytest.approx(energy.joules)
    counts = zip(*[part.saturations for part in parts], strict=True)
    assert tuple(map(sum, counts)) == total.saturations


def test_nothing_is_measured_by_what_has_no_instrument(backend: Backend) -> None:
    if backend.info.measures_energy:
        pytest.skip("has one")
    cost = run(backend, backend.open(), some_frames(backend)).cost
    origins = {cost.device_origin} if cost.device_s is not None else set()
    assert origins | {energy.origin for energy in cost.energies} <= {"estimated"}


def test_each_boundary_is_named_at_most_once_per_origin(backend: Backend) -> None:
    cost = run(backend, backend.open(), some_frames(backend)).cost
    keys = [(energy.origin, energy.boundary) for energy in cost.energies]
    assert len(keys) == len(set(keys))


# --- the factory ------------------------------------------------------------------------


def test_what_is_discovered_can_be_opened_under_that_id(
    factory: BackendFactory, model: Model
) -> None:
    found = factory.discover(model)
    assert found
    for backend_id in found:
        _, _, instance = backend_id.partition(":")
        assert factory.open(model, BackendOptions(instance=instance)).info.id == backend_id


def test_opening_its_id_again_gives_the_same_thing(
    backend: Backend, factory: BackendFactory, model: Model
) -> None:
    _, _, instance = backend.info.id.partition(":")
    options = BackendOptions(instance=instance, slot_count=SLOT_COUNT)
    assert factory.open(model, options).info == backend.info


def test_without_an_instance_the_best_discovered_is_opened(
    factory: BackendFactory, model: Model
) -> None:
    assert factory.open(model, BackendOptions()).info.id == factory.discover(model)[0]


def test_an_instance_that_is_not_there_is_not_found(
    factory: BackendFactory, model: Model
) -> None:
    with pytest.raises(BackendNotFound, match="nonsense"):
        factory.open(model, BackendOptions(instance="nonsense"))


def test_a_backend_without_slots_is_refused(factory: BackendFactory, model: Model) -> None:
    with pytest.raises(ValueError, match="slot_count=0"):
        factory.open(model, BackendOptions(slot_count=0))
