"""What a chunk costs, shared among its works; and what it would have cost unshared."""

from functools import reduce
from itertools import pairwise
from operator import add

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.backend import Cost
from vau.model import Network
from vau_backends.rpu.cost import CostModel
from vau_backends.rpu.cycles import Chunk
from vau_backends.rpu.form import Form

REFERENCE = Network(layers=3, hidden=384, inputs=123, classes=62)
SMALL = Network(layers=2, hidden=50, inputs=23, classes=40)
STREAMED = CostModel(REFERENCE, Form(residency="streamed"))
RESIDENT = CostModel(REFERENCE, Form(residency="resident"))

any_model = st.builds(
    CostModel,
    st.sampled_from([REFERENCE, SMALL]),
    st.builds(
        Form,
        residency=st.sampled_from(["resident", "streamed"]),
        schedule=st.sampled_from(["hybrid", "serial"]),
    ),
)
any_lengths = st.lists(st.integers(0, 16), min_size=1, max_size=12)


def joules(cost: Cost) -> list[float]:
    return [energy.joules for energy in cost.energies]


@given(any_model, any_lengths)
def test_the_works_of_a_call_share_its_cycles_and_bytes_exactly(
    model: CostModel, lengths: list[int]
) -> None:
    costs, whole = model.of(lengths), model.account(Chunk(tuple(lengths)))
    assert sum(cost.cycles or 0 for cost in costs) == whole.actions.cycles
    assert sum(cost.memory_bytes or 0 for cost in costs) == whole.actions.dram_bytes


@given(any_model, any_lengths)
def test_the_works_of_a_call_share_its_energy(model: CostModel, lengths: list[int]) -> None:
    whole = model.account(Chunk(tuple(lengths)))
    total = reduce(add, model.of(lengths))
    assert joules(total) == pytest.approx([whole.system_j, whole.core_j])


@given(any_model, any_lengths)
def test_every_frame_of_a_call_costs_alike(model: CostModel, lengths: list[int]) -> None:
    per_frame = [
        (frames, cost)
        for frames, cost in zip(lengths, model.of(lengths), strict=True)
        if frames
    ]
    for (frames, cost), (others, other) in pairwise(per_frame):
        assert joules(cost)[1] / frames == pytest.approx(joules(other)[1] / others)
        assert (cost.cycles or 0) / frames == pytest.approx(
            (other.cycles or 0) / others, abs=1 / frames + 1 / others
        )


@given(any_model, any_lengths)
def test_a_frame_is_in_the_chip_for_as_long_as_its_chunk(
    model: CostModel, lengths: list[int]
) -> None:
    latency_s = model.account(Chunk(tuple(lengths))).latency_s
    for frames, cost in zip(lengths, model.of(lengths), strict=True):
        assert cost.device_s == frames * latency_s


@given(any_model, any_lengths)
def test_unshared_is_what_frames_cost_one_by_one_whatever_the_cut(
    model: CostModel, lengths: list[int]
) -> None:
    one_by_one = [model.of([1])[0] for _ in range(sum(lengths))]
    alone = reduce(add, one_by_one, Cost(cycles=0, memory_bytes=0))
    apart = [cost.apart for cost in model.of(lengths)]
    assert sum(cost.cycles or 0 for cost in apart) == alone.cycles
    assert sum(cost.memory_bytes or 0 for cost in apart) == alone.memory_bytes
    if one_by_one:
        assert joules(reduce(add, apart)) == pytest.approx(joules(alone))


@given(any_model, any_lengths)
def test_sharing_never_costs_more_than_not_sharing(
    model: CostModel, lengths: list[int]
) -> None:
    total = reduce(add, model.of(lengths))
    assert (total.cycles or 0) <= (total.apart.cycles or 0)
    assert (total.memory_bytes or 0) <= (total.apart.memory_bytes or 0)
    for shared, apart in zip(joules(total), joules(total.apart), strict=True):
        assert shared <= apart * (1 + 1e-12)


def test_a_single_frame_shares_with_nobody() -> None:
    (cost,) = STREAMED.of([1])
    assert cost.unshared is not None
    assert (cost.cycles, cost.memory_bytes) == (24_576, 6_276_096)
    assert (cost.apart.cycles, cost.apart.memory_bytes) == (24_576, 6_276_096)
    assert joules(cost) == joules(cost.apart)


