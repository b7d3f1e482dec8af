"""Networks and frames that drive the arithmetic into its corners.

Each is a layer and the frames of its streams; chance has no part in those that have a name.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import islice
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.rtl.simulation import CLASSES, Shape, network
from vau_backends.board.workbench.side_by_side import inputs
from vau_backends.muntaniala.array import GATES
from vau_backends.muntaniala.weights import LayerWeights, NetworkWeights

Frames = NDArray[np.int8]

STREAMS: Final = 3
"""Of chance, in turn on one board."""

SWEEP: Final = 262
"""Of units of 127, the step by which a sum is swept: further than 16 bits both ways."""


@dataclass(frozen=True)
class Vector:
    """A layer, and what is put into it."""

    name: str
    weights: NetworkWeights
    streams: tuple[Frames, ...]
    """Each of shape (frames, inputs), and from the zero state; they take turns."""

    def turns(self) -> Iterator[tuple[int, Frames]]:
        """Yield which stream is next, and its frame."""
        for at in range(max(map(len, self.streams))):
            for stream, frames in enumerate(self.streams):
                if at < len(frames):
                    yield stream, frames[at]


def vectors(shape: Shape, frames: int) -> Iterator[Vector]:
    """Yield all of them for a layer: chance at three amplitudes, and each corner."""
    for most in (3, 40, 127):
        streams = tuple(chance(shape, frames, seed) for seed in range(STREAMS))
        yield Vector(f"chance up to {most}", network(shape, seed=most, most=most), streams)
    yield Vector("the lowest products", _layer(shape, -128, -128), (_lowest(shape),))
    yield Vector("ends and back", _layer(shape, 127, 0), (_ends(shape),))
    yield Vector("order matters", _alternating(shape), (_ends(shape),))
    yield Vector("c to both ends", _driving_c(shape), (_both_ways(shape),))


def chance(shape: Shape, frames: int, seed: int) -> Frames:
    """Return frames as the side-by-side comparison has them."""
    return np.stack([*islice(inputs(shape.inputs, seed), frames)])


def all_entries(hidden: int) -> Vector:
    """Sweep every sum of a small layer over 16 bits and past both ends, in steps of 127."""
    shape = Shape(hidden=hidden, inputs=3)
    frames = np.zeros((2 * SWEEP + 1, shape.inputs), np.int8)
    for frame, total in zip(frames, range(-SWEEP, SWEEP + 1), strict=True):
        for at in range(shape.inputs):
            frame[at] = min(max(total - int(frame[:at].sum()), -127), 127)
    return Vector("every entry of the tables", _layer(shape, 127, 0), (frames,))


def _layer(shape: Shape, w_x: int, w_h: int, bias: int = 0) -> NetworkWeights:
    gates = GATES * shape.hidden
    return _network(
        np.full((gates, shape.inputs), w_x, np.int8),
        np.full((gates, shape.hidden), w_h, np.int8),
        np.full(gates, bias, np.int8),
    )


def _network(w_x: Frames, w_h: Frames, bias: Frames) -> NetworkWeights:
    hidden = w_h.shape[1]
    output = np.ones((CLASSES, hidden), np.int8)
    return NetworkWeights((LayerWeights(w_x, w_h, bias),), output, np.zeros(CLASSES, np.int8))


def _lowest(shape: Shape) -> Frames:
    """-128 twice is 32768 with weights of -128: one more than there is."""
    both = np.array([[-128], [127], [-128], [-127], [0]], np.int8)
    return np.repeat(both, shape.inputs, axis=1)


def _ends(shape: Shape) -> Frames:
    """Up to the end and back within a step, and the other way round."""
    half = np.arange(shape.inputs) < (shape.inputs + 1) // 2
    return np.stack([np.where(half, up, -up) for up in (127, -127)] * 2).astype(np.int8)


def _alternating(shape: Shape) -> NetworkWeights:
    """Rows of opposite signs in turn, from a bias near the end: what comes first decides."""
    gates = GATES * shape.hidden
    signs = np.resize(np.array([127, 127, -128], np.int8), (gates, shape.inputs))
    return _network(
        signs, np.resize(signs[:, :1], (gates, shape.hidden)), np.full(gates, 120, np.int8)
    )


def _driving_c(shape: Shape) -> NetworkWeights:
    """Gates that stand open, and a candidate that is as the first input."""
    gates = GATES * shape.hidden
    w_x = np.zeros((GATES, shape.hidden, shape.inputs), np.int8)
    w_x[2] = 127
    w_h = np.zeros((gates, shape.hidden), np.int8)
    bias = np.full((GATES, shape.hidden), 127, np.int8)
    bias[2] = 0
    return _network(w_x.reshape(gates, shape.inputs), w_h, bias.reshape(gates))


def _both_ways(shape: Shape) -> Frames:
    """Up for as long as c takes to its end, which is at 8, then down and up again."""
    signs = np.array([127] * 14 + [-128] * 28 + [127] * 3, np.int8)
    return np.repeat(signs[:, np.newaxis], shape.inputs, axis=1)
