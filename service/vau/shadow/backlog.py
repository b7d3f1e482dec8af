"""What was offered to a shadow and is not compared yet: bounded, and never waited for."""

import threading
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from queue import Empty, SimpleQueue
from typing import Final, NamedTuple

from vau.shadow.messages import Done, Primary, Stretch

LIMIT_STEPS: Final = 4096  # 3.3 MB of the largest shipped model; 41 s of a stream, 0.6 s of 64


class Loss(NamedTuple):
    """What a shadow was to hear of one primary, and did not."""

    frames: int = 0
    utterances: int = 0
    """Counted here for the first time."""


@dataclass(slots=True)
class _Utterance:
    """One of which something was taken."""

    primary: int
    steps: int = 0
    frames: int = 0
    """Taken, and not done."""

    is_over: bool = False
    """Nothing more of it will be offered."""

    is_lost: bool = False
    """It misses a part, and has been counted for that."""


class Backlog:
    """The steps between the lanes and one life of a shadow's process.

    What is bounded are steps, not frames: those that answer no frame take as much room.
    """

    def __init__(self, primaries: Sequence[Primary], limit_steps: int = LIMIT_STEPS) -> None:
        """Begin empty."""
        self._primary_count = len(primaries)
        self._limit_steps = limit_steps
        self._steps = self._frames = 0
        self._utterances: dict[int, _Utterance] = {}  # by key; those that are not done
        self._stretches: SimpleQueue[Stretch | None] = SimpleQueue()
        self._is_open = True
        self._lock = threading.Lock()  # held for a few additions

    @property
    def frames(self) -> int:
        """How many frames wait here, in the pipe, or in the process."""
        return self._frames

    @property
    def steps(self) -> int:
        """How many steps do: the frames, and those that answer none."""
        return self._steps

    @property
    def is_open(self) -> bool:
        """Whether it may take anything."""
        return self._is_open

    def offer(self, stretch: Stretch) -> bool:
        """Take ``stretch``, or return False if it does not fit or nobody is there any more."""
        steps = len(stretch.features)
        with self._lock:
            if not self._is_open or self._steps + steps > self._limit_steps:
                return False
            utterance = self._utterances.get(stretch.key)
            if utterance is None:
                utterance = self._utterances[stretch.key] = _Utterance(stretch.primary)
            utterance.is_over = stretch.ends
            self._add(utterance, steps, stretch.frames)
            self._drop_if_done(stretch.key)
            self._stretches.put(stretch)
        return True

    def forget(self, key: int, like: Stretch) -> None:
        """Let the process know that nothing of an utterance follows: that always fits.

        like: any stretch of it; its arrays have the right widths.
        """
        nothing = slice(0, 0)
        logits = None if like.logits is None else like.logits[nothing]
        features, log_prob = like.features[nothing], like.log_prob[nothing]
        end = Stretch(key, like.primary, features, log_prob, logits, 0, ends=True)
        with self._lock:
            if self._is_open:
                self._utterances[key].is_over = True
                self._drop_if_done(key)
                self._stretches.put(end)

    def lose(self, key: int) -> bool:
        """Note that an utterance misses a part; return whether that is news."""
        with self._lock:
            utterance = self._utterances.get(key)
            if utterance is None:  # nothing of it ever was here
                return True
            was_lost, utterance.is_lost = utterance.is_lost, True
            return not was_lost

    def gather(self) -> list[Stretch]:
        """Wait for a stretch; return it with all that are here. Once closed, return none."""
        first = self._stretches.get()
        return [] if first is None else [first, *self.rest()]

    def rest(self) -> list[Stretch]:
        """Return what is here, without waiting."""
        found: list[Stretch] = []
        while True:
            try:
                stretch = self._stretches.get_nowait()
            except Empty:
                return found
            if stretch is None:
                self._stretches.put(None)  # for the next who gathers
                return found
            found.append(stretch)

    def done(self, dealt_with: Iterable[Done]) -> None:
        """Make room."""
        with self._lock:
            for key, steps, frames in dealt_with:
                utterance = self._utterances.get(key)
                if utterance is not None:
                    self._add(utterance, -steps, -frames)
                    self._drop_if_done(key)

    def close(self) -> None:
        """Take nothing more. What is here may still be done; closing twice is harmless."""
        with self._lock:
            if self._is_open:
                self._is_open = False
                self._stretches.put(None)

    def leftover(self) -> list[Loss]:
        """Return for each primary what nobody has dealt with, and now nobody will."""
        losses = [Loss()] * self._primary_count
        with self._lock:
            for utterance in self._utterances.values():
                is_news = utterance.frames > 0 and not utterance.is_lost
                utterance.is_lost |= is_news
                frames, utterances = losses[utterance.primary]
                losses[utterance.primary] = Loss(
                    frames + utterance.frames, utterances + is_news
                )
                self._add(utterance, -utterance.steps, -utterance.frames)
        return losses

    def _add(self, utterance: _Utterance, steps: int, frames: int) -> None:
        utterance.steps += steps
        utterance.frames += frames
        self._steps += steps
        self._frames += frames

    def _drop_if_done(self, key: int) -> None:
        utterance = self._utterances[key]
        if utterance.is_over and not utterance.steps:
            del self._utterances[key]
