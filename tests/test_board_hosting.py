"""Virtual boards whose processes end by themselves: started again, not too often, and named."""

import signal
from collections.abc import Iterator

import numpy as np
import pytest

from tests import guest_board
from tests.boards import INPUTS, Right, weights_for
from vau.errors import DeviceLost
from vau_backends.board import hosting
from vau_backends.board.device.board import Board
from vau_backends.board.discovery import Found, found_of
from vau_backends.board.hosting import FIRST_PAUSE_S, MOST_PAUSE_S, Hosted

RIGHT = Right(weights_for(2))


@pytest.fixture(autouse=True)
def _software(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hosting, "COMMAND", guest_board.COMMAND)


def kill(hosted: Hosted) -> None:
    hosted.process.send_signal(signal.SIGKILL)
    hosted.process.wait()


@pytest.fixture
def found(monkeypatch: pytest.MonkeyPatch) -> Iterator[Found]:
    monkeypatch.setattr(hosting, "FIRST_PAUSE_S", 0.0)
    found = found_of("virtual:2x2")
    yield found
    found.close()


def test_a_stream_goes_on_with_the_same_bits_once_a_killed_simulation_is_started_again(
    found: Found,
) -> None:
    hosted = found.started
    assert isinstance(hosted, Hosted)
    driver = found.driver(RIGHT.weights)
    driver.start()
    stream = driver.begin()
    x = np.random.default_rng(1).integers(-128, 128, (12, INPUTS)).astype(np.int8)
    first, _ = driver.run(stream, x[:5])
    before = hosted.process.pid
    kill(hosted)
    with pytest.raises(
        DeviceLost,
        match=r"^virtual:2x2: .*; its simulation ended \(signal 9\), and is started again$",
    ):
        driver.run(stream, x[5:])
    rest, _ = driver.run(stream, x[5:])
    assert hosted.process.pid != before
    assert driver.mended["reopened"] == 1
    RIGHT.holds(np.concatenate([first, rest]), x)
    driver.close()


def test_a_board_is_at_fault_until_it_was_started_again_and_proven(
    found: Found, monkeypatch: pytest.MonkeyPatch
) -> None:
    hosted = found.started
    assert isinstance(hosted, Hosted)
    driver = found.driver(RIGHT.weights)
    driver.start()
    kill(hosted)
    with pytest.raises(DeviceLost):
        driver.readings()
    prove, lost = Board.prove, list[bool]()

    def watched(board: Board) -> None:
        lost.append(driver.is_lost)
        prove(board)

    monkeypatch.setattr(Board, "prove", watched)
    driver.readings()
    assert lost == [True]
    assert not driver.is_lost
    driver.close()


def test_a_simulation_that_ends_again_and_again_is_started_less_and_less_often() -> None:
    now = [0.0]
    hosted = Hosted("2x2/left", clock=lambda: now[0])
    try:
        for pause_s in (FIRST_PAUSE_S, 2 * FIRST_PAUSE_S, 4 * FIRST_PAUSE_S):
            kill(hosted)
            now[0] += pause_s - 0.5
            with pytest.raises(
                DeviceLost, match=r"virtual:2x2/left: .*signal 9.*; it is started again in \d s"
            ):
                hosted.open(1.0)
            now[0] += 0.5
            hosted.open(1.0).close()
        now[0] += MOST_PAUSE_S + 1.0
        kill(hosted)
        hosted.open(1.0).close()  # one that lasted is started again at once
        kill(hosted)
        now[0] += 2 * FIRST_PAUSE_S  # and begins with short pauses
        hosted.open(1.0).close()
    finally:
        hosted.close()
    hosted.close()
