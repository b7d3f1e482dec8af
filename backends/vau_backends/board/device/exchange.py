"""Requests to a board and their replies over a port, sent again until they are there.

What a board refuses comes back as its reply. What is wrong with the link or its other end is
one of the errors below; whoever drives the board decides what to do about it.
"""

import logging
import secrets
from collections import deque
from collections.abc import Sequence
from time import monotonic
from typing import Final

from vau.errors import BackendBusy, DeviceTimeout, FirmwareMismatch
from vau_backends.board.device.deadline import Deadline
from vau_backends.board.device.link_errors import LinkErrors
from vau_backends.board.device.need import Need
from vau_backends.board.device.upsets import Rebooted, Silent
from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import DELIMITER, MOST_PAYLOAD, Frame
from vau_backends.board.link.info import Info
from vau_backends.board.link.junk import Junk
from vau_backends.board.link.outstanding import Heard, Outstanding, numbered
from vau_backends.board.link.payloads import COUNT, OWNER
from vau_backends.board.link.timing import RoundTrip
from vau_backends.board.link.words import (
    JUNK_ANSWER,
    MOST_SEQUENCE,
    PIPELINED,
    REPLY,
    Operation,
    Status,
    after,
)
from vau_backends.board.transport.port import Port

logger = logging.getLogger(__name__)

RETRIES: Final = 4
LIMIT_S: Final = 5.0
"""Of one exchange, all retries included: less than a call has, so that a board that never
answers is told from a caller that has no time."""

BUSY_LIMIT_S: Final = 2.0
LEAST_PAUSE_S: Final = 0.005
FIND_LIMIT_S: Final = 0.5
FIND_TRIES: Final = 3
BURST_S: Final = 0.005
"""Of several answers to junk within it one alone makes us send again: one burst of noise
becomes many chunks."""


