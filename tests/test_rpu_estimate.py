"""``vau estimate --backend rpu``: the reference results, live streams, and what is refused."""

import json
import signal
import sys
from collections.abc import Callable, Iterator
from functools import reduce
from itertools import combinations
from operator import add
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.models import tiny_model
from vau.backend import BackendOptions, Work
from vau.cli import main
from vau.commands.estimate.constants import constants_table
from vau.commands.estimate.plots import sweep_figure
from vau.commands.estimate.report import kernel_table, table
from vau.commands.estimate.sweep import sweep
from vau.errors import ConfigInvalid, ModelIncompatible
from vau.estimate import Ask, Estimate, Estimator, KernelAsk, Value, find_estimator
from vau.model import Network
from vau_backends.rpu import constants
from vau_backends.rpu.backend import FACTORY
from vau_backends.rpu.cycles import Chunk
from vau_backends.rpu.estimate.laid_out import LaidOut
from vau_backends.rpu.estimate.layout import lay_out

ESTIMATOR: Estimator = find_estimator("rpu")
NETWORK = Network(layers=3, hidden=384, inputs=123, classes=62)
SMALL = Network(layers=2, hidden=64, inputs=40, classes=40)
STACK = "--backend rpu --layers 3 --hidden 384 --inputs 123".split()

Run = Callable[..., tuple[int, str, str]]


@pytest.fixture
def run(capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch) -> Iterator[Run]:
    """Return what runs the verb in this process: status, standard output and error."""

    def called(*arguments: object) -> tuple[int, str, str]:
        monkeypatch.setattr(sys, "argv", ["vau", "estimate", *map(str, arguments)])
        return main(), *capsys.readouterr()

    before = signal.getsignal(signal.SIGTERM)
    yield called
    signal.signal(signal.SIGTERM, before)


def laid_out(network: Network = NETWORK, **asked: object) -> LaidOut:
    return lay_out(Ask(network=network, **asked))  # type: ignore[arg-type]


def estimated(**asked: object) -> Estimate:
    return ESTIMATOR.estimate(Ask(network=NETWORK, **asked))  # type: ignore[arg-type]


def values(**asked: object) -> dict[str, Value]:
    return estimated(**asked).values


def as_printed(value: float, printed: str) -> str:
    """Round a value to as many decimals as were printed of it."""
    return f"{value:.{len(printed.partition('.')[2])}f}"


# --- the reference results ---------------------------------------------------------------


def test_the_dense_kernel_has_the_published_throughput_power_and_efficiency(run: Run) -> None:
    status, text, complaint = run("--backend", "rpu", "--kernel", "dense", "--json")
    assert (status, complaint) == (0, "")
    found = json.loads(text)
    published = {"gops": 127.617, "power_mw": 413, "gops_per_w": 309}
    assert {name: found[name] for name in published} == published
    assert {found["status"][name] for name in published} == {"calibrated"}


def test_the_dense_kernel_splits_its_power_into_parts_that_are_all_of_it() -> None:
    found = ESTIMATOR.kernel(KernelAsk(kernel="dense"))
    assert sum(watts for _, watts in found.parts_w) == pytest.approx(0.413, rel=1e-12)


def test_the_dense_kernel_at_another_clock_is_extrapolated() -> None:
    found = ESTIMATOR.kernel(KernelAsk(kernel="dense", clock_hz=250e6))
    assert {each.status for each in found.figures} == {"extrapolated"}
    assert {each.key: each.value for each in found.figures}["gops"] == 64


def test_the_resident_stack_has_the_figures_of_the_reference(run: Run) -> None:
    found = json.loads(run(*STACK, "--resident", "--json")[1])
    reference = {
        "cycles": 24_576,
        "cycles_stall": 0,
        "latency_us": 49.3,
        "energy_core_uj": 20.36,
        "energy_fill_uj": 0,
        "energy_dram_uj": 0,
        "energy_uj": 20.36,
        "power_core_mw": 412.9,
        "gops_per_w_core": 308.3,
        "macs": 3_138_048,
        "ops": 6_276_096,
        "chips_for_residency": 24,
    }
    assert {name: found[name] for name in reference} == reference
    assert [layer["cycles"] for layer in found["layers"]] == [6104, 9236, 9236]


