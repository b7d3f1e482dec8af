"""Muntaniala's figures: dies, their memory, and what a frame takes on them."""

from collections.abc import Iterator

from vau.estimate import (
    THREE_DIGITS,
    Figure,
    Status,
    deadline,
    duty,
    energy_of_live_audio,
    streams_that_fit,
    utilisation,
)
from vau_backends.muntaniala.estimate.laid_out import LaidOut

POINT_KEYS = (
    "dies",
    "cycles",
    "interval_cycles",
    "latency_us",
    "energy_uj",
    "streams_in_time",
)
"""What a sweep lists of each point."""


def figures(found: LaidOut) -> Iterator[Figure]:
    """Yield all figures in the order in which they are shown."""
    yield from _hardware(found)
    yield from _times(found)
    yield from _energies(found)
    yield from _work(found)
    if found.reloading is not None:
        yield from _passes(found)
    yield from streams_that_fit(found.streams_in_time, found.streams_by_pace)
    yield deadline(found.verdict, _shared_status(found), THREE_DIGITS)


def _hardware(found: LaidOut) -> Iterator[Figure]:
    share = found.memory_bytes / found.die_bytes
    yield Figure("dies", found.dies, "derived", "dies", f"{found.dies:,}")
    yield Figure("tiles", found.tiles, "derived", "tiles of the network", f"{found.tiles:,}")
    yield Figure(
        "memory_bytes",
        found.memory_bytes,
        "assumed",  # the capacity of a die was not published
        "memory of a die",
        f"{found.memory_bytes:,} of {found.die_bytes:,} bytes, {share:.0%}",
    )


def _times(found: LaidOut) -> Iterator[Figure]:
    cycles, interval, time = found.cycles_status, found.interval_cycles, found.time_status
    quantity = THREE_DIGITS.figure
    yield Figure("cycles", found.cycles, cycles, "cycles of a frame", f"{found.cycles:,}")
    yield Figure("interval_cycles", interval, cycles, "cycles between frames", f"{interval:,}")
    yield quantity("latency_us", found.latency_s * 1e6, "µs", time, label="latency")
    yield quantity(
        "interval_us", found.interval_s * 1e6, "µs", time, label="initiation interval"
    )


def _energies(found: LaidOut) -> Iterator[Figure]:
    status, power_mw = found.readings[0].status, found.active_w * 1e3
    yield Figure(
        "power_mw",
        THREE_DIGITS.rounded(power_mw),
        status,
        "power while active",
        _milliwatts(power_mw),
    )
    yield THREE_DIGITS.figure(
        "energy_uj", found.joules * 1e6, "µJ", status, label="energy of a frame"
    )
    yield from energy_of_live_audio(found.ask, found.joules, THREE_DIGITS, _milliwatts)


def _work(found: LaidOut) -> Iterator[Figure]:
    quantity = THREE_DIGITS.figure
    yield quantity(
        "gops",
        found.operations_per_s / 1e9,
        "GOP/s",
        found.time_status,
        label="useful operations",
    )
    yield quantity(
        "tops_per_w",
        found.operations / found.joules / 1e12,
        "TOP/s/W",
        found.readings[0].status,
        label="useful operations per energy",
    )
    yield utilisation(
        found.utilisation,
        found.cycles_status,
        label="multipliers work",
        whole="a frame's cycles",
    )
    yield duty(found.ask, found.duty, _shared_status(found))


def _passes(found: LaidOut) -> Iterator[Figure]:
    frames = found.frames_per_pass if found.keeps_up else None
    text = f"{frames:,}" if frames else "no number is enough"
    yield THREE_DIGITS.figure(
        "pass_ms",
        found.pass_s * 1e3,
        "ms",
        "assumed",  # that weights are swapped at all
        label="loading all weights",
    )
    yield Figure("frames_per_pass", frames, "assumed", "frames a pass to keep up", text)


def _shared_status(found: LaidOut) -> Status:
    """Return on what a time rests in which all streams, and the loading of weights, share."""
    # One stream on dies that keep their weights is counted. That changing from stream to
    # stream costs nothing, and that weights are swapped at all, is not.
    is_counted = found.ask.streams == 1 and found.reloading is None
    return found.time_status if is_counted else "assumed"


def _milliwatts(power_mw: float) -> str:
    """Write a power as the board's was printed, with one decimal, or three digits of less."""
    return f"{power_mw:,.1f} mW" if power_mw >= 1.0 else f"{THREE_DIGITS.digits(power_mw)} mW"
