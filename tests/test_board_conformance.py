"""The list of promises: a right board keeps all, a wrong one is named by the right lines."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import replace

import pytest

from tests.board_server import BoardServer, replies_with
from tests.boards import on_software
from tests.software_board import SoftwareBoard, board_info
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.payloads import StatePart, state_crc
from vau_backends.board.link.telemetry import Readings
from vau_backends.board.link.words import OUTSIDE_THE_ORDER, REPLY, Operation, Status
from vau_backends.board.transport.urls import Url
from vau_backends.board.workbench.conformance.conformance import PROMISES, Verdict, verdicts

Change = Callable[[Frame], Frame]


def broken(server: BoardServer) -> list[Verdict]:
    """Return the promises that the board behind a server does not keep."""
    with closing(Url.parse(server.url).open(1.0)) as port:
        return [each for each in verdicts(port, print) if each.broken]


def named(server: BoardServer) -> set[str]:
    return {each.promise.text for each in broken(server)}


def reply_to(to: Operation, /, **changes: object) -> Change:
    """Return what changes fields of the replies to an operation."""
    return lambda reply: replace(reply, **changes) if reply.op == to | REPLY else reply  # type: ignore[arg-type]  # by name


def payload_of(op: Operation, change: Callable[[bytes], bytes]) -> Change:
    """Return what changes the payload of the good replies to an operation."""

    def changed(reply: Frame) -> Frame:
        is_it = reply.op == op | REPLY and reply.status == Status.OK
        return replace(reply, payload=change(reply.payload)) if is_it else reply

    return changed


def one_bit(payload: bytes) -> bytes:
    return payload[:-1] + bytes([payload[-1] ^ 1])


def refusal(of: Status, /, **changes: object) -> Change:
    """Return what changes fields of the replies of a status."""
    return lambda reply: replace(reply, **changes) if reply.status == of else reply  # type: ignore[arg-type]  # by name


def empty(_payload: bytes) -> bytes:
    return b""


UNOFFERED = {"an unknown", "a refusal takes", "CONFIG with", "WRITE of the tables"}
OWNED = {"a new OPEN", "CLOSE ends", "a request of another", "TELEM counts", "RESET"}
REFUSED = {
    "STEP with",
    "a part of a state with",
    "a part of a state out",
    "STATE tells",
    "RESET",
}
KNOWN = {"STEP gives", "STEP with", "STEP of"}
STATES = {"STATE_RESET", "STATE_GET", "the count", "STEP_N"}
RANGES = {
    *("INFO, OPEN", "TELEM and CLOSE", "CONFIG of", "dies and rows", "an array or context"),
    *("STEP of", "STATE tells", "states past"),
}


def test_a_board_by_the_book_keeps_every_promise(server: BoardServer) -> None:
    assert [each.line for each in broken(server)] == []


@on_software
@pytest.mark.parametrize(
    "changes", [{"window": 1}, {"most_payload": 1024, "buffer_bytes": 1100}, {"contexts": 1}]
)
def test_boards_of_other_sizes_keep_every_promise(
    server: BoardServer, changes: dict[str, object]
) -> None:
    server.board = SoftwareBoard(board_info(**changes))
    assert [each.line for each in broken(server)] == []


def texts(*beginnings: str) -> set[str]:
    """Return the promises that begin so; each has to be there, and once."""
    found = set()
    for beginning in beginnings:
        (text,) = (each.text for each in PROMISES if each.text.startswith(beginning))
        found.add(text)
    return found


# --- replies that are wrong -----------------------------------------------------------------


@on_software
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (payload_of(Operation.READ, one_bit), {"READ returns", "SUM and READ"}),
        (payload_of(Operation.SUM, one_bit), {"READ returns", "SUM and READ"}),
        (payload_of(Operation.STEP, one_bit), KNOWN),
        (payload_of(Operation.STEP_N, one_bit), {"STEP_N gives"}),
        (
            payload_of(Operation.STATE_GET, empty),
            {*STATES, "a repeated step", "a part of a state out"},
        ),
        (payload_of(Operation.STATE_GET, one_bit), STATES),
        (payload_of(Operation.TELEM, lambda _: Readings().encode()), {"TELEM counts"}),
        (refusal(Status.RANGE, status=77), RANGES),
        (refusal(Status.STATE, payload=b""), REFUSED),
        (refusal(Status.UNSUPPORTED, status=Status.RANGE), UNOFFERED),
        (refusal(Status.SEQ, address=0), {"a number out of", "the stored reply of class B"}),
        (refusal(Status.VERSION, status=Status.CRC), {"a frame of version 2"}),
        (refusal(Status.SESSION, status=Status.OK), OWNED),
    ],
)
def test_what_a_board_answers_wrongly_is_named(
    server: BoardServer, change: Change, says: set[str]
) -> None:
    server.edit = replies_with(change)
    assert named(server) == texts(*says)


@on_software
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (lambda reply: replace(reply, op=reply.op & ~REPLY), "op 0x81, saw 0x01"),
        (
            payload_of(Operation.INFO, lambda block: block[:-3]),
            "saw 77 bytes, of which it says 80",
        ),
        (reply_to(Operation.INFO, seq=0), "saw 0"),
    ],
)
def test_without_an_info_the_first_line_says_why(
    server: BoardServer, change: Change, says: str
) -> None:
    server.edit = replies_with(change)
    found = broken(server)
    assert found[0].promise is PROMISES[0]
    assert says in found[0].line


@on_software
@pytest.mark.parametrize(
    ("change", "says"),
    [
        (
            reply_to(Operation.TELEM, seq=0),
            "expected seq 0x01, saw seq 0x00",
        ),
        (reply_to(Operation.TELEM, die=3), "expected die 0xff, saw die 0x03"),
        (reply_to(Operation.TELEM, op=0x30), "expected op 0xb0, saw op 0x30"),
        (reply_to(Operation.TELEM, credits=99), "expected credits of at most 4, saw 99"),
        (
            reply_to(Operation.TELEM, status=Status.BUSY, payload=b""),
            "expected BUSY with 2 bytes, saw BUSY without payload",
        ),
        (
            reply_to(Operation.TELEM, status=77, payload=b"?"),
            "expected OK with 112 bytes, saw status 77, which is none with 1 bytes to TELEM",
        ),
    ],
)
def test_a_header_is_told_field_by_field(
    server: BoardServer, change: Change, says: str
) -> None:
    server.edit = replies_with(change)
    echoed = "a reply gives back op with bit 7 set, session, seq, die and array"
    (verdict,) = (each for each in broken(server) if each.promise.text == echoed)
    assert says in verdict.line


# --- boards that do the wrong thing ---------------------------------------------------------


def answered(op: Operation) -> Change:
    """Return what answers an operation in a board's stead, which never hears of it."""
    return lambda request: replace(request, op=op | REPLY) if request.op == op else request


