"""What the RTL's host promises on the link, in conversations that no driver has by itself.

Needs Verilator and a C++ compiler; ``./run e2e-board`` installs them, and fails without.
"""

from collections.abc import Callable, Iterator

import pytest

from tests.rtl.board import RtlBoard
from tests.rtl.marks import simulated
from tests.rtl.promises import PROMISES, Conversation


@pytest.fixture
def conversation() -> Iterator[Conversation]:
    board = RtlBoard()
    yield Conversation(board)
    board.close()


@simulated
@pytest.mark.parametrize("promise", PROMISES, ids=lambda each: each.__name__)
def test_the_host_keeps_its_promises(
    promise: Callable[[Conversation], str], conversation: Conversation
) -> None:
    assert promise(conversation) == ""
