"""One board, asked in every way, and how far its answers are what the document promises.

Nothing is sent again and nothing mended here, unlike in the driver: the first answer counts.
"""

import secrets
from time import monotonic, sleep
from typing import Final

from vau.errors import BackendBusy
from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import Frame, wire_bytes
from vau_backends.board.link.info import Info
from vau_backends.board.link.junk import Junk
from vau_backends.board.link.payloads import (
    COUNT,
    OWNER,
)
from vau_backends.board.link.telemetry import BLOCK, Readings
from vau_backends.board.link.timing import transfer_s
from vau_backends.board.link.words import (
    JUNK_ANSWER,
    NO_DIE,
    REPLY,
    TAKES_NUMBER,
    Operation,
    Status,
    after,
)
from vau_backends.board.transport.port import Port

ANSWER_S: Final = 1.0
BUSY_S: Final = 2.0
WORK_CYCLES: Final = 100_000
"""More than a board needs for the longest of these requests."""

MOST_WORK_S: Final = 30.0
PAYLOADS: Final = {Status.BUSY: 2, Status.STATE: 8, Status.MEM: 4, Status.FAULT: 4}
"""Bytes that a reply of this status has; OK has the operation's, all others none."""


class Unkept(Exception):
    """A promise that the board does not keep."""

    def __init__(self, expected: str, saw: str) -> None:
        """Say what was due and what came."""
        super().__init__(f"expected {expected}, saw {saw}")
        self.expected, self.saw = expected, saw


class NoAnswer(Unkept):
    """The board said nothing."""


def expect(what: str, saw: object, due: object) -> None:
    """Raise Unkept unless both are the same."""
    if saw != due:
        raise Unkept(f"{what} {due}", f"{saw}")


def told(status: int, payload_bytes: int) -> str:
    """Return a reply in words."""
    name = Status(status).name if status in set(Status) else f"status {status}, which is none"
    return f"{name} with {payload_bytes} bytes" if payload_bytes else f"{name} without payload"


