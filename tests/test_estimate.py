"""The port of estimating, and Muntaniala's estimator behind it, found by entry point."""

from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.commands.estimate.report import table
from vau.errors import BackendNotFound, ConfigInvalid, ModelTooLarge
from vau.estimate import (
    GROUP,
    RATES,
    Ask,
    Estimator,
    KernelAsk,
    find_estimator,
    hour_j,
    mean_w,
    megahertz,
    refuse_what_is_foreign,
)
from vau.model import Network
from vau_backends.muntaniala.array import DieArray
from vau_backends.muntaniala.cost import CostModel
from vau_backends.muntaniala.estimate.laid_out import LaidOut, frames_to_keep_up
from vau_backends.muntaniala.estimate.layout import lay_out
from vau_backends.muntaniala.estimate.neighbours import instances

ESTIMATOR: Estimator = find_estimator("muntaniala")
BOARD = Network(layers=1, hidden=192, inputs=123, classes=40)
STACK = Network(layers=3, hidden=384, inputs=123, classes=40)
FASTEST_HZ = 159e6


def estimated(network: Network, **asked: object) -> LaidOut:
    return lay_out(Ask(network=network, **asked))  # type: ignore[arg-type]


def energies_uj(found: LaidOut) -> dict[str, str]:
    return {each.name: f"{each.joules * 1e6:.4g}" for each in found.readings}


# --- the two cases that the specification names ------------------------------------------


def test_the_board_is_calibrated_and_explains_its_rounding() -> None:
    board = estimated(BOARD, instance="2x2", clock_hz=10e6)
    assert (board.dies, board.cycles, board.interval_cycles) == (4, 3300, 3300)
    assert board.latency_s == pytest.approx(330e-6)
    assert board.active_w == pytest.approx(8.952e-3)
    assert board.joules == pytest.approx(2.954e-6, rel=1e-4)
    assert {board.cycles_status, board.time_status, board.readings[0].status} == {"calibrated"}
    assert "2.97 µJ" in board.notes[0]


def test_three_layers_of_384_lie_on_48_dies_and_their_energy_has_three_readings() -> None:
    stack = estimated(STACK)
    assert (stack.dies, stack.cycles, stack.interval_cycles) == (48, 12_340, 4_374)
    readings = energies_uj(stack)
    assert readings["gated"] == "44.19"
    assert readings["interval"] == "46.99"
    assert readings["latency"] == "132.6"
    assert stack.readings[0].name == "gated"
    assert {stack.cycles_status, stack.time_status} == {"extrapolated"}
    assert not any("2.97" in note for note in stack.notes)


# --- what follows from cycles and clock --------------------------------------------------


def test_streams_fill_the_time_until_the_last_frame_is_late() -> None:
    most = estimated(STACK).streams_in_time
    assert most == 21  # 1234 µs, and 20 intervals of 437.4 µs
    assert estimated(STACK, streams=most).verdict.is_in_time
    one_more = estimated(STACK, streams=most + 1)
    assert one_more.keeps_up
    assert not one_more.verdict.is_in_time
    assert not estimated(STACK, streams=one_more.streams_by_pace + 1).keeps_up


@given(
    layers=st.integers(1, 3),
    hidden=st.integers(1, 400),
    streams=st.integers(1, 60),
    clock_hz=st.floats(0.1e6, 200e6) | st.integers(1, 600).map(lambda n: n * 330_000.0),
)
def test_streams_keep_up_if_their_cycles_fit_into_those_of_a_hop(
    layers: int, hidden: int, streams: int, clock_hz: float
) -> None:
    network = Network(layers=layers, hidden=hidden, inputs=123, classes=40)
    found = estimated(network, streams=streams, clock_hz=clock_hz)
    hop_cycles = Fraction(clock_hz) / 100
    slowest = max(stage.cycles for stage in found.stages)
    last_cycles = found.cycles + (streams - 1) * slowest
    assert found.keeps_up == (streams * slowest <= hop_cycles)
    assert found.verdict.is_in_time == (last_cycles <= hop_cycles)
    assert (
        found.keeps_up
        == (streams <= found.streams_by_pace)
        == (found.verdict.ready_s is not None)
    )
    assert found.verdict.is_in_time == (streams <= found.streams_in_time)


