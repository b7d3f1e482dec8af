"""Every published figure, from the model: each test names its source.

Muntaniala: doi:10.1109/TCSI.2021.3099716, abstract in arXiv:2202.07462. Chipmunk, the die
before it: arXiv:1711.05734, and asic.ethz.ch/2016/Chipmunk.html. A figure is compared as it
was printed, with its number of digits.
"""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.model import Network
from vau_backends.muntaniala.array import DIE_COLUMNS, UNITS_PER_DIE, DieArray, Tiling
from vau_backends.muntaniala.constants import (
    BOARD_ACTIONS,
    CHIPMUNK_CYCLE,
    CHIPMUNK_EFFICIENCY,
    CHIPMUNK_POWER,
    CHIPMUNK_SLOW_CLOCK,
    CHIPMUNK_SUPPLY,
    CHIPMUNK_THROUGHPUT,
    DIE_OPERATIONS,
    FASTEST_CLOCK,
    MULTIPLYING_CYCLE,
    OPERATING_POINTS,
    PEAK_EFFICIENCY,
    PEAK_THROUGHPUT,
)
from vau_backends.muntaniala.cost import CostModel
from vau_backends.muntaniala.cycles import LayerCycles
from vau_backends.muntaniala.energy import die_floor_j

POINTS = {point.name: point for point in OPERATING_POINTS}


def costs(layers: int, hidden: int, inputs: int = 123, clock_hz: float = 10e6) -> CostModel:
    network = Network(layers=layers, hidden=hidden, inputs=inputs, classes=40)
    return CostModel(DieArray.square_for(hidden).tile(network), clock_hz)


# --- arXiv:2202.07462: the board "Vau da Muntanialas", 192 hidden states at 10 MHz --------


def test_the_board_takes_330_us() -> None:
    assert f"{costs(1, 192).latency_s * 1e6:.0f}" == "330"


def test_the_board_takes_9_0_mw() -> None:
    assert f"{costs(1, 192).active_w * 1e3:.1f}" == "9.0"


def test_the_board_takes_2_95_uj() -> None:
    assert f"{costs(1, 192).frame_j * 1e6:.2f}" == "2.95"


def test_the_boards_three_figures_agree_only_between_8_950_and_8_955_mw() -> None:
    longest_s, shortest_s = 330.5e-6, 329.5e-6
    assert f"{9.0e-3 * 330e-6 * 1e6:.2f}" == "2.97"  # which is not what was printed
    assert 2.945e-6 / longest_s < costs(1, 192).active_w < 2.955e-6 / shortest_s
    assert 8.95 <= costs(1, 192).active_w * 1e3 < 2.955e-6 / 330e-6 * 1e3 < 8.955


def test_energy_over_power_admits_the_cycles_of_the_model() -> None:
    fewest, most = 2.945e-6 / 9.05e-3 * 10e6, 2.955e-6 / 8.95e-3 * 10e6
    assert (round(fewest), int(most)) == (3254, 3301)
    assert fewest < costs(1, 192).latency_cycles <= most


def test_the_board_does_1_47_gop_s_at_0_16_top_s_w() -> None:  # derived from the three
    board = costs(1, 192)
    assert f"{board.actions.operations / board.latency_s / 1e9:.2f}" == "1.47"
    assert f"{board.actions.operations / board.frame_j / 1e12:.2f}" == "0.16"


def test_multiplying_takes_less_than_a_quarter_of_the_boards_time() -> None:
    shares = [
        LayerCycles.of(Tiling(rows=2, columns=2, hidden=192, inputs=inputs)).mac / 3300
        for inputs in (96, 123, 192)
    ]
    assert [f"{share:.0%}" for share in shares] == ["17%", "19%", "23%"]


# --- arXiv:2202.07462: the die in silicon ------------------------------------------------


def test_the_die_does_30_53_gop_s_at_159_0_mhz() -> None:
    assert f"{FASTEST_CLOCK.value / 1e6:.1f}" == "159.0"
    clock_hz = POINTS["fast"].clock_hz
    assert clock_hz == 159.0e6
    assert f"{DIE_OPERATIONS.value * clock_hz / 1e9:.2f}" == "30.53"


def test_the_die_does_3_25_top_s_w_if_a_multiplying_cycle_takes_59_1_pj() -> None:
    assert f"{MULTIPLYING_CYCLE.value * 1e12:.1f}" == "59.1"
    full = Tiling(rows=1, columns=1, hidden=96, inputs=123)
    actions = CostModel([full], 10e6).actions
    assert f"{actions.operations / die_floor_j(actions) / 1e12:.2f}" == "3.25"


