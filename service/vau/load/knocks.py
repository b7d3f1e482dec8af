"""What streams met that were tried while there was no room for them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from vau.load.figures import Percentiles


@dataclass(frozen=True, slots=True, kw_only=True)
class Knock:
    """One that was tried."""

    took_s: float
    """From when it was to be tried to when its status, or its beginning, was there."""

    code: str
    """Of gRPC, such as RESOURCE_EXHAUSTED; OK if it was let in."""

    retry_s: float | None
    """When the server wants to be asked again; None if it did not say (RetryInfo)."""

    @property
    def is_proper_refusal(self) -> bool:
        """The client can tell that there is no room, and when to come again."""
        return self.code == "RESOURCE_EXHAUSTED" and self.retry_s is not None


def refusal_figures(knocks: Sequence[Knock]) -> dict[str, Any] | None:
    """Return how soon refusals came, and how many were none; None if nothing was tried."""
    if not knocks:
        return None
    proper = [each.took_s for each in knocks if each.is_proper_refusal]
    times = Percentiles.of(np.array(proper)) if proper else None
    return {
        "tried": len(knocks),
        "refused": len(proper),
        "let_in": sum(each.code == "OK" for each in knocks),
        "improper": sum(each.code != "OK" and not each.is_proper_refusal for each in knocks),
        "p50_ms": round(times.p50_ms, 2) if times else None,
        "p99_ms": round(times.p99_ms, 2) if times else None,
        "max_ms": round(times.max_ms, 2) if times else None,
    }
