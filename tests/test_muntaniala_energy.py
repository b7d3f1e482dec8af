"""Actions, what they are counted from, and the joules that are computed from them."""

from dataclasses import astuple

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.estimate import Constant
from vau_backends.muntaniala.array import Tiling
from vau_backends.muntaniala.constants import (
    BOARD,
    BOARD_ACTIONS,
    CONSTANTS,
    DIE_CYCLE,
    OPERATING_POINTS,
)
from vau_backends.muntaniala.cost import CostModel
from vau_backends.muntaniala.cycles import Actions, LayerCycles
from vau_backends.muntaniala.energy import (
    die_floor_j,
    floor_reading,
    split,
    split_reading,
    system_j,
)

TILINGS = st.builds(
    Tiling,
    rows=st.integers(1, 5),
    columns=st.integers(1, 5),
    hidden=st.integers(1, 96),
    inputs=st.integers(1, 123),
)


def test_the_actions_of_the_board_are_counted_as_by_hand() -> None:
    by_hand = Actions(
        die_cycles=4 * 3300,
        multiplying_die_cycles=4 * 632,
        macs=4 * 192 * (123 + 192),
        x_beats=123,
        partial_sum_beats=4 * 2 * 192,
        h_beats=192,
        table_reads=5 * 192,
        control_cycles=4 * 22,
    )
    assert by_hand == BOARD_ACTIONS
    assert BOARD_ACTIONS.link_beats == 1851
    assert BOARD_ACTIONS.operations == 2 * BOARD_ACTIONS.macs


def test_one_die_sends_no_partial_sums() -> None:
    alone = Actions.of(Tiling(rows=1, columns=1, hidden=96, inputs=123))
    assert alone.partial_sum_beats == 0
    assert alone.die_cycles == 1816


@given(TILINGS)
def test_multipliers_have_room_for_all_macs_and_work_within_the_die_cycles(
    tiling: Tiling,
) -> None:
    actions = Actions.of(tiling)
    assert actions.macs <= tiling.units_per_die * actions.multiplying_die_cycles
    assert actions.multiplying_die_cycles < actions.die_cycles


@given(TILINGS)
def test_link_beats_take_no_more_than_their_cycles(tiling: Tiling) -> None:
    cycles, actions = LayerCycles.of(tiling), Actions.of(tiling)
    assert 2 * actions.x_beats == cycles.load_x
    assert 2 * actions.h_beats == cycles.exchange_h
    chains = tiling.rows * max(1, tiling.columns - 1)
    assert 2 * actions.partial_sum_beats <= chains * cycles.partial_sums


@given(st.lists(TILINGS, min_size=1, max_size=4))
def test_the_actions_of_a_network_are_the_sums_over_its_layers(tilings: list[Tiling]) -> None:
    layers = [astuple(Actions.of(tiling)) for tiling in tilings]
    assert astuple(Actions.of_all(tilings)) == tuple(map(sum, zip(*layers, strict=True)))


@given(st.lists(TILINGS, min_size=1, max_size=4))
def test_joules_are_computed_from_actions_alone(tilings: list[Tiling]) -> None:
    model = CostModel(tilings, 10e6)
    system, dies = model.of(3, ()).energies
    assert system.joules == pytest.approx(3 * 223.8e-12 * model.actions.die_cycles)
    multiplying = model.actions.multiplying_die_cycles
    assert dies.joules == pytest.approx(3 * 192 / 3.25e12 * multiplying)


def test_the_system_costs_the_calibrated_energy_of_each_die_cycle() -> None:
    assert system_j(BOARD_ACTIONS.die_cycles) == pytest.approx(2.954e-6, rel=1e-4)
    assert system_j(1) == DIE_CYCLE.value == 223.8e-12


def test_the_die_floor_is_another_boundary_and_never_more_than_the_system() -> None:
    reading = floor_reading(BOARD_ACTIONS)
    assert (reading.boundary, reading.status) == ("accelerator", "extrapolated")
    assert reading.joules == pytest.approx(0.149e-6, rel=5e-3)
    assert reading.joules < system_j(BOARD_ACTIONS.die_cycles)


def test_the_split_adds_up_on_the_board_and_is_called_assumed() -> None:
    reading = split_reading(BOARD_ACTIONS)
    assert reading.status == "assumed"
    assert reading.joules == pytest.approx(system_j(BOARD_ACTIONS.die_cycles))
    shown = {name: f"{joules * 1e6:.3g}" for name, joules in split(BOARD_ACTIONS)}
    assert shown == {"multiplying": "0.149", "links": "0.347", "base": "2.46"}


def test_the_energy_of_the_dies_follows_that_of_the_system_and_is_extrapolated() -> None:
    system, dies = CostModel([BOARD], 10e6).of(10, ()).energies
    assert (system.boundary, dies.boundary) == ("system", "accelerator")
    assert (system.extrapolated, dies.extrapolated) == (False, True)
    assert dies.joules == pytest.approx(10 * die_floor_j(BOARD_ACTIONS))
    assert system.method != dies.method


# --- the constants -----------------------------------------------------------------------


def test_every_constant_has_a_name_of_its_own() -> None:
    names = [constant.name for constant in CONSTANTS]
    assert len(set(names)) == len(names)


def test_each_status_of_a_constant_occurs() -> None:
    found = {constant.status for constant in CONSTANTS}
    assert found == {"published", "derived", "calibrated", "assumed"}


def test_what_is_published_is_cited_from_a_publication() -> None:
    for constant in CONSTANTS:
        is_ours = constant.source.startswith("docs/")
        assert is_ours == (constant.status in {"calibrated", "assumed"}), constant


def test_the_splits_constants_are_what_the_specification_says() -> None:
    shown = {each.name: f"{each.value * 1e12:.1f}" for each in CONSTANTS}
    assert shown["split: energy of a link's beat"] == "187.5"
    assert shown["split: rest of a die and cycle"] == "186.2"


@pytest.mark.parametrize(
    ("field", "value"),
    [("name", ""), ("unit", ""), ("source", ""), ("value", float("nan")), ("reasoning", "")],
)
def test_a_constant_without_what_it_needs_is_refused(field: str, value: object) -> None:
    whole = {
        "name": "a clock",
        "value": 1.0,
        "unit": "Hz",
        "source": "a paper",
        "status": "derived",
        "reasoning": "half of another",
    }
    Constant(**whole)  # type: ignore[arg-type]
    with pytest.raises(ValueError, match=r"lacks|does not say"):
        Constant(**(whole | {field: value}))  # type: ignore[arg-type]


def test_the_efficient_points_clock_is_not_known_and_chipmunks_are_for_comparison() -> None:
    points = {point.name: point for point in OPERATING_POINTS}
    assert points["efficient"].clock_hz is None
    compared = {name for name, point in points.items() if point.for_comparison}
    assert compared == {"chipmunk-fast", "chipmunk-efficient"}
