"""Requests in order, their answers, and what has to be sent again: go-back-N with replay.

No I/O and no clock: whoever owns the stream asks what may be sent, and tells what came.
Whatever is sent again keeps its number, so that a board answers it a second time without
doing it a second time.
"""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from enum import Enum

from vau_backends.board.link.frame import Frame
from vau_backends.board.link.words import JUNK_ANSWER, REPLY, TAKES_NUMBER, Status


class Heard(Enum):
    """What an answer was to us."""

    ANSWER = "an answer to one of ours"
    STALE = "an answer to something else, or a second one"
    DAMAGED = "the board got junk"
    BEHIND = "the board expects an earlier one"
    BUSY = "the board has no time"
    SESSION = "the board is not ours, or not any more"
    VERSION = "the board speaks another version"
    ASTRAY = "the board expects a number that is not ours to send"


@dataclass(slots=True)
class _Entry:
    frame: Frame
    data: bytes
    reply: Frame | None = None
    sent: int = 0
    """How often."""

    given_up: int = 0
    """How many of these times it has been gone back before it."""

    out_of_order: int = 0
    """How often the board expected another one."""


class Outstanding:
    """Some requests on their way, of which so many may be unanswered at a time."""

    def __init__(self, frames: Sequence[Frame], window: int, buffer_bytes: int) -> None:
        """Take requests with their numbers.

        buffer_bytes: what the board takes in; 0 if it makes us wait.
        """
        self._entries = [_Entry(frame, frame.encode()) for frame in frames]
        self._by_number = {frame.seq: at for at, frame in enumerate(frames)}
        self._session = frames[0].session
        self._window, self._credits = window, window
        self._buffer_bytes = buffer_bytes
        self._answered = 0  # all before it have their replies
        self._next = 0  # the next to send, or to send again
        self.was_sent_once = False
        """Whether the last reply was to what had been sent a single time."""

    @property
    def is_done(self) -> bool:
        """Whether every request has its reply."""
        return self._answered == len(self._entries)

    @property
    def replies(self) -> list[Frame]:
        """Return them in order. Raises ValueError before all are there."""
        found = [entry.reply for entry in self._entries if entry.reply is not None]
        if len(found) < len(self._entries):
            raise ValueError("some requests have no reply yet")
        return found

    @property
    def first(self) -> Frame:
        """Return the oldest request without a reply."""
        return self._entries[self._answered].frame

    @property
    def unanswered(self) -> list[Frame]:
        """Return what was sent and has no reply."""
        return [
            entry.frame
            for entry in self._entries[self._answered : self._next]
            if entry.reply is None
        ]

    def to_send(self) -> list[bytes]:
        """Return what may be sent now, and take it as sent."""
        data = list[bytes]()
        flight = sum(
            len(entry.data)
            for entry in self._entries[self._answered : self._next]
            if entry.reply is None
        )
        window = max(1, min(self._window, self._credits))
        while self._next < len(self._entries) and self._next - self._answered < window:
            entry = self._entries[self._next]
            if entry.reply is None:
                flight += len(entry.data)
                if (
                    self._buffer_bytes
                    and flight > self._buffer_bytes
                    and self._next > self._answered
                ):
                    break
                entry.sent += 1
                data.append(entry.data)
            self._next += 1
        return data

    def go_back(self) -> None:
        """Send all again that has no reply."""
        self._back_to(self._answered)

    def shrink(self) -> None:
        """Have less on the way from now on: the board lost bytes."""
        self._window = max(1, self._window // 2)

    def hear(self, frame: Frame) -> Heard:
        """Take a frame of the board into account."""
        if frame.op == JUNK_ANSWER:
            return self._hear_of_junk(frame)
        at = self._by_number.get(frame.seq)
        if frame.session != self._session or at is None or at >= self._next:
            return Heard.STALE
        entry = self._entries[at]
        if entry.reply is not None or frame.op != entry.frame.op | REPLY:
            return Heard.STALE
        match frame.status:
            case Status.BUSY:
                return Heard.BUSY
            case Status.SESSION:
                return Heard.SESSION
            case Status.VERSION:
                return Heard.VERSION
            case Status.SEQ:
                return self._go_to(frame.address, entry)
        if frame.status not in TAKES_NUMBER or frame.array != entry.frame.array:
            return Heard.STALE
        self._credits = frame.credits or self._credits
        entry.reply = frame
        self.was_sent_once = entry.sent == 1
        while self._answered < len(self._entries) and self._entries[self._answered].reply:
            self._answered += 1
        self._next = max(self._next, self._answered)
        return Heard.ANSWER

    def _hear_of_junk(self, frame: Frame) -> Heard:
        if frame.status == Status.BUSY:
            return Heard.BUSY
        if frame.session != self._session:
            return Heard.STALE
        if frame.status == Status.OVERRUN:
            self.shrink()
        return Heard.DAMAGED

    def _go_to(self, expected: int, asked: _Entry) -> Heard:
        """Go back to what the board expects, which it says to each that comes before that."""
        at = self._by_number.get(expected)
        if at is None or at > self._next:
            return Heard.ASTRAY
        asked.out_of_order += 1
        if asked.out_of_order <= asked.given_up:  # it is on its way again already
            return Heard.STALE
        for entry in self._entries[at:]:
            if entry.reply is not None:  # it answers for one that the board has never seen
                return Heard.ASTRAY
        self._back_to(at)
        return Heard.BEHIND

    def _back_to(self, at: int) -> None:
        for entry in self._entries[at : self._next]:
            entry.given_up = entry.sent
        self._next = min(self._next, at)


def numbered(frames: Sequence[Frame], session: int, numbers: Sequence[int]) -> list[Frame]:
    """Return the requests with session and numbers."""
    return [
        replace(frame, session=session, seq=number)
        for frame, number in zip(frames, numbers, strict=True)
    ]
