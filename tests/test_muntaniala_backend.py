"""What the Muntaniala backend adds to the contract: its bits, its costs, its ids."""

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.models import tiny_model
from vau.backend import Backend, BackendOptions, Work
from vau.errors import BadSnapshot, ModelIncompatible, ModelTooLarge
from vau.frontend import FBANK
from vau.model import Model
from vau_backends.muntaniala import cell
from vau_backends.muntaniala.array import DieArray, Knobs
from vau_backends.muntaniala.backend import FACTORY
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import from_model

MODEL = tiny_model(layers=2, hidden=8, temperature=1.5)
SEEING = tiny_model(layers=2, hidden=8, temperature=1.5, peephole=True)


def opened(model: Model = MODEL, instance: str = "", **options: float) -> Backend:
    return FACTORY.open(model, BackendOptions(instance=instance, **options))  # type: ignore[arg-type]


def some_frames(count: int = 12) -> NDArray[np.float32]:
    shape = (count, MODEL.network.inputs)
    return np.random.default_rng(1).normal(0, 2, shape).astype(np.float32)


@pytest.mark.parametrize("instance", ["1x1", "2x3", "5x5", "2x3+acc=wide", "+acc=wrap"])
@pytest.mark.parametrize("model", [MODEL, SEEING], ids=["plain", "peepholes"])
def test_from_features_to_logits_the_bits_are_the_references(
    model: Model, instance: str
) -> None:
    backend, frames = opened(model, instance), some_frames()
    result = backend.run([Work(backend.open(), frames)])[0]
    z = (frames - model.mean) * model.inv_std
    x = np.rint(z * np.float32(32)).clip(-128, 127).astype(np.int8)
    network = model.network
    array = DieArray.parse(instance, DieArray.square_for(8, Knobs(peephole=network.peephole)))
    expected = cell.run(
        from_model(model),
        array.tile(network),
        array.knobs,
        x[np.newaxis],
        States.zero(1, network),
    )
    np.testing.assert_array_equal(result.inputs, x)
    np.testing.assert_array_equal(result.logits, expected.logits[0])
    assert result.cost.saturations == tuple(expected.saturations[0])


def test_every_arithmetic_gives_bits_of_its_own() -> None:
    """On weights that saturate the sums, or the knobs would make no difference."""
    bits = set()
    for peephole in (False, True):
        model = tiny_model(layers=2, hidden=8, weight_std=4.0, peephole=peephole)
        for instance in ("1x1", "2x2", "2x2+acc=wrap", "2x2+acc=wide"):
            backend = opened(model, instance)
            (result,) = backend.run([Work(backend.open(), some_frames())])
            assert result.logits is not None
            bits.add(result.logits.tobytes())
    assert len(bits) == 8


def test_no_bit_depends_on_how_many_works_are_turned_into_posteriors_at_once() -> None:
    """The host's share is done for all works of a call together, row by row."""
    backend, longest = opened(slot_count=64), some_frames(64)
    slots = [backend.open() for _ in range(64)]
    work = [Work(slot, longest[:frames]) for frames, slot in enumerate(slots)]
    alone = opened(slot_count=64)
    for one, together in zip(work, backend.run(work), strict=True):
        (expected,) = alone.run([Work(alone.open(), one.features)])
        np.testing.assert_array_equal(together.log_prob, expected.log_prob)
        np.testing.assert_array_equal(together.logits, expected.logits)
        np.testing.assert_array_equal(together.inputs, expected.inputs)


def test_an_input_carries_a_quarter_of_a_feature_with_ties_to_even() -> None:
    model = replace(MODEL, mean=np.zeros_like(MODEL.mean), inv_std=np.ones_like(MODEL.inv_std))
    backend = opened(model)
    frame = np.zeros((1, MODEL.network.inputs), np.float32)
    frame[0, :9] = [1 / 32, 0.5 / 32, 1.5 / 32, -0.5 / 32, -1.5 / 32, 3.97, 4.0, -4.0, 3.4e38]
    inputs = backend.run([Work(backend.open(), frame)])[0].inputs
    assert inputs is not None
    assert inputs.dtype == np.int8
    assert inputs[0, :9].tolist() == [1, 0, 2, 0, -2, 127, 127, -128, 127]


def test_normalising_rounds_every_operation_to_float32() -> None:
    """17/16 less half of its last bit is 17/16 again; times 7/4 that is a tie of 59.5 steps.

    With the difference kept exact, the product would round to less than the tie.
    """
    model = replace(
        MODEL,
        mean=np.full_like(MODEL.mean, 2.0**-24),
        inv_std=np.full_like(MODEL.inv_std, 7 / 4),
    )
    backend = opened(model)
    frame = np.full((1, MODEL.network.inputs), 17 / 16, np.float32)
    inputs = backend.run([Work(backend.open(), frame)])[0].inputs
    assert inputs is not None
    assert (inputs == 60).all()


def test_the_temperature_divides_the_logits() -> None:
    backend = opened()
    result = backend.run([Work(backend.open(), some_frames())])[0]
    assert result.logits is not None
    value = result.logits / (4096 * 1.5)
    value -= value.max(axis=1, keepdims=True)
    expected = value - np.log(np.exp(value).sum(axis=1, keepdims=True))
    np.testing.assert_array_equal(result.log_prob, expected.astype(np.float32))


