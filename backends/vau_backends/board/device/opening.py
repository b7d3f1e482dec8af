"""From the name of a board to a driver for it."""

from collections.abc import Callable, Sequence

from vau.errors import ModelTooLarge
from vau_backends.board.device.image import LayerImage
from vau_backends.board.device.streams import Driver, Lay
from vau_backends.board.device.trust import trust_of
from vau_backends.board.link.info import Info
from vau_backends.board.transport.port import Port
from vau_backends.board.transport.urls import Url
from vau_backends.muntaniala.array import Tiling
from vau_backends.muntaniala.weights import NetworkWeights


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

    Raises ModelTooLarge, saying which limit of the board is passed.
    """
    tilings = [
        Tiling(
            rows=info.rows,
            columns=info.columns,
            hidden=layer.w_h.shape[1],
            inputs=layer.w_x.shape[1],
        )
        for layer in weights.layers
    ]
    if len(tilings) > info.arrays:
        raise _too_large(
            f"{len(tilings)} layers need an array of dies each, and it has {info.arrays}", info
        )
    for tiling in tilings:
        slices = tiling.x_per_die + tiling.h_per_die
        if tiling.units_per_die > info.units:
            raise _too_large(
                f"{tiling.hidden} hidden units on {info.rows} rows of dies are "
                f"{tiling.units_per_die} in a die, which has {info.units}",
                info,
            )
        if slices > info.units + info.inputs:
            raise _too_large(
                f"{tiling.inputs} inputs and {tiling.hidden} hidden units are {slices} columns "
                f"of weights in a die, which has {info.units + info.inputs}",
                info,
            )
        if max(tiling.inputs, 8 + tiling.hidden) > info.most_payload:
            raise _too_large(
                f"{tiling.inputs} inputs and {tiling.hidden} hidden units do not fit into a "
                f"frame of {info.most_payload} bytes",
                info,
            )
    return tilings


def _too_large(what: str, info: Info) -> ModelTooLarge:
    return ModelTooLarge(
        f"board {info.stable_id}: {what}; take a larger board, or a smaller network",
        field="backend",
        available_dies=info.rows * info.columns,
    )
