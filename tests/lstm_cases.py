"""Networks, inputs and states of every kind, to hold the kernel to the reference."""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from vau_backends.muntaniala import cell, kernel
from vau_backends.muntaniala.array import Knobs, Tiling
from vau_backends.muntaniala.kernel import Lanes, open_kernel
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import LayerWeights, NetworkWeights

Style = Literal["small", "large", "extreme"]
STYLES: Final[tuple[Style, ...]] = ("small", "large", "extreme")
"""Weights that hardly saturate a sum, or often; and all of them -128 or 127."""

ACCUMULATORS: Final[tuple[Literal["sat", "wrap", "wide"], ...]] = ("sat", "wrap", "wide")
TIERS: Final[tuple[str, ...]] = kernel.tiers()
"""What this machine and build have."""

CLASSES: Final = 3


@dataclass(frozen=True, kw_only=True)
class Shape:
    """A network, its dies and its arithmetic."""

    layers: int = 2
    hidden: int = 7
    inputs: int = 5
    rows: int = 2
    columns: int = 2
    style: Style = "large"
    acc: Literal["sat", "wrap", "wide"] = "sat"
    peephole: bool = False


@dataclass(frozen=True, kw_only=True)
class Outcome:
    """What the works of a call came to, whoever computed it."""

    logits: list[NDArray[np.int32]]
    states: States
    """A row for each work."""

    saturations: list[tuple[int, ...]]
    """By work and layer."""

    lanes: Lanes = field(default_factory=Lanes, compare=False)


@dataclass(frozen=True, kw_only=True)
class Case:
    """Works for a kernel: a network with frames for each of some streams, which go on."""

    weights: NetworkWeights
    tilings: tuple[Tiling, ...]
    knobs: Knobs
    inputs: list[NDArray[np.int8]]
    states: States

    def on(self, side: int) -> "Case":
        """Return the same on square arrays of dies."""
        tilings = (replace(tiling, rows=side, columns=side) for tiling in self.tilings)
        return replace(self, tilings=tuple(tilings))

    def reference(self) -> Outcome:
        """Ask the reference; works of equal length go through it side by side."""
        h, c = self.states.h.copy(), self.states.c.copy()
        logits: dict[int, NDArray[np.int32]] = {}
        saturations: dict[int, tuple[int, ...]] = {}
        for length in {len(x) for x in self.inputs}:
            works = [work for work, x in enumerate(self.inputs) if len(x) == length]
            answer = cell.run(
                self.weights,
                self.tilings,
                self.knobs,
                np.stack([self.inputs[work] for work in works]),
                States(h[works], c[works]),
            )
            h[works], c[works] = answer.states.h, answer.states.c
            logits |= dict(zip(works, answer.logits, strict=True))
            counts = [tuple(row) for row in answer.saturations.tolist()]
            saturations |= dict(zip(works, counts, strict=True))
        return Outcome(
            logits=[logits[work] for work in range(len(self.inputs))],
            states=States(h, c),
            saturations=[saturations[work] for work in range(len(self.inputs))],
        )

    def on_tier(self, tier: str) -> Outcome:
        """Ask a tier of the kernel, in one call."""
        states = States(self.states.h.copy(), self.states.c.copy())
        lanes = Lanes()
        opened = open_kernel(self.weights, self.tilings, self.knobs, tier=tier)
        inputs, lengths = stacked(self.inputs)
        answer = opened.run(inputs, lengths, states, range(len(lengths)), lanes)
        return Outcome(
            logits=np.split(answer.logits, np.cumsum(lengths))[:-1],
            states=states,
            saturations=[tuple(counts) for counts in answer.saturations.tolist()],
            lanes=lanes,
        )

    @property
    def steps(self) -> int:
        """How many LSTM steps it takes: a frame through a layer is one."""
        return len(self.tilings) * sum(map(len, self.inputs))


def stacked(works: Sequence[NDArray[np.int8]]) -> tuple[NDArray[np.int8], list[int]]:
    """Return the frames of works one after the other, and how many are each work's."""
    return np.concatenate(works), [len(x) for x in works]


def make(seed: int, lengths: tuple[int, ...] = (4,), shape: Shape | None = None) -> Case:
    """Return a case with as many works as ``lengths``, in the midst of their utterances."""
    shape = shape or Shape()
    rng = np.random.default_rng(seed)
    style_of_inputs: Style = "extreme" if shape.style == "extreme" else "large"

    def s8(*size: int, style: Style = shape.style) -> NDArray[np.int8]:
        if style == "extreme":
            return rng.choice(np.array([-128, 127], np.int8), size)
        deviation = {"small": 2.0, "large": 80.0}[style]
        return np.rint(rng.normal(0, deviation, size)).clip(-128, 127).astype(np.int8)

    hidden, widths = shape.hidden, [shape.inputs, *[shape.hidden] * (shape.layers - 1)]
    layers = tuple(
        LayerWeights(
            s8(4 * hidden, width),
            s8(4 * hidden, hidden),
            s8(4 * hidden),
            s8(3 * hidden) if shape.peephole else None,
        )
        for width in widths
    )
    size = (len(lengths), shape.layers, hidden)
    return Case(
        weights=NetworkWeights(layers, s8(CLASSES, hidden), s8(CLASSES)),
        tilings=tuple(
            Tiling(rows=shape.rows, columns=shape.columns, hidden=hidden, inputs=width)
            for width in widths
        ),
        knobs=Knobs(acc=shape.acc, peephole=shape.peephole),
        inputs=[s8(length, shape.inputs, style=style_of_inputs) for length in lengths],
        states=States(
            s8(*size, style=style_of_inputs),
            rng.integers(-32_768, 32_768, size).astype(np.int16),
        ),
    )


def assert_equal(found: Outcome, expected: Outcome) -> None:
    """Compare bits, types and the count of every clamp."""
    assert found.saturations == expected.saturations
    pairs = [
        *zip(found.logits, expected.logits, strict=True),
        (found.states.h, expected.states.h),
        (found.states.c, expected.states.c),
    ]
    for ours, theirs in pairs:
        np.testing.assert_array_equal(ours, theirs, strict=True)  # shape and type too
