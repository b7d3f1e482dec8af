"""Who may touch a session: the thread of its lane, unless another lane has taken it away."""

from threading import Lock

from vau.errors import VauError


class Claim:
    """The claim of a lane to a session, for one push.

    The lane's thread holds the session but while a backend has its steps, which may take for
    ever: then it can be taken away, and what the backend says at last is nobody's any more.
    """

    def __init__(self) -> None:
        """Begin before the lane has come to the push."""
        self._lock = Lock()
        self._is_held = self._is_taken = False

    def hold(self) -> bool:
        """Touch the session from now on; False if it has been taken away."""
        with self._lock:
            self._is_held = not self._is_taken
            return self._is_held

    def lend(self) -> None:
        """Do not touch the session until it is held again."""
        with self._lock:
            self._is_held = False

    def take(self) -> bool:
        """Take the session away for good; False if its lane is touching it just now."""
        with self._lock:
            self._is_taken = self._is_taken or not self._is_held
            return self._is_taken


def taken() -> VauError:
    """Return the answer to a push whose session goes on elsewhere: nobody will hear it."""
    return VauError("another lane has taken the session over")
