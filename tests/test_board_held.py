"""A board that was just let go is asked again, and one that is held is not waited for long."""

import pytest

from vau.errors import BackendBusy
from vau_backends.board.device import held


class Clock:
    """A clock that only sleeping and ``pass_s`` move."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch) -> None:
        self.now_s = 1000.0
        monkeypatch.setattr(held, "monotonic", lambda: self.now_s)
        monkeypatch.setattr(held, "sleep", self.pass_s)

    def pass_s(self, seconds: float) -> None:
        self.now_s += seconds


def test_a_slow_refusal_does_not_use_up_the_time_to_ask_again(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    refusals = iter([True, False])

    def attempt() -> str:
        clock.pass_s(60.0)
        if next(refusals):
            raise BackendBusy("held", field="board")
        return "opened"

    assert held.when_let_go(attempt) == "opened"


def test_a_board_that_stays_held_is_given_up_within_the_limit(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    clock = Clock(monkeypatch)
    begun_s = clock.now_s

    def attempt() -> None:
        raise BackendBusy("held", field="board")

    with pytest.raises(BackendBusy, match="held"):
        held.when_let_go(attempt)
    waited_s = clock.now_s - begun_s
    assert held.LET_GO_S < waited_s < held.LET_GO_S + 2 * held.PAUSE_S
