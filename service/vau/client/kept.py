"""What a client has sent and has no checkpoint behind: it may have to send it again."""

from collections import deque

from vau.v1 import speech_pb2 as pb

Item = bytes | pb.Control
"""A message's audio, or its control."""


class Kept:
    """The messages of one stream that are not safe yet, in order. Each has a number."""

    def __init__(self, sample_bytes: int) -> None:
        """Begin at the first sample.

        sample_bytes: how many bytes of audio one sample has.
        """
        self._sample_bytes = sample_bytes
        self._items: deque[Item] = deque()
        self._first = 0
        self._start_byte = 0  # where the first audio that is kept stands in the stream
        self._safe_controls = 0
        self.bytes = 0
        """Of audio that is kept."""

    @property
    def first(self) -> int:
        """The number of the first message that is kept."""
        return self._first

    @property
    def end(self) -> int:
        """The number that the next message will have."""
        return self._first + len(self._items)

    def add(self, item: Item) -> None:
        """Keep another message."""
        self._items.append(item)
        self.bytes += _size(item)

    def get(self, number: int) -> Item:
        """Return a message. Raises IndexError for one that is not kept."""
        if not self._first <= number < self.end:
            raise IndexError(f"message {number} is outside {self._first}..{self.end - 1}")
        return self._items[number - self._first]

    def forget(self, next_sample: int, controls: int) -> None:
        """Take note that all audio before a sample is safe, and so many controls of all."""
        safe_bytes = next_sample * self._sample_bytes
        while self._items:
            first = self._items[0]
            if isinstance(first, bytes):
                left = self._start_byte + len(first) - safe_bytes
                if left > 0:
                    self._shorten(first, left)
                    return
                self._start_byte += len(first)
            elif self._safe_controls < controls:
                self._safe_controls += 1
            else:
                return
            self.drop()

    def drop(self) -> None:
        """Forget the first message, safe or not."""
        self.bytes -= _size(self._items.popleft())
        self._first += 1

    def _shorten(self, first: bytes, left: int) -> None:
        """Forget the beginning of the first message."""
        if left >= len(first):
            return
        self._items[0] = first[len(first) - left :]
        self._start_byte += len(first) - left
        self.bytes -= len(first) - left


def _size(item: Item) -> int:
    return len(item) if isinstance(item, bytes) else 0
