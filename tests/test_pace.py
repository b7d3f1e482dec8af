"""What is live and what came sooner: only the former says how fast this server answers."""

import threading
import time
from collections.abc import Sequence
from time import perf_counter
from typing import cast

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.serving import (
    FREE,
    MODEL,
    PATIENCE_S,
    Held,
    Served,
    Talk,
    muntaniala,
    serving,
    speech,
)
from vau.audio import SAMPLE_RATE_HZ, answerable_frames, frame_count
from vau.backend import Backend, Result, Work
from vau.config import ServerConfig
from vau.wire.stream.inbox import Inbox, Item
from vau.wire.stream.pace import MOST_AHEAD_S, MOST_BEHIND_S, Pace

CHUNK = 1600  # samples: 100 ms
BACKEND = muntaniala().info.id


def heard(*at_s: float, samples: int = CHUNK) -> Pace:
    pace = Pace()
    for each in at_s:
        pace.heard(samples, each)
    return pace


def test_the_pace_is_that_of_the_audio_after_the_first_message() -> None:
    assert heard(*(0.1 * at for at in range(20))).seconds_a_second == pytest.approx(1.0)
    assert heard(*(0.05 * at for at in range(20))).seconds_a_second == pytest.approx(2.0)
    assert heard(5.0).seconds_a_second == 0.0
    assert heard(5.0, 5.1).seconds_a_second == 0.0  # too little audio to tell
    assert heard().seconds_a_second == 0.0


@given(
    st.floats(0.0, 1e6),
    st.lists(st.integers(1, CHUNK), min_size=1, max_size=200),
    st.floats(1.0, 1.09),
)
def test_who_sends_what_was_just_spoken_is_never_ahead(
    begun_s: float, sizes: list[int], fast: float
) -> None:
    """Clocks differ a little, and chunks may have any size up to what is advised."""
    pace, now_s = Pace(), begun_s
    for size in sizes:
        now_s += size / SAMPLE_RATE_HZ / fast
        pace.heard(size, now_s)
        assert not pace.is_ahead


@given(st.lists(st.floats(0.0, 20.0), min_size=2, max_size=50))
def test_live_audio_that_a_network_held_back_is_live_all_the_same(
    stalls_s: list[float],
) -> None:
    """A stall is made up for by a burst: up to so many seconds of it count as live."""
    pace, spoken_s, now_s = heard(0.0), 0.0, 0.0
    for stall_s in stalls_s:
        now_s = max(now_s, spoken_s) + min(stall_s, MOST_BEHIND_S - 0.5)
        while spoken_s + 0.1 <= now_s:
            spoken_s += 0.1
            pace.heard(CHUNK, now_s)
            assert not pace.is_ahead


@given(st.lists(st.floats(0.0, 100.0), min_size=1, max_size=5), st.floats(0.0, 9.5))
def test_live_audio_that_the_server_held_back_is_live_however_long_that_was(
    stalls_s: list[float], silence_s: float
) -> None:
    """A client that fell silent before has no more to its credit by that."""
    pace, spoken_s, now_s = heard(0.0), 0.0, silence_s
    for stall_s in stalls_s:
        held_s, now_s = stall_s, max(now_s, spoken_s) + stall_s
        while spoken_s + 0.1 <= now_s:
            spoken_s += 0.1
            pace.heard(CHUNK, now_s, held_s)
            assert not pace.is_ahead
            held_s = 0.0


def test_a_file_that_comes_faster_than_speech_is_ahead_though_the_server_holds_it() -> None:
    pace = heard(0.0)
    for number in range(1, 200):
        pace.heard(CHUNK, 0.05 * number, 0.05)
        assert pace.is_ahead
    pace = heard(0.0, 3600.0)
    pace.heard(CHUNK, 3601.0, 1.0)
    live = 0
    for _ in range(1000):
        pace.heard(CHUNK, 3601.0)
        live += not pace.is_ahead
    assert live <= (MOST_BEHIND_S + 2.2) / 0.1


