"""Seconds and joules: the published point, the specification's table, and their laws."""

import math
from dataclasses import dataclass, replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.estimate import Residency
from vau.model import Network
from vau_backends.rpu import constants
from vau_backends.rpu.cost import CostModel
from vau_backends.rpu.cycles import Actions, Chunk
from vau_backends.rpu.energy import ROWS, Account, Rates, active_parts
from vau_backends.rpu.form import Form, Schedule

REFERENCE = Network(layers=3, hidden=384, inputs=123, classes=62)
HOP_S = 0.010
KERNEL = Account(actions=Actions.of_dense_kernel())

any_model = st.builds(
    CostModel,
    st.builds(
        Network,
        layers=st.integers(1, 3),
        hidden=st.integers(1, 300),
        inputs=st.integers(1, 300),
        classes=st.just(40),
    ),
    st.builds(
        Form,
        residency=st.sampled_from(["resident", "streamed"]),
        schedule=st.sampled_from(["hybrid", "serial"]),
    ),
)
any_chunk = st.lists(st.integers(0, 16), min_size=1, max_size=40).map(
    lambda lengths: Chunk((1, *lengths))
)


# --- the published point -----------------------------------------------------------------


def test_the_dense_kernel_gives_the_three_published_figures() -> None:
    assert KERNEL.operations_per_s == pytest.approx(127.617e9, rel=1e-9)
    assert KERNEL.core_w == pytest.approx(0.413, rel=1e-9)
    assert KERNEL.operations_per_j == pytest.approx(309e9, rel=1e-9)


def test_the_dense_kernel_gives_them_however_long_it_lasts() -> None:
    long = Account(actions=Actions.of_dense_kernel(123_456_789))
    assert long.operations_per_j == pytest.approx(309e9, rel=1e-9)
    assert long.core_w == pytest.approx(0.413, rel=1e-9)


def test_a_cycle_of_the_kernel_is_split_as_the_specification_says() -> None:
    assert f"{KERNEL.core_j * 1e12:.3f}" == "828.479"
    milliwatts = {name: f"{j / KERNEL.latency_s * 1e3:.2f}" for name, j in KERNEL.core_parts}
    assert milliwatts == {
        "multiply": "51.05",
        "accumulate": "6.38",
        "weight_reads": "159.52",
        "broadcast": "1.25",
        "control": "153.50",
        "element_wise": "0.00",
        "fill": "0.00",
        "leakage": "41.30",
    }


def test_the_fitted_number_and_the_sum_of_the_element_wise_work_are_the_specifications() -> (
    None
):
    assert f"{constants.CONTROL.value * 1e12:.3f}" == "307.931"
    assert Rates().control_j == constants.CONTROL.value
    assert constants.NEURON_STEP.value == pytest.approx(19.15e-12)
    parts = {kind: round(joules * 1e12, 2) for kind, joules in constants.ELEMENT_WISE}
    assert parts == {"look_up": 6.25, "product": 2.4, "sum": 0.5, "state": 5.0, "bias": 5.0}


@given(
    st.floats(0.0, 0.2),
    st.floats(0.8e-12, 1.5e-12),
    st.floats(0.05e-12, 0.3e-12),
    st.floats(1e-12, 3e-12),
)
def test_the_kernel_is_met_with_any_split_that_leaves_something_for_control(
    leakage_share: float, multiply_j: float, add_j: float, weight_read_j: float
) -> None:
    rates = Rates(
        leakage_w=leakage_share * 0.413,
        multiply_j=multiply_j,
        add_j=add_j,
        weight_read_j=weight_read_j,
    )
    kernel = Account(actions=Actions.of_dense_kernel(), rates=rates)
    assert rates.control_j > 0.0
    assert kernel.core_w == pytest.approx(0.413, rel=1e-9)


def test_rates_that_leave_nothing_for_control_are_refused() -> None:
    with pytest.raises(ValueError, match="lower leakage_w"):
        Rates(weight_read_j=10e-12)


# --- the table of the specification ------------------------------------------------------


@dataclass(frozen=True)
class Row:
    """One case of section 8, its printed digits as they are printed; energies per frame."""

    steps: int
    streams: int
    residency: Residency
    cycles: int
    latency_us: str
    core_uj: str
    fill_uj: str
    core_mw: str
    gops_per_w: str
    dram_uj: str
    system_uj: str
    schedule: Schedule = "hybrid"
    credit: bool = False

    def __str__(self) -> str:
        credit = "-credit" if self.credit else ""
        return f"T{self.steps}-S{self.streams}-{self.residency}-{self.schedule}{credit}"