@pytest.mark.parametrize(("clock_hz", "streams"), [(0.99e6, 3), (7.92e6, 24), (16.17e6, 49)])
def test_a_clock_that_is_just_fast_enough_loses_no_stream(
    clock_hz: float, streams: int
) -> None:
    full = estimated(BOARD, instance="2x2", clock_hz=clock_hz, streams=streams)
    assert (full.streams_by_pace, full.streams_in_time) == (streams, streams)
    assert full.keeps_up
    assert full.verdict.is_in_time
    assert full.duty == 1.0
    one_more = estimated(BOARD, instance="2x2", clock_hz=clock_hz, streams=streams + 1)
    assert not one_more.keeps_up
    assert not one_more.verdict.is_in_time


def test_duty_and_mean_power_are_those_of_all_streams() -> None:
    board = estimated(BOARD, streams=10)
    assert board.duty == pytest.approx(0.33)
    assert mean_w(board.ask, board.joules) == pytest.approx(10 * 295.4e-6, rel=1e-4)
    assert hour_j(board.ask, board.joules) == pytest.approx(360_000 * 2.954e-6, rel=1e-4)
    assert board.utilisation == pytest.approx(632 / 3300)


def test_energy_does_not_depend_on_the_clock_but_its_status_does() -> None:
    fast = estimated(BOARD, operating_point="fast")
    assert fast.clock_hz == FASTEST_HZ
    assert fast.joules == estimated(BOARD).joules
    assert (fast.cycles_status, fast.time_status) == ("calibrated", "extrapolated")
    assert fast.readings[0].status == "extrapolated"
    assert any("159 MHz" in note and "voltage" in note for note in fast.notes)


def test_a_clock_beyond_the_fastest_published_is_allowed_and_said() -> None:
    assert not any("no die was seen" in note for note in estimated(BOARD, clock_hz=159e6).notes)
    assert any("no die was seen" in note for note in estimated(BOARD, clock_hz=160e6).notes)


def test_the_efficient_point_takes_a_clock_of_ones_own() -> None:
    found = estimated(BOARD, operating_point="efficient", clock_hz=20e6)
    assert found.clock_hz == 20e6


# --- fewer dies than tiles ---------------------------------------------------------------


@pytest.mark.parametrize(
    ("reload", "clock_hz", "pass_cycles", "frames"),
    [
        ("parallel", 10e6, 394_752, 5),
        ("parallel", FASTEST_HZ, 394_752, 1),
        ("serial", 10e6, 6_316_032, 73),
        ("serial", FASTEST_HZ, 6_316_032, 5),
    ],
)
def test_sixteen_dies_keep_up_in_passes(
    reload: str, clock_hz: float, pass_cycles: int, frames: int
) -> None:
    found = estimated(STACK, dies=16, reload=reload, clock_hz=clock_hz)
    assert found.reloading is not None
    assert found.reloading.pass_cycles == pass_cycles
    assert found.reloading.frames_per_pass == frames
    assert (found.dies, found.tiles) == (16, 48)
    assert found.keeps_up
    assert found.verdict.is_in_time == (frames == 1)


def frames_of(pass_cycles: int, frame_cycles: int) -> int | None:
    """Ask for the frames of a pass at a clock of 10 cycles a hop."""
    return frames_to_keep_up(Ask(network=STACK), pass_cycles, frame_cycles, 1000.0)


@given(pass_cycles=st.integers(1, 10_000), frame_cycles=st.integers(1, 9))
def test_the_frames_of_a_pass_are_the_least_that_keep_up(
    pass_cycles: int, frame_cycles: int
) -> None:
    least = frames_of(pass_cycles, frame_cycles)
    assert least is not None
    assert least * 10 >= pass_cycles + least * frame_cycles
    assert (least - 1) * 10 < pass_cycles + (least - 1) * frame_cycles


def test_frames_that_fill_the_hop_leave_no_time_to_load_weights() -> None:
    assert frames_of(1, 9) == 1
    assert frames_of(1, 10) is None


@pytest.mark.parametrize(("clock_hz", "frames"), [(1_240_000.0, 6580), (1_234_000.0, None)])
def test_the_frames_of_a_pass_are_counted_without_rounding(
    clock_hz: float, frames: int | None
) -> None:
    # 394,752 cycles a pass; a hop has 60 cycles more than a frame's 12,340, or none
    found = estimated(STACK, dies=16, clock_hz=clock_hz)
    assert found.reloading is not None
    assert found.reloading.frames_per_pass == frames


