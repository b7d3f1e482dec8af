"""Live streams: what follows from any accelerator's cycles and joules once audio is live.

Cycles are counted, and compared as fractions: where a clock is just fast enough, the rounding
of seconds would lose a stream.
"""

from collections.abc import Callable, Iterator
from fractions import Fraction
from typing import Final

from vau.audio import FRAME_BUDGET_S, FRAMES_PER_S
from vau.estimate.answer import Verdict
from vau.estimate.ask import Ask
from vau.estimate.constants import Status
from vau.estimate.figures import Figure, Precision, plural

BUDGETS_PER_S: Final = FRAMES_PER_S  # the budget of a frame is one hop, vau.audio says


def hop_cycles(ask: Ask, clock_hz: float) -> Fraction:
    """Return the cycles from one frame of a stream to its next, exactly."""
    return Fraction(clock_hz) / Fraction(ask.frame_hz)


def budget_cycles(clock_hz: float) -> Fraction:
    """Return the cycles within which a frame is to be answered, exactly."""
    return Fraction(clock_hz) / BUDGETS_PER_S


def verdict_of(ready_cycles: Fraction | None, clock_hz: float) -> Verdict:
    """Judge the age of the oldest frame at its answer; None is that of what falls behind."""
    if ready_cycles is None:
        return Verdict(ready_s=None, is_in_time=False)
    return Verdict(
        ready_s=float(ready_cycles) / clock_hz,
        is_in_time=ready_cycles <= budget_cycles(clock_hz),
    )


def mean_w(ask: Ask, joules: float) -> float:
    """Return the mean power with all streams live, nothing being spent between frames.

    joules:  of a frame.
    """
    return joules * ask.frame_hz * ask.streams


def hour_j(ask: Ask, joules: float) -> float:
    """Return the energy of an hour of one stream's audio, from that of a frame."""
    return joules * ask.frame_hz * 3600


def utilisation(share: float, status: Status, *, label: str, whole: str) -> Figure:
    """Return how much of the hardware has something to multiply.

    whole:  what it is a share of, in words.
    """
    return Figure("utilisation", round(share, 4), status, label, f"{share:.1%} of {whole}")


def duty(ask: Ask, share: float, status: Status) -> Figure:
    """Return how much of the time all live streams take; above 1 they are not kept up with."""
    label = f"duty, {plural(ask.streams, 'stream')}"
    return Figure("duty", round(share, 4), status, label, f"{share:.1%} of the time")


def energy_of_live_audio(
    ask: Ask, joules: float, precision: Precision, milliwatts: Callable[[float], str]
) -> Iterator[Figure]:
    """Yield mean power and the energy of an hour, from the energy of a frame.

    milliwatts:  writes a power as the accelerator's are written.
    """
    power_mw, streams = mean_w(ask, joules) * 1e3, plural(ask.streams, "live stream")
    yield Figure(
        "mean_power_mw",
        precision.rounded(power_mw),
        "assumed",  # that silicon without a frame costs nothing
        f"power, {streams}",
        milliwatts(power_mw),
    )
    yield precision.figure(
        "audio_hour_j", hour_j(ask, joules), "J", "assumed", label="energy of an hour of audio"
    )


def streams_that_fit(in_time: int, by_pace: int) -> Iterator[Figure]:
    """Yield how many streams are all answered in time, and how many never fall behind."""
    for key, streams, label in (
        ("streams_in_time", in_time, "streams, each frame in 10 ms"),
        ("streams_by_pace", by_pace, "streams, by throughput alone"),
    ):
        yield Figure(key, streams, "assumed", label, f"{streams:,}")


def deadline(verdict: Verdict, status: Status, precision: Precision) -> Figure:
    """Return the verdict on the budget of a frame as a figure: the age of the last."""
    if verdict.ready_s is None:
        text, ready_us = "MISSED: it cannot keep up with live audio", None
    else:
        met = "met" if verdict.is_in_time else "MISSED"
        ready_us = precision.rounded(verdict.ready_s * 1e6)
        text = f"{met}: the last is ready after {precision.digits(verdict.ready_s * 1e6)} µs"
    label = f"deadline of {FRAME_BUDGET_S * 1e3:g} ms"
    return Figure("ready_us", ready_us, status, label, text)
