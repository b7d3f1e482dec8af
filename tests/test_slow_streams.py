"""The report on a slow stream: whose fault it was, and where the time went."""

import time
from collections.abc import Callable, Sequence
from typing import Any, cast

import pytest

from tests.logged import logged
from tests.serving import (
    FREE,
    MODEL,
    Held,
    Talk,
    eventually,
    muntaniala,
    serving,
    speech,
    streaming,
)
from vau.audio import FRAME_BUDGET_S
from vau.backend import Backend, Result, Work
from vau.config import ServerConfig
from vau.lane import StageTimes
from vau.wire.stream.toll import Toll

DEVICE_S = 0.06  # more than the 50 ms from which a stream is slow, and that by one stage


class Slow(Held):
    """A real backend on a device that takes its time with live audio."""

    def run(self, work: Sequence[Work]) -> list[Result]:
        if any(len(each.features) for each in work):
            time.sleep(DEVICE_S)
        return super().run(work)


def config(slow_stream_s: float = 0.05) -> ServerConfig:
    return ServerConfig(listen=FREE, metrics_listen=FREE, slow_stream_s=slow_stream_s)


Talking = Callable[[Talk], object]


def reports(backend: object, talking: Talking, slow_s: float = 0.05) -> list[dict[str, Any]]:
    """Return what is reported of one stream, and check that as much is counted."""
    pair = (MODEL, cast("Backend", backend))
    with logged("debug") as lines, serving(pair, config=config(slow_s)) as served:
        talk = Talk(served.client)
        talking(talk)
        talk.half_close()
        eventually(lambda: served.slots_in_use() == 0)
        said = lines.of("slow stream")
        for line in said:
            assert line["session"] == talk.started.session_id
            labels = {"backend": muntaniala().info.id, "cause": line["cause"]}
            assert served.value("vau_slow_streams_total", **labels) == 1
    return said


def test_a_slow_device_is_named_with_all_that_it_made_late() -> None:
    (line,) = reports(Slow(muntaniala()), lambda talk: [talk.say(speech(1600)) for _ in "abc"])
    assert (line["cause"], line["level"]) == ("compute", "warning")
    assert line["backend"] == muntaniala().info.id
    assert line["p99_ms"] >= DEVICE_S * 1e3
    assert line["misses"] == line["missed_compute"] == line["frames"] > 20
    assert line["resumed"] is False
    assert line["compute_s"] >= 3 * DEVICE_S


def test_a_client_that_sends_faster_than_one_speaks_is_named_and_no_warning() -> None:
    def hurry(talk: Talk) -> None:
        for _ in range(4):
            talk.send(speech(8000))
        for _ in range(4):
            next(talk.responses)

    (line,) = reports(Slow(muntaniala()), hurry)
    assert (line["cause"], line["level"]) == ("client", "debug")  # every file would have one
    assert line["pace"] > 1.1
    assert line["resumed"] is False


def test_a_stream_that_catches_up_after_it_was_lost_is_named_as_such() -> None:
    """It sends what was spoken meanwhile as fast as it can, and so did no file."""
    wanted = streaming()
    wanted.checkpoint_interval.FromMilliseconds(200)
    with logged() as lines, serving((MODEL, cast("Backend", Slow(muntaniala())))) as served:
        first = Talk(served.client, wanted)
        token = first.say(speech(8000)).checkpoint.token
        first.vanish()
        again = streaming()
        again.CopyFrom(wanted)
        again.resume_token = token
        second = Talk(served.client, again)
        for _ in range(4):
            second.send(speech(8000))
        second.half_close()
        eventually(lambda: served.slots_in_use() == 0)
        said = [line for line in lines.of("slow stream") if line["resumed"]]
    (line,) = said
    assert (line["cause"], line["level"]) == ("catch-up", "info")


def test_a_stream_within_the_limit_is_not_reported() -> None:
    assert reports(muntaniala(), lambda talk: talk.say(speech()), slow_s=1000.0) == []


def test_nobody_is_reported_if_nobody_is_to_be() -> None:
    assert reports(Slow(muntaniala()), lambda talk: talk.say(speech()), slow_s=0.0) == []


def test_a_stream_without_an_answer_is_not_reported() -> None:
    with logged() as lines, serving(config=config()) as served:
        talk = Talk(served.client)
        talk.vanish()
        eventually(lambda: served.slots_in_use() == 0)
        assert lines.of("slow stream") == []


# ------------------------------------------------------------------------------ the figures


def times(**seconds: float) -> StageTimes:
    stages = {"queue_s": 0.0, "feature_s": 0.0, "compute_s": 0.0, "post_s": 0.0, **seconds}
    return StageTimes(**stages, batch_size=1)


def test_99_of_100_frames_decide() -> None:
    toll = Toll()
    toll.took(99, times(), 0.004)
    toll.took(1, times(), 0.900)
    assert toll.p99_s == 0.005  # the bucket that holds 4 ms
    toll.took(1, times(), 0.900)
    assert toll.p99_s == 1.0


@pytest.mark.parametrize("stage", ["queue", "feature", "compute", "post"])
def test_the_stage_that_took_most_is_the_cause(stage: str) -> None:
    toll = Toll()
    toll.took(10, times(**{f"{stage}_s": 0.030}), 0.040)
    toll.took(10, times(), 0.005)
    assert toll.cause == stage
    assert toll.figures()[f"missed_{stage}"] == 10


def test_what_no_stage_explains_was_spent_waiting() -> None:
    toll = Toll()
    toll.took(10, times(compute_s=0.010), 0.050)
    assert toll.cause == "wait"
    assert toll.figures()["wait_s"] == pytest.approx(0.040)


def test_a_client_that_does_not_read_is_the_write() -> None:
    toll = Toll()
    toll.took(10, times(compute_s=0.010), 0.011)
    toll.wrote(5.0, 16_000)
    assert toll.cause == "write"
    assert toll.figures()["lag_max_s"] == 1.0


def test_the_longest_lag_counts() -> None:
    toll = Toll()
    for lag in (800, 32_000, 1600):
        toll.wrote(0.0, lag)
    assert toll.lag_max_s == 2.0


def test_a_frame_within_the_budget_is_no_miss() -> None:
    toll = Toll()
    toll.took(10, times(), FRAME_BUDGET_S)
    assert toll.misses.total() == 0
