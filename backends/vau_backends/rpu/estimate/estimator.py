"""The port of ``vau.estimate`` over the model of the RPU: what-if without audio."""

from collections.abc import Iterator, Sequence
from typing import Final

from vau.errors import ConfigInvalid
from vau.estimate import (
    Ask,
    Constant,
    Estimate,
    KernelAsk,
    KernelEstimate,
    OperatingPoint,
    Silicon,
    Value,
    megahertz,
    plural,
)
from vau.timeline import Timeline
from vau_backends.rpu import constants
from vau_backends.rpu.cycles import Actions
from vau_backends.rpu.energy import METHOD, Account
from vau_backends.rpu.estimate.figures import (
    FOUR_DIGITS,
    POINT_KEYS,
    SIX_DIGITS,
    TIME,
    figures,
    kernel_figures,
)
from vau_backends.rpu.estimate.laid_out import LaidOut
from vau_backends.rpu.estimate.layout import KIND, lay_out
from vau_backends.rpu.estimate.neighbours import neighbours
from vau_backends.rpu.estimate.notes import KERNEL_NOTE, MODEL, assumptions, notes
from vau_backends.rpu.estimate.readings import readings
from vau_backends.rpu.estimate.report import chunk_report
from vau_backends.rpu.estimate.timeline import play
from vau_backends.rpu.weights import SPEC

KERNELS: Final = ("dense",)
KERNEL_INSTANCES: Final = ("", "resident")


class RpuEstimator:
    """Puts networks on one chip, and counts."""

    def estimate(self, ask: Ask) -> Estimate:
        """Count cycles and actions of a call, and turn these into joules of a frame."""
        found = lay_out(ask)
        return Estimate(
            ask=ask,
            accelerator=found.accelerator,
            method=f"{SPEC}, section 6",
            clock_hz=found.clock_hz,
            silicon=Silicon(found.chips, "chip"),
            delay_s=found.delay_s,
            readings=tuple(readings(found)),
            verdict=found.verdict,
            figures=tuple(figures(found)),
            precision=FOUR_DIGITS,
            givens=tuple(_givens(found)),
            stages=found.stages,
            counts=found.account.actions.by_name(),
            notes=tuple(notes(found)),
            contest=_contest(found),
            choice=_choice(ask),
            point_keys=POINT_KEYS,
            time_status=TIME,
        )

    def kernel(self, ask: KernelAsk) -> KernelEstimate:
        """Count one cycle of the dense matrix-vector product, to which the fit was made."""
        if ask.kernel not in KERNELS:
            raise ConfigInvalid(
                f"kernel={ask.kernel!r}: there is {', '.join(KERNELS)}", field="kernel"
            )
        if ask.instance not in KERNEL_INSTANCES:
            raise ConfigInvalid(
                f"backend={KIND}:{ask.instance}: the kernel is on the chip and knows no "
                f"schedule; ask for {KIND}",
                field="backend",
            )
        clock_hz = ask.clock_hz or constants.CLOCK.value
        account = Account(actions=Actions.of_dense_kernel(), clock_hz=clock_hz)
        is_published = clock_hz == constants.CLOCK.value
        return KernelEstimate(
            ask=ask,
            accelerator=KIND,
            method=METHOD,
            clock_hz=clock_hz,
            is_extrapolated=not is_published,
            figures=tuple(
                kernel_figures(account, "calibrated" if is_published else "extrapolated")
            ),
            precision=SIX_DIGITS,
            counts=account.actions.by_name(),
            parts_w=tuple((name, joules * clock_hz) for name, joules in account.core_parts),
            notes=(MODEL, KERNEL_NOTE),
        )

    def timeline(self, ask: Ask, frames: int) -> Timeline:
        """Play whole calls, one behind the other, until there are so many frames."""
        return play(lay_out(ask), frames)

    def around(self, ask: Ask) -> list[Ask]:
        """List chunks, streams, residencies, bandwidths and clocks for the network.

        What is given are clock and bandwidth, of which more is always better.
        """
        found = lay_out(ask)
        return neighbours(ask, found.costs.clock_hz, found.costs.dram_bytes_per_s)

    def constants(self) -> Sequence[Constant]:
        """List every number of the model."""
        return constants.CONSTANTS

    def operating_points(self) -> Sequence[OperatingPoint]:
        """List the one point that was published."""
        return constants.OPERATING_POINTS


def _givens(found: LaidOut) -> Iterator[tuple[str, Value]]:
    ask, form = found.ask, found.form
    yield from (("residency", form.residency), ("schedule", form.schedule))
    yield "streams", ask.streams
    is_streamed = form.residency == "streamed"
    yield "dram_gbps", found.costs.dram_bytes_per_s / 1e9 if is_streamed else None
    yield "spec", SPEC
    yield "extrapolated", True  # the fit was made to the dense kernel, which is no network
    yield "beyond_publication", found.costs.is_beyond_publication
    yield "assumptions", assumptions()
    yield "chunk", chunk_report(found)


def _choice(ask: Ask) -> str:
    streams = plural(ask.streams, "stream")
    return streams if ask.chunk_frames == 1 else f"{ask.chunk_frames} frames, {streams}"


def _contest(found: LaidOut) -> tuple[str, str]:
    bandwidth = f"DRAM of {found.costs.dram_bytes_per_s / 1e9:g} GB/s"
    resident = f"resident, {found.chips} chips idealised" if found.chips > 1 else "resident"
    weights = resident if found.form.residency == "resident" else bandwidth
    return weights, megahertz(found.clock_hz)


ESTIMATOR: Final = RpuEstimator()