def test_a_file_is_ahead_from_its_second_chunk_on_or_from_a_first_that_is_longer() -> None:
    assert not heard(0.0).is_ahead
    assert heard(0.0, 0.001).is_ahead
    assert heard(0.0, samples=8000).is_ahead
    assert heard(*(0.05 * at for at in range(50))).is_ahead  # twice as fast as speech


def test_who_had_much_to_catch_up_and_is_live_again_soon_counts_again() -> None:
    pace = heard(*(0.001 * at for at in range(600)))
    assert pace.is_ahead
    at_s, least_s = 0.6, 10 * MOST_AHEAD_S
    for _ in range(round(least_s / 0.1) + 1):
        at_s += 0.1
        pace.heard(CHUNK, at_s)
    assert not pace.is_ahead


def test_a_long_silence_does_not_make_a_file_live() -> None:
    pace = heard(0.0, 3600.0)
    live = 0
    for _ in range(1000):
        pace.heard(CHUNK, 3600.0)
        live += not pace.is_ahead
    assert live <= (MOST_BEHIND_S + 1.0) / 0.1


# --------------------------------------------------------------------------- on a real server


class Slow(Held):
    """A real backend on a device that takes longer than the alert allows."""

    def run(self, work: Sequence[Work]) -> list[Result]:
        time.sleep(0.06)
        return super().run(work)


def latencies(served: Served) -> float:
    return served.value("vau_frame_latency_seconds_count", backend=BACKEND, stage="total")


def test_of_a_file_no_frame_and_no_lag_is_counted_as_live() -> None:
    with serving((MODEL, cast("Backend", Slow(muntaniala())))) as served:
        talk = Talk(served.client)
        for _ in range(6):
            talk.send(speech(8000))
        talk.half_close()
        assert latencies(served) == 0
        assert served.value("vau_stream_lag_seconds_count", backend=BACKEND) == 0
        frames = frame_count(6 * 8000)
        assert served.value("vau_ahead_frames_total", backend=BACKEND) == frames
        assert served.value("vau_frames_total", backend=BACKEND) == frames
        misses = [
            sample.value
            for family in served.registry.collect()
            for sample in family.samples
            if sample.name == "vau_deadline_misses_total"
        ]
        assert misses
        assert not any(misses)


def test_of_live_audio_every_frame_is_counted() -> None:
    with serving((MODEL, cast("Backend", Slow(muntaniala())))) as served:
        talk = Talk(served.client)
        talk.say(speech(CHUNK))
        talk.half_close()
        assert latencies(served) == frame_count(CHUNK)
        assert served.value("vau_ahead_frames_total", backend=BACKEND) == 0
        late = served.value(
            "vau_deadline_misses_total", backend=BACKEND, stage="compute"
        ) + served.value("vau_deadline_misses_total", backend=BACKEND, stage="wait")
        assert late == frame_count(CHUNK)


def test_what_a_stall_of_the_server_held_back_is_counted_as_live_audio(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    waits, away_s, put = threading.Event(), [0.0], Inbox.put

    async def watched(inbox: Inbox, item: Item) -> None:
        if inbox.waiting_samples:
            waits.set()
        await put(inbox, item)

    monkeypatch.setattr(Inbox, "put", watched)
    for module in ("reader", "latency", "answerer"):
        clock = f"vau.wire.stream.{module}.perf_counter"
        monkeypatch.setattr(clock, lambda: perf_counter() + away_s[0])
    backend = Held(muntaniala())
    config = ServerConfig(listen=FREE, metrics_listen=FREE, max_lag_s=1.0)
    with serving((MODEL, cast("Backend", backend)), config=config) as served:
        backend.may_run.clear()
        talk = Talk(served.client)
        for _ in range(2 + 20):  # the second of which finds no room, and waits
            talk.send(speech(SAMPLE_RATE_HZ))
        assert waits.wait(PATIENCE_S)
        away_s[0] = 20.0
        backend.may_run.set()
        talk.half_close()
        before = answerable_frames(2 * SAMPLE_RATE_HZ, MODEL.look_ahead_frames)
        assert served.value("vau_ahead_frames_total", backend=BACKEND) == before
        assert latencies(served) == frame_count(22 * SAMPLE_RATE_HZ) - before
