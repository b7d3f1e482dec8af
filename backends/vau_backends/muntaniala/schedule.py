"""Frames on dies over time: each layer on an array of its own, or all taking turns on one.

Ref: docs/munt-spec-0.md, section 6. All cycles are estimated. How one step of one layer goes
     is in ``step.py``; here steps follow each other. That weights are swapped at all is
     assumed: the papers keep them on their dies.
"""

from collections.abc import Sequence
from itertools import accumulate, product

from vau.errors import ConfigInvalid
from vau.estimate import Reload
from vau.timeline import Span, Timeline
from vau_backends.muntaniala.array import Tiling
from vau_backends.muntaniala.cycles import CYCLES_PER_BEAT
from vau_backends.muntaniala.step import Event, Phase, Stretch, step


def load_weights(tiling: Tiling, mode: Reload) -> Stretch:
    """Play the loading of a layer's weights: a full tile per die, over 8-bit links.

    Padding is loaded with them; spilled states are not counted.
    """
    port_free, events = 0, []
    cycles = tiling.die_bytes * CYCLES_PER_BEAT
    for die in product(range(tiling.rows), range(tiling.columns)):
        events.append(Event(die, port_free, cycles, f"{tiling.die_bytes:,} bytes"))
        port_free += cycles if mode == "serial" else 0
    return Stretch.of(tiling, [Phase("reload", "", tuple(events))])


def pipelined(tilings: Sequence[Tiling], frames: int, clock_hz: float) -> Timeline:
    """Play frames through arrays of their own per layer, as fast as they go in.

    A layer begins a frame when its x is there and its array is free. The host holds a frame
    back until it will not have to wait between layers, so nothing piles up and each frame
    takes the sum of the layers; frames then follow each other by the longest of them.
    Raises ValueError if there is no layer or no frame.
    """
    _check(tilings, frames)
    steps = _steps(tilings)
    begins = [0, *accumulate(each.cycles for each in steps[:-1])]
    free = [0] * len(steps)
    spans: list[Span] = []
    for frame in range(frames):
        entry = max(at - begin for at, begin in zip(free, begins, strict=True))
        for layer, each in enumerate(steps):
            start = entry + begins[layer]
            spans += each.placed(f"layer {layer + 1}", start, frame)
            free[layer] = start + each.cycles
    return Timeline(title=_title(tilings, frames), clock_hz=clock_hz, spans=tuple(spans))


def multiplexed(
    tilings: Sequence[Tiling], dies: int, reload: Reload, frames: int, clock_hz: float
) -> Timeline:
    """Play one pass of so many frames through layers that take turns on one array.

    A layer's weights are loaded, and all frames of the pass go through it before the next
    layer's are. Where every layer has dies of its own, nothing is loaded: ``pipelined``.
    Raises ConfigInvalid as ``loading_cycles`` does, ValueError if there is no layer or frame.
    """
    if not loading_cycles(tilings, dies, reload):
        return pipelined(tilings, frames, clock_hz)
    _check(tilings, frames)
    now, spans = 0, list[Span]()
    for layer, (tiling, each) in enumerate(zip(tilings, _steps(tilings), strict=True)):
        note = f"layer {layer + 1}"
        loading = load_weights(tiling, reload)
        spans += loading.placed("array", now, None, note)
        now += loading.cycles
        for frame in range(frames):
            spans += each.placed("array", now, frame, note)
            now += each.cycles
    title = f"{_title(tilings, frames)}, in turns on {_widest(tilings)} dies, {reload} loading"
    return Timeline(title=title, clock_hz=clock_hz, spans=tuple(spans))


def loading_cycles(tilings: Sequence[Tiling], dies: int, reload: Reload) -> int:
    """Count what a pass loads on ``dies`` dies: the weights of every layer, once.

    Returns 0 if there are dies for all layers: they stay where they are. With fewer, one
            array serves the layers in turn, and dies beyond it stay idle.
    Raises  ConfigInvalid if there are fewer dies than the largest layer's array has, and
            ValueError if there is no layer.
    """
    _check(tilings, frames=1)
    needed, least = sum(tiling.rows * tiling.columns for tiling in tilings), _widest(tilings)
    if dies < least:
        raise ConfigInvalid(
            f"dies={dies}: one layer alone lies on {least} dies, whose partial sums meet; with "
            f"fewer they would have to be put aside, which is not modelled. Take {least} dies "
            f"to serve the layers in turn, or {needed} to keep them all",
            field="dies",
            needed_dies=least,
            available_dies=dies,
        )
    if dies >= needed:
        return 0
    return sum(load_weights(tiling, reload).cycles for tiling in tilings)


def _check(tilings: Sequence[Tiling], frames: int) -> None:
    if not tilings or frames < 1:
        raise ValueError(
            f"{len(tilings)} layers and frames={frames}: a schedule has at least one of each"
        )


def _steps(tilings: Sequence[Tiling]) -> list[Stretch]:
    """Play the step of each layer; equal layers have equal steps."""
    played = {tiling: step(tiling) for tiling in set(tilings)}
    return [played[tiling] for tiling in tilings]


def _widest(tilings: Sequence[Tiling]) -> int:
    return max(tiling.rows * tiling.columns for tiling in tilings)


def _title(tilings: Sequence[Tiling], frames: int) -> str:
    layers = len(tilings)
    hidden = " and ".join(dict.fromkeys(str(tiling.hidden) for tiling in tilings))
    grids = " and ".join(dict.fromkeys(f"{each.rows}x{each.columns}" for each in tilings))
    return (
        f"muntaniala: {layers} x {hidden} units, {tilings[0].inputs} inputs, {grids} dies a "
        f"layer; {frames} frame{'s' * (frames > 1)}"
    )
