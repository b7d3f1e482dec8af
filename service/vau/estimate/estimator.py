"""Estimators: what an entry point yields, and how one is found."""

from collections.abc import Sequence
from importlib.metadata import entry_points
from typing import Final, Protocol

from vau.errors import BackendNotFound
from vau.estimate.answer import Estimate, KernelEstimate
from vau.estimate.ask import Ask, KernelAsk
from vau.estimate.constants import Constant, OperatingPoint
from vau.timeline import Timeline

GROUP: Final = "vau.estimators"


class Estimator(Protocol):
    """Knows one kind of accelerator: what an entry point yields."""

    def estimate(self, ask: Ask) -> Estimate:
        """Lay the network out and count.

        Raises ConfigInvalid for an instance, clock or operating point that it does not
        have, for silicon too small for one layer and for what means nothing to it;
        ModelTooLarge if a piece of silicon cannot hold its share.
        """

    def kernel(self, ask: KernelAsk) -> KernelEstimate:
        """Estimate a loop without an end. Raises ConfigInvalid for one that it has not."""

    def timeline(self, ask: Ask, frames: int) -> Timeline:
        """Say what each part does when, for so many frames at full load.

        Where streams share calls of several frames, these are whole calls, until each stream
        has so many. Raises as ``estimate``, and ConfigInvalid for more than can be shown.
        """

    def around(self, ask: Ask) -> Sequence[Ask]:
        """List what is worth comparing with an ask, itself among it if it would be listed.

        All of it can be estimated. Raises as ``estimate``.
        """

    def constants(self) -> Sequence[Constant]:
        """List every number that the estimates rest on."""

    def operating_points(self) -> Sequence[OperatingPoint]:
        """List the clocks that are known, its own and others to compare with."""


def find_estimator(kind: str) -> Estimator:
    """Return the estimator of a kind of accelerator.

    Raises BackendNotFound if none is installed, or it cannot be imported.
    """
    by_kind = {entry.name: entry for entry in entry_points(group=GROUP)}
    if kind not in by_kind:
        available = ", ".join(sorted(by_kind)) or "none"
        raise BackendNotFound(
            f"backend: nothing here can estimate {kind!r}; there are: {available}",
            field="backend",
            name=kind,
            available=available,
        )
    entry = by_kind[kind]
    try:
        found: Estimator = entry.load()
    except Exception as cause:
        raise BackendNotFound(
            f"backend: the estimator {entry.value} of {kind!r} cannot be imported: "
            f"{type(cause).__name__}: {cause}; repair or reinstall its package",
            field="backend",
            name=kind,
        ) from cause
    return found