class Exchange:
    """One session with a board."""

    def __init__(
        self, port: Port, deadline: Deadline | None = None, errors: LinkErrors | None = None
    ) -> None:
        """Talk over ``port``; nothing is sent yet.

        deadline: until when all of it has to end; None: whatever is asked has its own limit.
        errors:   where to count what goes wrong; None: from zero.
        """
        self.port = port
        self._deadline = deadline or Deadline()
        self.errors = errors or LinkErrors()
        self.chunks = Chunks(MOST_PAYLOAD)
        self._trip = RoundTrip()
        self._session = 0
        self._seq = 1
        self._tag = secrets.randbelow(MOST_SEQUENCE) + 1
        self._nonce = 0
        self._info: Info | None = None
        self._heard = deque[Frame | None]()
        self._mended_s = 0.0  # when an answer to junk last made us send everything again

    # --- outside the order ----------------------------------------------------------------

    def find(self, limit_s: float = FIND_LIMIT_S, tries: int = FIND_TRIES) -> Info:
        """Ask who is there. Raises Silent, quoting what came instead, if nobody says."""
        try:
            reply = self._ask(Frame(op=Operation.INFO), limit_s, tries)
        except Silent as silent:
            raise Silent(f"{silent}; is this a board of vau-link/1, at its speed?") from silent
        self._info = self._read_info(reply)
        return self._info

    def open(self, limit_s: float = FIND_LIMIT_S) -> Info:
        """Begin a session, which ends every other. Raises Silent."""
        session = secrets.randbelow(0xFFFF) + 1
        nonce = secrets.randbelow(0xFFFF_FFFF) + 1
        request = Frame(op=Operation.OPEN, payload=OWNER.pack(session, nonce))
        reply = self._ask(request, limit_s, FIND_TRIES)
        self._session, self._nonce, self._seq = session, nonce, 1
        self._info = self._read_info(reply)
        return self._info

    def reset(self) -> None:
        """Reset the board; the session ends. Raises Silent if it does not say that it will."""
        self._ask(Frame(op=Operation.RESET), FIND_LIMIT_S, FIND_TRIES)
        self._session = 0

    @property
    def is_open(self) -> bool:
        """Whether there is a session, for all we know."""
        return bool(self._session)

    # --- in the order ---------------------------------------------------------------------

    def call(
        self,
        request: Frame,
        *,
        answer_bytes: int = 0,
        cycles: int = 0,
        limit_s: float = LIMIT_S,
    ) -> Frame:
        """Send one request, and return its reply. Raises as ``stream`` does.

        answer_bytes: of payload that is expected back.
        cycles:       that the board will need.
        limit_s:      retries included; a probe that nobody answers, the last thing that is
                      tried, may take ``FIND_TRIES`` times ``FIND_LIMIT_S`` more.
        """
        return self._run([request], answer_bytes, cycles, limit_s)[0]

    def stream(self, requests: Sequence[Frame], limit_s: float) -> list[Frame]:
        """Send many, as many at a time as the board takes; return their replies.

        Raises DeviceLost if the port is gone, Rebooted if the board is not ours any more,
        Silent if it says nothing at all, DeviceTimeout if it never answers what it was asked
        or is busy for too long, FirmwareMismatch if it speaks another version.
        """
        if any(request.op not in PIPELINED for request in requests):
            raise ValueError("only requests without a payload in their reply may be pipelined")
        return self._run(requests, 0, 0, limit_s) if requests else []

    def _run(
        self, requests: Sequence[Frame], answer_bytes: int, cycles: int, limit_s: float
    ) -> list[Frame]:
        info = self._info
        if info is None or not self._session:
            raise Rebooted
        stage = Operation(requests[0].op).name.lower()
        limit_s = self._deadline.left_s(limit_s, self.port.name, stage)
        numbers = [self._seq]
        for _ in requests[1:]:
            numbers.append(after(numbers[-1]))
        frames = numbered(requests, self._session, numbers)
        out = Outstanding(frames, info.window, info.buffer_bytes)
        need = Need(info, self.port.bits_per_s, answer_bytes, cycles)
        try:
            self._until_done(out, need, monotonic() + limit_s, limit_s)
        except BaseException:  # Ctrl-C, too
            self._session = 0  # nobody knows any more which of them were executed
            raise
        self._seq = after(numbers[-1])
        return out.replies

    def _until_done(self, out: Outstanding, need: Need, end_s: float, limit_s: float) -> None:
        attempts = 0
        while not out.is_done:
            for data in out.to_send():
                self._send(data, end_s)
            need_s, asked_s = need.total_s(out.unanswered), monotonic()
            patience_s = need_s + self._trip.slack_s * 2**attempts
            heard = self._hear(out, min(patience_s, end_s - asked_s), end_s)
            if heard is Heard.ANSWER:
                attempts = 0
                if out.was_sent_once:
                    self._trip.saw(monotonic() - asked_s - need_s)
                continue
            if monotonic() >= end_s:
                raise self._late(out.first, limit_s)
            self.errors.retries += 1
            if heard is None:
                attempts += 1
            if attempts > RETRIES:
                self._probe()
                attempts = 0
            out.go_back()

    def _hear(self, out: Outstanding, limit_s: float, end_s: float) -> Heard | None:
        """Take in what comes until something is to be done; None if nothing came in time."""
        until_s, busy_s = monotonic() + limit_s, 0.0
        while (left_s := until_s - monotonic()) > 0 or self._heard:
            frame = self._next(max(0.0, left_s))
            if frame is None:
                continue
            heard = out.hear(frame)
            if heard in (Heard.ANSWER, Heard.BEHIND):
                return heard
            if heard is Heard.DAMAGED and self._begins_a_burst():
                return heard
            if heard is Heard.BUSY:
                busy_s = self._stay_away(frame, busy_s, end_s)
                out.go_back()
                for data in out.to_send():
                    self._send(data, end_s)
                until_s = monotonic() + limit_s
            self._weigh(heard)
        return None

    def _begins_a_burst(self) -> bool:
        """Tell whether an answer to junk is the first for a while."""
        self.errors.junk_answers += 1
        now_s = monotonic()
        if now_s - self._mended_s <= BURST_S:
            return False
        self._mended_s = now_s
        return True

    def _weigh(self, heard: Heard) -> None:
        """Raise what nothing can be sent against."""
        match heard:
            case Heard.SESSION | Heard.ASTRAY:
                raise Rebooted
            case Heard.VERSION:
                raise FirmwareMismatch(f"{self.port.name}: the board refuses version 1")
            case Heard.STALE:
                self.errors.stale += 1

    def _stay_away(self, reply: Frame, busy_s: float, end_s: float) -> float:
        """Wait as a busy board asks; return how long it has been so."""
        self.errors.busy += 1
        told_ms = COUNT.unpack(reply.payload)[0] if len(reply.payload) == COUNT.size else 0
        pause_s = max(told_ms / 1e3, LEAST_PAUSE_S)
        busy_s += pause_s
        left_s = end_s - monotonic()
        if busy_s <= BUSY_LIMIT_S:
            self.port.gather(min(pause_s, left_s))
        if busy_s > BUSY_LIMIT_S or pause_s >= left_s:
            raise DeviceTimeout(
                f"{self.port.name}: the board has been busy for {busy_s:.1f} s", stage="busy"
            )
        return busy_s

    def _probe(self) -> None:
        """Look whether the board is still there, and ours. Raises Rebooted or Silent."""
        self.errors.probes += 1
        reply = self._ask(Frame(op=Operation.INFO), FIND_LIMIT_S, FIND_TRIES)
        if reply.session != self._session or self._read_info(reply).nonce != self._nonce:
            raise Rebooted

    def _late(self, request: Frame, limit_s: float) -> DeviceTimeout:
        stage = Operation(request.op).name
        return DeviceTimeout(
            f"{self.port.name}: no answer to {stage} within {limit_s:g} s", stage=stage.lower()
        )

    # --- bytes ----------------------------------------------------------------------------

    def _ask(self, request: Frame, limit_s: float, tries: int) -> Frame:
        """Send what stands outside the order until it is answered. Raises Silent."""
        for _ in range(tries):
            self._tag = after(self._tag)
            tagged = numbered([request], 0, [self._tag])[0]
            end_s = monotonic() + self._deadline.left_s(limit_s, self.port.name, "link")
            self._send(DELIMITER + tagged.encode(), end_s)
            while (left_s := end_s - monotonic()) > 0 or self._heard:
                frame = self._next(max(0.0, left_s))
                if frame is None:
                    continue
                if (frame.op, frame.seq) == (request.op | REPLY, self._tag):
                    if frame.status == Status.OK:
                        return frame
                    if frame.status == Status.VERSION:
                        raise FirmwareMismatch(
                            f"{self.port.name}: the board does not speak version 1 of the link"
                        )
                elif frame.op == JUNK_ANSWER and frame.status == Status.BUSY:
                    raise BackendBusy(
                        f"{self.port.name}: another program holds the board; end that first",
                        field="board",
                    )
                else:
                    self.errors.stale += 1
        raise Silent(f"no answer to {Operation(request.op).name}{self.quoted}")

    def _next(self, limit_s: float) -> Frame | None:
        """Return the next frame, or None if there is none yet."""
        if not self._heard:
            self._heard.extend(self.chunks.push(self.port.receive(limit_s)))
        return self._heard.popleft() if self._heard else None

    def _send(self, data: bytes, end_s: float) -> None:
        self.port.send(data, max(0.01, end_s - monotonic()))

    def _read_info(self, reply: Frame) -> Info:
        try:
            return Info.decode(reply.payload)
        except Junk as cause:
            raise FirmwareMismatch(f"{self.port.name}: {cause}, which is none") from cause

    @property
    def quoted(self) -> str:
        """Say what came that was no frame, for a message; empty if nothing did."""
        if not (junk := self.chunks.first_junk):
            return ""
        text = junk.decode("ascii", "backslashreplace")
        return f"; it said {text!r}, which is no frame: {self.chunks.first_fault}"