@given(streams=st.integers(1, 20), hops=st.integers(1, 20))
def test_layers_that_take_turns_keep_up_below_the_streams_that_fill_a_hop(
    streams: int, hops: int
) -> None:
    found = estimated(STACK, dies=16, streams=streams, clock_hz=hops * 1_234_000.0)
    assert found.streams_by_pace == hops - 1
    assert found.keeps_up == (streams < hops)


def test_loading_weights_costs_energy_that_a_pass_spreads_over_its_frames() -> None:
    found = estimated(STACK, dies=16)
    parts = dict(found.readings[0].parts)
    assert parts["working"] == estimated(STACK).joules
    assert parts["loading"] == pytest.approx(223.8e-12 * 16 * 394_752 / 5)
    assert found.joules == pytest.approx(sum(parts.values()))
    two = dict(estimated(STACK, dies=16, streams=2).readings[0].parts)
    assert two["loading"] < parts["loading"]


def test_dies_that_frames_alone_keep_busy_never_keep_up() -> None:
    found = estimated(STACK, dies=16, streams=9)
    assert not found.keeps_up
    assert found.verdict.ready_s is None
    assert found.duty > 1.0
    assert any("never keeps up" in note for note in found.notes)


def test_as_many_dies_as_tiles_or_more_load_nothing() -> None:
    for dies in (48, 50):
        assert estimated(STACK, dies=dies).reloading is None
    assert any("4 of the 20" in note for note in estimated(STACK, dies=20).notes)


def test_a_board_whose_layers_take_turns_is_not_the_published_one() -> None:
    two = Network(layers=2, hidden=192, inputs=123, classes=40)
    assert estimated(two, dies=4).time_status == "extrapolated"


def test_the_age_of_an_answer_includes_all_streams_and_the_loading_of_weights() -> None:
    for asked, microseconds in (
        ({"clock_hz": FASTEST_HZ}, 77.61),  # 12,340 cycles
        ({"clock_hz": FASTEST_HZ, "streams": 20}, 600.3),  # and 19 x 4,374
        ({"clock_hz": FASTEST_HZ, "dies": 16}, 2560.3),  # 394,752 and 12,340
        ({"dies": 16}, 40_000 + 39_475.2 + 5 * 1234),  # 5 frames a pass at 10 MHz
    ):
        delay_us = ESTIMATOR.estimate(Ask(network=STACK, **asked)).delay_s * 1e6
        assert delay_us == pytest.approx(microseconds, rel=1e-4)


@pytest.mark.parametrize("asked", [{}, {"streams": 20}, {"dies": 16}])
def test_where_streams_are_kept_up_with_an_answer_is_as_old_as_the_verdict_says(
    asked: dict[str, object],
) -> None:
    found = estimated(STACK, **asked)
    assert found.verdict.keeps_up
    assert found.delay_s == found.verdict.ready_s


# --- impossible asks ---------------------------------------------------------------------


def test_what_an_accelerator_cannot_be_asked_is_refused_by_name_with_a_remedy() -> None:
    for asked, flag in (
        ({"chunk_frames": 2}, "--chunk-frames"),
        ({"residency": "resident"}, "--resident"),
        ({"dram_bytes_per_s": 1e9}, "--dram-gbps"),
        ({"reuse_credit": True}, "--reuse-credit"),
    ):
        (name,) = asked
        with pytest.raises(ConfigInvalid) as refused:
            estimated(BOARD, **asked)
        assert all(word in str(refused.value) for word in (f"{name}=", "muntaniala", flag))


def test_what_an_accelerator_does_not_list_as_known_is_refused_without_a_remedy_too() -> None:
    ask = Ask(network=BOARD, streams=2, chunk_frames=3)
    refuse_what_is_foreign(ask, "toy", ("network", "streams", "chunk_frames"), {})
    with pytest.raises(ConfigInvalid, match="chunk_frames=3: toy does not know that"):
        refuse_what_is_foreign(ask, "toy", ("network", "streams"), {})


