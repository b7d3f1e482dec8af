"""Our RTL and the board of software, which was written from the document, answer alike.

Both hear the same conversations: requests as a driver sends them, and all that it would never
send. Whatever they say to it has to be the same, to the byte.
"""

from collections.abc import Iterator
from dataclasses import replace
from itertools import chain
from random import Random

import pytest

from tests.fuzz.mutate import mutated
from tests.fuzz.targets.board_link import lying
from tests.rtl.board import RtlBoard
from tests.rtl.marks import simulated
from tests.software_board import SoftwareBoard
from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import DELIMITER, Frame
from vau_backends.board.link.info import Info
from vau_backends.board.link.payloads import COUNT, OWNER, Config, StatePart, state_crc
from vau_backends.board.link.words import (
    JUNK_ANSWER,
    OUTSIDE_THE_ORDER,
    REPLY,
    Operation,
    Region,
    Status,
    address,
    after,
)

REQUESTS = 600
CONFIG = Config(
    rows=2, columns=2, hidden=9, inputs=12, units_per_die=5, h_per_die=5, x_per_die=6
)
STATE = bytes(range(CONFIG.state_bytes))
UPTIME = 104  # where TELEM has it, last: in cycles, which in software mean nothing


class Host:
    """Says what a driver says, at random, and now and then something else."""

    def __init__(self, info: Info, random: Random) -> None:
        self._info, self._random = info, random
        self._session, self._seq = 0, 1
        self._last = Frame(op=Operation.INFO)
        self._steps = [0] * info.contexts

    def load(self) -> Iterator[bytes]:
        """Open the board and fill every memory, so that no later answer is left to chance."""
        yield self._open()
        yield self._next(Frame(op=Operation.CONFIG, payload=CONFIG.encode()))
        info = self._info
        most = info.most_payload // info.units
        for die in range(info.rows * info.columns):
            for region, rows in ((Region.WEIGHTS, info.weight_rows), (Region.BIASES, 4)):
                for first in range(0, rows, most):
                    content = self._random.randbytes(min(most, rows - first) * info.units)
                    where = address(region, first)
                    yield self._next(
                        Frame(op=Operation.WRITE, die=die, address=where, payload=content)
                    )

    def say(self) -> bytes:
        """Return a request, or what is none."""
        what = self._random.random()
        if what < 0.05:
            return self._open()
        if what < 0.65:
            return self._next(self._request())
        if what < 0.75:
            return self._last.encode()
        whole = replace(self._request(), session=self._session, seq=self._seq).encode()
        if what < 0.9:
            return lying(self._random, whole)
        return DELIMITER + mutated(self._random, whole) + DELIMITER

    def hear(self, said: list[Frame]) -> None:
        """Follow the number that the board expects next."""
        for answer in said:
            if answer.session != self._session:
                continue
            if answer.status == Status.SEQ:
                self._seq = answer.address
            elif answer.seq == self._seq:
                self._seq = after(self._seq)

    def _open(self) -> bytes:
        self._session, self._seq = self._random.randint(1, 0xFFFF), 1
        owner = OWNER.pack(self._session, self._random.randint(1, 0xFFFF_FFFF))
        return Frame(op=Operation.OPEN, payload=owner).encode()

    def _next(self, request: Frame) -> bytes:
        is_outside = request.op in OUTSIDE_THE_ORDER
        session, seq = (0, 7) if is_outside else (self._session, self._seq)
        self._last = replace(request, session=session, seq=seq)
        return self._last.encode()

    def _request(self) -> Frame:
        """Return a request that may be right; a board says what is wrong with it."""
        random = self._random
        context = random.randrange(self._info.contexts)
        region = random.choice((Region.WEIGHTS, Region.BIASES, Region.TABLES, *Region))
        die = random.choice((0, 1, 2, 3, 3, 4, 0xFF))
        op = Operation(self._last.op) if random.random() < 0.3 else random.choice([*Operation])
        match op:
            case Operation.CONFIG:
                return Frame(op=op, payload=CONFIG.encode())
            case Operation.WRITE:
                content = random.randbytes(self._info.units * random.choice((1, 2, 3)))
                where = address(region, random.randrange(100))
                return Frame(op=op, die=die, address=where, payload=content)
            case Operation.READ | Operation.SUM:
                where = address(region, random.choice((0, 0, 1, 2, 90)))
                rows = COUNT.pack(random.choice((1, 2, 4, 8, 512)))
                return Frame(op=op, die=die, address=where, payload=rows)
            case Operation.STEP | Operation.STEP_N:
                frames = 1 if op == Operation.STEP else random.choice((1, 2, 3))
                where = address(context, random.choice((0, 1, 2, 3)))
                x = random.randbytes(CONFIG.inputs * frames)
                return Frame(op=op, address=where, payload=x)
            case Operation.STATE_RESET:
                return Frame(op=op, address=address(context, 0))
            case Operation.STATE_GET:
                size = random.choice((CONFIG.state_bytes, 10, 0, 99))
                where = address(context, random.choice((0, 0, 10, 17)))
                return Frame(op=op, address=where, payload=COUNT.pack(size))
            case Operation.STATE_SET:
                step = random.choice((0, 1, 2))
                first, size = random.choice(((0, 99), (0, 10), (10, 99), (10, 4), (3, 99)))
                content = STATE[first : first + size]
                crc = state_crc(step, STATE[:first] + content) ^ (random.random() < 0.1)
                part = StatePart(step, crc, content)
                return Frame(op=op, address=address(context, first), payload=part.encode())
        return Frame(op=op)


def comparable(said: bytes) -> list[Frame]:
    """Return what was said, without what the document leaves open."""
    found = []
    for frame in Chunks().push(said):
        assert frame is not None
        if frame.op == JUNK_ANSWER:
            seq = frame.seq if frame.session else 0
            found.append(replace(frame, seq=seq, die=0, array=0, address=0))
        elif frame.op == Operation.TELEM | REPLY:
            found.append(replace(frame, payload=frame.payload[:UPTIME]))
        else:
            found.append(frame)
    return found


@simulated
@pytest.mark.parametrize("seed", range(4))
def test_the_rtl_says_what_the_document_says(seed: int) -> None:
    rtl = RtlBoard()
    software = SoftwareBoard(rtl.info)
    software.push(Frame(op=Operation.INFO).encode())  # so was the other: both count it
    host = Host(rtl.info, Random(seed))
    statuses = set[int]()
    for request in chain(host.load(), (host.say() for _ in range(REQUESTS))):
        answers = comparable(rtl.push(request))
        assert answers == comparable(software.push(request)), request.hex()
        statuses |= {each.status for each in answers}
        host.hear(answers)
    rtl.close()
    assert statuses >= {
        *(Status.OK, Status.CRC, Status.SEQ, Status.SESSION, Status.RANGE, Status.STATE),
        *(Status.UNSUPPORTED, Status.VERSION),
    }
