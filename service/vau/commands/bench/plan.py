"""What a bench of the server is to measure, and what it measured."""

from dataclasses import dataclass
from pathlib import Path
from typing import Final, Literal

from vau.client.access import PLAIN, Access
from vau.errors import ConfigInvalid
from vau.load.cores import Cores
from vau.load.figures import LoadRun
from vau.load.page import Scrape

Side = Literal["off", "on"]
"""Without shadows, or with them."""

RUN_S: Final = 4.0  # enough for a p99, and short: what disturbs a run spoils one pair of many
QUIET_SHARE: Final = 0.1  # of a core, which others may take of a machine that is called quiet
LEAST_PAIRS: Final = 2
LEAST_CHUNKS: Final = 10  # of a stream in a run
HALF: Final = 2  # what is sustained is divided by it


def default_duration_s(with_shadows: bool) -> float:
    """Return how long the load is by default, with shadows on each side.

    A ratio of two p99 scatters by a seventh or so from pair to pair: what 80 s leave undecided,
    half of 240 s most often decide. Without shadows it is one run.
    """
    return 240.0 if with_shadows else 30.0


@dataclass(frozen=True, slots=True, kw_only=True)
class BenchPlan:
    """What to measure. Raises ConfigInvalid if it cannot be meant."""

    file: Path
    server: str
    """One that runs already; empty to start what is measured."""

    access: Access = PLAIN
    """What that one wants: TLS, a token."""

    model: str
    backend: str
    streams: int | None
    """None to find out how many are sustained, and take them; with shadows half of them."""

    chunk_ms: int
    duration_s: float
    """Of the load that is measured; with shadows of all runs of a side, at most."""

    seed: int
    shadows: tuple[str, ...] = ()
    peer_command: str = ""
    """Starts another server, which is measured in the same way; empty for none."""

    def __post_init__(self) -> None:
        if self.shadows and self.server:
            raise ConfigInvalid(
                "--shadow compares two servers of its own, with shadows and without, and "
                f"--server names {self.server}; leave out one of the two",
                field="shadow",
            )
        for name in ("server", "streams", "shadows"):
            if self.peer_command and getattr(self, name):
                raise ConfigInvalid(
                    "--peer-command compares the most streams of two servers on this machine, "
                    f"so --{name.removesuffix('s') if name == 'shadows' else name} cannot be "
                    "given as well; leave out one of the two",
                    field="peer_command",
                )
        if self.run_s < LEAST_CHUNKS * self.chunk_s:
            runs = f"{self.most_pairs} runs of " * bool(self.shadows)
            raise ConfigInvalid(
                f"duration: {self.duration_s:g} s are {runs}{self.run_s:g} s, which hold fewer "
                f"than {LEAST_CHUNKS} chunks of {self.chunk_ms} ms; measure longer, or shorter "
                "chunks",
                field="duration",
            )

    @property
    def chunk_s(self) -> float:
        """Seconds of audio in a chunk."""
        return self.chunk_ms / 1e3

    @property
    def most_pairs(self) -> int:
        """Runs on each side, if none is spared; without shadows there is one."""
        return max(LEAST_PAIRS, round(self.duration_s / RUN_S)) if self.shadows else 1

    @property
    def run_s(self) -> float:
        """How long one of them lasts."""
        return self.duration_s / self.most_pairs


@dataclass(frozen=True, slots=True, kw_only=True)
class Trial:
    """One load of the search."""

    streams: int
    p50_ms: float
    p99_ms: float
    lag_growth_ms: float
    refused_streams: int
    is_sustained: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Capacity:
    """The most streams that were sustained."""

    streams: int
    is_a_bound: bool
    """As many as were tried at most: there may be more."""

    trials: tuple[Trial, ...]


@dataclass(frozen=True, slots=True, kw_only=True)
class MeasuredEngine:
    """What served."""

    model: str
    backend: str
    tier: str
    version: str


@dataclass(frozen=True, slots=True)
class SideRun:
    """A run, and whether shadows heard it."""

    side: Side
    run: LoadRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Bench:
    """All that was measured with shadows and without."""

    plan: BenchPlan
    engine: MeasuredEngine
    capacity: Capacity | None
    """None if the number of streams was given."""

    streams: int
    cores: Cores
    """Where both servers computed, and where the load was made."""

    runs: tuple[SideRun, ...]
    """In the order in which they ran: pairs, each with both sides if there are shadows."""

    shadow_page: Scrape | None
    """What the server with shadows said of itself at the end."""

    def of(self, side: Side) -> tuple[LoadRun, ...]:
        """Return the runs of one side; the first of one and of the other are a pair."""
        return tuple(each.run for each in self.runs if each.side == side)