@pytest.mark.parametrize(
    ("flags", "us", "core_uj", "fill_uj", "core_mw", "gops_w", "dram_uj", "both_uj"),
    [
        ("--resident", "49.30", "20.36", "0", "412.9", "308.3", "0", "20.4"),
        ("--streamed", "980.6", "66.7", "7.85", "68.0", "94.1", "1004", "1071"),
        ("--chunk-frames 4", "659.9", "50.9", "5.28", "77.1", "123.4", "676", "727"),
        ("--chunk-frames 8", "606.4", "48.2", "4.85", "79.5", "130.2", "621", "669"),
        ("--chunk-frames 16", "579.7", "46.9", "4.64", "80.9", "133.8", "594", "641"),
        ("--streams 8", "980.6", "24.3", "0.98", "198.6", "257.8", "125.5", "149.9"),
        ("--streams 20", "983.7", "20.7", "0.39", "421.4", "302.8", "50.2", "70.9"),
        ("--streams 32", "1574", "20.6", "0.25", "418.4", "305.0", "31.4", "52.0"),
    ],
)
def test_the_cases_of_the_reference_come_out_to_their_printed_digits(
    run: Run,
    flags: str,
    us: str,
    core_uj: str,
    fill_uj: str,
    core_mw: str,
    gops_w: str,
    dram_uj: str,
    both_uj: str,
) -> None:
    found = json.loads(run(*STACK, *flags.split(), "--json")[1])
    call, frames = found["chunk"], found["chunk_frames"] * found["streams"]
    for key, value, printed in (
        ("latency_us", call["time_s"] / found["chunk_frames"] * 1e6, us),
        ("energy_core_uj", call["energy_core_j"] / frames * 1e6, core_uj),
        ("energy_fill_uj", call["energy_fill_j"] / frames * 1e6, fill_uj),
        ("power_core_mw", call["power_core_w"] * 1e3, core_mw),
        ("gops_per_w_core", call["gops_per_w_core"], gops_w),
        ("energy_dram_uj", call["energy_dram_j"] / frames * 1e6, dram_uj),
        ("energy_uj", call["energy_system_j"] / frames * 1e6, both_uj),
    ):
        assert as_printed(value, printed) == printed
        # Not the other way round: four digits rounded to three may be one too many.
        assert found[key] == pytest.approx(value, rel=0.5e-3)


@pytest.mark.parametrize(
    ("frames", "streams", "milliseconds"), [(4, 1, "2.64"), (8, 1, "4.85"), (8, 16, "6.30")]
)
def test_a_chunk_takes_what_its_frames_take_together(
    frames: int, streams: int, milliseconds: str
) -> None:
    found = laid_out(chunk_frames=frames, streams=streams)
    assert as_printed(found.account.latency_s * 1e3, milliseconds) == milliseconds
    assert values(chunk_frames=frames, streams=streams)["chunk_us"] == pytest.approx(
        found.account.latency_s * 1e6, rel=0.5e-3
    )


def test_a_schedule_is_asked_for_by_instance(run: Run) -> None:
    serial = "rpu:resident+schedule=serial"
    found = json.loads(run(*STACK[2:], "--backend", serial, "--json")[1])
    assert (found["accelerator"], found["schedule"]) == (serial, "serial")
    assert (found["latency_us"], found["energy_core_uj"]) == (49.83, 20.46)


