"""A timeline of live audio: whole calls, one behind the other."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Final

from vau.errors import ConfigInvalid
from vau.timeline import Span, Timeline
from vau_backends.rpu.estimate.laid_out import LaidOut
from vau_backends.rpu.form import GATES, LANES, UNITS_PER_TILE, ceil_div
from vau_backends.rpu.schedule import expansion
from vau_backends.rpu.schedule.operations import PIPELINE

MOST_OPERATIONS: Final = 100_000
"""Of all calls together, beyond which a picture takes seconds and shows no more."""


def play(found: LaidOut, frames: int) -> Timeline:
    """Play as many calls as it takes for so many frames of each stream.

    A call begins when the one before has ended, as if its frames had been waiting.
    Raises ConfigInvalid for more operations than MOST_OPERATIONS.
    """
    ask, calls = found.ask, ceil_div(frames, found.ask.chunk_frames)
    _refuse_too_many(found, calls)
    one = expansion.timeline(
        ask.network,
        found.form,
        chunk_frames=ask.chunk_frames,
        streams=ask.streams,
        clock_hz=found.clock_hz,
        dram_bytes_per_s=found.costs.dram_bytes_per_s,
    )
    title = one.title if calls == 1 else f"{one.title}; {calls} of them, one behind the other"
    return replace(one, title=title, spans=tuple(_repeated(one, calls, ask.chunk_frames)))


def operation_count(found: LaidOut) -> int:
    """Count the operations of a call, without placing them."""
    network, frames = found.ask.network, found.chunk.frames
    tiles = ceil_div(network.hidden, UNITS_PER_TILE)
    products = 2 * GATES * tiles  # W x and U h
    sums, finishes = tiles, tiles
    if found.form.schedule == "serial":
        sums, finishes = GATES * ceil_div(network.hidden, LANES), 1
    of_layer = products + sums + len(PIPELINE) * finishes
    return network.layers * frames * of_layer


def _refuse_too_many(found: LaidOut, calls: int) -> None:
    """Raise ConfigInvalid for what takes too long to draw: calls, or already one of them."""
    of_call = operation_count(found)
    total = calls * of_call
    if total <= MOST_OPERATIONS:
        return
    ask = found.ask
    sizes = f"streams={ask.streams}, chunk_frames={ask.chunk_frames}"
    if of_call > MOST_OPERATIONS:
        field = "streams" if ask.streams >= ask.chunk_frames else "chunk_frames"
        raise ConfigInvalid(
            f"{sizes}: a call would be {of_call:,} operations, and a timeline shows "
            f"{MOST_OPERATIONS:,} at most; ask for less, or for a smaller network",
            field=field,
        )
    raise ConfigInvalid(
        f"frames={calls * ask.chunk_frames}: {calls:,} calls of {of_call:,} operations each; a "
        f"timeline shows {MOST_OPERATIONS:,} at most, so ask for "
        f"{MOST_OPERATIONS // of_call * ask.chunk_frames} frames or fewer",
        field="frames",
    )


def _repeated(one: Timeline, calls: int, chunk_frames: int) -> Iterator[Span]:
    """Yield the spans of a call over and over, its cycles and frames counted on."""
    call_cycles = one.end_cycle
    for call in range(calls):
        for span in one.spans:
            yield replace(
                span,
                start_cycle=span.start_cycle + call * call_cycles,
                frame=None if span.frame is None else span.frame + call * chunk_frames,
            )
