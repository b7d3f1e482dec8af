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
    Reading,
    Silicon,
    Stage,
    Value,
    plural,
)
from vau.timeline import Timeline
from vau_backends.rpu import constants
from vau_backends.rpu.cycles import Actions, LayerCycles
from vau_backends.rpu.energy import METHOD, Account
from vau_backends.rpu.estimate.figures import (
    CORE,
    DRAM,
    FOUR_DIGITS,
    POINT_KEYS,
    SIX_DIGITS,
    TIME,
    figures,
    kernel_figures,
)
from vau_backends.rpu.estimate.layout import KIND, load_of
from vau_backends.rpu.estimate.load import Load
from vau_backends.rpu.estimate.neighbours import neighbours
from vau_backends.rpu.estimate.notes import MODEL, assumptions, notes
from vau_backends.rpu.estimate.report import chunk_report
from vau_backends.rpu.form import layer_inputs
from vau_backends.rpu.schedule.expansion import timeline
from vau_backends.rpu.weights import SPEC

KERNELS: Final = ("dense",)
KERNEL_INSTANCES: Final = ("", "resident")
MOST_DRAWN: Final = 100  # frames of a timeline, all streams together


class RpuEstimator:
    """Puts networks on one chip, and counts."""

    def estimate(self, ask: Ask) -> Estimate:
        """Count cycles and actions of a call, and turn these into joules of a frame."""
        load = load_of(ask)
        return Estimate(
            ask=ask,
            accelerator=f"{KIND}:{load.form}",
            method=f"{SPEC}, section 6",
            clock_hz=load.costs.clock_hz,
            silicon=Silicon(load.chips, "chip"),
            delay_s=load.delay_s,
            readings=tuple(_readings(load)),
            verdict=load.verdict,
            figures=tuple(figures(load)),
            precision=FOUR_DIGITS,
            givens=tuple(_givens(load)),
            stages=tuple(_stages(load)),
            counts=load.account.actions.by_name(),
            notes=tuple(notes(load)),
            contest=_contest(load),
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
            figures=tuple(
                kernel_figures(account, "calibrated" if is_published else "extrapolated")
            ),
            precision=SIX_DIGITS,
            counts=account.actions.by_name(),
            parts_w=tuple((name, joules * clock_hz) for name, joules in account.core_parts),
            notes=(MODEL, KERNEL_NOTE),
        )

    def timeline(self, ask: Ask, frames: int) -> Timeline:
        """Play one chunk: of the frames asked for, or of so many if no more than one was."""
        load = load_of(ask)
        frames = frames if ask.chunk_frames == 1 else ask.chunk_frames
        if frames * ask.streams > MOST_DRAWN:
            raise ConfigInvalid(
                f"frames={frames}, streams={ask.streams}: a timeline shows {MOST_DRAWN} frames "
                "at most, of all streams; ask for less",
                field="frames",
            )
        return timeline(
            ask.network,
            load.form,
            frames,
            ask.streams,
            load.costs.clock_hz,
            dram_bytes_per_s=load.costs.dram_bytes_per_s,
        )

    def around(self, ask: Ask) -> list[Ask]:
        """List chunks, streams, residencies, bandwidths and clocks for the network.

        What is given are clock and bandwidth, of which more is always better.
        """
        load = load_of(ask)
        return neighbours(ask, load.costs.clock_hz, load.costs.dram_bytes_per_s)

    def constants(self) -> Sequence[Constant]:
        """List every number of the model."""
        return constants.CONSTANTS

    def operating_points(self) -> Sequence[OperatingPoint]:
        """List the one point that was published."""
        return constants.OPERATING_POINTS


KERNEL_NOTE: Final = (
    "The split by components is assumed. Of the design that the abstract compares itself with "
    f"nothing is known but the ratio: {constants.BASELINE.value / 1e9:.4g} GOPS/W, and no more "
    "is claimed."
)


def _readings(load: Load) -> Iterator[Reading]:
    """Yield the energy of a frame at both boundaries, which never mix."""
    account = load.account
    streamed = bool(account.actions.dram_bytes)
    for name, joules, parts, text in (
        ("system", account.system_j, account.system_parts, "chip and DRAM"),
        ("core", account.core_j, account.core_parts, "the chip, the published boundary"),
    ):
        yield Reading(
            name=name,
            joules=load.a_frame(joules),
            boundary="system" if name == "system" else "core",
            method=METHOD,
            status=DRAM if name == "system" and streamed else CORE,
            text=f"{text}, nothing while idle; the split is assumed",
            parts=tuple((part, load.a_frame(of_part)) for part, of_part in parts),
        )


def _stages(load: Load) -> Iterator[Stage]:
    hidden, chunk = load.ask.network.hidden, load.chunk
    for number, inputs in enumerate(layer_inputs(load.ask.network), start=1):
        cycles = LayerCycles.of(hidden, inputs, load.form, chunk)
        macs = Actions.of_layer(hidden, inputs, load.form, chunk).macs // chunk.steps
        yield Stage(
            name=f"layer {number}",
            inputs=inputs,
            units=hidden,
            counts=(("macs", macs),),
            phases=tuple((name, count // chunk.steps) for name, count in cycles.by_phase()),
        )


def _givens(load: Load) -> Iterator[tuple[str, Value]]:
    ask, form = load.ask, load.form
    yield from (("residency", form.residency), ("schedule", form.schedule))
    yield from (("streams", ask.streams), ("T", ask.chunk_frames), ("S", ask.streams))
    is_streamed = form.residency == "streamed"
    yield "dram_gbps", load.costs.dram_bytes_per_s / 1e9 if is_streamed else None
    yield "spec", SPEC
    yield "extrapolated", load.costs.is_extrapolated
    yield "assumptions", assumptions()
    yield "chunk", chunk_report(load)


def _choice(ask: Ask) -> str:
    streams = plural(ask.streams, "stream")
    return streams if ask.chunk_frames == 1 else f"{ask.chunk_frames} frames, {streams}"


def _contest(load: Load) -> tuple[str, str]:
    bandwidth = f"DRAM of {load.costs.dram_bytes_per_s / 1e9:g} GB/s"
    resident = f"resident, {load.chips} chips idealised" if load.chips > 1 else "resident"
    weights = resident if load.form.residency == "resident" else bandwidth
    return weights, f"{load.costs.clock_hz / 1e6:.4g} MHz"


ESTIMATOR: Final = RpuEstimator()
