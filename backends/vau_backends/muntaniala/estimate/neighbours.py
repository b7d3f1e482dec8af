"""What is worth comparing with an ask: hidden sizes, arrays and clocks."""

from dataclasses import replace
from typing import Final

from vau.estimate import Ask
from vau.model import Network
from vau_backends.muntaniala import constants
from vau_backends.muntaniala.array import UNITS_PER_DIE, DieArray, least_square, widest

COMPARED_BEYOND: Final = 3
"""Rows and columns beyond the least square that are compared: more hardly help."""

COMPARED_HIDDEN: Final = (96, 192, 288, 384)
"""Full rows of dies, from one to the four of the published network."""


def neighbours(ask: Ask, clock_hz: float) -> list[Ask]:
    """List asks around one, with a die for every tile.

    clock_hz: what it comes to, asked for or not.
    """
    own = {p.clock_hz for p in constants.OPERATING_POINTS if not p.for_comparison}
    clocks = sorted(clock for clock in own | {clock_hz} if clock is not None)
    networks = [
        replace(ask.network, hidden=hidden)
        for hidden in sorted({*COMPARED_HIDDEN, ask.network.hidden})
    ]
    return [
        Ask(
            network=network,
            instance=instance,
            clock_hz=clock_hz,
            streams=ask.streams,
            frame_hz=ask.frame_hz,
        )
        for network in networks
        for instance in instances(network)
        for clock_hz in clocks
    ]


def instances(network: Network) -> list[str]:
    """List arrays around the least square, by their rows and columns; all of them fit."""
    side = least_square(network).rows
    rows = range(-(-network.hidden // UNITS_PER_DIE), side + COMPARED_BEYOND + 1)
    columns = range(1, side + COMPARED_BEYOND + 1)
    return [
        str(DieArray(rows=row, columns=column))
        for row in rows
        for column in columns
        if widest(network, row, column).fits
    ]
