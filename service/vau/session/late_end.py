"""The end of a stream, which may join the last audio while that is in line."""

from threading import Lock

from vau.endpoint import EndReason


class LateEnd:
    """Whether the end of a stream goes along with a push: whoever speaks ends right behind it.

    If it does, the stream is spared a second round; once the turn of the push has come it is
    too late for that.
    """

    def __init__(self) -> None:
        """Begin before either."""
        self._lock = Lock()
        self._is_too_late = False
        self._ends: EndReason | None = None

    def join(self) -> bool:
        """End the stream behind the audio of the push; return False if it is too late."""
        with self._lock:
            if not self._is_too_late:
                self._ends = EndReason.HALF_CLOSE
            return not self._is_too_late

    def settle(self) -> EndReason | None:
        """Return why the stream ends behind the push, None if it does not: that is final."""
        with self._lock:
            self._is_too_late = True
            return self._ends
