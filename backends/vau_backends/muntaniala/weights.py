"""From float weights to the integers of ``munt-spec-0``, and from a bundle to the dies.

Source: docs/munt-spec-0.md, section 2.
"""

from dataclasses import dataclass
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vau.errors import ModelIncompatible
from vau.model import Arrays, Model, Network
from vau_backends.muntaniala.fixedpoint import INPUT_SHIFT, WEIGHT_FRACTION_BITS, to_s8

SPEC: Final = "munt-spec-0"


@dataclass(frozen=True, slots=True)
class LayerWeights:
    """One LSTM layer; rows are gate * hidden + unit, the gates in the order i, f, g, o."""

    w_x: NDArray[np.int8]
    """Shape (4 * hidden, inputs)."""

    w_h: NDArray[np.int8]
    """Shape (4 * hidden, hidden)."""

    bias: NDArray[np.int8]
    """Shape (4 * hidden,)."""

    peephole: NDArray[np.int8] | None = None
    """What i, f and o see of c, in this order, shape (3 * hidden,); None: they do not."""


@dataclass(frozen=True, slots=True)
class NetworkWeights:
    """All layers, and the output layer that stays on the host."""

    layers: tuple[LayerWeights, ...]
    w_out: NDArray[np.int8]
    """Shape (classes, hidden)."""

    b_out: NDArray[np.int8]
    """Shape (classes,)."""


def quantise(master: Arrays, network: Network) -> dict[str, NDArray[np.int8]]:
    """Round float weights to s8 sQ2.5, ties to even, clamped; ``w_x_0`` is stored times 4.

    master: finite, by the names of ``Network.weight_shapes``.
    """
    return {
        name: to_s8(
            master[name], WEIGHT_FRACTION_BITS + (INPUT_SHIFT if name == "w_x_0" else 0)
        )
        for name in network.weight_shapes()
    }


def from_model(model: Model) -> NetworkWeights:
    """Take the integers of ``munt-spec-0`` out of a bundle.

    Raises ModelIncompatible if the bundle has none, or has them in another shape or type.
    """
    if SPEC not in model.integers:
        raise ModelIncompatible(
            f"model {model.name!r} carries integers for {sorted(model.integers) or 'nothing'}, "
            f"not for {SPEC}; export it again with them",
            field="model",
            spec=SPEC,
        )
    integers = model.integers[SPEC]
    for name, shape in model.network.weight_shapes().items():
        _check(model.name, name, integers.get(name), shape)
    return NetworkWeights(
        tuple(
            LayerWeights(
                integers[f"w_x_{n}"],
                integers[f"w_h_{n}"],
                integers[f"b_{n}"],
                integers[f"p_{n}"] if model.network.peephole else None,
            )
            for n in range(model.network.layers)
        ),
        integers["w_out"],
        integers["b_out"],
    )


def _check(
    model_name: str, name: str, values: NDArray[Any] | None, shape: tuple[int, ...]
) -> None:
    found = "missing" if values is None else f"{values.dtype} {values.shape}"
    if found != f"int8 {shape}":
        raise ModelIncompatible(
            f"model {model_name!r}: {SPEC} weight {name} is {found}, not int8 {shape}; "
            "export the model again",
            field=f"{SPEC}.{name}",
        )
