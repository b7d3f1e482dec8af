"""The chip's figures: what a frame takes, and what live streams may ask of it."""

from collections.abc import Iterator
from typing import Final

from vau.estimate import (
    Figure,
    Precision,
    Status,
    deadline,
    duty,
    energy_of_live_audio,
    plural,
    streams_that_fit,
    utilisation,
)
from vau_backends.rpu.energy import Account
from vau_backends.rpu.estimate.laid_out import LaidOut
from vau_backends.rpu.form import SRAM_BYTES, ceil_div, chips_for_residency, weight_bytes

FOUR_DIGITS: Final = Precision(significant=4, decimals=0)
"""The published figures have three. A fourth is no better knowledge: it is there because what
is to be told apart, the schedules above all, differs in it: 20.36 and 20.46 µJ."""

SIX_DIGITS: Final = Precision(significant=6, decimals=0)
"""Of the kernel alone, whose three figures are true by construction: 309 GOPS/W times 0.413 W
are 127.617 GOPS, and whoever counts again should meet every digit."""

POINT_KEYS: Final = (
    *("residency", "schedule", "chunk_frames", "streams", "dram_gbps", "chips"),
    *("cycles", "latency_us", "ready_us", "energy_uj", "energy_core_uj", "energy_dram_uj"),
    *("streams_in_time", "streams_by_pace"),
)
"""What a sweep lists of each point."""

CYCLES: Final[Status] = "assumed"  # lanes and mapping are ours
TIME: Final[Status] = "assumed"  # and the clock follows from the lanes
DRAM: Final[Status] = "assumed"
HEAD: Final[Status] = "extrapolated"  # from the one fit, which was made to the kernel


def figures(found: LaidOut) -> Iterator[Figure]:
    """Yield all figures in the order in which they are shown."""
    yield _call(found)
    yield from _hardware(found)
    yield from _times(found)
    yield from _powers(found)
    yield from _energies(found)
    yield from _work(found)
    yield from _head(found)
    unbatched = found.streams_unbatched
    yield Figure(
        "streams_unbatched", unbatched, "assumed", "streams, a call for each", f"{unbatched:,}"
    )
    yield from streams_that_fit(found.streams_in_time, found.streams_by_pace)
    yield deadline(found.verdict, TIME, FOUR_DIGITS)


def kernel_figures(account: Account, status: Status) -> Iterator[Figure]:
    """Yield what the chip does with all lanes at work in every cycle."""
    quantity = SIX_DIGITS.figure
    yield quantity("gops", account.operations_per_s / 1e9, "GOP/s", status, label="operations")
    yield quantity("power_mw", account.core_w * 1e3, "mW", status, label="power of the chip")
    yield quantity(
        "gops_per_w",
        account.operations_per_j / 1e9,
        "GOP/s/W",
        status,
        label="operations per energy",
    )
    yield quantity(
        "cycle_pj",
        account.core_j / account.actions.cycles * 1e12,
        "pJ",
        status,
        label="energy of a cycle",
    )


def _milliwatts(power_mw: float) -> str:
    return f"{FOUR_DIGITS.digits(power_mw)} mW"


def _call(found: LaidOut) -> Figure:
    frames, streams = found.ask.chunk_frames, found.ask.streams
    each = "" if streams == 1 else f" of each of {streams:,} streams"
    text = f"a chunk of {plural(frames, 'frame')}{each}"
    return Figure("chunk_frames", frames, "derived", "a call", text)


def _hardware(found: LaidOut) -> Iterator[Figure]:
    network, needed = found.ask.network, chips_for_residency(found.ask.network)
    weights = weight_bytes(network)
    yield Figure("chips", found.chips, "assumed", "chips", f"{found.chips:,}")
    yield Figure(
        "chips_for_residency", needed, "assumed", "chips that hold all weights", f"{needed:,}"
    )
    yield Figure("weight_bytes", weights, "assumed", "weights", f"{weights:,} bytes")
    yield Figure(
        "peak_sram_bytes",
        found.peak_bytes,
        "assumed",
        "memory, weights and sums",
        f"{found.peak_bytes:,} bytes; a chip has {SRAM_BYTES:,}",
    )


