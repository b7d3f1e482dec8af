"""What goes on while nobody asks: memories are checked, lost boards are looked for."""

import logging
import threading
from collections.abc import Callable
from math import inf
from time import monotonic
from typing import Final

from vau.errors import VauError

logger = logging.getLogger(__name__)

LOOK_S: Final = 1.0
TELL_AGAIN_S: Final = 600.0
CHECK_S: Final = 60.0
"""After so long without work the memories are checked, one at a time."""


class Watch:
    """A thread that does something to a device whenever nobody else does.

    It takes the lock of the device, and never waits for it: whoever works goes first.
    """

    def __init__(self, lock: threading.Lock, look: Callable[[float], None], name: str) -> None:
        """Start; ``look`` hears how long the device has been idle, in seconds."""
        self._lock, self._look = lock, look
        self._ended = threading.Event()
        self._used_s = monotonic()
        self._told_s: dict[type[VauError], float] = {}  # since it was last well
        self._thread = threading.Thread(target=self._watch, name=f"{name} watch", daemon=True)
        self._thread.start()

    def used(self) -> None:
        """Say that the device was at work just now."""
        self._used_s = monotonic()

    def close(self) -> None:
        """End; whatever it is doing is finished first. Not while holding the lock."""
        self._ended.set()
        self._thread.join()

    def _watch(self) -> None:
        while not self._ended.wait(LOOK_S):
            if not self._lock.acquire(blocking=False):
                continue
            try:
                self._look(monotonic() - self._used_s)
            except VauError as error:
                self._tell(error)
            else:
                self._told_s.clear()
            finally:
                self._lock.release()

    def _tell(self, error: VauError) -> None:
        """Log what is wrong; while that lasts, which may be for days, not at every look."""
        now_s = monotonic()
        if now_s - self._told_s.get(type(error), -inf) > TELL_AGAIN_S:
            logger.warning("%s: %s", self._thread.name, error)
            self._told_s[type(error)] = now_s
