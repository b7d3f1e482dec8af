"""Runs of a load in figures: percentiles, growth of the lag, and whether the pace was held."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import reduce
from math import inf, isfinite
from typing import Final, Self

import numpy as np
from numpy.typing import NDArray

from vau.audio import frame_count
from vau.backend import Cost, Energy
from vau.errors import VauError
from vau.load.chunks import Played, chunk_latencies_s
from vau.load.frames import NO_FAULTS, FrameFaults
from vau.load.limits import Limits
from vau.percentiles import nearest_ranks

Seconds = NDArray[np.float64]
"""Shape (measurements,); infinite where an answer never came."""

WARM_UP_S: Final = 1.0
WARM_UP_SHARE: Final = 0.2  # of a run that is too short for more
RANKS: Final = (50, 90, 95, 99, 100)
GROWTH_SHARE: Final = 0.25  # of a chunk: a lag that grows by more within a run goes on growing


@dataclass(frozen=True, slots=True, kw_only=True)
class Percentiles:
    """How long most took. Each is a time that was measured: nothing lies between two."""

    p50_ms: float
    p90_ms: float
    p95_ms: float
    p99_ms: float
    max_ms: float

    @classmethod
    def of(cls, times: Seconds) -> Self:
        """Sort ``times``. Raises ValueError if there are none."""
        p50, p90, p95, p99, most = (1e3 * each for each in nearest_ranks(times, RANKS))
        return cls(p50_ms=p50, p90_ms=p90, p95_ms=p95, p99_ms=p99, max_ms=most)


@dataclass(frozen=True, slots=True, kw_only=True)
class CpuSeconds:
    """Processor time that a run took, on each side of the wire."""

    client: float
    """Of this process, which speaks and listens."""

    server: float | None = None
    """None of a server whose process is not ours to look at."""

    helpers: float | None = None
    """Of the processes that the server keeps, such as a shadow's."""

    others: float | None = None
    """Of all else on this machine: whatever it was, it was in the way."""


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadRun:
    """One load, and the times of its steady part.

    What came before it had warmed up, or after the first of its streams had ended, is left out.
    """

    streams: int
    """That were served."""

    refused_streams: int
    chunk_s: float
    latencies_s: Seconds
    """Of each chunk, from when it was due."""

    final_latencies_s: Seconds
    """From when a stream's last chunk was due to its last response."""

    lag_growth_s: float
    send_lateness_s: Seconds
    """Of each chunk that the transport did not hold back: how late the generator was itself."""

    held_back_chunks: int
    frames: int
    deadline_misses: int
    energies: tuple[Energy, ...]
    cpu: CpuSeconds
    faults: FrameFaults = NO_FAULTS
    lasted_s: float = 0.0
    """From the first chunk to the last."""

    @property
    def disturbed_share(self) -> float:
        """How much of a core everything else took while it ran; 0 if that is not known."""
        return (self.cpu.others or 0.0) / self.lasted_s if self.lasted_s else 0.0

    @property
    def is_carried(self) -> bool:
        """Every chunk had its answer while the run was on, or soon after."""
        return (
            bool(np.isfinite(self.latencies_s).all())
            and len(self.final_latencies_s) == self.streams
        )

    @property
    def is_sustained(self) -> bool:
        """It could go on like this: p99 within a chunk, no lag that grows, nobody refused."""
        return self.keeps_to(Limits(p99_ms=self.chunk_s * 1e3))

    def keeps_to(self, limits: Limits) -> bool:
        """Tell whether it could go on like this, within these limits and without a fault."""
        found = Percentiles.of(self.latencies_s)
        is_soon = found.p50_ms < limits.p50_ms and found.p99_ms < limits.p99_ms
        does_grow = self.lag_growth_s > GROWTH_SHARE * self.chunk_s
        is_whole = self.faults == NO_FAULTS and not self.refused_streams
        return self.is_carried and is_soon and is_whole and not does_grow


def run_of(
    streams: Sequence[Played],
    *,
    refused_streams: int,
    chunk_s: float,
    cpu: CpuSeconds,
) -> LoadRun:
    """Sum up the streams of one load, which all last as long as it."""
    latencies_s = [chunk_latencies_s(each) for each in streams]
    sent = [chunk for each in streams for chunk in each.sent]
    due_s = np.array([chunk.due_s for chunk in sent])
    is_steady = _is_steady(due_s, min(each.sent[-1].due_s for each in streams))
    is_own = is_steady & ~np.array([chunk.was_held_back for chunk in sent])
    late_s = np.array([chunk.begun_s for chunk in sent]) - due_s
    took_s = np.concatenate(latencies_s)[is_steady]
    ended = [(each, each.ending) for each in streams if each.ending is not None]
    return LoadRun(
        streams=len(streams),
        refused_streams=refused_streams,
        chunk_s=chunk_s,
        latencies_s=took_s,
        final_latencies_s=np.array([end.at_s - each.sent[-1].due_s for each, end in ended]),
        lag_growth_s=lag_growth_s(due_s[is_steady], took_s),
        send_lateness_s=late_s[is_own],
        held_back_chunks=int(np.count_nonzero(is_steady & ~is_own)),
        frames=sum(end.frames for _, end in ended),
        deadline_misses=sum(end.deadline_misses for _, end in ended),
        energies=total_energies(end.energies for _, end in ended),
        cpu=cpu,
        faults=FrameFaults.of(streams),
        lasted_s=float(due_s.max() - due_s.min()),
    )


def lag_growth_s(due_s: Seconds, latencies_s: Seconds) -> float:
    """Return by how much the latency of the last third of a run exceeds that of the first.

    due_s: when each chunk was due, in any order; thirds are of that time, medians are compared.
    """
    first_s, last_s = due_s.min(), due_s.max()
    third_s = (last_s - first_s) / 3
    begins = float(np.median(latencies_s[due_s <= first_s + third_s]))
    ends = float(np.median(latencies_s[due_s >= last_s - third_s]))
    return ends - begins if isfinite(begins) else inf


def total_energies(spent: Iterable[tuple[Energy, ...]]) -> tuple[Energy, ...]:
    """Add up what streams or runs spent; unlike origins and boundaries stay apart."""
    return reduce(Cost.__add__, [Cost(energies=each) for each in spent], Cost()).energies


def _is_steady(due_s: Seconds, ends_s: float) -> NDArray[np.bool_]:
    """Tell which chunks are of a run's steady part.

    ends_s: when the first stream ended. From there on the server makes finals, and all streams
            at once, which live streams do not.
    Raises  ValueError if nothing is left of so short a run.
    """
    first_s = float(due_s.min())
    warm_s = first_s + min(WARM_UP_S, WARM_UP_SHARE * (ends_s - first_s))
    is_steady: NDArray[np.bool_] = (due_s >= warm_s) & (due_s < ends_s)
    if not is_steady.any():
        raise ValueError("a run of so few chunks has no steady part")
    return is_steady


def check_answers(streams: Iterable[Played]) -> None:
    """Raise VauError if a stream that ended well lacks an answer: its times mean nothing."""
    for played in streams:
        if played.ending is None:
            continue
        expected = frame_count(played.sent[-1].end_sample)
        if played.ending.frames != expected:
            raise VauError(
                f"the server answered {played.ending.frames} frames of a stream that has "
                f"{expected}; it loses or invents some, so its latencies mean nothing"
            )
        if not np.isfinite(chunk_latencies_s(played)).all():
            raise VauError(
                "the server ended a stream well and never answered a chunk of it in full; its "
                "latencies mean nothing"
            )
