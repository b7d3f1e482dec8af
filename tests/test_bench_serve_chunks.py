"""The pure part of the bench of the server: chunks, answers, figures, the search."""

from dataclasses import replace
from math import inf
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.audio import FRAME_SAMPLES, HOP_SAMPLES, frame_count
from vau.backend import Energy
from vau.errors import VauError
from vau.load.capacity import most_sustained
from vau.load.chunks import (
    Ending,
    Played,
    Response,
    Sent,
    chunk_latencies_s,
    computable_sample,
    was_held_back,
)
from vau.load.figures import (
    CpuSeconds,
    LoadRun,
    Percentiles,
    check_answers,
    lag_growth_s,
    run_of,
)
from vau.load.page import Scrape
from vau.load.shadows import ShadowEnergy, shadows_on

LOOK_AHEAD: Final = 6
CHUNK: Final = 1600
CHUNK_S: Final = 0.1


def sent(chunks: int, late_s: float = 0.0) -> tuple[Sent, ...]:
    """Return chunks of 100 ms, each due when it ends and sent so much later."""
    due_s = [at * CHUNK_S for at in range(1, chunks + 1)]
    return tuple(
        Sent(at * CHUNK, due, due + late_s, was_held_back=False)
        for at, due in enumerate(due_s, start=1)
    )


def heard(at_s: float, chunks: int) -> Response:
    """Return the response that answers so many chunks in full."""
    return Response(at_s, chunks * CHUNK, computable_sample(chunks * CHUNK, LOOK_AHEAD))


def ending(chunks: int, at_s: float = 0.0) -> Ending:
    energy = Energy(joules=1e-6, origin="estimated", boundary="core", method="m")
    frames = frame_count(chunks * CHUNK)
    return Ending(at_s=at_s, frames=frames, deadline_misses=1, energies=(energy,))


def played(chunks: tuple[Sent, ...], responses: list[Response]) -> Played:
    return Played(
        look_ahead_frames=LOOK_AHEAD,
        sent=chunks,
        heard=tuple(responses),
        ending=ending(len(chunks), responses[-1].at_s + 0.02),
    )


