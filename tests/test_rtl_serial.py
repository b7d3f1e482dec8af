"""The board behind its serial pins, bit by bit: what a host says arrives, noise does not.

Needs Verilator and a C++ compiler; ``./run e2e-board`` installs them, and fails without.
"""

from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.rtl.marks import rtl_under_test, simulated
from tests.rtl.serial_line import NoisyBoard, SerialBoard
from tests.rtl.simulation import Shape, driven, network
from vau.errors import BackendFault
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.info import Info
from vau_backends.board.link.words import JUNK_ANSWER, Kind, Operation, Status
from vau_backends.board.virtual.build import SERIAL_CLOCK_HZ, Build, build
from vau_backends.board.virtual.library import SimulatedBoard
from vau_backends.board.virtual.parameters import Parameters
from vau_backends.board.workbench.side_by_side import compared
from vau_backends.muntaniala.cycles import LayerCycles

SMALL: Final = Parameters(
    rows=1, columns=1, units=3, inputs=5, contexts=2, most_payload=256, buffer_bytes=256
)
SHAPE: Final = Shape(hidden=3, inputs=5)
BAUD: Final = 115_200  # 8.68 cycles a bit: no whole number
INFO: Final = Frame(op=Operation.INFO, seq=7)


def library(baud: int = BAUD) -> Path:
    return build(SMALL, Build(baud=baud, rtl=rtl_under_test))


@pytest.fixture
def board() -> SerialBoard:
    return SerialBoard(library(), BAUD)


def is_info(answer: Frame | None) -> bool:
    return answer is not None and answer.op == Operation.INFO | 0x80 and answer.seq == INFO.seq


@simulated
@pytest.mark.parametrize("baud", [BAUD, 250_000], ids=["8.68 cycles a bit", "4 cycles a bit"])
def test_steps_through_the_pins_have_the_bits_and_cycles_of_the_model(baud: int) -> None:
    weights = network(SHAPE, seed=1)
    with driven(library(baud), weights, opened=partial(SerialBoard, baud=baud)) as driver:
        found = compared(driver, weights, 40, 5, lambda _: None)
        readings = driver.readings()
        (layer,) = driver.board.layers
        assert (found.steps, found.mismatches) == (40, 0)
        assert readings.core.cycles == readings.core.steps * LayerCycles.of(layer.tiling).total
        assert readings.link.junk_chunks == 0


@simulated
def test_noise_on_the_line_costs_time_and_no_bit() -> None:
    weights = network(SHAPE, seed=2)
    boards = list[NoisyBoard]()

    def opened(library: Path, *, serial: int, seed: int) -> SimulatedBoard:
        boards.append(NoisyBoard(library, BAUD, serial=serial, seed=seed))
        return boards[-1]

    with driven(library(), weights, opened=opened) as driver:
        assert compared(driver, weights, 120, 6, lambda _: None).mismatches == 0
        assert driver.readings().link.junk_chunks > 0
        assert boards[0].disturbed > 5


@simulated
@pytest.mark.parametrize("seed", [1, 2])
def test_it_wakes_up_by_itself_whatever_its_registers_held(seed: int) -> None:
    proof = build(SMALL, Build(baud=BAUD, is_proof=True, rtl=rtl_under_test))
    assert [is_info(answer) for answer in SerialBoard(proof, BAUD, seed=seed).ask([INFO])] == [
        True
    ]


@simulated
def test_info_is_that_of_the_board(board: SerialBoard) -> None:
    (answer,) = board.ask([INFO])
    assert answer is not None
    info = Info.decode(answer.payload)
    assert info.kind == Kind.FPGA
    assert info.rtl_hash == SMALL.rtl_hash()
    assert (info.units, info.inputs, info.buffer_bytes) == (3, 5, 256)
    assert info.rate_hz == info.clock_hz == SERIAL_CLOCK_HZ


@simulated
@pytest.mark.parametrize("off", [-0.03, -0.015, 0.015, 0.03])
def test_a_far_end_a_little_off_is_understood(off: float) -> None:
    board = SerialBoard(library(), BAUD * (1 + off))
    answers = board.ask([INFO])
    assert [is_info(answer) for answer in answers] == [True]