def test_each_work_is_charged_for_its_own_frames_and_saturations() -> None:
    backend = opened(tiny_model(layers=2, hidden=8, weight_std=8.0))
    calm, loud = backend.open(), backend.open()
    work = [Work(calm, some_frames(0)), Work(loud, some_frames(12))]
    first, second = backend.run(work)
    assert first.cost.saturations == (0, 0)
    assert min(second.cost.saturations) > 0
    latency_cycles = 24 + 80 + 40 + 16 + 22 + (16 + 64 + 40 + 16 + 22)
    assert second.cost.cycles == 12 * latency_cycles
    assert second.cost.device_s == pytest.approx(12 * latency_cycles / 10e6)


def test_the_published_board_is_not_extrapolated_and_others_are() -> None:
    board = tiny_model(layers=1, hidden=192, frontend=FBANK)
    frame = np.zeros((1, 123), np.float32)
    for instance, clock_hz, extrapolated in (
        ("", None, False),
        ("2x2", 10e6, False),
        ("2x2", 20e6, True),
        ("3x3", None, True),
    ):
        options = BackendOptions(instance=instance, clock_hz=clock_hz)
        backend = FACTORY.open(board, options)
        cost = backend.run([Work(backend.open(), frame)])[0].cost
        (energy,) = [each for each in cost.energies if each.boundary == "system"]
        assert energy.extrapolated == extrapolated
        assert backend.info.clock_hz == (clock_hz or 10e6)


def test_its_id_names_the_array_and_its_arithmetic_the_columns() -> None:
    info = opened(instance="2x3").info
    assert (info.id, info.kind, info.arithmetic_id) == (
        "muntaniala:2x3",
        "muntaniala",
        "munt-spec-0/C3",
    )
    assert (info.bit_exact, info.logit_fraction_bits) == (True, 12)


def test_the_default_array_has_96_units_to_a_die() -> None:
    assert opened().info.id == "muntaniala:1x1"
    assert opened(tiny_model(hidden=97)).info.id == "muntaniala:2x2"


def test_a_state_moves_between_arrays_of_the_same_columns_only() -> None:
    one, same, other = opened(instance="1x2"), opened(instance="4x2"), opened(instance="2x4")
    slot = one.open()
    one.run([Work(slot, some_frames())])
    state, moved = one.snapshot(slot), same.open()
    same.restore(moved, state)
    assert same.snapshot(moved) == state
    with pytest.raises(BadSnapshot, match=r"munt-spec-0/C2.*munt-spec-0/C4"):
        other.restore(other.open(), state)


def test_where_no_order_matters_a_state_moves_between_all_arrays() -> None:
    one, other = opened(instance="1x2+acc=wide"), opened(instance="3x4+acc=wide")
    slot, moved = one.open(), other.open()
    one.run([Work(slot, some_frames())])
    other.restore(moved, one.snapshot(slot))
    assert other.snapshot(moved) == one.snapshot(slot)


@pytest.mark.parametrize("other", ["1x2+acc=wide", "1x2+acc=wrap"])
def test_a_state_of_another_arithmetic_is_refused(other: str) -> None:
    one, foreign = opened(instance="1x2"), opened(instance=other)
    with pytest.raises(BadSnapshot, match=r"munt-spec-0\+acc=.*munt-spec-0/C2.*start anew"):
        one.restore(one.open(), foreign.snapshot(foreign.open()))


def test_a_state_with_peepholes_is_refused_by_dies_without() -> None:
    seeing, blind = opened(SEEING), opened(MODEL)
    with pytest.raises(BadSnapshot, match=r"munt-spec-0\+peephole/C1"):
        blind.restore(blind.open(), seeing.snapshot(seeing.open()))


def test_a_state_is_tied_to_the_statistics_too() -> None:
    shifted = opened(replace(MODEL, mean=MODEL.mean + np.float32(1)))
    backend = opened()
    with pytest.raises(BadSnapshot):
        shifted.restore(shifted.open(), backend.snapshot(backend.open()))


def test_the_state_of_the_largest_network_takes_less_than_4_kib() -> None:
    backend = opened(tiny_model(layers=3, hidden=384, frontend=FBANK))
    assert len(backend.snapshot(backend.open())) < 4096


def test_a_network_too_large_for_the_array_is_refused() -> None:
    with pytest.raises(ModelTooLarge, match="open muntaniala:2x2"):
        opened(tiny_model(hidden=97), "1x1")


def test_a_bundle_without_integers_is_refused_and_not_discovered() -> None:
    model = replace(MODEL, integers={})
    assert FACTORY.discover(model) == []
    with pytest.raises(ModelIncompatible, match="export it again"):
        opened(model)


def test_a_network_that_needs_more_than_its_square_array_is_not_discovered() -> None:
    wide = tiny_model(layers=1, hidden=96, frontend=replace(FBANK, mel_bands=60))
    assert FACTORY.discover(wide) == []