TABLE = [
    Row(1, 1, "resident", 24_576, "49.30", "20.36", "0", "412.9", "308.3", "0", "20.4"),
    Row(1, 1, "streamed", 24_576, "980.6", "66.7", "7.85", "68.0", "94.1", "1004", "1071"),
    Row(4, 1, "streamed", 98_304, "2640", "50.9", "5.28", "77.1", "123.4", "676", "727"),
    Row(8, 1, "streamed", 196_608, "4851", "48.2", "4.85", "79.5", "130.2", "621", "669"),
    Row(16, 1, "streamed", 393_216, "9275", "46.9", "4.64", "80.9", "133.8", "594", "641"),
    Row(1, 8, "streamed", 196_188, "980.6", "24.3", "0.98", "198.6", "257.8", "125.5", "149.9"),
    Row(1, 20, "streamed", 490_380, "983.7", "20.7", "0.39", "421.4", "302.8", "50.2", "70.9"),
    Row(1, 32, "streamed", 784_572, "1574", "20.6", "0.25", "418.4", "305.0", "31.4", "52.0"),
    Row(8, 16, "streamed", 3_138_528, "6296", "20.6", "0.30", "419.6", "304.1", "38.8", "59.4"),
]
SERIAL = Row(1, 1, "resident", 24_840, "49.83", "20.46", "0", "410.6", "306.8", "0", "20.5")
CREDITED = Row(8, 1, "resident", 196_608, "394.4", "17.36", "0", "352", "361.5", "0", "17.4")
TABLE += [replace(SERIAL, schedule="serial"), replace(CREDITED, credit=True)]


def printed(value: float, like: str) -> str:
    """Write a value with as many decimals as another has."""
    return f"{value:.{len(like.partition('.')[2])}f}"


@pytest.mark.parametrize("row", TABLE, ids=str)
def test_the_table_of_the_specification_comes_out_to_its_printed_digits(row: Row) -> None:
    form = Form(residency=row.residency, schedule=row.schedule)
    model = CostModel(REFERENCE, form, reuse_energy_credit=row.credit)
    account = model.account(Chunk.even(row.steps, row.streams))
    frame_uj = 1e6 / (row.steps * row.streams)
    found = {
        "cycles": account.actions.cycles,
        "latency_us": printed(account.latency_s * 1e6, row.latency_us),
        "core_uj": printed(account.core_j * frame_uj, row.core_uj),
        "fill_uj": printed(dict(account.core_parts)["fill"] * frame_uj, row.fill_uj),
        "core_mw": printed(account.core_w * 1e3, row.core_mw),
        "gops_per_w": printed(account.operations_per_j / 1e9, row.gops_per_w),
        "dram_uj": printed(account.dram_j * frame_uj, row.dram_uj),
        "system_uj": printed(account.system_j * frame_uj, row.system_uj),
    }
    assert found == {name: getattr(row, name) for name in found}
    assert model.is_beyond_publication == (row.residency == "resident")


@pytest.mark.parametrize(
    ("steps", "streams", "latency_us"),
    [(4, 1, "659.9"), (8, 1, "606.4"), (16, 1, "579.7"), (1, 1, "980.6")],
)
def test_the_latency_of_a_frame_in_a_chunk_is_the_specifications(
    steps: int, streams: int, latency_us: str
) -> None:
    account = CostModel(REFERENCE, Form(residency="streamed")).account(
        Chunk.even(steps, streams)
    )
    assert f"{account.latency_s / steps * 1e6:.1f}" == latency_us


def test_a_frame_takes_49_3_us_if_all_weights_are_there() -> None:
    account = CostModel(REFERENCE, Form(residency="resident")).account(Chunk((1,)))
    assert f"{account.latency_s * 1e6:.4f}" == "49.2995"
    assert account.stall_cycles == 0


def test_ten_streams_are_carried_alone_and_two_hundred_together() -> None:
    model = CostModel(REFERENCE, Form(residency="streamed"))
    alone, together = model.account(Chunk((1,))), model.account(Chunk.even(1, 20))
    assert HOP_S // alone.latency_s == 10
    assert f"{20 * HOP_S / together.latency_s:.0f}" == "203"


