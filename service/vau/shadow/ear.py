"""The ear of a shadow in one stream: it hands on whole utterances, or gives them up."""

import logging
from collections.abc import Callable, Iterator, Sequence
from contextvars import copy_context
from typing import Any, Protocol

from numpy.typing import NDArray

from vau.session import Heard
from vau.shadow.backlog import Backlog
from vau.shadow.messages import Stretch

logger = logging.getLogger(__name__)


class Listener(Protocol):
    """A shadow, as its ears know it."""

    @property
    def backlog(self) -> Backlog | None:
        """What takes stretches now; None while the shadow is down."""

    def shed(self, primary: int, frames: int, utterances: int) -> None:
        """Count what it is not asked to compute."""


class Ear:
    """One shadow's part in one stream. A recurrent state that missed a frame is worthless.

    So when a stretch finds no room, the rest of its utterance is not offered either; the next
    utterance is.
    """

    def __init__(self, listener: Listener, keys: Iterator[int], primary: int) -> None:
        """Listen; ``keys`` gives every utterance a number of its own."""
        self._listener = listener
        self._keys = keys
        self._primary = primary
        self._backlog: Backlog | None = None  # where the present utterance began
        self._key = 0
        self._last: Stretch | None = None  # of the present utterance, if any was taken
        self._is_shed = False

    def late(self) -> None:
        """Leave out the present utterance, whose beginning was heard elsewhere."""
        self._is_shed = True

    def heard(self, heard: Heard) -> None:
        """Offer the next steps of the present utterance."""
        if self._last is None and not self._is_shed:
            self._backlog, self._key = self._listener.backlog, next(self._keys)
        if len(heard.features) or (heard.ends and self._last is not None):
            self._offer(heard)
        if heard.ends:
            self._last, self._is_shed = None, False

    def left(self) -> None:
        """Give up what the stream has not brought to an end."""
        self._give_up()

    def _offer(self, heard: Heard) -> None:
        result = heard.result
        stretch = Stretch(
            self._key,
            self._primary,
            _own(heard.features),
            _own(result.log_prob),
            None if result.logits is None else _own(result.logits),
            heard.frames,
            heard.ends,
        )
        if not self._is_shed and self._backlog is not None and self._backlog.offer(stretch):
            self._last = stretch
            return
        self._listener.shed(self._primary, heard.frames, int(self._is_news()))
        self._give_up()
        self._is_shed = True

    def _is_news(self) -> bool:
        """Tell whether this utterance misses a part only now: each is counted once."""
        if self._is_shed:
            return False
        return self._backlog is None or self._backlog.lose(self._key)

    def _give_up(self) -> None:
        if self._last is not None and self._backlog is not None:
            self._backlog.forget(self._key, self._last)
        self._last = None


class Ears:
    """All the shadows that hear one stream."""

    def __init__(self, ears: Sequence[Ear]) -> None:
        """Listen with each of them, for whoever makes this: what is logged says so."""
        self._ears = list(ears)
        self._context = copy_context()

    def late(self) -> None:
        """Pass it on."""
        self._tell(Ear.late)

    def heard(self, heard: Heard) -> None:
        """Pass it on."""
        self._tell(lambda ear: ear.heard(heard))

    def left(self) -> None:
        """Pass it on."""
        self._tell(Ear.left)

    def _tell(self, say: Callable[[Ear], None]) -> None:
        self._context.run(self._tell_each, say)

    def _tell_each(self, say: Callable[[Ear], None]) -> None:
        """Tell each ear. One that fails hears nothing more; that is nothing to the others."""
        for ear in tuple(self._ears):
            try:
                say(ear)
            except Exception:  # a defect of ours, and no client's
                logger.exception("a shadow hears this stream no more")
                self._ears.remove(ear)
                _let_go(ear)


def _own(array: NDArray[Any]) -> NDArray[Any]:
    """Return an array that holds on to nothing but itself.

    What one stream heard is a view of what its round computed; waiting here, each would keep
    the arrays of all streams of that round.
    """
    return array if array.base is None else array.copy()


def _let_go(ear: Ear) -> None:
    try:
        ear.left()
    except Exception:
        logger.exception("a shadow was not told of the end of an utterance")