def test_shared_reads_give_the_extrapolated_figures_of_the_reference(run: Run) -> None:
    found = json.loads(
        run(*STACK, "--resident", "--chunk-frames", 8, "--reuse-credit", "--json")[1]
    )
    assert (found["energy_core_uj"], found["gops_per_w_core"]) == (17.36, 361.5)
    assert found["extrapolated"]
    assert any("beyond the publication" in note for note in found["notes"])


@pytest.mark.parametrize("instance", ["resident", "streamed", "streamed+schedule=serial"])
@pytest.mark.parametrize(("frames", "streams"), [(1, 1), (1, 3), (7, 2), (16, 1)])
def test_an_estimate_agrees_with_what_the_backend_reports(
    instance: str, frames: int, streams: int
) -> None:
    model = tiny_model()
    backend = FACTORY.open(model, BackendOptions(instance=instance))
    features = np.zeros((frames, model.network.inputs), np.float32)
    results = backend.run([Work(backend.open(), features) for _ in range(streams)])
    total = reduce(add, (result.cost for result in results))
    found = laid_out(model.network, instance=instance, chunk_frames=frames, streams=streams)
    assert total.cycles == found.account.actions.cycles
    assert total.memory_bytes == found.account.actions.dram_bytes
    assert total.device_s == pytest.approx(found.account.latency_s * frames * streams)
    reported = {each.boundary: each.joules / (frames * streams) for each in total.energies}
    estimates = ESTIMATOR.estimate(found.ask).readings
    assert reported == pytest.approx({each.boundary: each.joules for each in estimates})


# --- on what figures rest ----------------------------------------------------------------


def test_the_clock_is_among_the_assumptions(run: Run) -> None:
    found = json.loads(run(*STACK, "--json")[1])
    assert "chip: clock: 498.504 MHz" in found["assumptions"]


@pytest.mark.parametrize(
    ("flag", "status"), [("--resident", "extrapolated"), ("--streamed", "assumed")]
)
def test_whatever_waits_for_dram_is_assumed_and_not_extrapolated(
    run: Run, flag: str, status: str
) -> None:
    found = json.loads(run(*STACK, flag, "--json")[1])
    keys = ("energy_core_uj", "energy_uj", "power_core_mw", "power_mw", "gops_per_w_core")
    assert {found["status"][key] for key in keys} == {status}
    assert {each["status"] for each in found["energies"].values()} == {status}


def test_every_network_is_extrapolated_and_the_dense_kernel_is_not(run: Run) -> None:
    for flag in ("--resident", "--streamed"):
        assert json.loads(run(*STACK, flag, "--json")[1])["extrapolated"] is True
    kernel = ("--backend", "rpu", "--kernel", "dense", "--json")
    assert json.loads(run(*kernel)[1])["extrapolated"] is False
    assert json.loads(run(*kernel, "--clock-mhz", 250)[1])["extrapolated"] is True


@pytest.mark.parametrize(
    ("flags", "is_beyond"),
    [
        ("--streamed", False),
        ("--resident", True),  # 24 chips' memory on one
        ("--streamed --clock-mhz 250", True),
        ("--streamed --reuse-credit", True),
    ],
)
def test_what_the_published_chip_could_not_do_is_beyond_the_publication(
    run: Run, flags: str, is_beyond: bool
) -> None:
    found = json.loads(run(*STACK, *flags.split(), "--json")[1])
    assert found["beyond_publication"] is is_beyond


def test_a_clock_next_to_the_fitted_one_is_told_from_it(run: Run) -> None:
    for clock, words in (
        ("498.5", "The fit was made at 498.504 MHz. At 498.5 MHz"),
        ("498.504", "The fit was made at 498.5039 MHz. At 498.504 MHz"),
    ):
        found = json.loads(run(*STACK, "--clock-mhz", clock, "--json")[1])
        assert any(note.startswith(words) for note in found["notes"])
    assert json.loads(run(*STACK, "--json")[1])["clock_mhz"] == 498.504