def test_the_rest_of_a_hop_costs_what_the_specification_says() -> None:
    account = CostModel(REFERENCE, Form(residency="resident")).account(Chunk((1,)))
    assert f"{account.idle_j(HOP_S) * 1e6:.0f}" == "411"
    assert f"{account.idle_j(HOP_S, power_gated=True) * 1e6:.0f}" == "41"
    assert account.idle_j(account.latency_s / 2) == 0.0


def test_the_output_layer_costs_what_the_specification_says() -> None:
    head = CostModel(REFERENCE, Form(residency="resident")).head(1)
    assert f"{head.latency_s * 1e6:.2f}" == "0.78"
    by_hand = 62 * 384 * 3.4e-12 + 384 * 2.5e-12 + 388 * constants.CONTROL.value
    assert head.active_j == pytest.approx(by_hand)


# --- its laws ----------------------------------------------------------------------------


@given(any_model, any_chunk)
def test_nothing_exceeds_the_published_throughput_or_efficiency(
    model: CostModel, chunk: Chunk
) -> None:
    account = model.account(chunk)
    assert account.operations_per_s <= 127.617e9 * (1 + 1e-12)
    assert account.operations_per_j <= 309e9 * (1 + 1e-12)


def test_what_exceeds_them_is_beyond_publication() -> None:
    form = Form(residency="resident")
    credited = CostModel(REFERENCE, form, reuse_energy_credit=True)
    faster = CostModel(REFERENCE, form, 997e6)
    assert credited.account(Chunk((8,))).operations_per_j > 309e9
    assert faster.account(Chunk((8,))).operations_per_s > 127.617e9
    assert credited.is_beyond_publication
    assert faster.is_beyond_publication


@given(any_model, any_chunk)
def test_power_exceeds_the_published_by_a_twentieth_at_most(
    model: CostModel, chunk: Chunk
) -> None:
    assert model.account(chunk).core_w <= 1.05 * 0.413


@given(any_model, any_chunk)
def test_the_system_is_the_core_and_the_dram(model: CostModel, chunk: Chunk) -> None:
    account = model.account(chunk)
    assert account.core_j == pytest.approx(sum(joules for _, joules in account.core_parts))
    assert account.system_j == pytest.approx(account.core_j + account.dram_j)
    assert account.system_j >= account.core_j
    assert (account.dram_j == 0.0) == (model.form.residency == "resident")


@given(any_model, any_chunk)
def test_a_chip_that_waits_for_weights_leaks_and_does_nothing_else(
    model: CostModel, chunk: Chunk
) -> None:
    here = model.account(chunk)
    slower = Account(actions=here.actions, dram_bytes_per_s=here.dram_bytes_per_s / 7)
    leaked_j = (slower.latency_s - here.latency_s) * constants.LEAKAGE.value
    assert slower.core_j - here.core_j == pytest.approx(leaked_j, abs=1e-15)
    assert slower.active_j == here.active_j


@given(any_model, any_chunk)
def test_weights_arrive_while_the_chip_computes(model: CostModel, chunk: Chunk) -> None:
    account = model.account(chunk)
    assert account.latency_s == max(account.compute_s, account.dram_s)
    ends_s = (account.actions.cycles + account.stall_cycles) / account.clock_hz
    assert ends_s == pytest.approx(account.latency_s, abs=1 / account.clock_hz)


@pytest.mark.parametrize(("share", "idle_uj"), [(0.05, "205"), (0.1, "411"), (0.2, "822")])
def test_leakage_moves_idle_energy_and_not_that_of_work(share: float, idle_uj: str) -> None:
    form = Form(residency="resident")
    usual = CostModel(REFERENCE, form).account(Chunk((1,)))
    leaky = CostModel(REFERENCE, form, rates=Rates(leakage_w=share * 0.413))
    account = leaky.account(Chunk((1,)))
    assert account.core_j == pytest.approx(usual.core_j)
    assert f"{account.idle_j(HOP_S) * 1e6:.0f}" == idle_uj


def test_an_action_that_no_row_is_charged_for_is_an_error() -> None:
    counts = Actions.of_dense_kernel().by_name()
    for missing in {action for _, action, _ in ROWS}:
        rows = tuple(row for row in ROWS if row[1] != missing)
        with pytest.raises(LookupError, match=missing):
            active_parts(counts, Rates(), rows)
    with pytest.raises(LookupError, match="refreshes"):
        active_parts((*counts, ("refreshes", 0)), Rates())


