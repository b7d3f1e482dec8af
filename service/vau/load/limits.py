"""What a load must keep to for its streams to count as carried."""

from dataclasses import dataclass
from math import inf


@dataclass(frozen=True, slots=True, kw_only=True)
class Limits:
    """Of chunk latency. That no lag grows and nobody is refused goes without saying."""

    p99_ms: float
    p50_ms: float = inf

    def __post_init__(self) -> None:
        if not self.p99_ms > 0.0:
            raise ValueError(f"p99_ms={self.p99_ms} is not more than 0")
        if not self.p50_ms > 0.0:
            raise ValueError(f"p50_ms={self.p50_ms} is not more than 0")