@simulated
@pytest.mark.parametrize("times", [0.5, 0.8, 1.25, 2.0])
def test_a_far_end_at_another_rate_is_not_believed_and_does_no_harm(times: float) -> None:
    board = SerialBoard(library(), BAUD * times)
    assert not any(is_info(answer) for answer in board.ask([INFO] * 3))
    board.set_baud(BAUD)
    assert is_info(board.ask([INFO])[-1])


Disturb = Callable[[SerialBoard], None]
DISTURBANCES: Final[dict[str, Disturb]] = {
    "a byte without its stop bit": lambda board: board.hold(0, 10.0),
    "a break": lambda board: board.hold(0, 500.0),
}


@simulated
@pytest.mark.parametrize("disturb", DISTURBANCES.values(), ids=DISTURBANCES)
def test_a_frame_that_is_broken_into_is_junk_and_the_next_one_is_heard(
    board: SerialBoard, disturb: Disturb
) -> None:
    wire = INFO.encode()
    board.put(wire[:9])
    disturb(board)
    board.hold(1, 1.0)
    board.put(wire[10:])
    (answer,) = board.answers()
    assert answer is not None
    assert (answer.op, answer.status) == (JUNK_ANSWER, Status.CRC)
    assert [is_info(answer) for answer in board.ask([INFO])] == [True]


@simulated
def test_a_byte_without_its_stop_bit_is_dropped(board: SerialBoard) -> None:
    wire = INFO.encode()
    board.put(wire[:9])
    board.hold(0, 10.0)  # between two bytes, and none itself
    board.hold(1, 1.0)
    board.put(wire[9:])
    assert [is_info(answer) for answer in board.answers()] == [True]


@simulated
@pytest.mark.parametrize("bits", [12, 14, 16.5, 500])
def test_a_break_is_no_byte(board: SerialBoard, bits: float) -> None:
    board.hold(0, bits)
    board.hold(1, 20.0)
    assert [is_info(answer) for answer in board.ask([INFO])] == [True]


@simulated
def test_bits_last_as_long_as_the_rate_has_it(board: SerialBoard) -> None:
    before = board.cycles
    (answer,) = board.ask([INFO])
    assert answer is not None
    bits = 10 * (len(INFO.encode()) + len(answer.encode()))
    rest = 50  # what the board thinks, a cycle between bytes, and the line at rest in the end
    assert bits <= (board.cycles - before) / board.bit_cycles <= bits + rest


@simulated
@pytest.mark.parametrize("where", [0, 5, 20])
def test_a_spike_shorter_than_half_a_bit_is_no_start(board: SerialBoard, where: int) -> None:
    wire = INFO.encode()
    board.put(wire[:where])
    board.hold(0, 0.3)
    board.hold(1, 1.0)
    board.put(wire[where:])
    assert [is_info(answer) for answer in board.answers()] == [True]


@simulated
def test_one_sample_of_three_may_be_wrong(board: SerialBoard) -> None:
    wire = INFO.encode()
    board.put(wire[:3])
    (byte,) = wire[3:4]
    for bit in [0, *(byte >> at & 1 for at in range(8)), 1]:
        board.hold(bit, 0.45)
        board.hold(1 - bit, 1 / board.bit_cycles)  # a cycle, near the middle
        board.hold(bit, 0.55 - 1 / board.bit_cycles)
    board.put(wire[4:])
    assert [is_info(answer) for answer in board.answers()] == [True]


@simulated
def test_bytes_that_find_no_room_are_owned_up_to(board: SerialBoard) -> None:
    answers = board.ask([INFO] * 60)  # an answer is four times as long as its request
    statuses = [answer.status for answer in answers if answer and answer.op == JUNK_ANSWER]
    assert Status.OVERRUN in statuses
    assert None not in answers
    assert is_info(board.ask([INFO])[-1])  # behind the answer to what was begun, if anything


@simulated
def test_a_rate_that_the_clock_is_too_slow_for_is_refused() -> None:
    with pytest.raises(BackendFault, match="a bit has to last four cycles of the clock"):
        library(SERIAL_CLOCK_HZ // 3)