def test_sums_that_do_not_fit_beside_resident_weights_are_said() -> None:
    def says_so(hidden: int) -> bool:
        network = Network(layers=1, hidden=hidden, inputs=128, classes=40)
        found = ESTIMATOR.estimate(Ask(network=network))
        assert found.values["residency"] == "resident"
        return any("do not fit the chip's memory" in note for note in found.notes)

    assert says_so(128)  # weights of 262,144 bytes fill it, and 3,072 of sums are over
    assert not says_so(126)


# --- boundaries, idling and what a report carries ----------------------------------------


def test_idle_energy_stands_beside_that_of_a_frame_and_not_in_it() -> None:
    found = values(residency="resident")
    assert (found["energy_idle_uj"], found["energy_idle_power_gated_uj"]) == (411, 41.1)
    assert found["energy_uj"] == found["energy_core_uj"]


def test_idling_lasts_until_the_next_chunk_and_its_frames_share_it() -> None:
    for frames, streams, chunk_s in ((8, 1, 4.851e-3), (1, 20, 983.7e-6), (8, 16, 6.30e-3)):
        found = laid_out(chunk_frames=frames, streams=streams)
        idle_j = 41.3e-3 * (frames * 10e-3 - chunk_s) / (frames * streams)
        assert found.idle_j() == pytest.approx(idle_j, rel=1e-3)


def test_the_energy_that_counts_is_that_of_chip_and_dram() -> None:
    found = estimated()
    system, core = found.readings
    assert (system.boundary, core.boundary) == ("system", "core")
    assert found.joules == system.joules == pytest.approx(core.joules + 1004.175e-6, rel=1e-6)


@pytest.mark.parametrize("asked", [{}, {"chunk_frames": 8}, {"streams": 20}])
def test_the_parts_of_an_energy_sum_to_it(asked: dict[str, object]) -> None:
    for reading in estimated(**asked).readings:
        assert sum(joules for _, joules in reading.parts) == pytest.approx(reading.joules)


def test_a_report_carries_the_call_in_si_units_beside_the_frame(run: Run) -> None:
    found = json.loads(run(*STACK, "--chunk-frames", 8, "--json")[1])
    chunk = found["chunk"]
    assert (chunk["frames"], chunk["streams"]) == (8, 1)
    assert chunk["cycles_compute"] == 8 * found["cycles"] == 8 * 24_576
    assert chunk["macs"] == 8 * found["macs"]
    assert chunk["time_s"] == pytest.approx(8 * 606.4e-6, rel=1e-4)
    assert chunk["energy_core_j"] == pytest.approx(8 * found["energy_core_uj"] * 1e-6, rel=1e-3)
    assert chunk["energy_system_j"] == pytest.approx(
        chunk["energy_core_j"] + chunk["energy_dram_j"]
    )
    waited_s = chunk["cycles_stall"] / 498_503_906.25
    assert waited_s == pytest.approx(chunk["time_s"] - 8 * 49.2995e-6, rel=1e-4)


def test_a_report_says_what_it_rests_on(run: Run) -> None:
    found = json.loads(run(*STACK, "--json")[1])
    assert (found["origin"], found["spec"]) == ("estimated", "rpu-spec-0")
    assert (found["chunk_frames"], found["streams"], found["residency"]) == (1, 1, "streamed")
    assert any("leakage" in each for each in found["assumptions"])
    assert any("by construction (one fitted scalar)" in note for note in found["notes"])


def test_every_figure_of_the_chip_has_a_status(run: Run) -> None:
    found = json.loads(run(*STACK, "--json")[1])
    settings = {"in_time", "keeps_up", "streams", "dram_gbps", "extrapolated"}
    settings |= {"beyond_publication", "clock_mhz"}
    numbers = {name for name, value in found.items() if isinstance(value, int | float)}
    assert numbers - settings <= set(found["status"])
    assert set(found["status"].values()) <= {"derived", "extrapolated", "assumed"}