@pytest.mark.parametrize("field", RATES)
def test_rates_beyond_any_hardware_are_refused_on_either_side(field: str) -> None:
    least, most, _, _ = RATES[field]
    for value in (least, most):
        Ask(network=BOARD, **{field: value})  # type: ignore[arg-type]
    for value in (0.999 * least, 1.001 * most, 1e-310, -least):
        with pytest.raises(ConfigInvalid, match=f"{field}="):
            Ask(network=BOARD, **{field: value})  # type: ignore[arg-type]


@pytest.mark.parametrize("kind", ["muntaniala", "rpu"])
@pytest.mark.parametrize("clock_hz", RATES["clock_hz"][:2])
def test_the_slowest_and_the_fastest_clock_can_be_estimated_and_shown(
    kind: str, clock_hz: float
) -> None:
    network = Network(layers=2, hidden=8, inputs=8, classes=40)
    estimator = find_estimator(kind)
    ask = Ask(network=network, clock_hz=clock_hz)
    assert max(map(len, table(estimator.estimate(ask)))) <= 96
    assert all(estimator.estimate(each) for each in estimator.around(ask))


def test_a_clock_is_written_with_six_digits_or_as_many_as_tell_it_from_another() -> None:
    assert megahertz(498_503_906.25) == "498.504 MHz"
    assert megahertz(10e6, beside_hz=10e6) == "10 MHz"
    assert megahertz(498_504_000.0, beside_hz=498_503_906.25) == "498.504 MHz"
    assert megahertz(498_503_906.25, beside_hz=498_504_000.0) == "498.5039 MHz"


def test_a_clock_next_to_the_boards_is_told_from_it_in_the_notes() -> None:
    (note,) = (n for n in estimated(BOARD, clock_hz=10_000_001.0).notes if "calibrated" in n)
    assert "calibrated at 10 MHz. At 10.000001 MHz" in note


