"""A network that suits a board, with trained weights if one ships that fits."""

import numpy as np
from numpy.typing import NDArray

from vau.model import find_model
from vau_backends.board.device.image import LayerImage
from vau_backends.board.device.opening import shipped_for, tilings_on
from vau_backends.board.link.info import Info
from vau_backends.board.link.payloads import STEP_HEAD
from vau_backends.muntaniala.array import GATES, Tiling
from vau_backends.muntaniala.weights import LayerWeights, NetworkWeights, from_model

FEATURES = 123
CLASSES = 8


def network_for(info: Info, name: str, seed: int) -> tuple[str, NetworkWeights]:
    """Return the network ``name``, or the one that fills the board, and what it is called.

    Raises ModelError if ``name`` is none, or does not fit.
    """
    if name:
        weights = from_model(find_model(name))
        tilings_on(info, weights)
        return name, weights
    for shipped in shipped_for(info).items():
        return shipped
    return f"random weights, seed {seed}: no shipped network fits", random_network(info, seed)


def small_layer(info: Info) -> LayerImage:
    """Return a layer that takes little of every die of a board, not divisible by them."""
    slices = info.columns * (info.units + info.inputs - 1)
    hidden = min(
        2 * info.rows + 1, info.rows * info.units, info.most_payload - STEP_HEAD.size, slices
    )
    x_per_die = info.units + info.inputs + -hidden // info.columns
    inputs = min(2 * info.columns + 1, info.columns * x_per_die, info.most_payload)
    layer = _random_layer(np.random.default_rng(0), hidden, inputs)
    tiling = Tiling(rows=info.rows, columns=info.columns, hidden=hidden, inputs=inputs)
    return LayerImage(layer, tiling, info)


def random_network(info: Info, seed: int) -> NetworkWeights:
    """Return one layer that fills the dies of a board, with weights of their whole range."""
    hidden = min(
        info.rows * info.units,
        info.most_payload - STEP_HEAD.size,
        info.columns * (info.units + info.inputs - 1),
    )
    h_per_die = -(-hidden // info.columns)
    x_per_die = max(1, min(info.inputs, info.inputs + info.units - h_per_die))
    inputs = min(FEATURES, info.columns * x_per_die, info.most_payload)
    rng = np.random.default_rng(seed)

    layer = _random_layer(rng, hidden, inputs)
    return NetworkWeights((layer,), _some(rng, CLASSES, hidden), _some(rng, CLASSES))


def _random_layer(rng: np.random.Generator, hidden: int, inputs: int) -> LayerWeights:
    return LayerWeights(
        _some(rng, GATES * hidden, inputs),
        _some(rng, GATES * hidden, hidden),
        _some(rng, GATES * hidden),
    )


def _some(rng: np.random.Generator, *shape: int) -> NDArray[np.int8]:
    return rng.integers(-128, 128, shape, np.int8)
