"""What has to be said beside the chip's figures."""

from collections.abc import Iterator
from typing import Final

from vau_backends.rpu import constants
from vau_backends.rpu.cycles import peak_sram_bytes
from vau_backends.rpu.estimate.load import Load
from vau_backends.rpu.form import SRAM_BYTES

MODEL: Final = (
    "This is a model of the published design point: throughput, power and efficiency reproduce "
    "the abstract by construction (one fitted scalar)."
)
UNCERTAIN: Final = (
    "A latency holds if 128 lanes at 500 MHz do: the abstract pins their product and neither "
    "of the two. The split of energy, leakage, idling and DRAM are assumptions."
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
            f"{each.name}: {each.value:.4g} {each.unit}"
            for each in constants.CONSTANTS
            if each.status == "assumed"
        ),
    )


def notes(load: Load) -> Iterator[str]:
    """Yield what has to be said beside the figures."""
    yield MODEL
    yield UNCERTAIN
    yield from _of_weights(load)
    yield from _of_chunks(load)
    clock_hz = load.costs.clock_hz
    if clock_hz != constants.CLOCK.value:
        yield (
            f"The fit was made at {constants.CLOCK.value / 1e6:.4g} MHz. At "
            f"{clock_hz / 1e6:g} MHz an action is taken to cost the same, though the voltage "
            "would be another."
        )
    if load.ask.reuse_credit:
        yield (
            "A weight that serves several frames is charged as one read, which goes beyond the "
            "publication: extrapolated."
        )
    yield LEFT_OUT


def _of_weights(load: Load) -> Iterator[str]:
    account = load.account
    if load.chips > 1:
        leaked_uj = (load.chips - 1) * account.rates.leakage_w * account.latency_s * 1e6
        yield (
            f"Resident is an idealisation here: the lanes of one chip, and the memory of "
            f"{load.chips}. So many real chips would take the same dynamic energy; used one at "
            f"a time the others would leak {leaked_uj:.3g} µJ meanwhile."
        )
    if account.dram_s > account.compute_s:
        yield (
            "DRAM sets the pace. More streams in a call share every weight, U too; more frames "
            "of a stream share W alone, and have to be waited for."
        )
    if account.actions.dram_bytes:
        yield "That weights taken in and weights read meet in a bank is not modelled."


def _of_chunks(load: Load) -> Iterator[str]:
    frames = load.ask.chunk_frames
    if frames > 1:
        gathering_ms = (frames - 1) * 1e3 / load.ask.frame_hz
        yield (
            f"A chunk of {frames} frames is gathered for {gathering_ms:g} ms before it is "
            "called, which no figure but the deadline includes."
        )
    if load.ask.streams > 1:
        yield "A step is one frame of each stream; latencies are of all streams together."
    sums_bytes = peak_sram_bytes(load.ask.network, load.form, load.chunk)
    if load.form.residency == "streamed" and sums_bytes > SRAM_BYTES:
        yield (
            "Weights and the sums that wait do not fit the chip's memory together; that they "
            "have to share it costs nothing here."
        )
