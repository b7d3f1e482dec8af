"""A board and the reference, step by step with the same inputs."""

from collections.abc import Iterator
from dataclasses import dataclass
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.boards import Say
from vau_backends.board.device.streams import Driver
from vau_backends.muntaniala.array import Knobs, Tiling
from vau_backends.muntaniala.cell import Accumulator, cell, pre_activations
from vau_backends.muntaniala.cycles import LayerCycles
from vau_backends.muntaniala.fixedpoint import Sat16
from vau_backends.muntaniala.weights import NetworkWeights

SAID_EVERY: Final = 250
SPEECH_STD: Final = 32.0
"""Of x as speech has it: a quarter of a normalised feature, in 7 fraction bits."""


@dataclass(slots=True, kw_only=True)
class Compared:
    """How far the board and the reference agree."""

    steps: int = 0
    mismatches: int = 0
    """Steps of which h or the saturations differ."""

    saturations: int = 0
    cycles_per_step: int = 0
    board_s: float = 0.0

    @property
    def steps_per_second(self) -> float:
        """Of the board and the link, the reference left out."""
        return self.steps / self.board_s if self.board_s else 0.0


class Reference:
    """The layers of a network on their dies, one stream."""

    def __init__(self, weights: NetworkWeights, tilings: tuple[Tiling, ...]) -> None:
        """Begin in the zero state."""
        self._layers = list(zip(weights.layers, tilings, strict=True))
        self._h = [np.zeros(tiling.hidden, np.int64) for tiling in tilings]
        self._c = [np.zeros(tiling.hidden, np.int64) for tiling in tilings]

    def step(self, x: NDArray[np.int8]) -> tuple[NDArray[np.int8], tuple[int, ...]]:
        """Advance by one frame; return h of the last layer, and saturations by layer."""
        now, events = x.astype(np.int64), list[int]()
        for at, (layer, tiling) in enumerate(self._layers):
            sat16 = Sat16()
            accumulator = Accumulator.of(Knobs(), sat16)
            a = pre_activations(layer, tiling, now, self._h[at], accumulator)
            self._h[at], self._c[at] = cell(layer, a, self._c[at], sat16)
            now = self._h[at]
            events.append(int(sat16.events))
        return now.astype(np.int8), tuple(events)


def inputs(width: int, seed: int) -> Iterator[NDArray[np.int8]]:
    """Yield frames without end: like speech, of the whole range, and nothing but extremes."""
    rng = np.random.default_rng(seed)
    while True:
        speech = rng.normal(0.0, SPEECH_STD, (8, width))
        yield from np.rint(speech).clip(-128, 127).astype(np.int8)
        yield from rng.integers(-128, 128, (2, width), np.int8)
        yield rng.choice(np.array([-128, 127], np.int8), width)
        yield np.zeros(width, np.int8)


def compared(
    driver: Driver, weights: NetworkWeights, steps: int, seed: int, say: Say
) -> Compared:
    """Step both so often, and count where they differ. Raises as ``Driver.run`` does.

    That every step took the cycles of the schedule, the driver sees to.
    """
    tilings = tuple(layer.tiling for layer in driver.board.layers)
    found = Compared(cycles_per_step=sum(LayerCycles.of(each).total for each in tilings))
    reference, stream = Reference(weights, tilings), driver.begin()
    for x in inputs(tilings[0].inputs, seed):
        started_s = perf_counter()
        hidden, saturations = driver.run(stream, x[np.newaxis])
        found.board_s += perf_counter() - started_s
        right, events = reference.step(x)
        found.steps += 1
        found.saturations += sum(events)
        found.mismatches += not np.array_equal(hidden[0], right) or saturations != events
        if found.steps % SAID_EVERY == 0:
            say(f"{found.steps} steps, {found.mismatches} mismatches")
        if found.steps >= steps:
            break
    driver.end(stream)
    return found
