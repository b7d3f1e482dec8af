"""What the host of a board promises on the link, asked of the RTL one request at a time.

Each promise is a conversation with a board that has just been loaded, and returns what broke
it; empty if nothing did. They need the port for faults.
"""

from collections.abc import Callable, Sequence
from functools import partial
from pathlib import Path
from typing import Final

from tests.rtl.board import SMALL, RtlBoard
from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.payloads import (
    COUNT,
    OWNER,
    Config,
    FaultReport,
    StatePart,
    StateRefusal,
    state_crc,
)
from vau_backends.board.link.words import Operation, Region, Status, address, after
from vau_hardware import RTL

CONFIG: Final = Config(
    rows=2, columns=2, hidden=9, inputs=12, units_per_die=5, h_per_die=5, x_per_die=6
)
STATE: Final = bytes(range(1, CONFIG.state_bytes + 1))
SESSION: Final = 0xBEE5
FEATURES: Final = bytes(range(CONFIG.inputs))
LOST: Final = 8
"""Of a beat that is misheard: not a bit that is flipped, but all of it."""

BEAT_BAD, WATCHDOG = 1, 2
IDLE, H = 0, 10
FAULT: Final = FaultReport(BEAT_BAD, IDLE, 0).encode()


class Conversation:
    """One request after the other, numbered as a driver numbers them."""

    def __init__(self, board: RtlBoard) -> None:
        self.board = board
        self._seq = 1
        board.push(Frame(op=Operation.OPEN, payload=OWNER.pack(SESSION, 7)).encode())
        self.ask(Operation.CONFIG, payload=CONFIG.encode())
        for die in range(SMALL.rows * SMALL.columns):
            self._fill(die)

    def ask(
        self, op: Operation, where: int = 0, payload: bytes = b"", die: int = 0xFF
    ) -> Frame:
        """Return the answer."""
        request = Frame(
            op=op, session=SESSION, seq=self._seq, die=die, address=where, payload=payload
        )
        (answer,) = Chunks().push(self.board.push(request.encode()))
        assert answer is not None
        self._seq = after(self._seq)
        return answer

    def read(self, op: Operation, die: int, rows: int) -> Frame:
        """READ or SUM the first rows of the weights of a die."""
        return self.ask(op, address(Region.WEIGHTS, 0), COUNT.pack(rows), die)

    def get(self, context: int, offset: int = 0, size: int = CONFIG.state_bytes) -> Frame:
        """STATE_GET."""
        return self.ask(Operation.STATE_GET, address(context, offset), COUNT.pack(size))

    def put(self, context: int, offset: int, content: bytes) -> Frame:
        """STATE_SET of a part of ``STATE``."""
        crc = state_crc(5, STATE[: offset + len(content)])
        part = StatePart(5, crc, content)
        return self.ask(Operation.STATE_SET, address(context, offset), part.encode())

    def step(self, context: int, number: int) -> Frame:
        """STEP, with features that are always the same."""
        return self.ask(Operation.STEP, address(context, number), FEATURES)

    def reset(self, context: int) -> None:
        """STATE_RESET."""
        self.ask(Operation.STATE_RESET, address(context, 0))

    def _fill(self, die: int) -> None:
        most = SMALL.most_payload // SMALL.units
        for region, rows in ((Region.WEIGHTS, 4 * CONFIG.slices), (Region.BIASES, 4)):
            for first in range(0, rows, most):
                content = bytes(range(SMALL.units)) * min(most, rows - first)
                self.ask(Operation.WRITE, address(region, first), content, die)


def mishearing_voids_what_was_read(board: Conversation) -> str:
    """READ, SUM and STATE_GET of which the host misheard a beat, which no die notices."""
    board.put(0, 0, STATE)
    whole = StatePart(5, state_crc(5, STATE), STATE).encode()
    asked: list[tuple[str, Callable[[], Frame], int]] = [
        ("READ", partial(board.read, Operation.READ, 2, 3), 2),
        ("SUM", partial(board.read, Operation.SUM, 3, 3), 3),
        ("STATE_GET", partial(board.get, 0), 0),
    ]
    for what in (0, LOST):
        for name, ask, die in asked:
            board.board.mishear(1, what)
            answer = ask()
            expected = (Status.FAULT, FAULT, die)
            if (answer.status, answer.payload, answer.die) != expected:
                return f"{name}, fault {what}: {answer}"
            if ask().status != Status.OK:
                return f"{name} after fault {what}: {answer}"
    if board.get(0).payload != whole:
        return "the state is another one"
    return ""


