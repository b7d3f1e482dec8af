"""A placed chunk as spans on tracks, one track for each component of the chip.

A tile's product is one span per cluster, for all streams of a step; what is pipelined is one
span for as long as it never empties. In a gap a component is not needed; multipliers that are
clocked and have nothing to multiply wait.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import replace
from typing import Final

from vau.timeline import WAIT, Span
from vau_backends.rpu.energy import Account
from vau_backends.rpu.schedule.operations import (
    ADDER_TREES,
    GATE_NAMES,
    MAC_CLUSTERS,
    PIPELINE,
    Operation,
)

GROUP: Final = "chip"

PHASES: Final = "phases"
"""The track of the chip as a whole."""

EXPOSED: Final = "exposed"
"""The phase in which nothing multiplies: element-wise work that nothing hides."""

STALL: Final = "stall"
"""The phase in which weights have yet to arrive, and the chip is not clocked."""


def spans_of(operations: Iterable[Operation], cycles: int, account: Account) -> Iterator[Span]:
    """Yield the spans of a chunk.

    operations: each component's in their order of time; at least one multiplies.
    cycles:     of the whole chunk.
    account:    of the same chunk: for how long weights arrive, and the chip waits for them.
    """
    work = _by_component(operations)
    yield from _filled(PHASES, work, cycles, EXPOSED)
    if account.stall_cycles:
        note = "weights are late; where the chip really waits for them is not modelled"
        yield Span(_track(PHASES), STALL, cycles, account.stall_cycles, note)
    for cluster in MAC_CLUSTERS:
        if cluster in work:
            yield from _filled(cluster, work, cycles, WAIT)
    for component in (ADDER_TREES, *(stage.component for stage in PIPELINE)):
        yield from work[component]
    if account.actions.dram_bytes:
        detail = f"{account.actions.dram_bytes:,} bytes"
        yield Span("DRAM/weights", "weights", 0, account.dram_cycles, detail)


def _by_component(operations: Iterable[Operation]) -> dict[str, list[Span]]:
    """Return the spans of each component, and those of the phases, joined where they touch."""
    found: dict[str, list[Span]] = defaultdict(list)
    for operation in operations:
        layer, step = f"layer {operation.turn.layer + 1}", operation.turn.step
        detail = layer
        if operation.component in MAC_CLUSTERS:
            units, gate = operation.units, GATE_NAMES[operation.gates[0]]
            detail = f"{layer}, gate {gate}, units {units[0]} to {units[-1]}"
        _append(found[operation.component], _span(operation, operation.component, detail, step))
        if operation.component == MAC_CLUSTERS[0]:
            # The products W x of a tile serve all steps of a chunk, one behind the other.
            frame = None if operation.kind == "W x" else step
            _append(found[PHASES], _span(operation, PHASES, layer, frame))
    return found


def _span(operation: Operation, part: str, detail: str, frame: int | None) -> Span:
    start, cycles = operation.start_cycle, operation.cycles
    return Span(_track(part), operation.kind, start, cycles, detail, frame)


def _append(spans: list[Span], span: Span) -> None:
    """Add a span, or lengthen the last by it: if it goes on with it, or enters a pipeline."""
    last = spans[-1] if spans else None
    goes_on = last is not None and (
        last.end_cycle > span.start_cycle
        or (last.end_cycle, last.name, last.detail, last.frame)
        == (span.start_cycle, span.name, span.detail, span.frame)
    )
    if last is not None and goes_on:
        spans[-1] = replace(last, cycles=span.end_cycle - last.start_cycle)
    else:
        spans.append(span)


def _filled(
    part: str, work: dict[str, list[Span]], end_cycle: int, name: str
) -> Iterator[Span]:
    """Yield a track's spans, with one of ``name`` wherever it has nothing to do."""
    now = 0
    for span in work[part]:
        if span.start_cycle > now:
            yield Span(_track(part), name, now, span.start_cycle - now)
        yield span
        now = span.end_cycle
    if end_cycle > now:
        yield Span(_track(part), name, now, end_cycle - now)


def _track(part: str) -> str:
    return f"{GROUP}/{part}"
