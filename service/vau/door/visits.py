"""Visits: which calls of whom are under way, and whether one more may be."""

import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from math import ceil
from typing import Final

from vau.door.buckets import Bucket
from vau.door.tokens import Token
from vau.errors import AuthForbidden, QuotaExceeded, SlotsExhausted

BURST_S: Final = 10.0  # how long a rate of audio may have been saved up
STREAM_RETRY_S: Final = 1.0  # nobody knows when a caller ends one of his own streams


@dataclass(frozen=True, slots=True)
class Visitor:
    """Who calls."""

    owner: str
    """The name of the token, or ``cert:`` and that of a client certificate; else empty."""

    host: str
    """The address of the other end, without its port."""

    token: Token | None = None


@dataclass(slots=True)
class _Account:
    """What one caller has at present."""

    streams: int = 0
    bucket: Bucket | None = None


@dataclass(slots=True)
class Visits:
    """The streams under way, by owner and by address."""

    max_per_host: int = 0
    """Streams of one address at a time; 0 is no limit."""

    most: int = sys.maxsize
    """Streams at a time, those included that have not yet said what they want."""

    _owners: dict[str, _Account] = field(default_factory=dict)
    _hosts: dict[str, int] = field(default_factory=dict)

    @contextmanager
    def stream(self, visitor: Visitor) -> Iterator[None]:
        """Count a stream in, and out again at the end of the block.

        Raises AuthForbidden, QuotaExceeded or SlotsExhausted instead of letting it in.
        """
        self._check(visitor)
        if sum(self._hosts.values()) >= self.most:
            raise SlotsExhausted(
                f"{self.most} streams have begun or wait for their config; try again soon",
                limit=self.most,
            )
        account = self._owners.setdefault(visitor.owner, _Account())
        account.streams += 1
        self._hosts[visitor.host] = self._hosts.get(visitor.host, 0) + 1
        try:
            yield
        finally:
            account.streams -= 1
            self._hosts[visitor.host] -= 1
            if not self._hosts[visitor.host]:
                del self._hosts[visitor.host]  # addresses come and go; owners are in a file

    def heard(self, visitor: Visitor, audio_s: float, now_s: float) -> None:
        """Charge an owner with audio that is about to be taken in.

        Raises QuotaExceeded if he has had all he may have for now: nothing is charged then.
        """
        rate = visitor.token.holder.max_audio_rate if visitor.token else None
        if rate is None:
            return
        account = self._owners.setdefault(visitor.owner, _Account())
        if account.bucket is None or account.bucket.rate != rate:
            account.bucket = Bucket(rate, rate * BURST_S, now_s)
        wait_s = account.bucket.take(audio_s, now_s)
        if wait_s:
            raise QuotaExceeded(
                f"audio: token {visitor.owner} may send {rate:g} s of audio a second and is "
                f"ahead of that; come again in {wait_s:.3g} s, and pace what you send",
                subject=f"token:{visitor.owner}:audio_rate",
                limit=rate,
                retry_s=ceil(wait_s * 1e3) / 1e3,
            )

    def streams_of(self, owner: str) -> int:
        """Return how many streams an owner has."""
        account = self._owners.get(owner)
        return account.streams if account else 0

    def _check(self, visitor: Visitor) -> None:
        most = visitor.token.holder.max_streams if visitor.token else None
        if most == 0:
            raise AuthForbidden(
                f"token {visitor.owner} may not stream: its max_streams is 0; use another",
                why="no_streams",
            )
        if most is not None and self.streams_of(visitor.owner) >= most:
            raise _full(f"token {visitor.owner}", f"token:{visitor.owner}:streams", most)
        here = self._hosts.get(visitor.host, 0)
        if self.max_per_host and here >= self.max_per_host:
            subject = f"address:{visitor.host}:streams"
            raise _full(f"address {visitor.host}", subject, self.max_per_host)


def _full(who: str, subject: str, limit: int) -> QuotaExceeded:
    return QuotaExceeded(
        f"{who} has {limit} streams, which is all it may have; end one of them first",
        subject=subject,
        limit=limit,
        retry_s=STREAM_RETRY_S,
    )