def a_write_between_parts_leaves_a_state_alone(board: Conversation) -> str:
    """STATE_SET in two parts, cut within a word of c, and a WRITE between."""
    for cut in (CONFIG.hidden + 1, CONFIG.hidden + 2, 4):
        board.put(1, 0, STATE[:cut])
        row = bytes(range(SMALL.units))
        board.ask(Operation.WRITE, address(Region.BIASES, 0), row, 1)
        board.put(1, cut, STATE[cut:])
        if board.get(1).payload[8:] != STATE:
            return f"cut at {cut}: {board.get(1).payload[8:].hex()} of {STATE.hex()}"
    return ""


def a_void_step_says_what_was_found_first(board: Conversation) -> str:
    """Beats of h that the host alone misheard, or never heard."""
    for faults, cause in (
        ([(0, 0)], BEAT_BAD),
        ([(0, LOST)], WATCHDOG),
        ([(3, 7)], BEAT_BAD),
        ([(CONFIG.hidden - 1, 2)], BEAT_BAD),
        ([(CONFIG.hidden - 1, LOST)], WATCHDOG),
        ([(1, 4), (5, LOST)], BEAT_BAD),
    ):
        board.reset(0)
        for beat, what in faults:
            board.board.mishear(beat, what)
        answer = board.step(0, 0)
        expected = (Status.FAULT, FaultReport(cause, H, 0).encode(), 0xFF)
        if (answer.status, answer.payload, answer.die) != expected:
            return f"{faults}: {answer}"
        if board.step(0, 0).payload != StateRefusal(True, 0, 0).encode():
            return f"{faults}: the context is still valid"
    return ""


def a_part_that_is_refused_ends_its_transfer(board: Conversation) -> str:
    """STATE_GET goes on behind good parts alone; the state remains as it is."""
    for refusal, size in ((Status.FAULT, 5), (Status.RANGE, len(STATE))):
        board.put(0, 0, STATE)
        board.get(0, 0, 10)
        if refusal == Status.FAULT:
            board.board.mishear(1, 0)
        for offset, count, expected in (
            (10, size, refusal),
            (10, 5, Status.STATE),
            (0, 10, Status.OK),
            (10, len(STATE) - 10, Status.OK),
        ):
            answer = board.get(0, offset, count)
            if answer.status != expected:
                return f"{count} bytes at {offset}, behind {refusal.name}: {answer}"
        if answer.payload != StatePart(5, state_crc(5, STATE), STATE[10:]).encode():
            return f"behind {refusal.name}: {answer}"
    return ""


def a_step_is_taken_under_its_number_alone(board: Conversation) -> str:
    """STEPs that come too early and twice."""
    board.reset(0)
    for number, expected, had in (
        (1, Status.STATE, 0),
        (0, Status.OK, 0),
        (0, Status.STATE, 1),
        (2, Status.STATE, 1),
        (1, Status.OK, 1),
    ):
        answer = board.step(0, number)
        if answer.status != expected:
            return f"step {number} behind {had}: {answer}"
        if expected == Status.STATE and answer.payload != StateRefusal(True, 1, had).encode():
            return f"step {number} behind {had}: {answer}"
    return ""


PROMISES: Final[Sequence[Callable[[Conversation], str]]] = (
    mishearing_voids_what_was_read,
    a_write_between_parts_leaves_a_state_alone,
    a_void_step_says_what_was_found_first,
    a_part_that_is_refused_ends_its_transfer,
    a_step_is_taken_under_its_number_alone,
)


def broken(rtl: Path = RTL) -> str:
    """Return the first promise that a board of these sources breaks, and how; or nothing."""
    for promise in PROMISES:
        board = RtlBoard(rtl=rtl)
        try:
            how = promise(Conversation(board))
        finally:
            board.close()
        if how:
            return f"{promise.__name__}: {how}"
    return ""
