"""From the name of a board to a driver for it."""

from collections.abc import Callable, Sequence
from dataclasses import replace
from itertools import product
from math import isqrt

from vau.errors import ModelTooLarge
from vau.model import find_model, shipped_models
from vau_backends.board.device.image import LayerImage
from vau_backends.board.device.keeper import Lay
from vau_backends.board.device.streams import Driver
from vau_backends.board.device.trust import trust_of
from vau_backends.board.link.info import PAYLOADS, Info
from vau_backends.board.link.payloads import STEP_HEAD
from vau_backends.board.link.words import NO_DIE
from vau_backends.board.transport.port import Port
from vau_backends.board.transport.urls import Url
from vau_backends.muntaniala.array import Tiling
from vau_backends.muntaniala.weights import NetworkWeights, from_model


def driver_of(
    url: Url, weights: NetworkWeights, open_port: Callable[[float], Port] | None = None
) -> Driver:
    """Return a driver that opens ``url`` and loads ``weights``, once it is started."""
    return Driver(open_port or url.open, laid_out(weights), trust_of(url))


def laid_out(weights: NetworkWeights) -> Lay:
    """Return what lays a network out for whichever board it is."""

    def lay(info: Info) -> tuple[LayerImage, ...]:
        tilings = tilings_on(info, weights)
        return tuple(
            LayerImage(layer, tiling, info)
            for layer, tiling in zip(weights.layers, tilings, strict=True)
        )

    return lay


def tilings_on(info: Info, weights: NetworkWeights) -> Sequence[Tiling]:
    """Lay each layer on all dies of an array of its own.

    Raises ModelTooLarge, saying which limit of the board is passed, and what fits.
    """
    if passed := _passed(info, weights):
        raise ModelTooLarge(
            f"board {info.stable_id}: {passed}; {_remedy(info, weights)}",
            field="backend",
            available_dies=info.rows * info.columns,
        )
    return _tilings(info, weights)


def shipped_for(info: Info) -> dict[str, NetworkWeights]:
    """Return the shipped networks that a board carries, by their names, the largest first."""
    shipped = {name: from_model(find_model(name)) for name in shipped_models()}
    fitting = {name: each for name, each in shipped.items() if not _passed(info, each)}
    return dict(sorted(fitting.items(), key=lambda item: _weights_of(item[1]), reverse=True))


def _weights_of(network: NetworkWeights) -> int:
    return sum(layer.w_x.size + layer.w_h.size for layer in network.layers)


def _tilings(info: Info, weights: NetworkWeights) -> list[Tiling]:
    return [
        Tiling(
            rows=info.rows,
            columns=info.columns,
            hidden=layer.w_h.shape[1],
            inputs=layer.w_x.shape[1],
        )
        for layer in weights.layers
    ]


def _passed(info: Info, weights: NetworkWeights) -> str:
    """Say which limit of a board a network passes; nothing if it fits."""
    if len(weights.layers) > info.arrays:
        return (
            f"{len(weights.layers)} layers need an array of dies each, and it has {info.arrays}"
        )
    for tiling in _tilings(info, weights):
        slices = tiling.x_per_die + tiling.h_per_die
        if tiling.units_per_die > info.units:
            return (
                f"{tiling.hidden} hidden units on {info.rows} rows of dies are "
                f"{tiling.units_per_die} in a die, which has {info.units}"
            )
        if slices > info.units + info.inputs:
            return (
                f"{tiling.inputs} inputs and {tiling.hidden} hidden units are {slices} columns "
                f"of weights in a die, which has {info.units + info.inputs}"
            )
        if max(tiling.inputs, STEP_HEAD.size + tiling.hidden) > info.most_payload:
            return (
                f"{tiling.inputs} inputs and {tiling.hidden} hidden units do not fit into a "
                f"frame of {info.most_payload} bytes"
            )
    return ""


def _remedy(info: Info, weights: NetworkWeights) -> str:
    """Say which board would carry a network that this one does not, and what this one does."""
    carried = ", ".join(shipped_for(info)) or "none"
    return f"{_enough(info, weights)}; of the shipped networks, this board carries {carried}"


def _enough(info: Info, weights: NetworkWeights) -> str:
    """Say how many dies like those of a board carry a network, in words."""
    layers = len(weights.layers)
    grids = [(info.rows, info.columns), *((n, n) for n in range(1, isqrt(NO_DIE) + 1))]
    for payload, (rows, columns) in product(PAYLOADS, grids):
        larger = replace(info, rows=rows, columns=columns, arrays=layers, most_payload=payload)
        if payload >= info.most_payload and not _passed(larger, weights):
            arrays = f"{layers} arrays of " if layers > 1 else ""
            frames = f", with payloads of {payload} bytes" * (payload > info.most_payload)
            return f"take a board of {arrays}{rows}x{columns} such dies{frames}"
    return "no board of such dies carries it: take a smaller network"