def test_phases_of_the_chip_add_up_to_its_cycles(run: Run) -> None:
    found = json.loads(run(*STACK, "--streams", 3, "--json")[1])
    assert sum(found["phases"].values()) == found["cycles"]
    assert sum(layer["macs"] for layer in found["layers"]) == 3 * found["macs"]


@pytest.mark.parametrize(
    "asked", [{}, {"residency": "resident"}, {"chunk_frames": 16, "streams": 1000}]
)
def test_a_table_of_the_chip_is_no_wider_than_96_columns(asked: dict[str, object]) -> None:
    assert max(map(len, table(estimated(**asked)))) <= 96
    assert max(map(len, kernel_table(ESTIMATOR.kernel(KernelAsk(kernel="dense"))))) <= 96


def test_a_label_is_followed_by_a_blank() -> None:
    for asked in ({}, {"chunk_frames": 16, "streams": 1000}):
        assert all(len(each.label) < 30 for each in estimated(**asked).figures)


# --- live streams ------------------------------------------------------------------------


def test_dram_carries_10_streams_and_sharing_it_203() -> None:
    found = values()
    assert (found["streams_unbatched"], found["streams_by_pace"]) == (10, 203)


shapes = st.builds(
    Network,
    layers=st.integers(1, 3),
    hidden=st.integers(96, 400),
    inputs=st.integers(1, 200),
    classes=st.just(40),
)


@given(
    network=shapes,
    frames=st.integers(1, 8),
    instance=st.sampled_from(("resident", "streamed", "streamed+schedule=serial")),
)
def test_one_stream_more_than_fit_would_not_keep_up(
    network: Network, frames: int, instance: str
) -> None:
    most = laid_out(network, chunk_frames=frames, instance=instance).streams_by_pace
    costs = laid_out(network, instance=instance).costs
    longest_s = [costs.account(Chunk.even(frames, most + n)).latency_s for n in (0, 1)]
    assert longest_s[0] * (most > 0) <= frames * 10e-3 < longest_s[1]


@given(network=shapes, streams=st.integers(1, 500), frames=st.integers(1, 4))
def test_a_chunk_is_in_time_if_gathering_and_working_take_10_ms(
    network: Network, streams: int, frames: int
) -> None:
    found = laid_out(network, streams=streams, chunk_frames=frames, instance="streamed")
    age_s = (frames - 1) * 10e-3 + found.account.latency_s
    assert found.verdict.is_in_time == (age_s <= 10e-3) == (streams <= found.streams_in_time)
    assert found.verdict.keeps_up == (streams <= found.streams_by_pace)
    assert found.delay_s == pytest.approx(age_s)


def test_a_chunk_of_8_frames_misses_the_deadline_by_its_gathering() -> None:
    found = estimated(chunk_frames=8)
    assert not found.verdict.is_in_time
    assert found.verdict.ready_s == pytest.approx(70e-3 + 4.851e-3, rel=1e-4)


def test_a_memory_that_is_just_fast_enough_loses_no_stream() -> None:
    # 6,276,096 bytes in exactly 10 ms
    assert values(dram_bytes_per_s=627_609_600.0)["streams_unbatched"] == 1
    assert values(dram_bytes_per_s=627_609_599.0)["streams_unbatched"] == 0


# --- what is asked -----------------------------------------------------------------------