def prompt(chunks: int, latency_s: float = 0.01) -> Played:
    """Return a stream each of whose chunks was answered so soon."""
    found = sent(chunks)
    answers = [heard(one.due_s + latency_s, at) for at, one in enumerate(found, start=1)]
    edges = [0, *(each.answered_sample // HOP_SAMPLES for each in answers[:-1])]
    ends = [*edges[1:], frame_count(chunks * CHUNK)]  # the last one holds the rest
    return played(
        found,
        [
            replace(each, first_frame=first, frames=end - first)
            for each, first, end in zip(answers, edges, ends, strict=True)
        ],
    )


def run(*streams: Played, refused_streams: int = 0) -> LoadRun:
    check_answers(streams)
    return run_of(
        streams, refused_streams=refused_streams, chunk_s=CHUNK_S, cpu=CpuSeconds(client=0.0)
    )


# --- chunks and answers ------------------------------------------------------------------


def test_a_frame_is_computable_when_it_and_its_look_ahead_are_there() -> None:
    enough = FRAME_SAMPLES + LOOK_AHEAD * HOP_SAMPLES
    assert computable_sample(enough - 1, LOOK_AHEAD) == 0
    assert computable_sample(enough, LOOK_AHEAD) == HOP_SAMPLES
    assert computable_sample(FRAME_SAMPLES - 1, 0) == 0
    assert computable_sample(enough + 5 * HOP_SAMPLES, LOOK_AHEAD) == 6 * HOP_SAMPLES


steps = st.lists(st.integers(0, 2500), min_size=1, max_size=12)


@given(ends=steps, received=steps, behind=steps, look_ahead=st.integers(0, 12))
def test_a_chunk_is_answered_by_the_first_response_that_has_all_of_it(
    ends: list[int], received: list[int], behind: list[int], look_ahead: int
) -> None:
    chunks = tuple(
        Sent(int(end), 0.1 * at, 0.1 * at, was_held_back=False)
        for at, end in enumerate(np.cumsum(ends))
    )
    reached = np.cumsum(received)
    answered = np.maximum.accumulate(
        [
            int(one) - late
            for one, late in zip(reached, np.resize(behind, len(reached)), strict=True)
        ]
    )
    responses = [
        Response(5.0 + at, int(one), int(other))
        for at, (one, other) in enumerate(zip(reached, answered, strict=True))
    ]
    expected = [
        next(
            (
                response.at_s
                for response in responses
                if response.received_sample >= chunk.end_sample
                and response.answered_sample >= computable_sample(chunk.end_sample, look_ahead)
            ),
            inf,
        )
        - chunk.due_s
        for chunk in chunks
    ]
    stream = replace(played(chunks, responses), look_ahead_frames=look_ahead)
    np.testing.assert_array_equal(chunk_latencies_s(stream), expected)


def test_one_response_may_answer_several_chunks() -> None:
    stream = played(sent(3), [heard(0.5, 3)])
    np.testing.assert_allclose(chunk_latencies_s(stream), [0.4, 0.3, 0.2])


def test_a_response_that_says_nothing_new_changes_no_latency() -> None:
    responses = [heard(0.15, 1), heard(0.25, 2)]
    doubled = [responses[0], heard(0.2, 1), responses[1], heard(0.9, 2)]
    np.testing.assert_array_equal(
        chunk_latencies_s(played(sent(2), doubled)),
        chunk_latencies_s(played(sent(2), responses)),
    )


def test_audio_that_was_only_received_is_not_answered() -> None:
    late = heard(0.3, 1)
    early = replace(late, at_s=0.11, answered_sample=late.answered_sample - HOP_SAMPLES)
    np.testing.assert_allclose(chunk_latencies_s(played(sent(1), [early, late])), [0.2])


def test_frames_that_still_lack_their_look_ahead_are_not_waited_for() -> None:
    short = (Sent(FRAME_SAMPLES, 0.1, 0.1, was_held_back=False),)
    stream = played(short, [Response(0.11, FRAME_SAMPLES, 0)])
    np.testing.assert_allclose(chunk_latencies_s(stream), [0.01])


def test_what_is_never_answered_takes_for_ever() -> None:
    assert chunk_latencies_s(played(sent(2), [heard(0.15, 1)])).tolist()[1] == inf


def spoken(asleep_until_s: float, first_write_s: float) -> list[bool]:
    """Return which of five chunks, due at 1 to 5 s, count as held back.

    asleep_until_s: from the first chunk's moment until then the sender does nothing at all.
    first_write_s:  how long the first write takes; the others take no time.
    """
    notes: list[Sent] = []
    free_s = 0.0
    for due_s in (1.0, 2.0, 3.0, 4.0, 5.0):
        begun_s = max(due_s, free_s, asleep_until_s)
        held = was_held_back(due_s, notes[-1] if notes else None, free_s)
        free_s = begun_s + (0.0 if notes else first_write_s)
        notes.append(Sent(0, due_s, begun_s, held))
    return [each.was_held_back for each in notes]


def test_all_that_waits_behind_a_write_that_lasts_is_held_back() -> None:
    assert spoken(0.0, first_write_s=2.5) == [False, True, True, False, False]


def test_what_a_sender_that_slept_sends_late_is_not_held_back() -> None:
    assert spoken(3.5, first_write_s=0.0) == [False] * 5


def test_a_write_that_lasts_less_than_a_chunk_holds_nothing_back() -> None:
    assert spoken(0.0, first_write_s=1.0) == [False] * 5


def test_a_server_that_stalls_is_charged_for_what_it_kept_the_sender_from_sending() -> None:
    stall_ends_s, soon_s = 1.05, 0.005
    due_s = [at * CHUNK_S for at in range(1, 11)]
    begun_s = [due_s[0], *(max(due, stall_ends_s) for due in due_s[1:])]  # the pipe was full
    chunks = tuple(
        Sent(at * CHUNK, due, begun, was_held_back=begun > due)
        for at, (due, begun) in enumerate(zip(due_s, begun_s, strict=True), start=1)
    )
    answered_s = [max(begun, stall_ends_s) + soon_s for begun in begun_s]
    stream = played(chunks, [heard(when, at) for at, when in enumerate(answered_s, start=1)])
    since_sent_s = np.array(answered_s) - begun_s
    assert np.median(since_sent_s) == pytest.approx(soon_s)  # all that a closed loop would see
    np.testing.assert_allclose(
        chunk_latencies_s(stream), [stall_ends_s + soon_s - due for due in due_s]
    )


# --- figures -----------------------------------------------------------------------------

times = st.lists(st.floats(0, 100, allow_nan=False), min_size=1, max_size=300)


@given(times)
def test_percentiles_rise_and_were_all_measured(measured: list[float]) -> None:
    found = Percentiles.of(np.array(measured))
    values = [found.p50_ms, found.p90_ms, found.p95_ms, found.p99_ms, found.max_ms]
    assert values == sorted(values)
    assert set(values) <= {1e3 * each for each in measured}


def test_a_hundredth_of_the_times_is_longer_than_the_99th_percentile() -> None:
    found = Percentiles.of(np.arange(1, 1001) / 1e3)
    assert (found.p50_ms, found.p99_ms, found.max_ms) == (500, 990, 1000)


def test_an_answer_that_never_came_is_in_the_percentiles() -> None:
    assert Percentiles.of(np.array([0.1, inf])).p99_ms == inf


def test_lag_grows_by_what_the_last_third_is_slower_than_the_first() -> None:
    due_s = np.arange(90.0)
    assert lag_growth_s(due_s, np.full(90, 0.05)) == 0
    assert lag_growth_s(due_s, 0.001 * due_s) == pytest.approx(0.06, abs=0.001)
    assert lag_growth_s(due_s, np.where(due_s < 60, 0.05, inf)) == inf


def test_warm_up_and_the_burst_of_finals_are_left_out() -> None:
    quick = prompt(40)
    slow = [heard(one.at_s, at) for at, one in enumerate(quick.heard, start=1)]
    slow[0] = heard(0.19, 1)
    slow[-1] = heard(quick.heard[-1].at_s + 0.09, 40)
    found = run(replace(quick, heard=tuple(slow)))
    assert Percentiles.of(found.latencies_s).max_ms == pytest.approx(10)
    assert found.final_latencies_s.tolist() == pytest.approx([0.03])


def test_a_run_adds_up_its_streams() -> None:
    found = run(prompt(20), prompt(20))
    assert (found.streams, found.frames, found.deadline_misses) == (2, 2 * 199, 2)
    assert [energy.joules for energy in found.energies] == [2e-6]
    assert found.is_sustained


def test_a_chunk_that_the_server_held_back_is_not_the_generators_delay() -> None:
    own = [replace(one, begun_s=one.due_s + 0.002) for one in prompt(20).sent]
    own[10] = replace(own[10], begun_s=own[10].due_s + 0.09, was_held_back=True)
    found = run(replace(prompt(20), sent=tuple(own)))
    assert found.held_back_chunks == 1
    assert found.send_lateness_s.max() == pytest.approx(0.002)


def test_a_server_that_loses_a_frame_is_told_so_and_not_measured() -> None:
    stream = prompt(20)
    assert stream.ending is not None
    short = replace(stream, ending=replace(stream.ending, frames=198))
    with pytest.raises(VauError, match="answered 198 frames of a stream that has 199"):
        run(prompt(20), short)


def test_a_server_that_never_answers_a_chunk_it_took_is_told_so() -> None:
    stream = prompt(20)
    with pytest.raises(VauError, match="never answered a chunk of it in full"):
        run(replace(stream, heard=stream.heard[:-1]))


def test_a_stream_that_was_given_up_makes_a_run_that_was_not_carried() -> None:
    stream = replace(prompt(20), ending=None, heard=prompt(20).heard[:10])
    found = run(stream, prompt(20))
    assert not found.is_carried
    assert not found.is_sustained
    assert found.frames == 199


@pytest.mark.parametrize(
    ("streams", "refused"),
    [
        ([prompt(20, 0.11)], 0),
        ([prompt(20)], 1),
        (
            [played(sent(20), [heard(0.1 * at + 0.004 * at, at) for at in range(1, 21)])],
            0,
        ),
    ],
    ids=["slower than a chunk", "somebody refused", "slower and slower"],
)
def test_a_load_is_not_sustained_when_it_is(streams: list[Played], refused: int) -> None:
    assert not run(*streams, refused_streams=refused).is_sustained


# --- the search --------------------------------------------------------------------------


@given(limit=st.integers(0, 600), most=st.integers(1, 512))
def test_the_search_ends_an_eighth_below_the_limit_at_worst(limit: int, most: int) -> None:
    tried: list[int] = []

    def is_sustained(streams: int) -> bool:
        tried.append(streams)
        return streams <= limit

    found = most_sustained(is_sustained, most)
    truth = min(limit, most)
    assert truth - truth // 8 <= found <= truth or truth - found <= 1
    assert found == 0 or found in tried
    assert len(tried) <= 12
    assert all(1 <= streams <= most for streams in tried)


# --- the metrics page --------------------------------------------------------------------

PAGE: Final = """\
# TYPE vau_shadow_frames counter
vau_shadow_frames_total{backend="munt",shadow="rpu"} 200.0
vau_shadow_frames_total{backend="float",shadow="rpu"} 50.0
# TYPE vau_shadow_shed_frames counter
vau_shadow_shed_frames_total{backend="float",shadow="rpu"} 8.0
# TYPE vau_shadow_disagreements counter
vau_shadow_disagreements_total{backend="float",shadow="rpu"} 3.0
# TYPE vau_shadow_energy_joules counter
vau_shadow_energy_joules_total{backend="float",boundary="core",origin="x",shadow="rpu"} 0.5
vau_shadow_energy_joules_total{backend="munt",boundary="core",origin="x",shadow="rpu"} 1.5
"""


def test_a_shadow_is_summed_over_the_backends_that_it_shadows() -> None:
    (shadow,) = shadows_on(Scrape.parse(PAGE))
    assert (shadow.id, shadow.frames, shadow.shed_frames) == ("rpu", 250, 8)
    assert shadow.disagreements == 3
    assert shadow.energies == (ShadowEnergy("x", "core", 2.0),)


def test_a_page_without_shadows_has_none() -> None:
    assert shadows_on(Scrape.parse("vau_frames_total 2.0\n")) == ()


def test_of_what_a_page_does_not_say_there_is_no_total() -> None:
    page = Scrape.parse("vau_frames_total 2.0\n")
    assert page.total("vau_frames_total") == 2.0
    assert page.total("vau_frames_total", backend="float") is None