def deaf_to(to: Operation, /, **changes: object) -> Change:
    """Return what lets a board hear another request than it was sent."""
    return lambda request: replace(request, **changes) if request.op == to else request  # type: ignore[arg-type]  # by name


def trusting(request: Frame) -> Frame:
    """Let a board take a state whatever CRC it comes with."""
    if request.op != Operation.STATE_SET or request.address or len(request.payload) < 9:
        return request
    part = StatePart.decode(request.payload)
    right = replace(part, crc=state_crc(part.step, part.content))
    return replace(request, payload=right.encode())


def without_options(request: Frame) -> Frame:
    """Let a board overlook the options of CONFIG."""
    if request.op != Operation.CONFIG:
        return request
    return replace(request, payload=request.payload[:2] + b"\0\0" + request.payload[4:])


@on_software
@pytest.mark.parametrize(
    ("hear", "says"),
    [
        (answered(Operation.CLOSE), {"CLOSE ends", "TELEM and CLOSE"}),
        (answered(Operation.RESET), {"RESET", "INFO, OPEN and RESET"}),
        (deaf_to(Operation.TELEM, payload=b""), {"TELEM and CLOSE"}),
        (lambda request: replace(request, version=1), {"a frame of version 2"}),
        (trusting, {"a part of a state with a wrong CRC"}),
        (without_options, {"CONFIG with an option"}),
    ],
)
def test_what_a_board_does_wrongly_is_named(
    server: BoardServer, hear: Change, says: set[str]
) -> None:
    server.board = Mishearing(hear)
    assert named(server) == texts(*says)


class Mishearing(SoftwareBoard):
    """Hears something else than it was asked, or answers without having heard."""

    def __init__(self, hear: Change) -> None:
        super().__init__(board_info())
        self.hear = hear

    def _answer(self, request: Frame) -> Frame:
        heard = self.hear(request)
        return heard if heard.op & REPLY else super()._answer(heard)


class Repeating(SoftwareBoard):
    """Does again what it is asked again."""

    def _answer(self, request: Frame) -> Frame:
        if request.seq == self.last and request.op not in OUTSIDE_THE_ORDER:
            self.expected = self.last
            self.stored.clear()
        return super()._answer(request)


class Restless(SoftwareBoard):
    """Begins a new session with every OPEN."""

    def _outside(self, request: Frame) -> Frame:
        if request.op == Operation.OPEN:
            self._end_session()
        return super()._outside(request)


class Open(SoftwareBoard):
    """Takes requests of any session for its own."""

    def _answer(self, request: Frame) -> Frame:
        if request.op in OUTSIDE_THE_ORDER:
            return super()._answer(request)
        reply = super()._answer(replace(request, session=self.session))
        return replace(reply, session=request.session)


class Choking(SoftwareBoard):
    """Hears nothing any more after a chunk that is too long for it."""

    is_choked = False

    def push(self, data: bytes) -> bytes:
        self.is_choked = (
            getattr(self, "is_choked", False) or len(data) > 3 * self.info.most_payload
        )
        return b"" if self.is_choked else super().push(data)


@on_software
@pytest.mark.parametrize(
    ("board_of", "says"),
    [
        (Repeating, {"a repeated step", "TELEM counts"}),
        (Restless, {"the same OPEN", "INFO, OPEN"}),
        (Open, {"a request of another session", "a new OPEN", "TELEM counts"}),
    ],
)
def test_a_board_that_keeps_no_order_is_named(
    server: BoardServer, board_of: type[SoftwareBoard], says: set[str]
) -> None:
    server.board = board_of(board_info())
    assert named(server) == texts(*says)


@on_software
def test_a_board_that_falls_silent_is_named_and_not_waited_for_at_every_line(
    server: BoardServer,
) -> None:
    server.board = Choking(board_info())
    with closing(Url.parse(server.url).open(1.0)) as port:
        found = verdicts(port, print)
    (first,) = (each for each in found if each.broken)
    assert first.promise.text.startswith("a chunk far too long")
    assert [each.is_tried for each in found] == [
        PROMISES.index(each) <= PROMISES.index(first.promise) for each in PROMISES
    ]
