"""When a stream is warned, and when it is ended, whatever its client does or does not.

There is one timer for each stream. Messages do not move it, they only note when they came: it
rings when something might have become due, looks, and waits for the next.
"""

from collections.abc import Callable
from dataclasses import dataclass
from math import inf
from typing import Final

from vau.config import ServerConfig
from vau.errors import ClientNotReading, IdleTimeout, StreamTooLong, VauError
from vau.v1 import speech_pb2 as pb
from vau.wire.clock import Clock, Leash, Timer
from vau.wire.gate import outstayed
from vau.wire.stream import notices
from vau.wire.stream.inbox import Inbox

IDLE_WARNING: Final = 0.75  # of the time-out
DURATION_WARNING_S: Final = 30.0  # before the end, or half of the time if that is less


@dataclass(slots=True)
class _Term:
    """A time after which a stream is ended, and one after which it is warned."""

    end_after_s: float
    error: Callable[[], VauError]
    end: Callable[[VauError], None]
    warn_after_s: float = inf
    notice: Callable[[float], pb.Notice] | None = None
    """Takes the seconds that are left."""

    start_s: float | None = None
    """None while it does not run."""

    was_warned: bool = False

    def start(self, now_s: float) -> None:
        self.start_s, self.was_warned = now_s, self.notice is None

    def stop(self) -> None:
        self.start_s = None

    @property
    def due_s(self) -> float:
        if self.start_s is None:
            return inf
        return self.start_s + (self.end_after_s if self.was_warned else self.warn_after_s)


class Life:
    """The terms of one stream. Use as a context manager, from its first response on."""

    def __init__(self, config: ServerConfig, clock: Clock, inbox: Inbox, leash: Leash) -> None:
        """End the stream through ``inbox``, and if it cannot answer, by ``leash``."""
        self._clock = clock
        self._inbox = inbox
        self._notices: list[pb.Notice] = []
        self._timer: Timer | None = None
        self._rings_s = inf
        idle_s, most_s = config.idle_timeout_s, config.max_stream_duration_s
        self._idle = _Term(
            idle_s,
            lambda: _idle(idle_s),
            inbox.end,
            warn_after_s=idle_s * IDLE_WARNING,
            notice=notices.near_idle_timeout,
        )
        self._age = _Term(
            most_s or inf,
            lambda: _too_long(most_s),
            inbox.end,
            warn_after_s=max(most_s - DURATION_WARNING_S, most_s / 2) if most_s else inf,
            notice=notices.near_max_duration,
        )
        self._unread = _Term(
            config.write_timeout_s, lambda: _not_reading(config.write_timeout_s), leash.pull
        )
        self._drain = _Term(
            inf, outstayed, inbox.end, warn_after_s=0.0, notice=notices.going_away
        )
        self._terms = (self._idle, self._age, self._unread, self._drain)

    def __enter__(self) -> "Life":
        self._start(self._age)
        return self

    def __exit__(self, *_: object) -> None:
        if self._timer is not None:
            self._timer.cancel()

    def listens(self) -> None:
        """Take note that the next message is waited for."""
        self._start(self._idle)

    def heard(self) -> None:
        """Take note that it has come."""
        self._idle.stop()

    def writes(self) -> None:
        """Take note that a response is on its way out."""
        self._start(self._unread)

    def written(self) -> None:
        """Take note that the transport has taken it."""
        self._unread.stop()

    def leave(self, left_s: float) -> None:
        """End the stream after ``left_s``, and say so at once. May be called again."""
        was_warned = self._drain.was_warned
        self._drain.end_after_s = left_s
        self._drain.start(self._clock.time())
        self._drain.was_warned = was_warned
        self._look()

    def notice(self, notice: pb.Notice) -> None:
        """Put what is worth knowing to what goes with the next response."""
        self._notices.append(notice)

    def take_notices(self) -> list[pb.Notice]:
        """Return what there is to say, once."""
        taken, self._notices = self._notices, []
        return taken

    def _start(self, term: _Term) -> None:
        term.start(self._clock.time())
        if term.due_s < self._rings_s:
            self._wind(term.due_s)

    def _look(self) -> None:
        """Do what is due, and wait for what is next."""
        now_s = self._clock.time()
        self._rings_s = inf
        if self._idle.due_s <= now_s and not self._inbox.is_empty:
            self._idle.start(now_s)  # it is the client who waits
        for term in self._terms:
            if term.due_s <= now_s:
                self._do(term, now_s)
        self._wind(min(term.due_s for term in self._terms))

    def _do(self, term: _Term, now_s: float) -> None:
        if not term.was_warned and term.notice is not None and term.start_s is not None:
            term.was_warned = True
            left_s = term.start_s + term.end_after_s - now_s
            if left_s > 0.0:
                self.notice(term.notice(left_s))
                self._inbox.nudge()
                return
        term.stop()
        term.end(term.error())

    def _wind(self, rings_s: float) -> None:
        if self._timer is not None:
            self._timer.cancel()
        self._rings_s, self._timer = rings_s, None
        if rings_s < inf:
            self._timer = self._clock.call_at(rings_s, self._look)


def _idle(limit_s: float) -> IdleTimeout:
    return IdleTimeout(
        f"nothing came for {limit_s:g} s; send KIND_KEEP_ALIVE while there is nothing to say",
        limit_s=limit_s,
    )


def _too_long(limit_s: float) -> StreamTooLong:
    return StreamTooLong(
        f"the stream has lasted {limit_s:g} s, which is as long as one may; open another",
        limit_s=limit_s,
    )


def _not_reading(limit_s: float) -> ClientNotReading:
    return ClientNotReading(
        f"a response has waited {limit_s:g} s to be read; read while you send",
        limit_s=limit_s,
    )
