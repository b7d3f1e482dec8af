"""The driver on a board that speaks the real protocol: same bits, whatever happens."""

from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import pairwise
from time import monotonic

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.board_server import BoardServer, served
from tests.software_board import SoftwareBoard, board_info
from vau.errors import (
    BackendBusy,
    BackendFault,
    BackendNotFound,
    DeviceCorrupt,
    DeviceLost,
    DeviceTimeout,
    FirmwareMismatch,
    ModelTooLarge,
)
from vau.model import Network, find_model
from vau.testing.models import random_model
from vau_backends.board.device.board import Stage
from vau_backends.board.device.known_answer import known_answer
from vau_backends.board.device.opening import driver_of, tilings_on
from vau_backends.board.device.streams import Driver
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.words import Capability, Kind, Operation, Region
from vau_backends.board.transport.urls import Url
from vau_backends.muntaniala import cell
from vau_backends.muntaniala.array import Knobs
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import NetworkWeights, from_model

NETWORK = Network(layers=2, hidden=9, inputs=12, classes=7)  # units that do not divide by rows
MODEL = random_model(NETWORK)
WEIGHTS = from_model(MODEL)
RNG = np.random.default_rng(7)
SPEECH = RNG.integers(-128, 128, (40, 12), np.int8)


def expected(
    x: NDArray[np.int8], weights: NetworkWeights = WEIGHTS
) -> tuple[NDArray[np.int32], NDArray[np.int64]]:
    """Return logits and saturations by the reference."""
    tilings = tilings_on(board_info(), weights)
    answer = cell.run(weights, tilings, Knobs(), x[np.newaxis], States.zero(1, NETWORK))
    return answer.logits[0], answer.saturations[0]


def logits(hidden: NDArray[np.int8]) -> NDArray[np.int64]:
    return cell.output(WEIGHTS, hidden.astype(np.int64))


def assert_right(hidden: NDArray[np.int8], x: NDArray[np.int8]) -> None:
    np.testing.assert_array_equal(logits(hidden), expected(x)[0])


@pytest.fixture
def board() -> SoftwareBoard:
    return SoftwareBoard(board_info())


@pytest.fixture
def server(board: SoftwareBoard) -> Iterator[BoardServer]:
    with served(board) as server:
        yield server


@pytest.fixture
def driver(server: BoardServer) -> Iterator[Driver]:
    driver = driver_of(Url.parse(server.url), WEIGHTS)
    driver.start()
    yield driver
    driver.close()


def steps_executed(board: SoftwareBoard) -> int:
    return sum(each.op in (Operation.STEP, Operation.STEP_N) for each in board.executed)


# --- from the port to the first step ------------------------------------------------------


def test_a_loaded_board_holds_what_it_should_and_was_asked_what_is_known(
    board: SoftwareBoard, driver: Driver
) -> None:
    assert driver.board.stage is Stage.LOADED
    assert driver.board.wrong_memories() == []
    sums = [each for each in board.executed if each.op == Operation.SUM]
    assert len(sums) >= 2 * 4 * 2 + 1  # arrays, dies, regions, and the tables
    assert steps_executed(board) == 2 * 8


