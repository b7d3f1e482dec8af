"""Numbers of requests go on at 1 after 65535, with requests on their way on both sides."""

from dataclasses import replace
from itertools import repeat

import numpy as np
import pytest

from tests.board_server import BoardServer
from tests.boards import AnyBoard, Right, on_software
from tests.rtl.board import RtlBoard
from tests.rtl.marks import simulated
from tests.software_board import SoftwareBoard
from vau_backends.board.device.streams import Driver
from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.outstanding import numbered
from vau_backends.board.link.words import JUNK_ANSWER, MOST_SEQUENCE, REPLY, Operation, Status

FIRST = MOST_SEQUENCE - 5
NOTHING = Frame(op=Operation.WRITE)
"""Writes no row: it is refused, and takes its number."""

SPEECH = np.random.default_rng(8).integers(-128, 128, (9, 12), np.int8)
AT_A_TIME = 1000


def cross(server: BoardServer, driver: Driver, right: Right, lost: int) -> None:
    """Send what is numbered from ``FIRST`` on, in windows.

    The board mishears the ``lost`` one once, and its reply is lost once.
    """
    exchange = driver.board.exchange
    exchange._seq = FIRST  # noqa: SLF001 - all before went there without it
    misheard, unheard = [lost], [lost]

    def mishear(request: Frame) -> Frame:
        if request.seq not in misheard:
            return request
        misheard.clear()
        return replace(request, op=JUNK_ANSWER, status=Status.CRC, payload=b"")

    def lose(said: bytes) -> bytes:
        kept = b""
        for reply in Chunks().push(said):
            assert reply is not None
            if (reply.op, reply.seq) == (NOTHING.op | REPLY, lost) and unheard:
                unheard.clear()
            else:
                kept += reply.encode()
        return kept

    server.meddle, server.edit = mishear, lose
    replies = exchange.stream([NOTHING] * 12, 10.0)
    assert not misheard + unheard
    assert [reply.seq for reply in replies] == [*range(FIRST, MOST_SEQUENCE + 1), *range(1, 7)]
    assert {reply.status for reply in replies} == {Status.RANGE}
    hidden, _ = driver.run(driver.begin(), SPEECH)
    right.holds(hidden, SPEECH)
    assert not driver.mended


@on_software
@pytest.mark.parametrize("lost", [FIRST, MOST_SEQUENCE - 1, MOST_SEQUENCE, 1, 2])
def test_what_is_lost_where_the_numbers_begin_anew_is_sent_again(
    board: SoftwareBoard, server: BoardServer, driver: Driver, right: Right, lost: int
) -> None:
    board.expected = FIRST
    cross(server, driver, right, lost)


@pytest.mark.slow
@pytest.mark.parametrize(
    "board", [pytest.param(RtlBoard, id="rtl", marks=simulated)], indirect=True
)
def test_our_rtl_counts_to_the_end_and_begins_anew(
    board: AnyBoard, server: BoardServer, driver: Driver, right: Right
) -> None:
    exchange = driver.board.exchange
    for first in range(exchange._seq, FIRST, AT_A_TIME):  # noqa: SLF001
        numbers = range(first, min(first + AT_A_TIME, FIRST))
        requests = numbered([*repeat(NOTHING, len(numbers))], exchange._session, numbers)  # noqa: SLF001
        board.push(b"".join(each.encode() for each in requests))
    cross(server, driver, right, MOST_SEQUENCE)
