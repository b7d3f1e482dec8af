"""What a bench says of the cost of shadows, and what it says that on."""

from dataclasses import replace
from math import comb, inf
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.commands.bench.compared_report import report
from vau.commands.bench.compared_text import text
from vau.commands.bench.plan import Bench, BenchPlan, MeasuredEngine, SideRun
from vau.commands.bench.verdict import is_enough
from vau.load.cores import Cores
from vau.load.figures import CpuSeconds, LoadRun
from vau.load.page import Scrape
from vau.load.ratios import Ratios, median_interval

Pair = tuple[LoadRun, LoadRun]

PLAN: Final = BenchPlan(
    file=Path("clip"),
    server="",
    model="m",
    backend="b",
    streams=1,
    chunk_ms=100,
    duration_s=80.0,
    seed=0,
    shadows=("float",),
)


def run(p99_s: float = 0.010, *, others_s: float = 0.0) -> LoadRun:
    return LoadRun(
        streams=1,
        refused_streams=0,
        chunk_s=0.1,
        latencies_s=np.array([p99_s]),
        final_latencies_s=np.array([0.1]),
        lag_growth_s=0.0,
        send_lateness_s=np.array([0.0]),
        held_back_chunks=0,
        frames=100,
        deadline_misses=0,
        energies=(),
        cpu=CpuSeconds(client=0.1, server=0.1, helpers=0.0, others=others_s),
    )


LOST: Final = run(inf)


def pairs(*ratios: float) -> tuple[Pair, ...]:
    """Return pairs of runs with these ratios of their p99s."""
    return tuple((run(), run(0.010 * ratio)) for ratio in ratios)


def side_runs(measured: tuple[Pair, ...]) -> tuple[SideRun, ...]:
    return tuple(
        each for off, on in measured for each in (SideRun("off", off), SideRun("on", on))
    )


def page(frames: int, shed_frames: int = 0) -> Scrape:
    labels = '{backend="b",shadow="float"}'
    return Scrape.parse(
        f"# TYPE vau_shadow_frames counter\nvau_shadow_frames_total{labels} {frames}\n"
        f"# TYPE vau_shadow_shed_frames counter\n"
        f"vau_shadow_shed_frames_total{labels} {shed_frames}\n"
    )


def bench(measured: tuple[Pair, ...], *, shadow_page: Scrape | None = None) -> Bench:
    return Bench(
        plan=PLAN,
        engine=MeasuredEngine(model="m", backend="b", tier="", version="0"),
        capacity=None,
        streams=1,
        cores=Cores(server=1, generator=0),
        runs=side_runs(measured),
        shadow_page=shadow_page or page(1000),
    )


def figures(*ratios: float, **more: Scrape) -> dict[str, Any]:
    return report(bench(pairs(*ratios), **more))


# --- the interval of a median ------------------------------------------------------------


@pytest.mark.parametrize(
    ("values", "miss_chance", "ranks"),
    [(12, 0.05, (3, 10)), (6, 0.05, (1, 6)), (12, 0.025, (2, 11)), (20, 0.025, (5, 16))],
)
def test_an_interval_goes_from_rank_to_rank_as_tables_of_the_sign_test_have_it(
    values: int, miss_chance: float, ranks: tuple[int, int]
) -> None:
    found = median_interval(range(1, values + 1), miss_chance)
    assert found is not None
    assert (found.low, found.high) == ranks


def test_so_few_values_that_all_of_them_may_miss_have_no_interval() -> None:
    assert median_interval([1.0] * 5, 0.05) is None
    assert median_interval([], 0.05) is None


def test_the_confidence_is_how_often_coins_fall_between_the_ranks() -> None:
    found = median_interval(range(1, 13), 0.05)
    assert found is not None
    between = sum(comb(12, heads) for heads in range(3, 10))
    assert found.confidence == pytest.approx(between / 2**12)


@given(st.permutations(range(1, 21)))
def test_an_interval_does_not_depend_on_the_order_of_the_runs(values: list[int]) -> None:
    assert median_interval(values, 0.05) == median_interval(sorted(values), 0.05)


# --- ratios ------------------------------------------------------------------------------


def test_a_ratio_is_rounded_before_it_is_judged() -> None:
    assert Ratios.of(pairs(1.1003)).values == (1.1,)
    assert figures(*[1.1003] * 20)["verdict"] == "within"


def test_a_pair_that_shadows_brought_down_is_infinitely_long() -> None:
    assert Ratios.of([(run(), LOST)]).values == (inf,)


def test_a_pair_without_anything_to_compare_with_is_left_out() -> None:
    assert Ratios.of([(LOST, run()), (LOST, LOST)]).values == ()