def test_the_form_decides_where_weights_are_unless_it_is_asked_for() -> None:
    small = Network(layers=1, hidden=64, inputs=123, classes=40)
    assert laid_out().form.residency == "streamed"
    assert laid_out(small).form.residency == "resident"
    assert laid_out(small, residency="streamed").form.residency == "streamed"


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ("--dies 16", "--dies 16: rpu has no dies; leave --dies out"),
        ("--reload serial", "--reload serial: rpu has no dies"),
        ("--array 4x4", "--array 4x4: rpu has no array; leave --array out"),
        ("--array two", "'two' is neither"),
        ("--backend rpu:resident --streamed", "--streamed: rpu:resident says resident"),
        ("--resident --dram-gbps 12.8", "resident weights are never fetched"),
        ("--dram-gbps 0", "--dram-gbps 0"),
        ("--chunk-frames 0", "--chunk-frames 0"),
        (
            "--operating-point fast",
            f"not one of the RPU's: {constants.OPERATING_POINTS[0].name};",
        ),
        ("--kernel dense", "--kernel is no network, and --"),
        ("--chunk-frames 17", "--chunk-frames 17: rpu takes 16 frames of a stream at most"),
        ("--backend rpu --backend rpu:resident --timeline x.txt", "timeline: it is one"),
    ],
)
def test_what_an_rpu_cannot_be_asked_is_refused_with_a_remedy(
    run: Run, arguments: str, words: str
) -> None:
    given_one = [] if "--backend" in arguments else STACK[:2]
    status, text, complaint = run(*STACK[2:], *given_one, *arguments.split())
    assert (status, text) == (2, "")
    (line,) = complaint.splitlines()
    assert words in line


def test_peepholes_are_refused() -> None:
    with pytest.raises(ModelIncompatible, match="does not know peepholes"):
        laid_out(Network(layers=1, hidden=32, inputs=32, classes=40, peephole=True))


def test_a_kernel_knows_no_schedule() -> None:
    with pytest.raises(ConfigInvalid, match="the kernel is on the chip"):
        ESTIMATOR.kernel(KernelAsk(kernel="dense", instance="streamed"))


