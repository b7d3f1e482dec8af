"""How a client comes again after a loss: what is worth it, how soon, and for how long."""

import random
from collections.abc import Callable
from dataclasses import dataclass
from time import monotonic
from typing import Final

from vau.errors import (
    BackendBusy,
    BackendFault,
    ClientNotReading,
    ConfigInvalid,
    DeviceCorrupt,
    Draining,
    QuotaExceeded,
    SlotsExhausted,
    StreamTooLong,
    Unreachable,
    VauError,
)

NO_ROOM: Final = (BackendBusy, Draining, QuotaExceeded, SlotsExhausted)
"""Errors that keep a stream from beginning, until another has ended or a server is there."""

PASSING: Final = (*NO_ROOM, BackendFault, ClientNotReading, StreamTooLong, Unreachable)
"""Errors after which the same stream may go on, here or at another server."""

TRANSPORT: Final = frozenset({"ABORTED", "CANCELLED", "INTERNAL", "UNKNOWN"})
"""Statuses of a transport or proxy that lost a call on the way: our servers give reasons."""

FIRST_S: Final = 0.1
MOST_S: Final = 5.0
GROWTH: Final = 2.0
LEAST_SHARE: Final = 0.5  # of a delay that chance leaves, so that a thousand clients spread


@dataclass(frozen=True, slots=True, kw_only=True)
class Resume:
    """How a stream outlives its connection and its server.

    For a server whose backend gives no states away it is an ordinary stream.
    """

    interval_s: float = 1.0
    """Of audio between checkpoints: so much is sent again after a loss, at most."""

    patience_s: float = 60.0
    """For so long a server may be away, or full, before the loss is final; of several losses
    all together, as long as the stream comes no further between them. A stream that finds
    no room at its beginning comes again for so long, too; a server that nobody has ever seen
    there is not waited for."""

    keep_s: float = 60.0
    """Of audio that is kept because it is not safe yet. During an outage so much is taken from
    the source; then the source has to wait, and a microphone gives up."""

    on_loss: Callable[[str], None] | None = None
    """Hears in a sentence of each loss, and of want of room, as soon as it happens; of one
    that repeats itself once, as long as the stream comes no further."""

    def __post_init__(self) -> None:
        for name in ("interval_s", "patience_s", "keep_s"):
            value = getattr(self, name)
            if not 0.0 < value < float("inf"):
                raise ConfigInvalid(
                    f"{name}={value} must be more than 0 and finite", field=name
                )
        if self.keep_s < 2 * self.interval_s:
            raise ConfigInvalid(
                f"keep_s={self.keep_s:g} is less than two intervals of {self.interval_s:g} s; "
                "nothing would be left to send while a checkpoint is on its way",
                field="keep_s",
            )


def is_passing(error: VauError) -> bool:
    """Tell whether the same stream may go on after ``error``."""
    if isinstance(error, DeviceCorrupt) and error.is_of_answers:
        return False
    return isinstance(error, PASSING) or error.facts.get("code") in TRANSPORT


class Backoff:
    """Delays between attempts: longer each time, within bounds, and never quite the same."""

    def __init__(
        self,
        patience_s: float,
        *,
        clock: Callable[[], float] = monotonic,
        chance: Callable[[], float] = random.random,  # noqa: S311 - no secret depends on it
    ) -> None:
        """Begin with nothing lost.

        chance: 0 to 1, for the jitter.
        """
        self._patience_s = patience_s
        self._clock, self._chance = clock, chance
        self._lost_s: float | None = None
        self.attempts = 0
        """To go on, since it last came further."""

        self.away_s = 0.0
        """In sum, for which it was lost before a server took it again, since then."""

        self._delay_s = FIRST_S

    def lost(self, error: VauError) -> float:
        """Return after how many seconds to come again.

        Raises ``error``, saying how often that was tried, once patience is at its end, or the
        server wants more of it. Patience goes on from an earlier loss until there was progress.
        """
        now_s = self._clock()
        if self._lost_s is None:
            self._lost_s = now_s
        away_s = self.away_s + now_s - self._lost_s
        asked_s = error.retry_after_s or 0.0
        if max(away_s, asked_s) >= self._patience_s:
            raise _given_up(error, self.attempts, away_s) from error
        delay_s = self._delay_s * (LEAST_SHARE + (1.0 - LEAST_SHARE) * self._chance())
        self._delay_s = min(MOST_S, GROWTH * self._delay_s)
        self.attempts += 1
        return max(delay_s, asked_s)

    @property
    def is_lost(self) -> bool:
        """Whether the stream is lost, and no server has taken it again yet."""
        return self._lost_s is not None

    def returned(self) -> float | None:
        """Take note that a server has taken it again; return for how long it was lost, if so.

        That alone is no progress: audio at which a backend fails makes it fail there again.
        """
        if self._lost_s is None:
            return None
        away_s = self._clock() - self._lost_s
        self._lost_s = None
        self.away_s += away_s
        return away_s

    def progressed(self) -> None:
        """Take note that the stream has come further than ever: patience begins anew."""
        self.attempts, self.away_s, self._delay_s = 0, 0.0, FIRST_S


def _given_up(error: VauError, attempts: int, away_s: float) -> VauError:
    times = "attempt" if attempts == 1 else "attempts"
    given_up = error.saying(f"{error} (after {attempts} {times} in {away_s:.0f} s)")
    given_up.facts |= {"attempts": attempts, "away_s": round(away_s, 3)}
    return given_up