# --- the verdict -------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratios", "verdict", "within"),
    [
        ([1.0] * 16 + [9.0] * 4, "within", True),
        ([1.2] * 16 + [0.1] * 4, "missed", False),
        ([1.0] * 15 + [9.0] * 5, "undecided", None),
        ([1.2] * 15 + [0.1] * 5, "undecided", None),
    ],
    ids=["below", "above", "reaches above", "reaches below"],
)
def test_a_verdict_needs_all_of_the_interval_on_one_side(
    ratios: list[float], verdict: str, within: bool | None
) -> None:
    found = figures(*ratios)
    assert (found["verdict"], found["within_10_percent"]) == (verdict, within)


def test_figures_say_how_far_the_median_can_be_trusted() -> None:
    found = figures(*[0.9 + 0.01 * at for at in range(20)])
    assert found["p99_ratio"] == 0.995
    assert found["p99_ratio_interval"] == [0.94, 1.05]
    assert found["interval_confidence"] == 0.988
    assert found["p99_ratio_range"] == [0.9, 1.09]


def test_a_shadow_that_heard_nothing_decides_nothing() -> None:
    found = figures(*[1.0] * 20, shadow_page=page(0, shed_frames=1000))
    assert found["verdict"] == "undecided"
    assert found["undecided_because"].startswith("float compared no frame")


def test_a_shadow_that_tells_of_nothing_decides_nothing() -> None:
    found = figures(*[1.0] * 20, shadow_page=Scrape(()))
    assert found["undecided_because"].startswith("a shadow compared no frame")


def test_a_run_that_was_not_carried_keeps_a_bench_from_passing() -> None:
    found = report(bench((*pairs(*[1.0] * 19), (LOST, LOST))))
    assert found["undecided_because"].startswith("not every run was carried")


def test_shadows_that_bring_the_server_down_miss_the_target() -> None:
    found = report(bench(((run(), LOST),) * 20))
    assert found["verdict"] == "missed"
    assert found["p99_ratio"] is None


def test_pairs_that_other_work_disturbed_are_told_from_quiet_ones() -> None:
    found = report(
        bench(
            (
                (run(0.010), run(0.012, others_s=0.1)),
                (run(0.010, others_s=3.0), run(0.090)),
                (run(0.010, others_s=0.2), run(0.011, others_s=0.3)),
            )
        )
    )
    assert found["p99_ratio"] == 1.2
    assert (found["quiet_pairs"], found["p99_ratio_of_quiet_pairs"]) == (2, 1.15)


# --- when to stop ------------------------------------------------------------------------


def test_half_of_the_pairs_are_enough_if_they_decide() -> None:
    assert is_enough(PLAN, side_runs(pairs(*[1.0] * 10)))
    assert is_enough(PLAN, side_runs(pairs(*[1.2] * 10)))


def test_pairs_that_decide_nothing_are_not_enough() -> None:
    assert not is_enough(PLAN, side_runs(pairs(*[1.0] * 7, *[1.2] * 3)))


@pytest.mark.parametrize("count", [9, 11, 19])
def test_a_bench_looks_at_its_ratios_once_before_the_end(count: int) -> None:
    assert not is_enough(PLAN, side_runs(pairs(*[1.0] * count)))


# --- in words ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ratios", "words"),
    [
        ([1.0] * 20, "WITHIN 10 %"),
        ([1.2] * 20, "MISSED: not within 10 %"),
        ([1.0, 1.2] * 10, "UNDECIDED whether within 10 %: 1.10 is within the interval"),
    ],
    ids=["within", "missed", "undecided"],
)
def test_the_verdict_is_said_in_words(ratios: list[float], words: str) -> None:
    assert f"\np99       {words}" in text(figures(*ratios))


def test_words_name_the_interval_and_how_sure_it_is() -> None:
    shown = text(figures(*[0.9 + 0.01 * at for at in range(20)]))
    assert "0.995 times as long with shadows" in shown
    assert "(98.8% sure: 0.940 to 1.050) of 20 pairs of runs, 0.900 to 1.090" in shown


def test_words_name_the_share_that_shadows_heard() -> None:
    shown = text(figures(*[1.0] * 20, shadow_page=page(99_999, shed_frames=1)))
    assert "WITHIN 10 % (shadows heard 99.9% or more of the frames)" in shown


def test_words_say_how_many_runs_were_spared() -> None:
    assert "10 of at most 20 runs of 4 s each way" in text(figures(*[1.0] * 10))


def test_words_say_that_there_was_nothing_to_compare_with() -> None:
    shown = text(report(bench(((LOST, run()),) * 20)))
    assert "no run without shadows was answered in time" in shown


def test_words_warn_of_answers_that_nobody_waited_for() -> None:
    assert "NOT CARRIED: the server fell behind" in text(report(bench(((run(), LOST),) * 20)))


def test_words_warn_of_a_load_that_was_late_itself() -> None:
    late = replace(run(), send_lateness_s=np.array([0.030]))
    assert "TOO LATE: much of each time is this side's own delay" in text(
        report(bench(((run(), late),) * 20))
    )
