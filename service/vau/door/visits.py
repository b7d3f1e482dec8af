"""Visits: which calls of whom are under way, and whether one more may be."""

import ipaddress
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
PLACE_BITS: Final = 64
STREAM_RETRY_S: Final = 1.0  # nobody knows when a stream ends, one of his own or another


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

    def is_like_new(self, now_s: float | None = None) -> bool:
        """Tell whether it can be forgotten; without the time only if nothing was charged."""
        owes = self.bucket is not None and (now_s is None or not self.bucket.is_full(now_s))
        return not (self.streams or owes)


@dataclass(slots=True)
class Visits:
    """The streams under way, by owner and by address."""

    max_per_host: int = 0
    """Streams of one place, as ``place_of`` has it, at a time; 0 is no limit."""

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
                f"all that may begin at a time have, {self.most} in number; try again in "
                f"{STREAM_RETRY_S:g} s",
                limit=self.most,
                retry_s=STREAM_RETRY_S,
            )
        account = self._owners.setdefault(visitor.owner, _Account())
        account.streams += 1
        place = place_of(visitor.host)
        self._hosts[place] = self._hosts.get(place, 0) + 1
        try:
            yield
        finally:
            account.streams -= 1
            if account.is_like_new():  # owners come and go, as addresses do
                self._owners.pop(visitor.owner, None)
            self._hosts[place] -= 1
            if not self._hosts[place]:
                del self._hosts[place]

    def heard(self, visitor: Visitor, audio_s: float, now_s: float) -> None:
        """Charge an owner with audio that is about to be taken in.

        Raises QuotaExceeded if he has had all he may have for now: nothing is charged then.
        """
        rate = visitor.token.holder.max_audio_rate if visitor.token else None
        if rate is None:
            return
        wait_s = self._bucket(visitor.owner, rate, now_s).take(audio_s, now_s)
        if wait_s:
            raise QuotaExceeded(
                f"audio: token {visitor.owner} may send {rate:g} s of audio a second and is "
                f"ahead of that; come again in {wait_s:.3g} s, and pace what you send",
                subject=f"token:{visitor.owner}:audio_rate",
                limit=rate,
                retry_s=ceil(wait_s * 1e3) / 1e3,
            )

    @property
    def known(self) -> int:
        """How many callers it remembers: those who are here, and those who owe."""
        return len(self._owners)

    def streams_of(self, owner: str) -> int:
        """Return how many streams an owner has."""
        account = self._owners.get(owner)
        return account.streams if account else 0

    def _bucket(self, owner: str, rate: float, now_s: float) -> Bucket:
        """Return what an owner's audio is charged to, a new one if the rate is new."""
        account = self._owners.get(owner)
        if account is not None and account.bucket and account.bucket.rate == rate:
            return account.bucket
        self._forget(now_s)
        account = self._owners.setdefault(owner, _Account())
        account.bucket = Bucket(rate, rate * BURST_S, now_s)
        return account.bucket

    def _forget(self, now_s: float) -> None:
        """Drop the accounts of those who are not here and owe nothing."""
        idle = [who for who, account in self._owners.items() if account.is_like_new(now_s)]
        for owner in idle:
            del self._owners[owner]

    def _check(self, visitor: Visitor) -> None:
        most = visitor.token.holder.max_streams if visitor.token else None
        if most == 0:
            raise AuthForbidden(
                f"token {visitor.owner} may not stream: its max_streams is 0; use another",
                why="no_streams",
            )
        if most is not None and self.streams_of(visitor.owner) >= most:
            raise _full(f"token {visitor.owner}", f"token:{visitor.owner}:streams", most)
        place = place_of(visitor.host)
        if self.max_per_host and self._hosts.get(place, 0) >= self.max_per_host:
            raise _full(f"address {place}", f"address:{place}:streams", self.max_per_host)


def place_of(host: str) -> str:
    """Return what is counted as one address: of IPv6 the network of 64 bits.

    Such a network is the least that anybody is given, with as many addresses as he likes.
    Source: RFC 6177, section 2, and RFC 4291, section 2.5.1.
    """
    try:
        address = ipaddress.ip_address(host.partition("%")[0])
    except ValueError:  # a socket of this machine
        return host
    if address.version == 4 or address.is_loopback:
        return host
    return str(ipaddress.ip_network((address, PLACE_BITS), strict=False))


def _full(who: str, subject: str, limit: int) -> QuotaExceeded:
    return QuotaExceeded(
        f"{who} has as many streams as it may have, {limit}; end one of them first",
        subject=subject,
        limit=limit,
        retry_s=STREAM_RETRY_S,
    )