def test_twenty_streams_together_read_a_twentieth_each() -> None:
    total = reduce(add, STREAMED.of([1] * 20))
    assert total.memory_bytes == 6_276_096
    assert total.apart.memory_bytes == 20 * 6_276_096


@given(any_model, st.lists(st.integers(0, 5), max_size=4))
def test_a_work_without_frames_costs_nothing(model: CostModel, others: list[int]) -> None:
    cost = model.of([*others, 0])[-1]
    assert (cost.cycles, cost.device_s, cost.memory_bytes) == (0, 0.0, 0)
    assert joules(cost) == joules(cost.apart) == [0.0, 0.0]


def test_a_call_without_works_has_no_cost() -> None:
    assert RESIDENT.of([]) == []


def test_resident_weights_are_read_from_no_memory_outside() -> None:
    (cost,) = RESIDENT.of([7])
    assert cost.memory_bytes == 0
    system, core = cost.energies
    assert core.joules == pytest.approx(system.joules)


def test_a_cost_names_its_method_and_boundaries_and_is_an_estimate() -> None:
    (cost,) = STREAMED.of([1])
    system, core = cost.energies
    assert (core.boundary, system.boundary) == ("core", "system")
    assert core.method == system.method == "rpu-energy/1"
    assert {cost.device_origin, core.origin, system.origin} == {"estimated"}
    assert f"{core.joules * 1e6:.1f}" == "66.7"
    assert f"{system.joules * 1e6:.0f}" == "1071"
    assert cost.device_s == pytest.approx(980.6e-6, rel=1e-4)


@given(any_model, any_lengths)
def test_the_parts_of_an_energy_sum_to_it(model: CostModel, lengths: list[int]) -> None:
    for cost in model.of(lengths):
        for energy in cost.energies:
            assert sum(part for _, part in energy.parts) == pytest.approx(energy.joules)


def test_the_systems_parts_are_the_cores_and_the_dram() -> None:
    system, core = STREAMED.of([2])[0].energies
    assert system.parts[:-1] == core.parts
    assert system.parts[-1][0] == "dram"


@pytest.mark.parametrize(
    ("model", "is_beyond"),
    [
        (CostModel(SMALL, Form(residency="resident")), False),
        (CostModel(SMALL, Form(residency="resident"), reuse_energy_credit=True), True),
        (CostModel(SMALL, Form(residency="resident"), 500e6), True),
        (CostModel(REFERENCE, Form(residency="streamed")), False),
        (CostModel(REFERENCE, Form(residency="resident")), True),
    ],
    ids=["one-chip", "credit", "other-clock", "streamed", "more-than-a-chip-holds"],
)
def test_what_the_published_chip_could_not_do_is_beyond_the_publication(
    model: CostModel, is_beyond: bool
) -> None:
    assert model.is_beyond_publication == is_beyond


@given(any_model, any_lengths)
def test_the_energies_of_every_network_are_extrapolated(
    model: CostModel, lengths: list[int]
) -> None:
    for cost in model.of(lengths):
        energies = (*cost.energies, *cost.apart.energies)
        assert all(energy.extrapolated for energy in energies)


@pytest.mark.parametrize("rate", [0.0, -1.0, 1e-320, 1e16, float("nan"), float("inf")])
def test_a_clock_or_bandwidth_that_is_none_is_refused(rate: float) -> None:
    with pytest.raises(ValueError, match=r"clock_hz=.* is outside 1 to"):
        CostModel(SMALL, Form(residency="resident"), rate)
    with pytest.raises(ValueError, match=r"dram_bytes_per_s=.* is outside 1 to"):
        CostModel(SMALL, Form(residency="streamed"), dram_bytes_per_s=rate)


def test_half_the_clock_takes_twice_the_time_and_the_same_active_energy() -> None:
    usual = CostModel(SMALL, Form(residency="resident"))
    slow = CostModel(SMALL, Form(residency="resident"), usual.clock_hz / 2)
    here, there = usual.account(Chunk((3,))), slow.account(Chunk((3,)))
    assert there.latency_s == 2 * here.latency_s
    assert there.active_j == here.active_j


def test_the_output_layer_is_not_in_the_cost_and_a_hundredth_of_it() -> None:
    whole, head = RESIDENT.account(Chunk((1,))), RESIDENT.head(1)
    assert RESIDENT.of([1])[0].cycles == whole.actions.cycles
    assert 0.005 < head.active_j / whole.core_j < 0.02
    assert 0.005 < head.latency_s / whole.latency_s < 0.02
