"""Networks, inputs and states of every kind, to hold the RPU's fast paths to the reference."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from vau_backends.rpu import kernel
from vau_backends.rpu.kernel import Answer, States, open_kernel
from vau_backends.rpu.weights import LayerWeights, NetworkWeights

Style = Literal["small", "large", "extreme"]
STYLES: Final[tuple[Style, ...]] = ("small", "large", "extreme")
"""Weights that never saturate p, or often; and all of them at one end of their range."""

TIERS: Final[tuple[str, ...]] = kernel.tiers()
CLASSES: Final = 3
S16: Final = (-32_768, 32_768)


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A network and its fraction bits."""

    layers: int = 2
    hidden: int = 7
    inputs: int = 5
    style: Style = "large"
    f_x: int = 12
    classes: int = CLASSES


@dataclass(frozen=True, kw_only=True)
class Case:
    """Frames for each of some streams, whose states have been somewhere before."""

    weights: NetworkWeights
    inputs: list[NDArray[np.int16]]
    states: States

    def run(self, tier: str, order: Sequence[int] | None = None) -> tuple[Answer, States]:
        """Return what a tier makes of it, with the streams in another order if one is given."""
        rows = list(range(len(self.inputs)) if order is None else order)
        states = States(self.states.h.copy(), self.states.c.copy())
        inputs = [self.inputs[row] for row in rows]
        lengths = [len(each) for each in inputs]
        network = open_kernel(self.weights, tier)
        return network.run(np.concatenate(inputs), lengths, states, rows), states


def make(seed: int, lengths: Sequence[int], shape: Shape) -> Case:
    """Return a case; equal arguments give an equal one."""
    rng = np.random.default_rng(seed)
    states = (len(lengths), shape.layers, shape.hidden)
    layers = tuple(_layer(rng, shape, n) for n in range(shape.layers))
    return Case(
        weights=NetworkWeights(
            layers,
            _matrix(rng, (shape.classes, shape.hidden), shape.style),
            rng.integers(-(2**20), 2**20, shape.classes, np.int32),
            f_out=int(rng.integers(8, 16)),
        ),
        inputs=[rng.integers(*S16, (length, shape.inputs), np.int16) for length in lengths],
        states=States(
            rng.integers(*S16, states, np.int16), rng.integers(*S16, states, np.int16)
        ),
    )


def _layer(rng: np.random.Generator, shape: Shape, n: int) -> LayerWeights:
    rows = 4 * shape.hidden
    return LayerWeights(
        _matrix(rng, (rows, shape.hidden if n else shape.inputs), shape.style),
        _matrix(rng, (rows, shape.hidden), shape.style),
        rng.integers(-(2**20), 2**20, rows, np.int32),
        f_x=15 if n else shape.f_x,
        f_w=int(rng.integers(8, 16)),
        f_u=int(rng.integers(8, 16)),
    )


def _matrix(
    rng: np.random.Generator, shape: tuple[int, int], style: Style
) -> NDArray[np.int16]:
    if style == "extreme":
        return rng.choice(np.array([-32_767, 32_767], np.int16), shape)
    most = 2_000 if style == "small" else 32_767
    return rng.integers(-most, most + 1, shape, np.int16)


def assert_equal(found: tuple[Answer, States], expected: tuple[Answer, States]) -> None:
    """Compare logits, counts and states, bit by bit."""
    np.testing.assert_array_equal(found[0].logits, expected[0].logits)
    np.testing.assert_array_equal(found[0].saturations, expected[0].saturations)
    np.testing.assert_array_equal(found[1].h, expected[1].h)
    np.testing.assert_array_equal(found[1].c, expected[1].c)