def test_a_flag_of_the_environment_is_no_reason_to_refuse_a_kernel(
    run: Run, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("VAU_STREAMS", "4")
    assert run("--backend", "rpu", "--kernel", "dense")[0] == 0


# --- constants and sweeps ----------------------------------------------------------------


def test_constants_of_the_chip_name_the_one_that_was_fitted(run: Run) -> None:
    found = json.loads(run("--backend", "rpu", "--constants", "--json")[1])
    fitted = [each for each in found["constants"] if each["status"] == "calibrated"]
    assert [f"{each['value'] * 1e12:.3f}" for each in fitted] == ["307.931"]


def test_no_line_of_the_chips_constants_is_cut_off() -> None:
    lines = constants_table(ESTIMATOR.constants(), ESTIMATOR.operating_points())
    assert max(map(len, lines)) <= 96
    text = " ".join(" ".join(lines).split())
    for each in ESTIMATOR.constants():
        assert each.name in text
        assert each.reasoning in text
        assert any(line.endswith(each.source) for line in lines)


def test_a_sweep_goes_over_chunks_streams_residency_bandwidth_and_clock() -> None:
    points = [point.estimate for point in sweep([(ESTIMATOR, Ask(network=NETWORK))])]
    swept: dict[str, set[Value]] = {
        key: {point.values[key] for point in points}
        for key in ("chunk_frames", "streams", "residency", "dram_gbps")
    }
    assert swept["chunk_frames"] == {1, 4, 8, 16}
    assert swept["streams"] == {1, 4, 8, 20, 32}
    assert swept["residency"] == {"resident", "streamed"}
    assert swept["dram_gbps"] == {None, 3.2, 6.4, 12.8, 25.6}
    assert len({point.clock_hz for point in points}) == 2


def test_what_was_asked_is_a_point_of_its_sweep() -> None:
    ask = Ask(network=NETWORK, chunk_frames=3, streams=5, dram_bytes_per_s=5e9, clock_hz=300e6)
    asked, points = ESTIMATOR.estimate(ask), sweep([(ESTIMATOR, ask)])
    alike = [point for point in points if point.estimate.figures == asked.figures]
    assert [point.estimate.accelerator for point in alike] == ["rpu:streamed"]


def test_one_picture_holds_two_accelerators_and_its_points_say_whose_they_are(
    run: Run, tmp_path: Path
) -> None:
    picture = tmp_path / "both.png"
    both = ("--backend", "muntaniala", *STACK)
    status, text, complaint = run(*both, "--sweep", picture, "--json")
    assert (status, complaint) == (0, f"vau: written: {picture}\n")
    assert picture.read_bytes().startswith(b"\x89PNG")
    found: dict[str, Any] = json.loads(text)
    assert [each["accelerator"] for each in found["estimates"]] == [
        "muntaniala:4x4",
        "rpu:streamed",
    ]
    kinds = {point["accelerator"].partition(":")[0] for point in found["sweep"]}
    assert kinds == {"muntaniala", "rpu"}
    assert {point["hidden"] for point in found["sweep"]} == {384}


def test_the_picture_tells_accelerators_apart_and_names_boundary_and_origin() -> None:
    asked = [(find_estimator(kind), Ask(network=NETWORK)) for kind in ("muntaniala", "rpu")]
    found = [estimator.estimate(ask) for estimator, ask in asked]
    (axes,) = sweep_figure(sweep(asked), found).axes
    assert "boundary: system" in axes.get_ylabel()
    assert "ESTIMATED" in axes.get_title()
    colours: dict[str, set[tuple[float, ...]]] = {"muntaniala": set(), "rpu": set()}
    shapes_of: dict[str, set[tuple[int, ...]]] = {"muntaniala": set(), "rpu": set()}
    for drawn in axes.collections:
        kind = drawn.get_label().partition(":")[0]
        if kind in colours:
            colours[kind].add(tuple(drawn.get_facecolor()[0]))
            shapes_of[kind].add(drawn.get_paths()[0].vertices.shape)
    assert not colours["muntaniala"] & colours["rpu"]
    assert not shapes_of["muntaniala"] & shapes_of["rpu"]
    assert len(colours["rpu"]) == 5  # resident, and four bandwidths


def test_forms_of_one_accelerator_share_their_points_and_their_colours() -> None:
    def asked(*instances: str) -> list[tuple[Estimator, Ask]]:
        return [(ESTIMATOR, Ask(network=NETWORK, instance=each)) for each in instances]

    one, both = asked("streamed"), asked("streamed", "resident")
    assert len(sweep(both)) == len(sweep(one)) == len({p.estimate.ask for p in sweep(both)})
    drawn = [
        sweep_figure(sweep(each), [ESTIMATOR.estimate(ask) for _, ask in each]).axes[0]
        for each in (one, both)
    ]
    labels = [
        [it.get_label() for it in axes.collections if not it.get_label().startswith("asked")]
        for axes in drawn
    ]
    assert labels[0] == labels[1]


def test_a_sweep_at_the_edge_of_what_is_estimated_leaves_out_what_is_beyond() -> None:
    ask = Ask(network=SMALL, residency="streamed", clock_hz=1.0, dram_bytes_per_s=1e15)
    points = sweep([(ESTIMATOR, ask)])
    assert {point.estimate.clock_hz for point in points} == {1.0}
    assert max(point.estimate.values["dram_gbps"] or 0 for point in points) == 1e6  # type: ignore[type-var]


def test_labels_of_the_picture_do_not_cover_each_other() -> None:
    network = Network(layers=1, hidden=64, inputs=123, classes=40)
    asked = [(find_estimator(kind), Ask(network=network)) for kind in ("rpu", "muntaniala")]
    found = [estimator.estimate(ask) for estimator, ask in asked]
    figure = sweep_figure(sweep(asked), found)
    figure.draw_without_rendering()
    boxes = [text.get_window_extent() for text in figure.axes[0].texts]
    assert len(boxes) > 5
    for first, second in combinations(boxes, 2):
        assert not first.overlaps(second)


def test_two_accelerators_are_two_tables(run: Run) -> None:
    _, text, _ = run("--backend", "muntaniala", *STACK)
    assert "muntaniala:4x4: 3 layers" in text
    assert "\n\nrpu:streamed: 3 layers" in text
