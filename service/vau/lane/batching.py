"""Which streams share a round, and who waits for whom."""

from dataclasses import dataclass
from typing import Final

from vau.errors import ConfigInvalid

MOST_WAIT_S: Final = 1.0  # whoever waits that long is not live any more


@dataclass(frozen=True, slots=True, kw_only=True)
class Batching:
    """How long a lane waits for company, and how much of it takes part."""

    max_wait_s: float = 0.0
    """After the first who comes, for the others whose streams are open. Nobody waits while the
    backend is busy anyway, nor once all are there."""

    max_size: int = 0
    """Streams in a round; 0 for as many as the backend gains by."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.max_wait_s <= MOST_WAIT_S:
            raise ConfigInvalid(
                f"max_wait_ms={self.max_wait_s * 1e3:g} is outside 0..{MOST_WAIT_S * 1e3:g}; "
                "0 makes nobody wait",
                field="max_wait_ms",
            )
        if self.max_size < 0:
            raise ConfigInvalid(
                f"max_batch_size={self.max_size} must be 0, for what the backend gains by, "
                "or more",
                field="max_batch_size",
            )


EAGER: Final = Batching()
"""Nobody waits, and all take part that the backend gains by."""
