"""The pure part of the bench of a server under load: limits, frames, comings and goings."""

from collections.abc import Sequence
from dataclasses import fields, replace
from fractions import Fraction
from itertools import pairwise
from math import inf
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.audio import frame_count
from vau.client.paced.seats import PAUSE_CHUNKS, turns
from vau.commands.bench.findings import Carried, Findings, Fullness, Memory, Peer
from vau.commands.bench.goals import GOALS, Goal, Reached, judged
from vau.commands.bench.plan import BenchPlan, Capacity, MeasuredEngine
from vau.commands.bench.report import reached, report
from vau.commands.bench.serve import CONFIRMATIONS, LIMITS, confirmed
from vau.commands.bench.text import text
from vau.errors import ConfigInvalid
from vau.load.capacity import most_sustained
from vau.load.chunks import Ending, Played, Response, Sent, computable_sample
from vau.load.cores import Cores, core_list
from vau.load.figures import CpuSeconds, LoadRun
from vau.load.frames import FrameFaults
from vau.load.knocks import Knock, refusal_figures
from vau.load.limits import Limits
from vau.load.turnover import Turnover, turnover_of
from vau.percentiles import nearest_ranks

CHUNK: Final = 1600
CHUNK_S: Final = 0.1
LOOK_AHEAD: Final = 6


def run(*latencies_ms: float, streams: int = 200, **more: object) -> LoadRun:
    given: dict[str, Any] = {
        "streams": streams,
        "refused_streams": 0,
        "chunk_s": CHUNK_S,
        "latencies_s": np.array(latencies_ms or (10.0,)) / 1e3,
        "final_latencies_s": np.full(streams, 0.02),
        "lag_growth_s": 0.0,
        "send_lateness_s": np.array([0.001]),
        "held_back_chunks": 0,
        "frames": 100,
        "deadline_misses": 0,
        "energies": (),
        "cpu": CpuSeconds(client=1.0, server=2.0, helpers=0.0, others=0.1),
    }
    return LoadRun(**given | more)


# --- limits ------------------------------------------------------------------------------


def test_a_run_keeps_to_limits_that_it_stays_below() -> None:
    within = run(14.9, 14.9, 49.9)
    assert within.keeps_to(LIMITS)
    assert not within.keeps_to(Limits(p50_ms=14.9, p99_ms=50.0))
    assert not within.keeps_to(Limits(p50_ms=15.0, p99_ms=49.9))


@pytest.mark.parametrize(
    "fault",
    [
        {"refused_streams": 1},
        {"lag_growth_s": 0.026},
        {"faults": FrameFaults(lost=1, repeated=0)},
        {"faults": FrameFaults(lost=0, repeated=1)},
        {"final_latencies_s": np.full(199, 0.02)},
    ],
    ids=["refused", "lag grows", "lost", "repeated", "not ended"],
)
def test_however_fast_a_run_is_nothing_may_be_wrong_with_it(fault: dict[str, Any]) -> None:
    assert not run(1.0, **fault).keeps_to(LIMITS)


def test_what_one_in_a_thousand_pass_is_a_rank_like_any_other() -> None:
    values = np.arange(1.0, 2001.0)
    assert nearest_ranks(values, (Fraction(999, 10), 100)) == [1998.0, 2000.0]
    assert nearest_ranks(values[:999], (Fraction(999, 10),)) == [999.0]


