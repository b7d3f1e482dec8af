"""The cycle and energy model against the published figures and its own specification."""

from dataclasses import astuple

import pytest

from vau.model import Network
from vau_backends.muntaniala.array import DieArray, Tiling
from vau_backends.muntaniala.cost import CostModel
from vau_backends.muntaniala.cycles import LayerCycles

CLOCK_HZ = 10e6
FASTEST_HZ = 159e6


def cost_model(
    layers: int, hidden: int, inputs: int = 123, clock_hz: float = CLOCK_HZ
) -> CostModel:
    network = Network(layers=layers, hidden=hidden, inputs=inputs, classes=40)
    return CostModel(DieArray.square_for(hidden).tile(network), clock_hz)


def test_the_board_prints_the_three_published_figures() -> None:
    board = cost_model(1, 192)
    assert board.latency_cycles == 3300
    assert f"{board.latency_s * 1e6:.0f} us" == "330 us"
    assert f"{board.active_w * 1e3:.1f} mW" == "9.0 mW"
    assert f"{board.frame_j * 1e6:.2f} uJ" == "2.95 uJ"
    assert f"{board.active_w * 1e3:.2f} mW" == "8.95 mW"  # what makes the three agree
    assert board.is_calibrated


def test_energy_calibrated_at_its_bounds_would_still_print_the_published_figures() -> None:
    for die_cycle_j in (223.75e-12, 223.86e-12):
        frame_j = 4 * 3300 * die_cycle_j
        assert f"{frame_j * 1e6:.2f}" == "2.95"
        assert f"{frame_j / 330e-6 * 1e3:.1f}" == "9.0"


@pytest.mark.parametrize(
    ("side", "hidden", "inputs", "terms", "total", "us_at_10_mhz", "us_at_159_mhz"),
    [
        (2, 192, 123, (246, 632, 1536, 480, 384, 22), 3300, "330", "20.8"),
        (1, 96, 123, (246, 876, 0, 480, 192, 22), 1816, "182", "11.4"),
        (4, 384, 123, (246, 508, 1568, 480, 768, 22), 3592, "359", "22.6"),
        (4, 384, 384, (768, 768, 1568, 480, 768, 22), 4374, "437", "27.5"),
    ],
)
def test_the_cycles_of_a_layer_are_the_specifications(
    side: int,
    hidden: int,
    inputs: int,
    terms: tuple[int, ...],
    total: int,
    us_at_10_mhz: str,
    us_at_159_mhz: str,
) -> None:
    tiling = Tiling(rows=side, columns=side, hidden=hidden, inputs=inputs)
    cycles = LayerCycles.of(tiling)
    assert astuple(cycles) == terms
    assert cycles.total == total
    assert f"{CostModel([tiling], CLOCK_HZ).latency_s * 1e6:.3g}" == us_at_10_mhz
    assert f"{CostModel([tiling], FASTEST_HZ).latency_s * 1e6:.3g}" == us_at_159_mhz


@pytest.mark.parametrize(
    ("hidden", "latency", "interval"), [(384, 12_340, 4_374), (421, 11_821, 4_219)]
)
def test_layers_add_their_latency_and_the_slowest_sets_the_pace(
    hidden: int, latency: int, interval: int
) -> None:
    model = cost_model(3, hidden)
    assert model.latency_cycles == latency
    assert model.interval_cycles == interval


def test_partial_sums_depend_on_units_of_a_die_and_on_hops() -> None:
    wide = LayerCycles.of(Tiling(rows=1, columns=5, hidden=10, inputs=5))
    assert wide.partial_sums == 4 * 2 * 2 * (10 + 3)
    assert wide.activation == 50


@pytest.mark.parametrize(
    ("layers", "hidden", "inputs", "energy_uj", "power_mw"),
    [
        (1, 192, 123, "2.95", "8.95"),
        (1, 96, 123, "0.406", "2.24"),
        (1, 384, 123, "12.9", "35.8"),
        (1, 384, 384, "15.7", "35.8"),
        (3, 384, 123, "44.2", "35.8"),
    ],
)
def test_the_energies_are_the_specifications(
    layers: int, hidden: int, inputs: int, energy_uj: str, power_mw: str
) -> None:
    model = cost_model(layers, hidden, inputs)
    assert f"{model.frame_j * 1e6:.3g}" == energy_uj
    assert f"{model.active_w * 1e3:.3g}" == power_mw


def test_dies_that_are_not_gated_would_spend_what_the_specification_says() -> None:
    model = cost_model(3, 384)
    per_cycle_j = 48 * 223.8e-12
    assert f"{model.interval_cycles * per_cycle_j * 1e6:.3g}" == "47"
    assert f"{model.latency_cycles * per_cycle_j * 1e6:.4g}" == "132.6"


def test_energy_per_frame_does_not_depend_on_the_clock() -> None:
    slow, fast = cost_model(1, 192), cost_model(1, 192, clock_hz=FASTEST_HZ)
    assert slow.frame_j == fast.frame_j
    assert slow.latency_s == pytest.approx(15.9 * fast.latency_s)


@pytest.mark.parametrize(
    ("layers", "hidden", "inputs", "clock_hz"),
    [
        (1, 192, 123, 20e6),
        (1, 191, 123, CLOCK_HZ),
        (1, 192, 120, CLOCK_HZ),
        (2, 192, 123, CLOCK_HZ),
    ],
)
def test_anything_but_the_board_is_extrapolated(
    layers: int, hidden: int, inputs: int, clock_hz: float
) -> None:
    energies = cost_model(layers, hidden, inputs, clock_hz).of(1, ()).energies
    assert all(energy.extrapolated for energy in energies)


def test_the_boards_network_on_other_dies_is_extrapolated() -> None:
    tilings = DieArray.parse("3x3").tile(Network(layers=1, hidden=192, inputs=123, classes=40))
    assert not CostModel(tilings, CLOCK_HZ).is_calibrated


def test_a_cost_names_its_method_and_boundary_and_is_an_estimate() -> None:
    cost = cost_model(1, 192).of(100, (7,))
    energy = cost.energies[0]
    assert cost.cycles == 330_000
    assert cost.device_s == pytest.approx(0.033)
    assert cost.device_origin == "estimated"
    assert cost.saturations == (7,)
    assert energy.joules == pytest.approx(295.4e-6, rel=1e-3)
    assert (energy.origin, energy.boundary) == ("estimated", "system")
    assert energy.method == "muntaniala-energy/1"
    assert not energy.extrapolated


@pytest.mark.parametrize(
    "clock_hz", [0.0, -1.0, 1e-320, 0.99, 1.01e12, float("nan"), float("inf")]
)
def test_a_clock_that_is_none_is_refused(clock_hz: float) -> None:
    with pytest.raises(ValueError, match=r"clock_hz=.* is outside 1 to 1e\+12 Hz, the clocks"):
        cost_model(1, 192, clock_hz=clock_hz)


@pytest.mark.parametrize("clock_hz", [1.0, 1e12])
def test_a_clock_at_its_bounds_gives_finite_figures(clock_hz: float) -> None:
    board = cost_model(1, 192, clock_hz=clock_hz)
    assert board.latency_s == 3300 / clock_hz
    assert 0.0 < board.active_w < float("inf")