def test_a_kernel_is_refused_with_the_network_that_serves_instead() -> None:
    with pytest.raises(ConfigInvalid, match=r"kernel='dense'.*--hidden 192"):
        ESTIMATOR.kernel(KernelAsk(kernel="dense"))


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"dies": 0}, ["dies=0", "no die"]),
        ({"dies": -3}, ["dies=-3"]),
        ({"dies": 15}, ["dies=15", "Take 16 dies", "48"]),
        ({"streams": 0}, ["streams=0"]),
        ({"chunk_frames": 0}, ["chunk_frames=0"]),
        ({"streams": 1_000_000}, ["more than 100,000"]),
        ({"dram_bytes_per_s": 0.0}, ["dram_bytes_per_s=0", "bandwidths"]),
        ({"frame_hz": 0.0}, ["frame_hz=0", "frame rates"]),
        ({"clock_hz": 0.0}, ["clock_hz=0", "outside 1 to 1e+12 Hz"]),
        ({"clock_hz": float("nan")}, ["clock_hz=nan"]),
        ({"clock_hz": float("inf")}, ["clock_hz=inf"]),
        ({"instance": "4by4"}, ["'4by4'", "4x4"]),
        ({"instance": "0x4"}, ["'0x4'"]),
        ({"operating_point": "warp"}, ["'warp'", "board, fast, efficient"]),
        ({"operating_point": "chipmunk-fast"}, ["not one of Muntaniala's"]),
        ({"operating_point": "efficient"}, ["not published", "ask for a clock"]),
        ({"operating_point": "fast", "clock_hz": 10e6}, ["159 MHz", "leave out"]),
    ],
)
def test_what_cannot_be_meant_is_refused_with_a_remedy(
    asked: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        estimated(STACK, **asked)
    for word in words:
        assert word in str(refused.value)


@pytest.mark.parametrize(
    ("asked", "words"),
    [
        ({"instance": "2x4"}, ["384 hidden units", "192 in a die, which has 96", "4x4"]),
        ({"instance": "4x3"}, ["98,688 bytes", "84,480", "4x4"]),
    ],
)
def test_what_does_not_fit_names_the_limit_and_what_would(
    asked: dict[str, object], words: list[str]
) -> None:
    with pytest.raises(ModelTooLarge) as refused:
        estimated(STACK, **asked)
    for word in words:
        assert word in str(refused.value)


@given(layers=st.integers(1, 2), hidden=st.integers(1, 500), inputs=st.integers(1, 1000))
def test_without_an_array_the_least_square_that_fits_is_taken(
    layers: int, hidden: int, inputs: int
) -> None:
    network = Network(layers=layers, hidden=hidden, inputs=inputs, classes=40)
    array = DieArray.parse(estimated(network).accelerator.partition(":")[2])
    assert array.rows == array.columns
    assert all(tiling.fits for tiling in array.tile(network))
    if array.rows > 1:
        with pytest.raises(ModelTooLarge):
            DieArray(rows=array.rows - 1, columns=array.rows - 1).tile(network)


def test_slices_that_are_rounded_up_may_need_a_larger_square() -> None:
    # 191 + 247 columns are 2 x 219, but a die would hold 96 and 124 of them
    network = Network(layers=1, hidden=191, inputs=247, classes=40)
    assert estimated(network).accelerator == "muntaniala:3x3"


# --- the rest of the port ----------------------------------------------------------------


@given(hidden=st.integers(1, 400), inputs=st.integers(1, 400))
def test_every_form_worth_comparing_fits(hidden: int, inputs: int) -> None:
    network = Network(layers=2, hidden=hidden, inputs=inputs, classes=40)
    forms = instances(network)
    assert estimated(network).accelerator.partition(":")[2] in forms
    for form in forms:
        assert estimated(network, instance=form).memory_bytes <= 84_480


@pytest.mark.parametrize("dies", [None, 16, 48])
def test_a_timeline_takes_the_cycles_of_the_estimate(dies: int | None) -> None:
    ask = Ask(network=STACK, dies=dies)
    found = lay_out(ask)
    loaded = 0 if found.reloading is None else found.reloading.pass_cycles
    ends = [ESTIMATOR.timeline(ask, frames).end_cycle for frames in (1, 2)]
    assert ends == [loaded + found.cycles, loaded + found.cycles + found.interval_cycles]


def test_a_timeline_of_too_many_dies_is_refused_before_it_is_made() -> None:
    large = Network(layers=1000, hidden=2000, inputs=123, classes=40)
    with pytest.raises(ConfigInvalid, match=r"frames=1: .* shows 20,000 at most"):
        ESTIMATOR.timeline(Ask(network=large), 1)


def test_an_estimate_agrees_with_what_the_backend_reports() -> None:
    costs = CostModel(DieArray.parse("4x4").tile(STACK), 10e6)
    cost, found = costs.of(1, ()), estimated(STACK)
    assert cost.cycles == found.cycles
    assert cost.device_s == found.latency_s
    readings = {each.name: (each.boundary, each.method, each.joules) for each in found.readings}
    reported = [(each.boundary, each.method, each.joules) for each in cost.energies]
    assert reported == [readings["gated"], readings["die_floor"]]


def test_an_estimate_without_an_energy_is_refused() -> None:
    with pytest.raises(ValueError, match="an energy"):
        replace(ESTIMATOR.estimate(Ask(network=BOARD)), readings=())


def test_an_estimate_whose_first_energy_is_not_the_systems_is_refused() -> None:
    found = ESTIMATOR.estimate(Ask(network=BOARD))
    with pytest.raises(ValueError, match=r"'accelerator'.*compare at 'system'"):
        replace(found, readings=found.readings[3:])


def test_a_point_key_without_its_figure_is_refused() -> None:
    with pytest.raises(ValueError, match="no figure is called chips"):
        replace(ESTIMATOR.estimate(Ask(network=BOARD)), point_keys=("chips",))


def test_an_accelerator_without_an_estimator_is_refused_with_a_list() -> None:
    with pytest.raises(BackendNotFound, match=r"'float'.*muntaniala"):
        find_estimator("float")


def test_a_third_partys_estimator_is_found_and_a_broken_one_says_why(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    info = tmp_path / "toys-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\ntoy = toy_estimator:ESTIMATOR\nbroken = broken_estimator:ESTIMATOR\n"
    )
    (tmp_path / "toy_estimator.py").write_text("ESTIMATOR = 'anything'\n")
    (tmp_path / "broken_estimator.py").write_text("import a_driver_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    assert find_estimator("toy") == "anything"  # type: ignore[comparison-overlap]
    with pytest.raises(BackendNotFound, match="a_driver_that_is_not_there"):
        find_estimator("broken")
