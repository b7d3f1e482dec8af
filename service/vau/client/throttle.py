"""How fast a client may send, once a server has said so."""

import threading
from collections.abc import Callable
from time import monotonic
from typing import Final

from vau.errors import QuotaExceeded, VauError

SHARE: Final = 0.95  # of what is allowed: clocks differ, and what was sent twice counts twice


def rate_of(error: VauError) -> float | None:
    """Return how many seconds of audio a second may come, if more came than a quota allows."""
    is_rate = isinstance(error, QuotaExceeded) and str(error.facts.get("subject", "")).endswith(
        ":audio_rate"
    )
    return float(error.facts["limit"]) if is_rate else None


class Throttle:
    """The turns of all the streams of one client. As long as it knows no rate nobody waits."""

    def __init__(self, clock: Callable[[], float] = monotonic) -> None:
        """Begin without a rate."""
        self._clock = clock
        self._lock = threading.Lock()
        self._rate: float | None = None
        self._free_s = 0.0

    def learn(self, rate: float) -> None:
        """Send no more than ``rate`` seconds of audio a second from now on."""
        with self._lock:
            self._rate = rate * SHARE

    def wait_s(self, audio_s: float) -> float:
        """Take a turn for so much audio; return in how many seconds it comes."""
        with self._lock:
            if self._rate is None:
                return 0.0
            now_s = self._clock()
            turn_s = max(now_s, self._free_s)
            self._free_s = turn_s + audio_s / self._rate
            return turn_s - now_s
