"""Time as a server sees it: handed in, so that a test need not wait for it to pass.

The event loop is such a clock.
"""

import asyncio
from collections.abc import Callable
from types import TracebackType
from typing import Any, Protocol, Self

from vau.errors import VauError


class Timer(Protocol):
    """Something that is going to happen."""

    def cancel(self) -> None:
        """See to it that it does not; harmless once it has."""


class Clock(Protocol):
    """Seconds that grow, from any beginning, and a way to wait for them."""

    def time(self) -> float:
        """Return the present."""

    def call_at(self, when: float, callback: Callable[[], Any]) -> Timer:
        """Call ``callback`` on the event loop when the time has come."""


class Leash:
    """Ends the task inside its block with an error, whatever it is waiting for.

    What ``asyncio.timeout`` does, by a word instead of by the clock.
    """

    def __init__(self) -> None:
        """Hold nobody yet."""
        self._task: asyncio.Task[Any] | None = None
        self._cancelling = 0
        self._error: VauError | None = None

    async def __aenter__(self) -> Self:
        self._task = asyncio.current_task()
        assert self._task is not None
        self._cancelling = self._task.cancelling()
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        task, self._task = self._task, None
        if self._error is None or task is None:
            return
        if task.uncancel() <= self._cancelling and kind is asyncio.CancelledError:
            raise self._error from error

    def pull(self, error: VauError) -> None:
        """Let the block raise ``error``; of several, the first. Harmless outside of it."""
        if self._task is not None and self._error is None:
            self._error = error
            self._task.cancel()
