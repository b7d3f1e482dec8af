"""Which tier of a kernel computes: the best there is, or the one that was named.

A tier is a way to compute, none of which changes a bit: C for several instruction sets, numpy
where nothing was compiled, and the reference, which is there to judge the others and is taken
only by its name.
"""

import os
from typing import Final, Protocol

from vau.errors import ConfigInvalid

VARIABLE: Final = "VAU_KERNEL"
NUMPY: Final = "numpy"
REFERENCE: Final = "reference"


class Compiled(Protocol):
    """The module of a kernel that leads to its tiers in C."""

    @property
    def TIERS(self) -> tuple[str, ...]:  # noqa: N802 - a constant of that module
        """Those that this processor has, the best first."""

    @property
    def WHY_NOT(self) -> str:  # noqa: N802 - as above
        """Why there are none; empty if they were built."""


class Choice:
    """The tiers of one kernel."""

    def __init__(self, kind: str, compiled: Compiled, in_c: tuple[str, ...], slow: str) -> None:
        """Choose for the backends of ``kind``.

        in_c: every tier that its C may have, on some machine.
        slow: what to say of numpy's pace where it takes the place of the C.
        """
        self._kind = kind
        self._compiled = compiled
        self._every = (*in_c, NUMPY, REFERENCE)
        self._slow = slow

    def tiers(self) -> tuple[str, ...]:
        """Return those that are to be had here, in the order in which they are tried.

        The reference is not among them.
        """
        return (*self._compiled.TIERS, NUMPY)

    def offered(self) -> tuple[str, ...]:
        """Return those to choose among: all of ``tiers``, or the one that VAU_KERNEL forces.

        Raises ConfigInvalid as ``choose`` does.
        """
        return (self.choose(),) if os.environ.get(VARIABLE) else self.tiers()

    def choose(self, name: str = "") -> str:
        """Return the tier of that name; of none, the one VAU_KERNEL names, or the first.

        Raises ConfigInvalid for a name that is none, or not to be had here.
        """
        forced = os.environ.get(VARIABLE, "")
        wanted = name or forced or self.tiers()[0]
        available = (*self.tiers(), REFERENCE)
        if wanted in available:
            return wanted
        if wanted not in self._every:
            why = f"there is no such tier of {self._kind}"
        else:
            why = self._compiled.WHY_NOT or "this processor or its system does not offer it"
        field, otherwise = ("tier", "name none") if name else (VARIABLE, "unset it")
        raise ConfigInvalid(
            f"{field}={wanted}: {why}; take one of {', '.join(available)}, or {otherwise}",
            field=field,
            available=", ".join(available),
        )

    def remark(self, tier: str) -> str:
        """Return what an operator should know who finds ``tier`` in use; mostly nothing."""
        why = self._compiled.WHY_NOT
        if tier != NUMPY or not why:
            return ""
        return (
            f"computes with numpy: the same bits, {self._slow}; {why}; install a C compiler "
            "with the headers of Python, then install Vau again"
        )
