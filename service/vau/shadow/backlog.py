"""What was offered to a shadow and is not compared yet: bounded, and never waited for."""

import threading
from collections.abc import Sequence
from queue import Empty, SimpleQueue
from typing import Final

from vau.shadow.messages import Piece, Primary

LIMIT_FRAMES: Final = 4096  # 3.3 MB of the largest shipped model; 41 s of a stream, 0.6 s of 64


class Backlog:
    """The frames between the lanes and one life of a shadow's process."""

    def __init__(self, primaries: Sequence[Primary], limit_frames: int = LIMIT_FRAMES) -> None:
        """Begin empty."""
        self._limit_frames = limit_frames
        self._frames = [0] * len(primaries)
        self._pieces: SimpleQueue[Piece | None] = SimpleQueue()
        self._is_open = True
        self._lock = threading.Lock()  # held for a few additions

    @property
    def frames(self) -> int:
        """How many frames wait here, in the pipe, or in the process."""
        return sum(self._frames)

    def offer(self, piece: Piece) -> bool:
        """Take ``piece``, or return False if it does not fit or nobody is there any more."""
        with self._lock:
            if not self._is_open or sum(self._frames) + piece.frames > self._limit_frames:
                return False
            self._frames[piece.primary] += piece.frames
            self._pieces.put(piece)
        return True

    def forget(self, key: int, like: Piece) -> None:
        """Let the process know that nothing of an utterance follows: that always fits.

        like: any piece of it; its arrays have the right widths.
        """
        nothing = slice(0, 0)
        logits = None if like.logits is None else like.logits[nothing]
        features, log_prob = like.features[nothing], like.log_prob[nothing]
        self._pieces.put(Piece(key, like.primary, features, log_prob, logits, 0, ends=True))

    def gather(self) -> list[Piece]:
        """Wait for a piece; return it with all that are here. Once closed, return none."""
        first = self._pieces.get()
        return [] if first is None else [first, *self.rest()]

    def rest(self) -> list[Piece]:
        """Return what is here, without waiting."""
        found: list[Piece] = []
        while True:
            try:
                piece = self._pieces.get_nowait()
            except Empty:
                return found
            if piece is None:
                self._pieces.put(None)  # for the next who gathers
                return found
            found.append(piece)

    def done(self, primary: int, frames: int) -> None:
        """Make room: so many frames of a primary have been dealt with."""
        with self._lock:
            if self._is_open:
                self._frames[primary] -= frames

    def close(self) -> list[int]:
        """Take nothing more; return for each primary how many frames nobody dealt with."""
        with self._lock:
            if not self._is_open:
                return []
            self._is_open = False
            lost, self._frames = self._frames, [0] * len(self._frames)
        self._pieces.put(None)
        return lost