def test_weights_go_in_windows(board: SoftwareBoard, driver: Driver) -> None:
    writes = [each for each in board.executed if each.op == Operation.WRITE]
    numbers = [each.seq for each in writes]
    assert any(after - before == 1 for before, after in pairwise(numbers))
    rows = {len(each.payload) // board.info.units for each in writes}
    assert max(rows) == board.info.most_payload // board.info.units


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"versions": (2, 3)}, "vau-link 2 to 3"),
        ({"spec": "other-spec"}, "other-spec"),
        ({"tables_crc": 1}, "tables"),
        ({"capabilities": Capability.SUM}, "STATE_IO"),
        ({"rtl_hash": bytes(range(16))}, r"000102.* is not known here; .* \+rtl=0001"),
        ({"window": 0}, "window"),
    ],
)
def test_a_board_that_is_not_what_we_drive_is_refused_before_any_step(
    changes: dict[str, object], says: str
) -> None:
    board = SoftwareBoard(board_info(**changes))
    with served(board) as server:
        driver = driver_of(Url.parse(server.url), WEIGHTS)
        with pytest.raises(FirmwareMismatch, match=says):
            driver.start()
    assert steps_executed(board) == 0


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"arrays": 1}, "2 layers"),
        ({"units": 4}, "5 in a die, which has 4"),
        ({"units": 5, "inputs": 4}, "11 columns of weights in a die, which has 9"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(changes: dict[str, object], says: str) -> None:
    with served(SoftwareBoard(board_info(**changes))) as server:
        driver = driver_of(Url.parse(server.url), WEIGHTS)
        with pytest.raises(ModelTooLarge, match=says):
            driver.start()


def test_a_board_that_forgets_a_row_is_refused(board: SoftwareBoard) -> None:
    class Forgetful(SoftwareBoard):
        def _memory(self, request: Frame) -> bytes:
            answer = super()._memory(request)
            memory = self.arrays[0].memories[2, Region.WEIGHTS]
            memory[3] = 0
            return answer

    with served(Forgetful(board_info())) as server:
        driver = driver_of(Url.parse(server.url), WEIGHTS)
        with pytest.raises(DeviceCorrupt, match="weights of die 2"):
            driver.start()


def test_a_board_that_counts_its_cycles_otherwise_is_refused(
    board: SoftwareBoard, server: BoardServer
) -> None:
    board.extra_cycles = 1
    with pytest.raises(DeviceCorrupt, match="cycles"):
        driver_of(Url.parse(server.url), WEIGHTS).start()


def test_a_board_that_computes_otherwise_fails_its_known_answer(
    monkeypatch: pytest.MonkeyPatch, server: BoardServer
) -> None:
    true_cell = cell.cell

    def off_by_one(*args: object) -> object:
        h, c = true_cell(*args)  # type: ignore[arg-type]
        return h + (h == h.max()) * -1, c

    monkeypatch.setattr("tests.software_board.cell", off_by_one)
    with pytest.raises(DeviceCorrupt, match="known-answer"):
        driver_of(Url.parse(server.url), WEIGHTS).start()


def test_the_known_answers_of_a_real_network_saturate() -> None:
    weights = from_model(find_model("munt-1x192"))
    (tiling,) = tilings_on(board_info(units=96, inputs=123, most_payload=1024), weights)
    answer = known_answer(weights.layers[0], tiling)
    assert np.count_nonzero(answer.saturations) >= 4


# --- streams --------------------------------------------------------------------------------


def test_a_stream_gets_the_bits_of_the_reference(driver: Driver) -> None:
    hidden, saturations = driver.run(driver.begin(), SPEECH)
    assert_right(hidden, SPEECH)
    assert saturations == tuple(expected(SPEECH)[1])


def test_more_streams_than_contexts_do_not_disturb_each_other(driver: Driver) -> None:
    speech = [RNG.integers(-128, 128, (24, 12), np.int8) for _ in range(5)]
    streams = [driver.begin() for _ in speech]
    heard: list[list[NDArray[np.int8]]] = [[] for _ in speech]
    for first in range(0, 24, 3):
        for stream, x, parts in zip(streams, speech, heard, strict=True):
            parts.append(driver.run(stream, x[first : first + 3])[0])
    for x, parts in zip(speech, heard, strict=True):
        assert_right(np.concatenate(parts), x)


@settings(
    max_examples=15,
    deadline=None,
    suppress_health_check=[HealthCheck.function_scoped_fixture],
)
@given(
    cuts=st.lists(st.integers(0, 9), min_size=1, max_size=6),
    lost=st.sets(st.integers(0, 5)),
    others=st.sets(st.integers(0, 5)),
)
def test_no_bit_depends_on_cuts_neighbours_or_lost_contexts(
    driver: Driver, cuts: list[int], lost: set[int], others: set[int]
) -> None:
    stream, neighbour = driver.begin(), driver.begin()
    heard, first = [], 0
    for at, size in enumerate(cuts):
        if at in lost:
            driver._forget_contexts()  # noqa: SLF001 - as after a restart
        if at in others:
            driver.run(neighbour, -SPEECH[:2])
        heard.append(driver.run(stream, SPEECH[first : first + size])[0])
        first += size
    driver.end(stream)
    driver.end(neighbour)
    assert_right(np.concatenate(heard), SPEECH[:first])


def test_a_state_goes_from_one_stream_to_another(driver: Driver) -> None:
    first, second = driver.begin(), driver.begin()
    driver.run(first, SPEECH[:17])
    driver.put(second, driver.states(first))
    hidden, _ = driver.run(second, SPEECH[17:])
    np.testing.assert_array_equal(logits(hidden), expected(SPEECH)[0][17:])


def test_a_long_stream_has_no_more_than_a_hundred_frames_to_repeat(driver: Driver) -> None:
    stream = driver.begin()
    x = np.tile(SPEECH, (6, 1))
    assert_right(driver.run(stream, x)[0], x)
    assert stream.frames_since < 100 + driver.board.frames_each


# --- faults ---------------------------------------------------------------------------------

Fault = Callable[[SoftwareBoard, Driver], None]


def restart(board: SoftwareBoard, _driver: Driver) -> None:
    board.reboot()


def forget_the_session(board: SoftwareBoard, _driver: Driver) -> None:
    board.reset()


def flip_a_bit(board: SoftwareBoard, _driver: Driver) -> None:
    board.arrays[1].memories[3, Region.WEIGHTS][2, 1] ^= 4
    board.arrays[1].weights = None
    board.upset_rows.add((1, 3, Region.WEIGHTS))


def lose_a_context(board: SoftwareBoard, _driver: Driver) -> None:
    board.arrays[0].contexts[0].is_valid = False


def miscount(board: SoftwareBoard, _driver: Driver) -> None:
    for context in board.arrays[1].contexts:
        context.step += 1


@pytest.mark.parametrize(
    "fault", [restart, forget_the_session, flip_a_bit, lose_a_context, miscount]
)
def test_what_a_board_forgets_is_put_back_with_the_same_bits(
    board: SoftwareBoard, driver: Driver, fault: Fault
) -> None:
    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:21])
    fault(board, driver)
    after, _ = driver.run(stream, SPEECH[21:])
    assert_right(np.concatenate([before, after]), SPEECH)
    assert sum(driver.mended.values()) >= 1


