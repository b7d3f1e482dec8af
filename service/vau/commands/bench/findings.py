"""What a bench of a server under load found."""

from dataclasses import dataclass
from typing import Any

from vau.commands.bench.plan import BenchPlan, Capacity, MeasuredEngine
from vau.load.cores import Cores
from vau.load.figures import LoadRun
from vau.load.knocks import Knock
from vau.load.turnover import Turnover


@dataclass(frozen=True, slots=True, kw_only=True)
class Carried:
    """The most streams that a server carried, and how it went."""

    capacity: Capacity | None
    """What a search of short runs found; None if the number of streams was given."""

    runs: tuple[LoadRun, ...]
    """Long ones, each with fewer streams than the one before, until one kept to the limits."""

    keeps_to_limits: bool
    """The last one did."""

    streams: int
    """Of the last one; 0 if not even one stream was carried."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Memory:
    """Resident memory of a server's own process, in units of 1024 bytes."""

    idle_kb: int
    """When it had started, before it had a stream."""

    busy_kb: int
    """The most it had while it carried ``streams``."""

    streams: int

    @property
    def kb_per_stream(self) -> float:
        """What a stream adds, whatever the server keeps for all of them included."""
        return (self.busy_kb - self.idle_kb) / self.streams


@dataclass(frozen=True, slots=True, kw_only=True)
class Fullness:
    """A server with no room for another stream."""

    memory: Memory
    knocks: tuple[Knock, ...]
    """Tried while all its streams spoke."""

    run: LoadRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Peer:
    """Another server, measured in the same way."""

    said: dict[str, Any]
    """What it says of itself; ``name`` at least."""

    carried: Carried

    @property
    def name(self) -> str:
        """What it is called."""
        return str(self.said.get("name", "peer"))


@dataclass(frozen=True, slots=True, kw_only=True)
class Findings:
    """All that was measured."""

    plan: BenchPlan
    engine: MeasuredEngine
    cores: Cores | None
    """None for a server that ran already, wherever it runs."""

    carried: Carried
    few: LoadRun | None
    """A light load; None if the server has no room for it."""

    turnover: Turnover
    fullness: Fullness | None
    """None for a server that ran already: how much room it has is not ours to say."""

    peer: Peer | None

    @property
    def run(self) -> LoadRun:
        """The one whose figures count."""
        return self.carried.runs[-1]
