"""What has to be said beside the chip's figures."""

from collections.abc import Iterator
from typing import Final

from vau.estimate import engineering, megahertz
from vau_backends.rpu import constants
from vau_backends.rpu.estimate.laid_out import LaidOut
from vau_backends.rpu.form import SRAM_BYTES

MODEL: Final = (
    "This is a model of the published design point: throughput, power and efficiency reproduce "
    "the abstract by construction (one fitted scalar)."
)
UNCERTAIN: Final = (
    "A latency holds if 128 lanes at 500 MHz do: the abstract pins their product and neither "
    "of the two. The split of energy, leakage, idling and DRAM are assumptions."
)
KERNEL_NOTE: Final = (
    "The split by components is assumed. Of the design that the abstract compares itself with "
    f"nothing is known but the ratio: {constants.BASELINE.value / 1e9:.4g} GOPS/W, and no more "
    "is claimed."
)
LEFT_OUT: Final = (
    "The output layer stands apart; the features and the host are not counted, nor, in the "
    "energy of a frame, what the chip leaks between two calls."
)


def assumptions() -> tuple[str, ...]:
    """Name what is ours and could be otherwise, with its values."""
    return (
        "which operation goes to which component",
        *(
            f"{each.name}: {engineering(each.value, each.unit)}"
            for each in constants.CONSTANTS
            if each.status == "assumed"
        ),
    )


def notes(found: LaidOut) -> Iterator[str]:
    """Yield what has to be said beside the figures."""
    yield MODEL
    yield UNCERTAIN
    yield from _of_weights(found)
    yield from _of_chunks(found)
    clock_hz, fitted_hz = found.clock_hz, constants.CLOCK.value
    if clock_hz != fitted_hz:
        yield (
            f"The fit was made at {megahertz(fitted_hz, beside_hz=clock_hz)}. At "
            f"{megahertz(clock_hz, beside_hz=fitted_hz)} an action is taken to cost the same, "
            "though the voltage would be another."
        )
    if found.ask.reuse_credit:
        yield (
            "A weight that serves several frames is charged as one read, which goes beyond the "
            "publication."
        )
    yield LEFT_OUT


def _of_weights(found: LaidOut) -> Iterator[str]:
    account = found.account
    if found.chips > 1:
        leaked_uj = (found.chips - 1) * account.rates.leakage_w * account.latency_s * 1e6
        yield (
            f"Resident is an idealisation here: the lanes of one chip, and the memory of "
            f"{found.chips}. So many real chips would take the same dynamic energy; used one "
            f"at a time the others would leak {leaked_uj:.3g} µJ meanwhile."
        )
    if account.dram_s > account.compute_s:
        yield (
            "DRAM sets the pace. More streams in a call share every weight, U too; more frames "
            "of a stream share W alone, and have to be waited for."
        )
    if account.actions.dram_bytes:
        yield "That weights taken in and weights read meet in a bank is not modelled."


def _of_chunks(found: LaidOut) -> Iterator[str]:
    frames = found.ask.chunk_frames
    if frames > 1:
        gathering_ms = (frames - 1) * 1e3 / found.ask.frame_hz
        yield (
            f"A chunk of {frames} frames is gathered for {gathering_ms:g} ms before it is "
            "called, which no figure but the deadline includes."
        )
    if found.ask.streams > 1:
        yield "A step is one frame of each stream; latencies are of all streams together."
    if found.chips == 1 and found.peak_bytes > SRAM_BYTES:
        yield (
            "Weights and the sums that wait do not fit the chip's memory together; that they "
            "have to share it costs nothing here."
        )
