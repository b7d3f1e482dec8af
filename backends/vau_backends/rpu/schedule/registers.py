"""The registers of the chip while a schedule runs: every value knows what it is.

A place holds one value of one unit at one turn. Whoever reads says which is meant, and is
told if it is not the one that is there.
"""

from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np

from vau_backends.rpu.cell import Ints
from vau_backends.rpu.schedule.operations import Turn


class ScheduleFault(Exception):
    """The schedule asks for what no hardware could do: it is wrong."""


class Place(NamedTuple):
    """Where the values of some units are, and what they are meant to be."""

    bank: str
    value: str
    turn: Turn
    units: range
    width: int
    """Places of the bank. Unit u has place ``u % width``, which it shares with others."""

    @property
    def indices(self) -> list[int]:
        """The places of the units in the bank."""
        return [unit % self.width for unit in self.units]

    @property
    def owners(self) -> list[tuple[str, Turn, int]]:
        """What is to be in each of them."""
        return [(self.value, self.turn, unit) for unit in self.units]


@dataclass(slots=True)
class Registers:
    """All banks, by name; a bank is there as soon as something is written to it."""

    _values: dict[str, dict[int, int]] = field(default_factory=dict)
    _owners: dict[str, dict[int, tuple[str, Turn, int]]] = field(default_factory=dict)

    def write(self, place: Place, values: Ints) -> None:
        """Put values into a place, whatever was there."""
        held = self._values.setdefault(place.bank, {})
        held.update(zip(place.indices, values.tolist(), strict=True))
        owners = self._owners.setdefault(place.bank, {})
        owners.update(zip(place.indices, place.owners, strict=True))

    def read(self, place: Place) -> Ints:
        """Return the values, shape (units,).

        Raises ScheduleFault if another value is there, or none.
        """
        owners = self._owners.get(place.bank, {})
        for index, meant in zip(place.indices, place.owners, strict=True):
            found = owners.get(index)
            if found != meant:
                raise ScheduleFault(
                    f"{place.bank}: {_words(meant)} is to be read, but {_report(found)}"
                )
        values = self._values.get(place.bank, {})
        return np.array([values[index] for index in place.indices], np.int64)


def _report(owner: tuple[str, Turn, int] | None) -> str:
    if owner is None:
        return "nothing was written there yet"
    return f"{_words(owner)} is there: the other was overwritten, or is not there yet"


def _words(owner: tuple[str, Turn, int]) -> str:
    value, turn, unit = owner
    return (
        f"{value} of unit {unit} in layer {turn.layer + 1}, step {turn.step}, "
        f"stream {turn.stream}"
    )
