"""What is sent again of the requests on their way, and what is not."""

from dataclasses import replace

from vau_backends.board.link.frame import Frame
from vau_backends.board.link.outstanding import Heard, Outstanding, numbered
from vau_backends.board.link.words import REPLY, Operation, Status

WRITES = numbered([Frame(op=Operation.WRITE)] * 3, 5, [1, 2, 3])


def on_their_way(window: int = 4) -> Outstanding:
    out = Outstanding(WRITES, window, 0)
    out.to_send()
    return out


def answer(seq: int) -> Frame:
    return replace(WRITES[seq - 1], op=Operation.WRITE | REPLY, credits=4)


def expects(expected: int, seq: int) -> Frame:
    return replace(answer(seq), status=Status.SEQ, address=expected)


def test_one_that_was_lost_makes_what_follows_go_again_once() -> None:
    out = on_their_way()
    assert out.hear(expects(1, 2)) is Heard.BEHIND
    assert len(out.to_send()) == 3
    assert out.hear(expects(1, 3)) is Heard.STALE
    assert not out.to_send()
    assert [out.hear(answer(seq)) for seq in (1, 2, 3)] == [Heard.ANSWER] * 3
    assert out.is_done


def test_one_that_was_lost_again_goes_again_at_once() -> None:
    out = on_their_way()
    for _ in range(3):
        assert out.hear(expects(1, 2)) is Heard.BEHIND
        assert len(out.to_send()) == 3
        assert out.hear(expects(1, 3)) is Heard.STALE


def test_what_the_board_said_before_all_was_sent_again_is_not_heeded() -> None:
    out = on_their_way()
    out.go_back()
    assert len(out.to_send()) == 3
    assert out.hear(answer(1)) is Heard.ANSWER
    assert [out.hear(expects(1, seq)) for seq in (2, 3)] == [Heard.STALE] * 2


def test_a_board_that_forgot_what_it_answered_is_astray() -> None:
    out = on_their_way()
    assert out.hear(answer(1)) is Heard.ANSWER
    assert out.hear(expects(1, 2)) is Heard.ASTRAY


def test_a_reply_tells_how_often_its_own_request_was_sent() -> None:
    out = on_their_way(window=2)
    out.hear(answer(2))
    assert out.was_sent_once
    out.go_back()
    out.to_send()
    out.hear(answer(1))
    assert not out.was_sent_once
