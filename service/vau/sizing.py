"""How many live streams this machine can carry: measured before a server listens.

A few sessions go through front end, backend and decoder together, as live streams would; what a
chunk takes there is measured, here and now. What it takes on the wire is not: that is an
assumption, and the reckoning says so.
"""

from dataclasses import dataclass
from math import floor
from statistics import median
from time import perf_counter
from typing import Final

import numpy as np

from vau.audio import SAMPLE_RATE_HZ
from vau.backend import Backend
from vau.errors import VauError
from vau.frontend import Frontend
from vau.model import Model
from vau.session import Push, Session, advance, close_session, open_session

CHUNK_S: Final = 0.1  # of audio in a message, as most clients send it
MEASURED_STREAMS: Final = 16  # side by side: about what gathers in front of a busy lane
WARM_ROUNDS: Final = 8  # not measured: they fill caches and what the decoder looks back on
ROUNDS: Final = 12  # measured, behind those
NOISE: Final = 2000.0  # of full scale 32768: as loud as speech

WIRE_S: Final = 300e-6
"""Seconds of a core for the messages of a chunk: assumed, from what grpcio 1.85 took on a Xeon
(docs/performance.md)."""

SHARE: Final = 0.8
"""Of a core, which is what one Python process has. The rest is for what nobody foresaw."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Reckoning:
    """How many streams, and why."""

    chunk_s: float
    """Measured seconds of a core for a chunk in front end, backend and decoder."""

    wire_s: float = WIRE_S
    share: float = SHARE

    @property
    def streams(self) -> int:
        """As many as fit, one at least."""
        return max(1, floor(self.share * CHUNK_S / (self.chunk_s + self.wire_s)))


def reckon(
    model: Model, backend: Backend, warm_rounds: int = WARM_ROUNDS, rounds: int = ROUNDS
) -> Reckoning:
    """Measure what a chunk takes on ``backend``; it has no sessions, before and after.

    warm_rounds, rounds: how many chunks each session hears unmeasured, and then measured.
    Raises what the backend raises.
    """
    frontend = Frontend(model.frontend)
    size = min(MEASURED_STREAMS, backend.info.slot_count, backend.info.max_batch)
    sessions = [Session(model, interim_results=True) for _ in range(size)]
    rng = np.random.default_rng(0)
    samples = round(CHUNK_S * SAMPLE_RATE_HZ)
    took_s = []
    try:
        for session in sessions:
            open_session(session, backend)
        for _ in range(warm_rounds + rounds):
            noise = rng.normal(0.0, NOISE, (size, samples)).astype("<i2")
            pushes = [
                Push(each, row.tobytes()) for each, row in zip(sessions, noise, strict=True)
            ]
            started_s = perf_counter()
            done = advance(frontend, backend, pushes)
            took_s.append(perf_counter() - started_s)
            for answer in done.answers:
                if isinstance(answer, VauError):
                    raise answer
    finally:
        for session in sessions:
            close_session(session, backend)
    return Reckoning(chunk_s=median(took_s[warm_rounds:]) / size)