class Probe:
    """A session with a board, by hand."""

    def __init__(self, port: Port) -> None:
        """Talk over ``port``; nothing is sent yet."""
        self._port = port
        self._known: Info | None = None
        self.is_laid = False
        """Whether the layer that the promises step lies on the dies."""

        self.session, self.nonce, self.seq = 0, 0, 1

    @property
    def info(self) -> Info:
        """What the board said of itself, once it was sound."""
        if self._known is None:
            raise Unkept("an INFO within its bounds before this can be tried", "none")
        return self._known

    # --- whole exchanges --------------------------------------------------------------------

    def answers(self, data: bytes, count: int = 1) -> list[Frame]:
        """Send bytes, and return the first answers. Raises NoAnswer for fewer than that."""
        self._port.drop()
        end_s = monotonic() + self._patience_s(data, count)
        self._port.send(data, end_s - monotonic())
        chunks, found = Chunks(), list[Frame]()
        while len(found) < count and (left_s := end_s - monotonic()) > 0:
            for frame in chunks.push(self._port.receive(left_s)):
                if frame is None:
                    raise Unkept("a frame", f"junk: {chunks.first_fault}")
                found.append(frame)
        if len(found) < count:
            raise NoAnswer(f"{count} answers" if count > 1 else "an answer", f"{len(found)}")
        if len(found) > count:
            raise Unkept(f"{count} answers", f"{len(found)}, the last {_named(found[-1])}")
        return found

    def _patience_s(self, data: bytes, count: int) -> float:
        most, rate_hz = 4096, 0
        if self._known is not None:
            most, rate_hz = self._known.most_payload, self._known.rate_hz
        on_the_line_s = transfer_s(len(data) + count * wire_bytes(most), self._port.bits_per_s)
        work_s = min(WORK_CYCLES / rate_hz, MOST_WORK_S) if rate_hz else 0.0
        return ANSWER_S + on_the_line_s + work_s

    def ask(self, request: Frame) -> Frame:
        """Return the answer to a request; a board that is busy is asked again."""
        end_s = monotonic() + BUSY_S
        while True:
            (reply,) = self.answers(request.encode())
            if reply.status != Status.BUSY or monotonic() > end_s:
                return reply
            if reply.op == JUNK_ANSWER:
                raise BackendBusy(
                    f"{self._port.name}: another program holds the board; end that first",
                    field="board",
                )
            if len(reply.payload) != COUNT.size:
                raise Unkept("BUSY with 2 bytes", told(reply.status, len(reply.payload)))
            sleep(COUNT.unpack(reply.payload)[0] / 1e3)

    def due(
        self, request: Frame, reply: Frame, status: Status = Status.OK, size: int = 0
    ) -> Frame:
        """See that a reply is to a request, of that status, with so many bytes if it is OK."""
        for name, saw, right in (
            ("ver", reply.version, 1),
            ("op", reply.op, request.op | REPLY),
            ("session", reply.session, request.session),
            ("seq", reply.seq, request.seq),
            ("die", reply.die, request.die),
            ("array", reply.array, request.array),
        ):
            if saw != right:
                raise Unkept(
                    f"{name} {right:#04x}", f"{name} {saw:#04x} in a reply to {_named(request)}"
                )
        size = size if status == Status.OK else PAYLOADS.get(status, 0)
        if (reply.status, len(reply.payload)) != (status, size):
            saw_text = told(reply.status, len(reply.payload))
            raise Unkept(told(status, size), f"{saw_text} to {_named(request)}")
        if reply.credits > self.info.window:
            raise Unkept(f"credits of at most {self.info.window}", f"{reply.credits}")
        return reply

    # --- outside the order ------------------------------------------------------------------

    def look(self) -> tuple[Frame, Info]:
        """Ask INFO, and read it."""
        request = Frame(op=Operation.INFO, seq=secrets.randbelow(0xFFFF) + 1)
        reply = self.ask(request)
        expect("op", f"{reply.op:#04x}", f"{request.op | REPLY:#04x}")
        expect("seq", reply.seq, request.seq)
        if reply.status != Status.OK:
            raise Unkept("OK with 80 bytes", told(reply.status, len(reply.payload)))
        return reply, read_info(reply)

    def know(self, info: Info) -> None:
        """Believe what the board says of itself from now on."""
        self._known = info

    def outside(self, op: Operation, payload: bytes, status: Status) -> None:
        """Ask what stands outside the order, and is refused."""
        request = Frame(op=op, seq=9, payload=payload)
        reply = self.ask(request)
        if (reply.op, reply.status) != (op | REPLY, status) or reply.payload:
            raise Unkept(told(status, 0), told(reply.status, len(reply.payload)))

    def begin(self) -> None:
        """Open a new session."""
        self.session, self.seq = secrets.randbelow(0xFFFF) + 1, 1
        self.nonce = secrets.randbelow(0xFFFF_FFFF) + 1
        self.open()

    def open(self) -> None:
        """Send the OPEN of this session, perhaps again."""
        request = Frame(op=Operation.OPEN, seq=5, payload=OWNER.pack(self.session, self.nonce))
        reply = self.ask(request)
        if reply.status != Status.OK:
            raise Unkept("OK to OPEN", told(reply.status, len(reply.payload)))
        expect("nonce", read_info(reply).nonce, self.nonce)

    def reset(self) -> None:
        """Reset the board; nothing that was laid on it lies there any more."""
        self.is_laid = False
        request = Frame(op=Operation.RESET, seq=6)
        self.due(request, self.ask(request))

    # --- in the order -----------------------------------------------------------------------

    def request(
        self,
        op: int,
        payload: bytes = b"",
        *,
        die: int = NO_DIE,
        array: int = 0,
        at: int = 0,
    ) -> Frame:
        """Return the next request of this session, not sent yet."""
        return Frame(
            op=op,
            session=self.session,
            seq=self.seq,
            die=die,
            array=array,
            address=at,
            payload=payload,
        )

    def call(self, request: Frame, status: Status = Status.OK, size: int = 0) -> Frame:
        """Send a request, and see that it is answered as it is due."""
        reply = self.due(request, self.ask(request), status, size)
        if status in TAKES_NUMBER:
            self.seq = after(request.seq)
        return reply

    def goes_on(self) -> Readings:
        """See that the board answers the next request, TELEM."""
        reply = self.call(self.request(Operation.TELEM), size=BLOCK.size)
        return Readings.decode(reply.payload)


def read_info(reply: Frame) -> Info:
    """Read the INFO block of a reply."""
    try:
        return Info.decode(reply.payload)
    except Junk:
        said = reply.payload[3] if len(reply.payload) > 3 else "nothing"
        raise Unkept(
            "an INFO block of 80 bytes that says so",
            f"{len(reply.payload)} bytes, of which it says {said}",
        ) from None


def _named(frame: Frame) -> str:
    op = frame.op & ~REPLY
    return Operation(op).name if op in set(Operation) else f"op {frame.op:#04x}"