@given(limit=st.integers(0, 600), most=st.integers(1, 512), resolution=st.integers(1, 64))
def test_a_search_is_as_fine_as_it_is_told(limit: int, most: int, resolution: int) -> None:
    found = most_sustained(lambda streams: streams <= limit, most, resolution)
    truth = min(limit, most)
    assert found <= truth
    assert truth - found <= max(0, found // resolution)


def test_a_long_run_has_a_twentieth_less_until_one_keeps_to_the_limits() -> None:
    def loaded(streams: int) -> LoadRun:
        return run(10.0 if streams <= 90 else 20.0, streams=streams)

    assert [each.streams for each in confirmed(loaded, 100)] == [100, 95, 91, 87]
    assert [each.streams for each in confirmed(loaded, 90)] == [90]
    assert confirmed(loaded, 0) == ()


def test_a_run_that_other_work_disturbed_is_tried_again_once() -> None:
    busy = CpuSeconds(client=1.0, server=2.0, helpers=0.0, others=3.1)
    disturbed = iter([True, False])

    def loaded(streams: int) -> LoadRun:
        if next(disturbed, False):
            return run(99.0, streams=streams, cpu=busy, lasted_s=30.0)
        return run(10.0, streams=streams, cpu=busy, lasted_s=30.0)

    assert [each.streams for each in confirmed(loaded, 100)] == [100, 100]
    always = confirmed(lambda n: run(99.0, streams=n, cpu=busy, lasted_s=30.0), 100)
    assert [each.streams for each in always] == [100, 100, 95, 95, 91, 91]
    quiet = confirmed(lambda n: run(99.0, streams=n, cpu=busy, lasted_s=32.0), 100)
    assert [each.streams for each in quiet][:2] == [100, 95]


def test_a_server_that_never_keeps_to_the_limits_is_given_up() -> None:
    runs = confirmed(lambda streams: run(99.0, streams=streams), 3)
    assert [each.streams for each in runs] == [3, 2, 1]
    many = confirmed(lambda streams: run(99.0, streams=streams), 500)
    assert len(many) == CONFIRMATIONS


# --- frames ------------------------------------------------------------------------------


def stream(
    chunks: int, frames: Sequence[tuple[int, int]], *, ended: bool = True, starts_s: float = 0.0
) -> Played:
    """Return a stream whose responses hold these frames: from which one on, and how many."""
    sent = tuple(
        Sent(at * CHUNK, starts_s + at * CHUNK_S, starts_s + at * CHUNK_S, was_held_back=False)
        for at in range(1, chunks + 1)
    )
    last_s = sent[-1].due_s
    heard = tuple(
        Response(
            starts_s + 0.15 + 0.1 * at,
            min(at + 1, chunks) * CHUNK,
            0,
            first_frame=first,
            frames=count,
            phones=at,
        )
        for at, (first, count) in enumerate(frames)
    )
    ending = Ending(at_s=last_s + 0.02, frames=0, deadline_misses=0, energies=())
    return Played(
        look_ahead_frames=LOOK_AHEAD, sent=sent, heard=heard, ending=ending if ended else None
    )


@given(cuts=st.lists(st.integers(0, 99), max_size=8), dropped=st.integers(0, 8))
def test_frames_that_come_once_each_are_neither_lost_nor_repeated(
    cuts: list[int], dropped: int
) -> None:
    edges = [0, *sorted(cuts), frame_count(10 * CHUNK)]
    parts = [(first, last - first) for first, last in pairwise(edges)]
    assert FrameFaults.of([stream(10, parts)]) == FrameFaults(0, 0)
    at = dropped % len(parts)
    missing, again = parts[:at] + parts[at + 1 :], [*parts, parts[at]]
    assert FrameFaults.of([stream(10, missing)]) == FrameFaults(parts[at][1], 0)
    assert FrameFaults.of([stream(10, again)]) == FrameFaults(0, parts[at][1])


def test_frames_that_the_audio_does_not_have_are_not_taken_for_others() -> None:
    frames = frame_count(10 * CHUNK)
    too_many = FrameFaults.of([stream(10, [(0, frames + 3)])])
    assert too_many == FrameFaults(lost=0, repeated=3)
    shifted = FrameFaults.of([stream(10, [(1, frames)])])
    assert shifted == FrameFaults(lost=1, repeated=1)


def test_a_stream_that_was_given_up_is_owed_what_was_received() -> None:
    owed = computable_sample(2 * CHUNK, LOOK_AHEAD) // 160
    cut = stream(10, [(0, owed - 3), (owed - 3, 2)], ended=False)
    assert FrameFaults.of([cut]) == FrameFaults(lost=1, repeated=0)


# --- comings and goings ------------------------------------------------------------------


@given(st.integers(0, 99), st.integers(1, 300), st.integers(1, 60))
def test_streams_of_a_place_fill_its_time_and_no_more(
    seed: int, chunks: int, stream_chunks: int
) -> None:
    lengths = turns(np.random.default_rng(seed), chunks, stream_chunks)
    taken = sum(lengths) + PAUSE_CHUNKS * (len(lengths) - 1)
    assert min(lengths) >= 1
    assert chunks - PAUSE_CHUNKS - stream_chunks < taken <= chunks
    assert set(lengths[1:]) <= {stream_chunks}


def test_a_load_of_long_streams_has_one_in_each_place() -> None:
    assert turns(np.random.default_rng(0), 30, 30) == (30,)


def test_only_what_happens_while_all_places_are_taken_counts() -> None:
    frames = [(0, 0), (0, 4), (4, 10)]
    early = stream(4, frames)  # ends in the warm-up
    counted = stream(20, frames, starts_s=2.0)
    late = stream(20, frames, starts_s=9.0)  # begins in time, ends when places are empty
    never = stream(10, frames, starts_s=3.0, ended=False)
    found = turnover_of([early, counted, late, never], refused_streams=0, full_until_s=10.0)
    np.testing.assert_allclose(found.finals_s, [0.02, inf])
    np.testing.assert_allclose(found.first_answers_s, [0.15] * 3)
    np.testing.assert_allclose(found.first_results_s, [0.15] * 3)
    assert found.streams == 4


def test_a_stream_without_a_result_never_had_its_first() -> None:
    mute = stream(10, [(0, 4)], starts_s=2.0)
    found = turnover_of([stream(4, []), mute], refused_streams=0, full_until_s=10.0)
    np.testing.assert_array_equal(found.first_results_s, [inf])


# --- refusals ----------------------------------------------------------------------------


def test_only_a_refusal_that_says_when_to_come_again_is_timed() -> None:
    full = Knock(took_s=0.004, code="RESOURCE_EXHAUSTED", retry_s=1.0)
    found = refusal_figures(
        [
            full,
            replace(full, took_s=0.002),
            replace(full, took_s=9.0, retry_s=None),
            Knock(took_s=9.0, code="UNAVAILABLE", retry_s=1.0),
            Knock(took_s=9.0, code="OK", retry_s=None),
        ]
    )
    assert found is not None
    assert (found["tried"], found["refused"], found["let_in"], found["improper"]) == (
        5,
        2,
        1,
        2,
    )
    assert (found["p50_ms"], found["p99_ms"], found["max_ms"]) == (2.0, 4.0, 4.0)
    assert refusal_figures([]) is None


# --- cores -------------------------------------------------------------------------------


def test_both_sides_get_a_core_and_no_physical_one_in_common_if_that_can_be() -> None:
    threads = {core: frozenset({core & ~1, core | 1}) for core in range(4)}
    assert Cores.among([0, 1, 2, 3], threads) == Cores(server=3, generator=0)
    assert Cores.among([2, 3], threads) == Cores(server=3, generator=2)
    assert Cores.among([1, 2, 3], threads) == Cores(server=3, generator=1)
    halves = {core: frozenset({core % 2, core % 2 + 2}) for core in range(4)}
    assert Cores.among([1, 2, 3], halves) == Cores(server=3, generator=2)


def test_where_there_is_one_core_both_sides_share_it_and_say_so() -> None:
    alone = Cores.among([5], {})
    assert alone == Cores(server=5, generator=5)
    assert not alone.are_apart


@pytest.mark.parametrize(
    ("text", "cores"), [("0\n", {0}), ("0-3\n", {0, 1, 2, 3}), ("0,8-9", {0, 8, 9})]
)
def test_a_list_of_cores_is_read_as_linux_writes_it(text: str, cores: set[int]) -> None:
    assert core_list(text) == cores


# --- the report --------------------------------------------------------------------------

PLAN: Final = BenchPlan(
    file=Path("clip"),
    server="",
    model="m",
    backend="b",
    streams=None,
    chunk_ms=100,
    duration_s=30.0,
    seed=0,
)


def carried(run: LoadRun, *, keeps: bool = True) -> Carried:
    capacity = Capacity(streams=run.streams, is_a_bound=False, trials=())
    return Carried(capacity=capacity, runs=(run,), keeps_to_limits=keeps, streams=run.streams)


FINDINGS: Final = Findings(
    plan=PLAN,
    engine=MeasuredEngine(model="m", backend="b", tier="amx", version="0"),
    cores=Cores(1, 0),
    carried=carried(run(14.0, 40.0)),
    few=run(9.0, 29.0, streams=16, faults=FrameFaults(1, 0)),
    turnover=Turnover(
        streams=500,
        refused_streams=0,
        finals_s=np.array([0.02, 0.029]),
        first_answers_s=np.array([0.12]),
        first_results_s=np.array([0.3, 0.5, inf]),
        faults=FrameFaults(2, 5),
    ),
    fullness=Fullness(
        memory=Memory(idle_kb=100_000, busy_kb=110_000, streams=200),
        knocks=(Knock(took_s=0.004, code="RESOURCE_EXHAUSTED", retry_s=1.0),),
        run=run(faults=FrameFaults(4, 0)),
    ),
    peer=Peer(said={"name": "torch_server", "grpc": "a"}, carried=carried(run(streams=16))),
)

EVIDENCE: Final = {
    "streams": 200,
    "p50_ms": 14.0,
    "p99_ms": 40.0,
    "p999_ms": 40.0,
    "final_after_end_p99_ms": 29.0,
    "first_result_p50_ms": 500.0,
    "frames_lost": 7,
    "frames_repeated": 5,
    "lag_growth_s": 0.0,
    "vs_torch_server": 12.5,
    "at_16_streams": {"p50_ms": 9.0, "p99_ms": 29.0},
    "refusal_p99_ms": 4.0,
    "rss_mb": 102.4,
    "rss_kb_per_stream": 51.2,
}


def test_a_report_has_the_figures_that_are_asked_of_it() -> None:
    found = report(FINDINGS)
    assert {name: found[name] for name in EVIDENCE} == EVIDENCE
    assert found["memory"] == {
        "streams": 200,
        "rss_mb_at_streams": 112.6,
        "allowed_mb": 212.8,
        "share_of_allowed": 0.529,
    }
    assert found["latency"]["server_cpu_s"] == 2.0
    assert found["latency"]["client_cpu_s"] == 1.0


def test_a_ratio_needs_two_loads_that_kept_to_the_limits() -> None:
    beyond = carried(run(99.0, streams=16), keeps=False)
    said = {"name": "torch_server"}
    peer = Peer(said=said, carried=beyond)
    assert report(replace(FINDINGS, peer=peer))["vs_torch_server"] is None
    ours = replace(FINDINGS, carried=carried(run(99.0), keeps=False))
    assert report(ours)["vs_torch_server"] is None


def test_a_peer_that_carries_nothing_has_no_ratio() -> None:
    none = Carried(capacity=None, runs=(), keeps_to_limits=False, streams=0)
    peer = Peer(said={"name": "torch_server"}, carried=none)
    found = report(replace(FINDINGS, peer=peer))
    assert found["vs_torch_server"] is None
    assert found["peer"]["streams"] == 0
    assert "torch_server: 0 streams" in text(found)


def test_a_peer_that_says_no_name_has_a_plain_one() -> None:
    found = report(replace(FINDINGS, peer=Peer(said={}, carried=carried(run(streams=16)))))
    assert found["peer"]["name"] == "peer"
    assert "peer: 16 streams" in text(found)
    assert found["vs_peer"] > 0


def test_what_cannot_be_measured_is_null() -> None:
    elsewhere = replace(FINDINGS, cores=None, few=None, fullness=None, peer=None)
    found = report(elsewhere)
    absent = (
        "at_16_streams",
        "refusal_p99_ms",
        "rss_mb",
        "rss_kb_per_stream",
        "pinned",
        "peer",
    )
    assert [found[name] for name in absent] == [None] * len(absent)
    assert found["frames_lost"] == 2
    assert "refusal_p99_ms < 10: not measured" in text(found)


def test_each_goal_is_judged_by_its_own_figure() -> None:
    found = {goal["figure"]: goal["met"] for goal in report(FINDINGS)["goals"]}
    assert found.pop("frames_lost") is False
    assert found.pop("frames_repeated") is False
    assert len(found) == len(GOALS) - 2
    assert all(found.values())


@pytest.mark.parametrize(
    ("goal", "met", "missed"),
    [
        (Goal("a", lambda it: it.few_p50_ms, "<", 10.0), 9.9, 10.0),
        (Goal("a", lambda it: it.few_p50_ms, ">=", 150), 150, 149),
        (Goal("a", lambda it: it.few_p50_ms, "==", 0), 0, 1),
        (Goal("a", lambda it: it.few_p50_ms, "<", 10.0), 0, inf),
    ],
    ids=["less", "at least", "equal", "never"],
)
def test_a_goal_is_met_or_missed_at_its_very_value(
    goal: Goal, met: float, missed: float
) -> None:
    assert goal.is_met(Reached(few_p50_ms=met)) is True
    assert goal.is_met(Reached(few_p50_ms=missed)) is False
    assert goal.is_met(Reached()) is None


def test_each_goal_looks_at_a_figure_of_its_own_that_the_report_has() -> None:
    names = [each.name for each in fields(Reached)]
    looked_at = [
        next(name for name in names if goal.figure(Reached(**{name: 1.0})) is not None)
        for goal in GOALS
    ]
    assert sorted(looked_at) == sorted(names)
    found = report(FINDINGS)
    for goal in GOALS:
        value: Any = found
        for name in goal.name.split("."):
            value = value[name]
        assert value == pytest.approx(goal.figure(reached(FINDINGS)), abs=1e-3)


def test_what_never_came_has_missed_its_goal() -> None:
    late = replace(FINDINGS.turnover, finals_s=np.array([0.02, inf]))
    found = report(replace(FINDINGS, turnover=late))
    assert found["final_after_end_p99_ms"] is None
    (goal,) = (each for each in found["goals"] if each["figure"] == "final_after_end_p99_ms")
    assert goal["met"] is False


def test_a_run_that_missed_its_goals_says_so_in_words() -> None:
    shown = text(report(replace(FINDINGS, carried=carried(run(16.0), keeps=False))))
    assert "NOT EVEN THESE within p50 < 15 ms and p99 < 50 ms" in shown
    assert "p50_ms < 15: MISSED" in shown


def test_words_say_where_there_was_one_core_only() -> None:
    shown = text(report(replace(FINDINGS, cores=Cores(0, 0))))
    assert "THERE IS ONLY ONE, 0: server and load share it" in shown


def test_all_goals_are_judged_even_if_nothing_is_known() -> None:
    assert [goal["met"] for goal in judged(Reached())] == [None] * len(GOALS)


@pytest.mark.parametrize(
    "given", [{"server": "a:1"}, {"streams": 3}, {"shadows": ("float",)}], ids=str
)
def test_a_peer_is_compared_by_the_most_streams_and_here(given: dict[str, Any]) -> None:
    (name,) = given
    with pytest.raises(ConfigInvalid, match=f"--{name[:-1] if name == 'shadows' else name}"):
        replace(PLAN, peer_command="x", **given)