def _times(found: LaidOut) -> Iterator[Figure]:
    frames, quantity = found.ask.chunk_frames, FOUR_DIGITS.figure
    stall = ceil_div(found.account.stall_cycles, frames)
    step = "of a frame" if found.ask.streams == 1 else "of a step"
    yield Figure(
        "cycles", found.step_cycles, CYCLES, f"cycles {step}", f"{found.step_cycles:,}"
    )
    yield Figure(
        "cycles_stall", stall, TIME, "cycles waiting for weights", f"{stall:,} beside those"
    )
    label = "latency" if frames == 1 else "latency, mean in its chunk"
    yield quantity("latency_us", found.step_s * 1e6, "µs", TIME, label=label)
    yield quantity(
        "chunk_us", found.account.latency_s * 1e6, "µs", TIME, label="latency of a chunk"
    )


def _powers(found: LaidOut) -> Iterator[Figure]:
    core_mw, account = found.account.core_w * 1e3, found.account
    system_mw = account.system_j / account.latency_s * 1e3
    quantity, status = FOUR_DIGITS.figure, found.energy_status
    yield quantity("power_core_mw", core_mw, "mW", status, label="power while active, chip")
    yield quantity("power_mw", system_mw, "mW", status, label="power while active, both")


def _energies(found: LaidOut) -> Iterator[Figure]:
    account, parts = found.account, dict(found.account.core_parts)
    joules = found.a_frame(account.system_j)
    for key, of_frame_j, status, label in (
        (
            "energy_core_uj",
            found.a_frame(account.core_j),
            found.energy_status,
            "energy of a frame, chip",
        ),
        (
            "energy_fill_uj",
            found.a_frame(parts["fill"]),
            "assumed",
            "  of it to take weights in",
        ),
        ("energy_dram_uj", found.a_frame(account.dram_j), DRAM, "energy of a frame, DRAM"),
        ("energy_uj", joules, found.energy_status, "energy of a frame, both"),
        ("energy_idle_uj", found.idle_j(), "assumed", "beside it: idle, clock gated"),
        (
            "energy_idle_power_gated_uj",
            found.idle_j(power_gated=True),
            "assumed",
            "beside it: idle, power gated",
        ),
    ):
        yield FOUR_DIGITS.figure(key, of_frame_j * 1e6, "µJ", status, label=label)
    yield from energy_of_live_audio(found.ask, joules, FOUR_DIGITS, _milliwatts)


def _work(found: LaidOut) -> Iterator[Figure]:
    account, frames = found.account, found.chunk.frames
    actions, quantity = account.actions, FOUR_DIGITS.figure
    macs, operations = actions.macs // frames, actions.operations // frames
    yield Figure("macs", macs, "derived", "multiplications of a frame", f"{macs:,}")
    yield Figure("ops", operations, "derived", "operations of a frame", f"{operations:,}")
    yield quantity(
        "bytes_dram", found.a_frame(actions.dram_bytes), "bytes", DRAM, label="DRAM, per frame"
    )
    yield quantity(
        "gops", account.operations_per_s / 1e9, "GOP/s", TIME, label="useful operations"
    )
    yield quantity(
        "gops_per_w_core",
        account.operations_per_j / 1e9,
        "GOP/s/W",
        found.energy_status,
        label="useful per energy, chip",
    )
    yield quantity(
        "tops_per_w",
        actions.operations / account.system_j / 1e12,
        "TOP/s/W",
        found.energy_status,
        label="useful per energy, both",
    )
    yield utilisation(
        actions.utilisation, CYCLES, label="lanes work", whole="the working cycles"
    )
    yield duty(found.ask, found.duty, "assumed")


def _head(found: LaidOut) -> Iterator[Figure]:
    """Yield what the output layer takes, which is in no other figure."""
    head, classes = found.costs.head(1), found.ask.network.classes
    quantity = FOUR_DIGITS.figure
    yield quantity(
        "head_us", head.compute_s * 1e6, "µs", TIME, label=f"output layer of {classes}, apart"
    )
    yield quantity("head_uj", head.active_j * 1e6, "µJ", HEAD, label="energy of that")
