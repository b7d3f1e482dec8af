"""What a client has sent and has no answer to yet, bounded in samples and in messages."""

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import Final

from vau.audio import SAMPLE_RATE_HZ
from vau.errors import StreamLagging, VauError
from vau.session import LateEnd
from vau.v1 import speech_pb2 as pb

# Of whatever size: a message without a sample in it must not be free of charge.
MOST_MESSAGES: Final = 256
# Short messages that wait are computed together, up to what is a good size for one.
JOINED_SAMPLES: Final = SAMPLE_RATE_HZ // 10


@dataclass(frozen=True, slots=True)
class Audio:
    """A message of audio."""

    data: bytes
    end_sample: int
    """So many samples of the stream are complete with it."""

    samples: int
    """Of these the ones that it completes."""

    mark: int
    read_s: float
    """When it was read, by ``perf_counter``."""

    held_s: float = 0.0
    """For so long it was not read, because what came before it found no room."""


@dataclass(frozen=True, slots=True)
class Order:
    """A message with a control."""

    control: pb.Control
    mark: int
    read_s: float


@dataclass(frozen=True, slots=True)
class End:
    """The client has closed its half."""

    read_s: float


@dataclass(frozen=True, slots=True)
class Failure:
    """A message that ends the stream."""

    error: Exception


Item = Audio | Order | End | Failure
Turn = tuple[Audio, ...] | Order | End


@dataclass(slots=True)
class Inbox:
    """The messages of one stream between its reader and its answerer."""

    most_samples: int
    """May wait, those that are being computed included."""

    refuses: bool
    """Whether more than that ends the stream, instead of making the reader wait."""

    waiting_samples: int = 0
    _items: deque[Item] = field(default_factory=deque)
    _changed: asyncio.Event = field(default_factory=asyncio.Event)
    _room: asyncio.Event = field(default_factory=asyncio.Event)
    _end: VauError | None = None
    _late: LateEnd | None = None
    _went_along: End | None = None

    @property
    def is_empty(self) -> bool:
        """Nothing waits, and nothing is being computed."""
        return not self._items and not self.waiting_samples

    async def put(self, item: Item) -> None:
        """Add the next message, as soon as there is room for it.

        Raises StreamLagging if there is none and the client would not wait.
        """
        samples = item.samples if isinstance(item, Audio) else 0
        while not self._has_room(samples):
            if self.refuses and len(self._items) < MOST_MESSAGES:
                raise self._lagging(samples)
            self._room.clear()
            await self._room.wait()
        if isinstance(item, End) and not self._items and self._goes_along(item):
            return
        self._items.append(item)
        self.waiting_samples += samples
        self._changed.set()

    async def turn(self) -> Turn | None:
        """Return what is next, as soon as there is something; None after a nudge.

        Messages of audio come together as long as they are short. Raises the error that ends
        the stream: that of a failure in its place, any other at once.
        """
        await self._changed.wait()
        if self._end is not None:
            raise self._end
        self._changed.clear()
        if not self._items:
            return None
        first = self._items.popleft()
        if isinstance(first, Failure):
            raise first.error
        turn = self._joined(first) if isinstance(first, Audio) else first
        if self._items:
            self._changed.set()
        self._room.set()
        return turn

    def await_end(self, late: LateEnd) -> None:
        """Let the end of the stream, if it is next, go along with the audio of this turn."""
        self._late = late
        following = self._items[0] if self._items else None
        if isinstance(following, End) and self._goes_along(following):
            self._items.popleft()

    def end_that_went_along(self) -> End | None:
        """Return it, now that the audio has been answered; None if it was too late."""
        self._late = None
        return self._went_along

    def free(self, samples: int) -> None:
        """Take note that so many samples do not wait any more."""
        self.waiting_samples -= samples
        self._room.set()

    def nudge(self) -> None:
        """Let the answerer have a turn though there may be no message."""
        self._changed.set()

    def end(self, error: VauError) -> None:
        """End the stream before whatever waits is answered; of several errors, by the first."""
        if self._end is None:
            self._end = error
        self._changed.set()

    def _goes_along(self, end: End) -> bool:
        if self._late is None or not self._late.join():
            return False
        self._went_along = end
        return True

    def _has_room(self, samples: int) -> bool:
        # One message always fits: whether it is too large is for the reader to say.
        fits = not self.waiting_samples or self.waiting_samples + samples <= self.most_samples
        return fits and len(self._items) < MOST_MESSAGES

    def _joined(self, first: Audio) -> tuple[Audio, ...]:
        joined, samples = [first], first.samples
        while self._items:
            following = self._items[0]
            if not isinstance(following, Audio):
                break
            samples += following.samples
            if samples > JOINED_SAMPLES:
                break
            joined.append(following)
            self._items.popleft()
        return tuple(joined)

    def _lagging(self, samples: int) -> StreamLagging:
        lag = self.waiting_samples + samples
        return StreamLagging(
            f"audio: {lag / SAMPLE_RATE_HZ:.3f} s wait for the accelerator, max_lag is "
            f"{self.most_samples / SAMPLE_RATE_HZ:g} s; send no faster than one speaks, or use "
            "OVERFLOW_BLOCK",
            field="audio",
            lag_samples=lag,
            limit_samples=self.most_samples,
        )