def test_a_dead_die_is_named_after_one_reset(board: SoftwareBoard, driver: Driver) -> None:
    stream = driver.begin()
    driver.run(stream, SPEECH[:5])
    board.dead_die = 2
    with pytest.raises(BackendFault, match="die 2: a beat between dies") as caught:
        driver.run(stream, SPEECH[5:])
    assert caught.value.facts["die"] == 2


def test_a_board_that_was_mended_is_taken_up_again(
    board: SoftwareBoard, driver: Driver
) -> None:
    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:5])
    board.dead_die = 1
    with pytest.raises(BackendFault):
        driver.run(stream, SPEECH[5:])
    board.dead_die = None
    after, _ = driver.run(stream, SPEECH[5:])
    assert_right(np.concatenate([before, after]), SPEECH)


def test_an_unplugged_board_is_lost_at_once_and_found_again(
    server: BoardServer, driver: Driver
) -> None:
    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:5])
    server.unplug()
    with pytest.raises(DeviceLost):
        driver.run(stream, SPEECH[5:])
    with pytest.raises((DeviceLost, DeviceTimeout)):
        driver.run(stream, SPEECH[5:])
    server.plug()
    after, _ = driver.run(stream, SPEECH[5:])
    assert_right(np.concatenate([before, after]), SPEECH)


def test_a_board_that_falls_silent_is_given_up_in_bounded_time(
    server: BoardServer, driver: Driver
) -> None:
    stream = driver.begin()
    driver.run(stream, SPEECH[:5])
    server.is_silent = True
    started_s = monotonic()
    with pytest.raises(DeviceTimeout) as caught:
        driver.run(stream, SPEECH[5:])
    assert caught.value.facts["stage"] == "link"
    assert monotonic() - started_s < 30  # of retries, probes and a reset: not for ever