@pytest.mark.parametrize("value", [0.0, -1.0, 1e-320, 0.99, float("nan"), float("inf")])
def test_a_clock_or_bandwidth_that_is_none_is_refused(value: float) -> None:
    with pytest.raises(ValueError, match=r"clock_hz=.* is outside 1 to 1e\+12 Hz, the clocks"):
        Account(actions=Actions(), clock_hz=value)
    with pytest.raises(ValueError, match=r"dram_bytes_per_s=.* is outside 1 to 1e\+15 B/s"):
        Account(actions=Actions(), dram_bytes_per_s=value)


def test_a_clock_or_bandwidth_at_its_bounds_gives_finite_figures() -> None:
    actions = Actions.of(REFERENCE, Form(residency="streamed"), Chunk((1,)))
    for clock_hz in (1.0, 1e12):
        for dram_bytes_per_s in (1.0, 1e15):
            account = Account(
                actions=actions, clock_hz=clock_hz, dram_bytes_per_s=dram_bytes_per_s
            )
            assert 0.0 < account.core_w < math.inf
            assert 0.0 < account.operations_per_s < math.inf


@pytest.mark.parametrize("mean", ["core_w", "operations_per_s", "operations_per_j"])
def test_of_no_actions_there_is_no_mean(mean: str) -> None:
    nothing = Account(actions=Actions())
    assert nothing.core_j == nothing.latency_s == 0.0
    with pytest.raises(ZeroDivisionError):
        getattr(nothing, mean)


# --- the constants -----------------------------------------------------------------------


def test_every_constant_has_a_name_of_its_own() -> None:
    names = [constant.name for constant in constants.CONSTANTS]
    assert len(set(names)) == len(names)


def test_published_are_five_figures_of_the_abstract_and_no_more() -> None:
    found = {
        each.name: each.value for each in constants.CONSTANTS if each.status == "published"
    }
    assert sorted(found.values()) == [45e-9, 1.51e-6, 0.413, 1.7, 309e9]
    assert not any("clock" in name or "lanes" in name for name in found)


def test_only_the_energy_of_control_is_calibrated() -> None:
    calibrated = [each for each in constants.CONSTANTS if each.status == "calibrated"]
    assert calibrated == [constants.CONTROL]


def test_what_is_ours_is_cited_from_the_specification_and_the_rest_from_the_paper() -> None:
    for constant in constants.CONSTANTS:
        is_ours = constant.source.startswith("docs/")
        assert is_ours == (constant.status in {"calibrated", "assumed"}), constant


def test_every_rate_is_a_number_of_the_list() -> None:
    listed = {constant.value for constant in constants.CONSTANTS}
    rates = Rates()
    assert {joules(rates) for _, _, joules in ROWS} | {rates.leakage_w} <= listed


def test_derived_figures_are_what_follows_from_the_abstract() -> None:
    assert constants.THROUGHPUT.value == pytest.approx(127.617e9)
    assert f"{constants.OPERATION.value * 1e12:.4f}" == "3.2362"
    assert f"{constants.MAC.value * 1e12:.4f}" == "6.4725"
    assert f"{constants.DENSITY.value * 1e-9 * 1e-6:.1f}" == "84.5"
    assert constants.CLOCK.value == pytest.approx(498_503_906.25)
    assert constants.BASELINE.value == 309e9 / 1.7


def test_the_clock_is_assumed_as_the_lanes_are_and_not_the_abstracts() -> None:
    lanes = next(each for each in constants.CONSTANTS if each.name == "chip: lanes")
    assert constants.CLOCK in constants.CONSTANTS
    assert constants.CLOCK.status == lanes.status == "assumed"
    assert constants.CLOCK.source == lanes.source == constants.CYCLES


def test_the_one_operating_point_has_an_assumed_clock_and_published_figures() -> None:
    (point,) = constants.OPERATING_POINTS
    assert (point.power_w, point.operations_per_j) == (0.413, 309e9)
    assert (point.name, point.clock_hz) == ("design-point", constants.CLOCK.value)
    assert point.status == "assumed"
    assert point.source == f"{constants.PAPER}; its clock: {constants.CYCLES}"