def test_networks_that_were_published_take_4_48_and_75_dies() -> None:
    # 4: asic.ethz.ch/2016/Chipmunk.html. 75: arXiv:1711.05734. 48: 3L-384NH, by the same rule.
    assert costs(1, 192).tilings[0].rows * costs(1, 192).tilings[0].columns == 4
    assert 3 * DieArray.square_for(384).dies == 48
    assert 3 * DieArray.square_for(421).dies == 75


# --- Chipmunk: arXiv:1711.05734, asic.ethz.ch/2016/Chipmunk.html, and their table in
# doi:10.1038/s41467-025-56254-6 -----------------------------------------------------------


def test_chipmunk_does_1_111_top_s_w_at_168_mhz() -> None:
    assert f"{CHIPMUNK_THROUGHPUT.value / 1e9:.2f}" == "32.26"
    assert f"{CHIPMUNK_THROUGHPUT.value / CHIPMUNK_POWER.value / 1e12:.3f}" == "1.111"
    assert f"{CHIPMUNK_CYCLE.value * 1e12:.1f}" == "172.8"


def test_chipmunk_does_3_08_gop_s_mw_at_1_24_mw_and_so_at_19_9_mhz() -> None:
    assert f"{CHIPMUNK_SLOW_CLOCK.value / 1e6:.1f}" == "19.9"
    efficient = POINTS["chipmunk-efficient"]
    assert efficient.operations_per_s is not None
    assert f"{efficient.operations_per_s / 1e9:.2f}" == "3.82"


def test_chipmunks_two_points_lie_on_one_curve_if_its_supply_falls_to_0_745_v() -> None:
    cycle_j = DIE_OPERATIONS.value / CHIPMUNK_EFFICIENCY.value
    supply_v = CHIPMUNK_SUPPLY.value * (cycle_j / CHIPMUNK_CYCLE.value) ** 0.5  # C * V^2
    assert f"{supply_v:.3f}" == "0.745"


def test_chipmunks_memory_is_82_kb() -> None:
    weights_bytes = UNITS_PER_DIE * 4 * DIE_COLUMNS
    assert weights_bytes == 84_096
    assert f"{weights_bytes / 1024:.0f}" == "82"


def test_75_dies_run_graves_network_in_real_time_below_13_mw() -> None:
    graves = costs(3, 421, clock_hz=CHIPMUNK_SLOW_CLOCK.value)
    frame_j = graves.actions.die_cycles * DIE_OPERATIONS.value / CHIPMUNK_EFFICIENCY.value
    assert graves.latency_s < 10e-3
    assert 100 * frame_j < 13e-3


# --- what no workload may do -------------------------------------------------------------


@given(
    hidden=st.integers(1, UNITS_PER_DIE),
    inputs=st.integers(1, DIE_COLUMNS),
    clock_hz=st.floats(1e3, FASTEST_CLOCK.value),
)
def test_no_workload_on_one_die_beats_the_published_peaks(
    hidden: int, inputs: int, clock_hz: float
) -> None:
    tiling = Tiling(rows=1, columns=1, hidden=hidden, inputs=min(inputs, DIE_COLUMNS - hidden))
    assert tiling.fits
    model = CostModel([tiling], clock_hz)
    rounding = 1 + 1e-12
    operations = model.actions.operations
    multiplying_s = model.layers[0].mac / clock_hz
    assert operations / model.latency_s < operations / multiplying_s
    assert operations / multiplying_s <= PEAK_THROUGHPUT.value * rounding
    assert operations / die_floor_j(model.actions) <= PEAK_EFFICIENCY.value * rounding


def test_the_core_of_the_board_is_between_5_and_77_percent_of_its_energy() -> None:
    board_j = costs(1, 192).frame_j
    assert f"{die_floor_j(BOARD_ACTIONS) / board_j:.0%}" == "5%"
    assert f"{BOARD_ACTIONS.die_cycles * CHIPMUNK_CYCLE.value / board_j:.0%}" == "77%"


@pytest.mark.parametrize("name", sorted(POINTS))
def test_an_operating_point_agrees_with_itself(name: str) -> None:
    point = POINTS[name]
    if point.operations_per_s and point.clock_hz:
        assert point.operations_per_s == pytest.approx(192 * point.clock_hz, rel=1e-4)
    if point.operations_per_s and point.operations_per_j and point.power_w:
        rate = point.operations_per_s / point.power_w
        assert point.operations_per_j == pytest.approx(rate, rel=1e-3)