def test_a_board_that_is_busy_is_waited_for(board: SoftwareBoard, driver: Driver) -> None:
    class Once(int):
        left = 3

        def __bool__(self) -> bool:
            Once.left -= 1
            return Once.left >= 0

    board.busy_ms = Once(1)
    assert_right(driver.run(driver.begin(), SPEECH)[0], SPEECH)
    assert driver.board.exchange.errors.busy == 3


def test_a_board_that_is_always_busy_is_given_up(board: SoftwareBoard, driver: Driver) -> None:
    board.busy_ms = 900
    with pytest.raises(DeviceTimeout) as caught:
        driver.run(driver.begin(), SPEECH)
    assert caught.value.facts["stage"] == "busy"


def test_a_deadline_shorter_than_the_work_is_told_and_the_stream_goes_on(
    server: BoardServer, driver: Driver
) -> None:
    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:5])
    with pytest.raises(DeviceTimeout):
        driver.run(stream, SPEECH[5:], limit_s=0.0)
    after, _ = driver.run(stream, SPEECH[5:])
    assert_right(np.concatenate([before, after]), SPEECH)


def test_a_second_driver_is_refused_and_the_first_goes_on(
    server: BoardServer, driver: Driver
) -> None:
    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:5])
    with pytest.raises(BackendBusy, match="another program"):
        driver_of(Url.parse(server.url), WEIGHTS).start()
    after, _ = driver.run(stream, SPEECH[5:])
    assert_right(np.concatenate([before, after]), SPEECH)


def test_a_reply_that_was_lost_is_sent_again_and_nothing_is_done_twice(
    board: SoftwareBoard, server: BoardServer, driver: Driver
) -> None:
    stream = driver.begin()
    before = steps_executed(board)
    lost = iter([True, False] * 1000)
    server.edit = lambda said: b"" if next(lost) else said
    hidden, _ = driver.run(stream, SPEECH[:6])
    assert_right(hidden, SPEECH[:6])
    frames = driver.board.frames_each
    assert steps_executed(board) - before == 2 * -(-6 // frames)
    assert driver.board.exchange.errors.retries > 0
    assert board.link.replays > 0


def test_boot_text_is_quoted_where_nobody_answers(server: BoardServer) -> None:
    server.edit = lambda _said: b"U-Boot 2021.01 (Jan 1)\0"
    with pytest.raises(DeviceTimeout, match="U-Boot 2021"):
        driver_of(Url.parse(server.url), WEIGHTS).start()


def test_a_wrong_memory_is_found_while_idle_and_mended(
    board: SoftwareBoard, driver: Driver
) -> None:
    board.arrays[0].memories[1, Region.BIASES][2, 0] ^= 1
    for _ in range(2 * 4 * 2):
        driver.check_next()
    assert driver.mended["memory"] == 1
    assert driver.board.wrong_memories() == []


def test_a_board_of_hardware_measures_time(board: SoftwareBoard) -> None:
    assert replace(board.info, kind=Kind.FPGA).is_hardware
    assert not replace(board.info, kind=Kind.SIMULATION).is_hardware


# --- names ----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "text",
    [
        "",
        "nonsense",
        "tcp:",
        "tcp:host",
        "tcp:host:port",
        "usb:1",
        "tcp:h:1+baud=x",
        "tcp:h:1+rtl=1",
    ],
)
def test_what_names_no_board_is_refused_in_words(text: str) -> None:
    with pytest.raises(BackendNotFound, match="board"):
        Url.parse(text).open(0.1)


def test_settings_follow_a_name() -> None:
    url = Url.parse(f"serial:/dev/ttyUSB0+baud=3000000+rtl={'ab' * 16}")
    assert (url.scheme, url.where, url.baud) == ("serial", "/dev/ttyUSB0", 3_000_000)
    assert url.accepted_rtl == "ab" * 16


def test_nobody_listens_is_a_lost_device(server: BoardServer) -> None:
    with pytest.raises(DeviceLost, match="does a board serve it"):
        Url.parse("tcp:127.0.0.1:1").open(1.0)
