"""A network that suits a board, with trained weights if one ships that fits."""

import numpy as np

from vau.errors import ModelError
from vau.model import find_model
from vau_backends.board.device.opening import tilings_on
from vau_backends.board.link.info import Info
from vau_backends.board.link.payloads import STEP_HEAD
from vau_backends.muntaniala.array import GATES
from vau_backends.muntaniala.weights import LayerWeights, NetworkWeights, from_model

SHIPPED = ("munt-1x192",)
FEATURES = 123
CLASSES = 8


def network_for(info: Info, name: str, seed: int) -> tuple[str, NetworkWeights]:
    """Return the network ``name``, or the one that fills the board, and what it is called.

    Raises ModelError if ``name`` is none, or does not fit.
    """
    for each in (name,) if name else SHIPPED:
        try:
            weights = from_model(find_model(each))
            tilings_on(info, weights)
        except ModelError:
            if name:
                raise
        else:
            return each, weights
    return f"random weights, seed {seed}", random_network(info, seed)


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

    def some(*shape: int) -> np.ndarray[tuple[int, ...], np.dtype[np.int8]]:
        return rng.integers(-128, 128, shape, np.int8)

    layer = LayerWeights(
        some(GATES * hidden, inputs), some(GATES * hidden, hidden), some(GATES * hidden)
    )
    return NetworkWeights((layer,), some(CLASSES, hidden), some(CLASSES))
