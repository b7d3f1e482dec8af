"""The backend of the RPU: what an id names, and what the chip's host does."""

import numpy as np
import pytest

from tests.models import tiny_model
from vau.backend import BackendOptions, Health, Result, State, Work
from vau.errors import BackendNotFound, BadSnapshot, ConfigInvalid
from vau.model import Model, find_model
from vau_backends.rpu import kernel
from vau_backends.rpu.backend import FACTORY
from vau_backends.rpu.cycles import CHUNK_FRAMES
from vau_backends.rpu.fixedpoint import to_s16
from vau_backends.tiers import REFERENCE, VARIABLE

TINY = tiny_model()


def features(
    model: Model, frames: int, seed: int = 7
) -> np.ndarray[tuple[int, ...], np.dtype[np.float32]]:
    noise = np.random.default_rng(seed).normal(size=(frames, model.network.inputs))
    return (model.mean + noise / model.inv_std).astype(np.float32)


@pytest.mark.parametrize(
    ("model", "expected"),
    [("munt-3x384", "rpu:streamed"), ("munt-1x96-mfcc", "rpu:resident")],
)
def test_a_network_is_streamed_unless_one_chip_holds_it(model: str, expected: str) -> None:
    assert FACTORY.discover(find_model(model)) == [expected]


def test_a_network_with_peepholes_is_not_discovered() -> None:
    assert FACTORY.discover(tiny_model(peephole=True)) == []


def test_how_the_chip_is_used_decides_no_bit() -> None:
    frames, found = features(TINY, 20), []
    for instance in ("resident", "streamed", "streamed+schedule=serial"):
        backend = FACTORY.open(TINY, BackendOptions(instance=instance))
        assert backend.info.arithmetic_id == "rpu-spec-0"
        found.append(backend.run([Work(backend.open(), frames)])[0].logits)
    np.testing.assert_array_equal(found[0], found[1])
    np.testing.assert_array_equal(found[0], found[2])


def test_the_point_of_the_features_is_part_of_the_arithmetic() -> None:
    backend = FACTORY.open(TINY, BackendOptions(instance="+fx=10"))
    assert backend.info.arithmetic_id == "rpu-spec-0/fx10"
    frames = features(TINY, 5)
    result = backend.run([Work(backend.open(), frames)])[0]
    np.testing.assert_array_equal(
        result.inputs, to_s16((frames - TINY.mean) * TINY.inv_std, 10)
    )


def test_states_do_not_cross_arithmetics() -> None:
    ours = FACTORY.open(TINY, BackendOptions())
    theirs = FACTORY.open(TINY, BackendOptions(instance="+fx=10"))
    with pytest.raises(BadSnapshot, match="start anew"):
        ours.restore(ours.open(), theirs.snapshot(theirs.open()))


def test_every_tier_gives_the_same_answer() -> None:
    frames = features(TINY, 20)

    def answer_of(tier: str) -> Result:
        backend = FACTORY.open(TINY, BackendOptions(tier=tier))
        assert backend.info.tier == tier
        return backend.run([Work(backend.open(), frames)])[0]

    expected = answer_of(REFERENCE)
    for tier in kernel.tiers():
        found = answer_of(tier)
        np.testing.assert_array_equal(found.logits, expected.logits)
        assert found.cost == expected.cost


def test_it_tells_its_tier_and_what_else_there_is(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.delenv(VARIABLE, raising=False)
    info = FACTORY.open(TINY, BackendOptions()).info
    assert (info.tier, info.tiers) == (kernel.tiers()[0], kernel.tiers())
    monkeypatch.setenv(VARIABLE, "numpy")
    info = FACTORY.open(TINY, BackendOptions()).info
    assert (info.tier, info.tiers) == ("numpy", ("numpy",))
    monkeypatch.setenv(VARIABLE, "portable")  # which is muntaniala's
    with pytest.raises(
        ConfigInvalid, match="VAU_KERNEL=portable: there is no such tier of rpu"
    ):
        FACTORY.open(TINY, BackendOptions())


def test_numpy_for_want_of_a_compiler_is_remarked(monkeypatch: pytest.MonkeyPatch) -> None:
    backend = FACTORY.open(TINY, BackendOptions(tier="numpy"))
    monkeypatch.setattr(kernel.compiled, "WHY_NOT", "")
    assert backend.health() == Health(State.READY)
    monkeypatch.setattr(kernel.compiled, "WHY_NOT", "the C kernel was not built")
    assert "install a C compiler" in backend.health().text


@pytest.mark.parametrize(
    ("options", "error", "says"),
    [
        (BackendOptions(instance="frozen"), BackendNotFound, "resident or streamed"),
        (BackendOptions(instance="+fx=7"), BackendNotFound, "fx"),
        (BackendOptions(tier="abacus"), ConfigInvalid, "numpy, reference"),
    ],
)
def test_what_it_does_not_have_is_refused_by_name(
    options: BackendOptions, error: type[Exception], says: str
) -> None:
    with pytest.raises(error, match=says):
        FACTORY.open(TINY, options)


def test_saturations_are_counted_by_layer() -> None:
    loud = tiny_model(weight_std=20.0)
    backend = FACTORY.open(loud, BackendOptions())
    work = [Work(backend.open(), features(loud, frames)) for frames in (30, 0)]
    busy, idle = (result.cost.saturations for result in backend.run(work))
    assert len(busy) == loud.network.layers
    assert min(busy) > 0
    assert idle == (0,) * loud.network.layers


def test_a_long_call_costs_what_its_chunks_cost() -> None:
    backend = FACTORY.open(TINY, BackendOptions(instance="streamed"))
    frames = features(TINY, 2 * CHUNK_FRAMES + 3)
    whole = backend.run([Work(backend.open(), frames)])[0].cost
    slot = backend.open()
    pieces = [frames[at : at + CHUNK_FRAMES] for at in range(0, len(frames), CHUNK_FRAMES)]
    cut = [backend.run([Work(slot, piece)])[0].cost for piece in pieces]
    assert whole.cycles == sum(cost.cycles or 0 for cost in cut)
    assert whole.memory_bytes == sum(cost.memory_bytes or 0 for cost in cut)


def test_frames_and_streams_that_share_a_call_are_cheaper_than_alone() -> None:
    backend = FACTORY.open(TINY, BackendOptions(instance="streamed"))
    work = [Work(backend.open(), features(TINY, 10)) for _ in range(8)]
    for result in backend.run(work):
        cost = result.cost
        assert cost.unshared is not None
        assert (cost.memory_bytes or 0) * 4 < (cost.unshared.memory_bytes or 0)
        assert (cost.cycles or 0) < (cost.unshared.cycles or 0)
        for shared, alone in zip(cost.energies, cost.unshared.energies, strict=True):
            assert shared.joules < alone.joules


def test_energies_keep_chip_and_system_apart() -> None:
    backend = FACTORY.open(TINY, BackendOptions(instance="streamed"))
    system, core = backend.run([Work(backend.open(), features(TINY, 10))])[0].cost.energies
    assert (core.boundary, system.boundary) == ("core", "system")
    assert {name for name, _ in system.parts} - {name for name, _ in core.parts} == {"dram"}
    assert {core.origin, system.origin} == {"estimated"}
