"""The driver on a board that speaks the real protocol: same bits, whatever happens.

Each of these tests runs on a board of software and, with ``./run e2e-board``, on our RTL.
"""

from collections import Counter
from collections.abc import Callable
from dataclasses import replace
from itertools import count

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.board_server import BoardServer, replies_with
from tests.boards import AnyBoard, Right, weights_for
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
from vau.model import find_model
from vau_backends.board.device import deadline, exchange, image, keeper
from vau_backends.board.device.board import Stage
from vau_backends.board.device.exchange import FIND_TRIES, RETRIES, Exchange
from vau_backends.board.device.known_answer import known_answer
from vau_backends.board.device.opening import driver_of, tilings_on
from vau_backends.board.device.streams import Driver
from vau_backends.board.faults.mangle import busy
from vau_backends.board.link import cobs
from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import DELIMITER, Frame
from vau_backends.board.link.payloads import StatePart, state_crc
from vau_backends.board.link.words import REPLY, Capability, Operation, Region, Status, address
from vau_backends.board.transport.port import MOST_WAITING, Port
from vau_backends.board.transport.tcp import open_tcp
from vau_backends.board.transport.urls import Url
from vau_backends.muntaniala.weights import NetworkWeights, from_model

RNG = np.random.default_rng(7)
SPEECH = RNG.integers(-128, 128, (40, 12), np.int8)
STEPS = (Operation.STEP, Operation.STEP_N)


def steps_of(server: BoardServer) -> int:
    """Return how many requests for steps came."""
    return sum(each.op in STEPS for each in server.heard)


# --- from the port to the first step ------------------------------------------------------


def test_a_loaded_board_holds_what_it_should_and_was_asked_what_is_known(
    server: BoardServer, driver: Driver
) -> None:
    layers = len(driver.board.layers)
    assert driver.board.stage is Stage.LOADED
    assert driver.board.wrong_memories() == []
    sums = [each for each in server.heard if each.op == Operation.SUM]
    assert len(sums) >= layers * 4 * 2 + 1  # arrays, dies, regions, and the tables
    assert steps_of(server) == layers * 8


def writes(chunks: Chunks, data: bytes) -> set[int]:
    """Return the numbers of the WRITEs, or of the answers to them, that data ends."""
    found = (frame for frame in chunks.push(data) if frame is not None)
    return {frame.seq for frame in found if frame.op & ~REPLY == Operation.WRITE}


@pytest.mark.parametrize("window", [1, 2, 4])
def test_weights_go_in_windows(server: BoardServer, window: int) -> None:
    server.claim(window=window)
    weights = weights_for(server.board.info.arrays, hidden=16, inputs=30)
    url = Url.parse(server.url)
    unanswered, at_a_time = set[int](), set[int]()
    sent, heard = Chunks(), Chunks()

    class Watched(Port):
        """Notes how many WRITEs were sent and have no answer yet, whenever one is sent."""

        def send(self, data: bytes, limit_s: float) -> None:
            super().send(data, limit_s)
            unanswered.update(writes(sent, data))
            at_a_time.add(len(unanswered))

        def receive(self, limit_s: float) -> bytes:
            data = super().receive(limit_s)
            unanswered.difference_update(writes(heard, data))
            return data

    def opened(limit_s: float) -> Port:
        port = url.open(limit_s)
        return Watched(port.name, port.fileno(), port.close)

    driver = driver_of(url, weights, opened)
    driver.start()
    info = driver.board.info
    driver.close()
    sizes = {len(each.payload) for each in server.heard if each.op == Operation.WRITE}
    assert max(sizes) == info.most_payload // info.units * info.units
    memories = (memory for layer in driver.board.layers for memory in layer.memories)
    requests = max(-(-memory.rows.size // max(sizes)) for memory in memories)
    assert max(at_a_time) == min(window, requests)
    assert requests > 2


@pytest.mark.parametrize(
    ("changes", "says"),
    [
        ({"versions": (2, 3)}, "vau-link 2 to 3"),
        ({"spec": "other-spec"}, "other-spec"),
        ({"tables_crc": 1}, "tables"),
        ({"capabilities": Capability.SUM}, "STATE_IO"),
        ({"rtl_hash": bytes(range(16))}, r"000102.* is not known here; .* \+rtl=0001"),
        ({"window": 0}, "window 0 is outside 1 to 32"),
        ({"most_payload": 4}, "max_payload 4 is none of 256, 1024, 4096"),
        ({"units": 24576}, "N 24576 is outside 1 to 256"),
        ({"columns": 0}, "C 0 is outside"),
    ],
)
def test_a_board_that_is_not_what_we_drive_is_refused_before_any_step(
    server: BoardServer, weights: NetworkWeights, changes: dict[str, object], says: str
) -> None:
    server.claim(**changes)
    driver = driver_of(Url.parse(server.url), weights)
    with pytest.raises(FirmwareMismatch, match=says):
        driver.start()
    assert {each.op for each in server.heard} == {Operation.INFO}


def test_a_wrong_known_answer_is_told_to_the_unit(
    server: BoardServer, weights: NetworkWeights
) -> None:
    def wrong(reply: Frame) -> Frame:
        if reply.op != Operation.STEP | REPLY:
            return reply
        return replace(reply, payload=reply.payload[:-1] + bytes([reply.payload[-1] ^ 1]))

    server.edit = replies_with(wrong)
    with pytest.raises(
        DeviceCorrupt, match=r"array 0, step 1 .* of 1 of 9 .* unit 8: -?\d+, and"
    ):
        driver_of(Url.parse(server.url), weights).start()


def test_a_board_that_reckons_another_crc_is_told_both(
    server: BoardServer, weights: NetworkWeights
) -> None:
    def reckoned(said: bytes) -> bytes:
        frame = cobs.decode(said.strip(DELIMITER))
        return DELIMITER + cobs.encode(frame[:-1] + bytes([frame[-1] ^ 1])) + DELIMITER

    server.edit = reckoned
    with pytest.raises(
        DeviceTimeout, match=r"a CRC of [0-9a-f]{8}, and its bytes have [0-9a-f]{8}"
    ):
        driver_of(Url.parse(server.url), weights).start()


def test_a_network_of_too_many_layers_is_refused(server: BoardServer, board: AnyBoard) -> None:
    too_many = board.info.arrays + 1
    driver = driver_of(Url.parse(server.url), weights_for(too_many))
    with pytest.raises(ModelTooLarge, match=f"{too_many} layers"):
        driver.start()


@pytest.mark.parametrize(
    ("hidden", "inputs", "says"),
    [
        (17, 12, "9 in a die, which has 8; take a board of 3x3 such dies;"),
        (
            16,
            33,
            "25 columns of weights in a die, which has 24; take a board of 3x3 such dies;",
        ),
        (1000, 12, "in a die, which has 8; no board of such dies carries it"),
    ],
)
def test_a_network_that_does_not_fit_is_refused(
    server: BoardServer, hidden: int, inputs: int, says: str
) -> None:
    driver = driver_of(Url.parse(server.url), weights_for(1, hidden, inputs))
    with pytest.raises(ModelTooLarge, match=says):
        driver.start()
    assert {each.op for each in server.heard} == {Operation.INFO, Operation.OPEN}


@pytest.mark.parametrize(
    ("model", "board", "remedy"),
    [
        (
            "munt-1x192",
            {"rows": 1, "columns": 1},
            "take a board of 2x2 such dies; .* this board carries munt-1x96-mfcc",
        ),
        (
            "munt-3x384",
            {},
            "take a board of 3 arrays of 4x4 such dies; .* carries munt-1x192, munt-1x96-mfcc",
        ),
        (
            "munt-3x384",
            {"rows": 4, "columns": 4, "arrays": 3, "most_payload": 256},
            "take a board of 3 arrays of 4x4 such dies, with payloads of 1024 bytes;",
        ),
        ("munt-1x96-mfcc", {"units": 4, "inputs": 4}, "this board carries none"),
    ],
)
def test_what_does_not_fit_is_told_with_what_does(
    model: str, board: dict[str, int], remedy: str
) -> None:
    full = {"units": 96, "inputs": 123, "arrays": 1, "most_payload": 1024}
    info = board_info(**{**full, **board})
    with pytest.raises(ModelTooLarge, match=remedy):
        tilings_on(info, from_model(find_model(model)))


def test_a_board_that_keeps_other_weights_than_it_was_sent_is_refused(
    server: BoardServer, weights: NetworkWeights
) -> None:
    def forgetful(request: Frame) -> Frame:
        if request.op != Operation.WRITE or request.die != 2:
            return request
        return replace(request, payload=bytes(len(request.payload)))

    server.meddle = forgetful
    with pytest.raises(DeviceCorrupt, match="weights of die 2"):
        driver_of(Url.parse(server.url), weights).start()


def test_a_board_that_counts_its_cycles_otherwise_is_refused(
    board: AnyBoard, server: BoardServer, weights: NetworkWeights
) -> None:
    board.miscount()
    with pytest.raises(DeviceCorrupt, match="cycles"):
        driver_of(Url.parse(server.url), weights).start()


def test_a_board_that_computes_otherwise_fails_its_known_answer(
    server: BoardServer, weights: NetworkWeights
) -> None:
    def hard_of_hearing(request: Frame) -> Frame:
        if request.op not in STEPS:
            return request
        return replace(request, payload=bytes(byte ^ 0x80 for byte in request.payload))

    server.meddle = hard_of_hearing
    with pytest.raises(DeviceCorrupt, match="known-answer"):
        driver_of(Url.parse(server.url), weights).start()


def test_the_known_answers_of_a_real_network_saturate() -> None:
    weights = from_model(find_model("munt-1x192"))
    (tiling,) = tilings_on(board_info(units=96, inputs=123, most_payload=1024), weights)
    answer = known_answer(weights.layers[0], tiling)
    assert np.count_nonzero(answer.saturations) >= 4


# --- streams --------------------------------------------------------------------------------


def test_a_stream_gets_the_bits_of_the_reference(driver: Driver, right: Right) -> None:
    hidden, saturations = driver.run(driver.begin(), SPEECH)
    right.holds(hidden, SPEECH)
    assert saturations == right.of(SPEECH)[1]


def test_more_streams_than_contexts_do_not_disturb_each_other(
    driver: Driver, right: Right
) -> None:
    speech = [RNG.integers(-128, 128, (24, 12), np.int8) for _ in range(5)]
    streams = [driver.begin() for _ in speech]
    heard: list[list[NDArray[np.int8]]] = [[] for _ in speech]
    for first in range(0, 24, 3):
        for stream, x, parts in zip(streams, speech, heard, strict=True):
            parts.append(driver.run(stream, x[first : first + 3])[0])
    for x, parts in zip(speech, heard, strict=True):
        right.holds(np.concatenate(parts), x)


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
    driver: Driver, right: Right, cuts: list[int], lost: set[int], others: set[int]
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
    right.holds(np.concatenate(heard), SPEECH[:first])


def test_a_state_goes_from_one_stream_to_another(driver: Driver, right: Right) -> None:
    first, second = driver.begin(), driver.begin()
    driver.run(first, SPEECH[:17])
    driver.put(second, driver.states(first))
    hidden, _ = driver.run(second, SPEECH[17:])
    np.testing.assert_array_equal(right.logits(hidden), right.of(SPEECH)[0][17:])


def test_a_long_stream_has_no_more_than_a_hundred_frames_to_repeat(
    driver: Driver, right: Right
) -> None:
    stream = driver.begin()
    x = np.tile(SPEECH, (6, 1))
    right.holds(driver.run(stream, x)[0], x)
    assert stream.frames_since < 100 + driver.board.frames_each


# --- faults ---------------------------------------------------------------------------------

Fault = Callable[[AnyBoard, Driver], None]


def restart(board: AnyBoard, _driver: Driver) -> None:
    board.reboot()


def forget_the_session(board: AnyBoard, _driver: Driver) -> None:
    board.push(Frame(op=Operation.RESET).encode())


def flip_a_bit(board: AnyBoard, _driver: Driver) -> None:
    board.flip(die=3)


def lose_a_context(_board: AnyBoard, driver: Driver) -> None:
    """Begin to put a state into it, and leave it at that."""
    begun = StatePart(step=21, crc=state_crc(21, b"h"), content=b"h").encode()
    request = Frame(op=Operation.STATE_SET, address=address(0, 0), payload=begun)
    driver.board.exchange.call(request)


def step_unnoticed(_board: AnyBoard, driver: Driver) -> None:
    *_, last = driver.board.layers
    x = np.zeros((1, last.tiling.inputs), np.int8)
    driver.board.step(len(driver.board.layers) - 1, 0, 21, x)


@pytest.mark.parametrize(
    "fault", [restart, forget_the_session, flip_a_bit, lose_a_context, step_unnoticed]
)
def test_what_a_board_forgets_is_put_back_with_the_same_bits(
    board: AnyBoard, driver: Driver, right: Right, fault: Fault
) -> None:
    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:21])
    fault(board, driver)
    after, _ = driver.run(stream, SPEECH[21:])
    right.holds(np.concatenate([before, after]), SPEECH)
    assert sum(driver.mended.values()) >= 1


def test_a_state_is_not_kept_that_was_put_back_by_half(
    board: AnyBoard, server: BoardServer, driver: Driver, right: Right
) -> None:
    first, second = driver.begin(), driver.begin()
    for at in range(0, 21, 7):
        driver.run(first, SPEECH[at : at + 7])
    forget_the_session(board, driver)
    in_time = iter([False])

    def out_of_step_once(request: Frame) -> Frame:
        if request.op not in STEPS or request.address & 0xFF_FFFF != 7 or next(in_time, True):
            return request
        return replace(request, address=request.address + 1)

    server.meddle = out_of_step_once
    driver.put(second, driver.states(first))
    hidden, _ = driver.run(second, SPEECH[21:])
    np.testing.assert_array_equal(right.logits(hidden), right.of(SPEECH)[0][21:])
    assert driver.mended["out_of_step"] == 1


@pytest.mark.parametrize("fault", [lose_a_context, step_unnoticed])
def test_a_state_is_not_kept_that_is_out_of_step(
    board: AnyBoard, driver: Driver, right: Right, fault: Fault
) -> None:
    first, second = driver.begin(), driver.begin()
    driver.run(first, SPEECH[:21])
    fault(board, driver)
    driver.put(second, driver.states(first))
    hidden, _ = driver.run(second, SPEECH[21:])
    np.testing.assert_array_equal(right.logits(hidden), right.of(SPEECH)[0][21:])


def test_a_board_that_comes_back_with_fewer_contexts_is_not_asked_for_more(
    board: AnyBoard, server: BoardServer, driver: Driver, right: Right
) -> None:
    streams = [driver.begin(), driver.begin()]
    before = [driver.run(stream, SPEECH[:9])[0] for stream in streams]
    server.claim(contexts=1)
    board.push(Frame(op=Operation.RESET).encode())
    driver.readings()  # by which it hears of the reset
    first = len(server.heard)
    after = [driver.run(stream, SPEECH[9:])[0] for stream in streams]
    for one, other in zip(before, after, strict=True):
        right.holds(np.concatenate([one, other]), SPEECH)
    assert {each.address >> 24 for each in server.heard[first:] if each.op in STEPS} == {0}


def test_what_a_board_has_to_answer_is_computed_once(
    board: AnyBoard, server: BoardServer, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.delattr(image, "known_answer")
    restart(board, driver)
    driver.readings()
    server.unplug()
    with pytest.raises(DeviceLost):
        driver.readings()
    server.plug()
    driver.readings()
    assert driver.board.stage is Stage.LOADED


def test_what_was_mended_may_be_read_while_more_is(board: AnyBoard, driver: Driver) -> None:
    forget_the_session(board, driver)
    driver.readings()
    kinds = iter(driver.mended)
    driver._keeper.note("memory", "as the watch notes it")  # noqa: SLF001 - on a thread of its own
    assert list(kinds) == ["rebooted"]


def test_what_was_tried_in_vain_is_said_as_it_was(
    server: BoardServer, driver: Driver, weights: NetworkWeights
) -> None:
    def never_in_step(reply: Frame) -> Frame:
        if reply.op & ~REPLY not in STEPS:
            return reply
        return replace(reply, status=Status.STATE, payload=b"")

    server.edit = replies_with(never_in_step)
    with pytest.raises(DeviceCorrupt, match="out of step; its state was put back, and that"):
        driver.run(driver.begin(), SPEECH)
    with pytest.raises(DeviceCorrupt, match=r"out of step$"):
        driver_of(Url.parse(server.url), weights).start()


def test_a_board_that_refuses_to_be_closed_is_let_go_all_the_same(
    server: BoardServer, driver: Driver, weights: NetworkWeights
) -> None:
    def of_no_version(reply: Frame) -> Frame:
        return replace(reply, status=Status.VERSION, payload=b"")

    server.edit = replies_with(of_no_version)
    driver.close()
    server.edit = bytes
    again = driver_of(Url.parse(server.url), weights)
    again.start()
    again.close()


def test_who_is_interrupted_knows_no_more_what_was_executed(
    driver: Driver, right: Right, monkeypatch: pytest.MonkeyPatch
) -> None:
    def interrupted(_limit_s: float) -> bytes:
        raise KeyboardInterrupt

    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:5])
    with monkeypatch.context() as patch:
        patch.setattr(driver.board.exchange.port, "receive", interrupted)
        with pytest.raises(KeyboardInterrupt):
            driver.run(stream, SPEECH[5:])
    assert not driver.board.exchange.is_open
    after, _ = driver.run(stream, SPEECH[5:])
    right.holds(np.concatenate([before, after]), SPEECH)


def test_a_dead_die_is_named_after_one_reset(
    board: AnyBoard, server: BoardServer, driver: Driver
) -> None:
    stream = driver.begin()
    driver.run(stream, SPEECH[:5])
    board.kill(die=2)
    with pytest.raises(BackendFault, match="die 2: a beat between dies") as caught:
        driver.run(stream, SPEECH[5:])
    assert caught.value.facts["die"] == 2
    assert [each.op for each in server.heard].count(Operation.RESET) == 1


def test_a_board_that_was_mended_is_taken_up_again(
    board: AnyBoard, driver: Driver, right: Right
) -> None:
    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:5])
    board.kill(die=1)
    with pytest.raises(BackendFault):
        driver.run(stream, SPEECH[5:])
    board.reboot()
    after, _ = driver.run(stream, SPEECH[5:])
    right.holds(np.concatenate([before, after]), SPEECH)


def test_an_unplugged_board_is_lost_at_once_and_found_again(
    server: BoardServer, driver: Driver, right: Right
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
    right.holds(np.concatenate([before, after]), SPEECH)


@pytest.mark.parametrize("is_unplugged", [True, False], ids=["unplugged", "taken over"])
def test_another_board_in_its_place_is_not_served_on(
    server: BoardServer, driver: Driver, right: Right, is_unplugged: bool
) -> None:
    stream, own = driver.begin(), server.board
    before, _ = driver.run(stream, SPEECH[:5])
    server.board = SoftwareBoard(board_info(serial=0x4D, columns=1, rtl_hash=own.info.rtl_hash))
    if is_unplugged:
        server.unplug()
        with pytest.raises(DeviceLost, match="board is lost"):
            driver.run(stream, SPEECH[5:])
        server.plug()
    first = len(server.heard)
    with pytest.raises(DeviceLost, match=r"another board .* serial is 0{14}4d, and was 0"):
        driver.run(stream, SPEECH[5:])
    assert not {each.op for each in server.heard[first:]} & {Operation.OPEN, Operation.WRITE}
    assert "another board" in driver.last_error
    server.board = own
    after, _ = driver.run(stream, SPEECH[5:])
    right.holds(np.concatenate([before, after]), SPEECH)


def test_a_board_that_falls_silent_is_given_up_in_bounded_time(
    server: BoardServer, driver: Driver
) -> None:
    stream = driver.begin()
    driver.run(stream, SPEECH[:5])
    server.is_silent = True
    asked = len(server.heard)
    with pytest.raises(DeviceTimeout) as caught:
        driver.run(stream, SPEECH[5:])
    assert caught.value.facts["stage"] == "link"
    tries = Counter(request.op for request in server.heard[asked:])
    assert tries == {
        STEPS[-1]: 1 + RETRIES,
        Operation.INFO: FIND_TRIES,
        Operation.RESET: FIND_TRIES,
    }


@pytest.mark.parametrize("op", [Operation.INFO, Operation.OPEN, Operation.SUM, Operation.WRITE])
def test_what_is_mended_for_a_call_is_mended_within_its_deadline(
    monkeypatch: pytest.MonkeyPatch,
    board: AnyBoard,
    server: BoardServer,
    driver: Driver,
    right: Right,
    op: Operation,
) -> None:
    ask, many = Exchange._ask, 10 * FIND_TRIES  # noqa: SLF001 - which take longer than the call

    def asked_often(link: Exchange, request: Frame, limit_s: float, _tries: int) -> Frame:
        return ask(link, request, limit_s, many)

    monkeypatch.setattr(Exchange, "_ask", asked_often)
    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:5])
    board.reboot()
    asked = len(server.heard)
    server.meddle = silent_from(server, op)
    with pytest.raises(DeviceTimeout):
        driver.run(stream, SPEECH[5:], limit_s=3.0)  # in which a busy machine comes to it
    asked_last = [request.op for request in server.heard[asked:]]
    unanswered = asked_last[asked_last.index(op) :]
    assert sum(each in (Operation.INFO, Operation.OPEN) for each in unanswered) < many
    assert driver.is_lost  # half of it may be mended
    with pytest.raises(DeviceTimeout, match="before open"):
        driver.run(stream, SPEECH[5:], limit_s=0.0)
    server.is_silent, server.meddle = False, None
    after, _ = driver.run(stream, SPEECH[5:])
    right.holds(np.concatenate([before, after]), SPEECH)


def test_weights_that_are_written_again_have_the_time_that_they_need(
    board: AnyBoard,
    server: BoardServer,
    driver: Driver,
    right: Right,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 0.0
    monkeypatch.setattr(deadline, "monotonic", lambda: now_s)
    monkeypatch.setattr(driver.board.exchange.port, "bits_per_s", 1000.0)
    needed_s = driver.board.line_s(driver.board.memories)

    def slow(request: Frame) -> Frame:
        nonlocal now_s
        if request.op == Operation.WRITE and not now_s:
            now_s = needed_s
        return request

    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:5])
    board.reboot()
    server.meddle = slow
    after, _ = driver.run(stream, SPEECH[5:], limit_s=needed_s / 2)
    right.holds(np.concatenate([before, after]), SPEECH)


def test_a_call_has_more_time_only_for_the_memories_that_are_written_again(
    board: AnyBoard, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    given_s: list[float] = []
    monkeypatch.setattr(deadline.Deadline, "extend", lambda _, seconds: given_s.append(seconds))
    monkeypatch.setattr(driver.board.exchange.port, "bits_per_s", 1000.0)
    driver.check_all()
    assert given_s == []
    board.flip(0)
    driver.check_all()
    last = len(driver.board.layers) - 1
    wrong = [
        (array, each)
        for array, each in driver.board.memories
        if (array, each.die, each.region) == (last, 0, Region.WEIGHTS)
    ]
    assert given_s == [keeper.LOAD_SLACK * driver.board.line_s(wrong)]


def test_a_board_that_answers_all_but_steps_is_lost(
    server: BoardServer, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    looks = count()
    for module in (deadline, exchange):  # a clock that goes on by a moment with each look
        monkeypatch.setattr(module, "monotonic", lambda: 0.05 * next(looks))
    server.meddle = busy_for(np.inf, retry_ms=0)
    with pytest.raises(DeviceTimeout):
        driver.run(driver.begin(), SPEECH)
    assert driver.is_lost


def silent_from(server: BoardServer, op: Operation) -> Callable[[Frame], Frame]:
    """Return what lets a board fall silent at the first request of a kind."""

    def meddle(request: Frame) -> Frame:
        server.is_silent |= request.op == op
        return request

    return meddle


def busy_for(requests: float, retry_ms: int) -> Callable[[Frame], Frame]:
    """Return what answers so many requests for steps with BUSY."""
    left = requests

    def answer(request: Frame) -> Frame:
        nonlocal left
        if request.op not in STEPS or left < 1:
            return request
        left -= 1
        return busy(request, retry_ms)

    return answer


def test_a_board_that_is_busy_is_waited_for(
    server: BoardServer, driver: Driver, right: Right
) -> None:
    server.meddle = busy_for(3, retry_ms=1)
    right.holds(driver.run(driver.begin(), SPEECH)[0], SPEECH)
    assert driver.board.exchange.errors.busy == 3


def test_a_board_is_not_given_up_because_its_caller_has_no_time_for_it(
    server: BoardServer, driver: Driver
) -> None:
    server.meddle = busy_for(np.inf, retry_ms=400)
    with pytest.raises(DeviceTimeout, match="busy"):
        driver.run(driver.begin(), SPEECH[:2], limit_s=0.1)
    assert not driver.is_lost


def test_a_board_that_is_always_busy_is_given_up(server: BoardServer, driver: Driver) -> None:
    server.meddle = busy_for(np.inf, retry_ms=900)
    with pytest.raises(DeviceTimeout) as caught:
        driver.run(driver.begin(), SPEECH)
    assert caught.value.facts["stage"] == "busy"


def test_a_busy_board_that_talks_without_end_is_not_listened_to_meanwhile(
    server: BoardServer, driver: Driver, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(exchange, "BUSY_LIMIT_S", 60.0)
    server.meddle = busy_for(np.inf, retry_ms=60_000)

    def without_end(said: bytes) -> bytes:
        frames = Chunks().push(said)
        is_busy = any(each is not None and each.status == Status.BUSY for each in frames)
        return said + MOST_WAITING * b"e\0" * is_busy

    server.edit = without_end
    with pytest.raises(DeviceLost, match="without end"):
        driver.run(driver.begin(), SPEECH)


def test_a_deadline_shorter_than_the_work_is_told_and_the_stream_goes_on(
    server: BoardServer, driver: Driver, right: Right
) -> None:
    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:5])
    with pytest.raises(DeviceTimeout):
        driver.run(stream, SPEECH[5:], limit_s=0.0)
    assert not driver.is_lost
    after, _ = driver.run(stream, SPEECH[5:])
    right.holds(np.concatenate([before, after]), SPEECH)


def test_a_second_driver_is_refused_and_the_first_goes_on(
    server: BoardServer, driver: Driver, right: Right
) -> None:
    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:5])
    with pytest.raises(BackendBusy, match="another program"):
        driver_of(Url.parse(server.url), right.weights).start()
    after, _ = driver.run(stream, SPEECH[5:])
    right.holds(np.concatenate([before, after]), SPEECH)


def test_a_reply_that_was_lost_is_sent_again_and_nothing_is_done_twice(
    server: BoardServer, driver: Driver, right: Right
) -> None:
    stream, before = driver.begin(), driver.readings()
    lost = iter([True, False] * 1000)
    server.edit = lambda said: b"" if next(lost) else said
    hidden, _ = driver.run(stream, SPEECH[:6])
    server.edit = bytes
    after = driver.readings()
    right.holds(hidden, SPEECH[:6])
    assert driver.board.exchange.errors.retries > 0
    assert after.link.replays > before.link.replays
    assert after.core.steps - before.core.steps == 6 * len(driver.board.layers)


@pytest.mark.parametrize(
    ("op", "status", "payload"),
    [
        (Operation.INFO, Status.OK, b"?"),
        (Operation.SUM, Status.OK, b"123"),
        (Operation.STEP, Status.OK, b""),
        (Operation.STEP, Status.MEM, b"1"),
        (Operation.STEP, Status.FAULT, b""),
    ],
)
def test_a_reply_that_is_not_of_its_form_is_refused_in_words(
    server: BoardServer, weights: NetworkWeights, op: Operation, status: Status, payload: bytes
) -> None:
    def formless(reply: Frame) -> Frame:
        if reply.op != op | REPLY:
            return reply
        return replace(reply, status=status, payload=payload)

    server.edit = replies_with(formless)
    with pytest.raises(FirmwareMismatch, match=f"{len(payload)} bytes"):
        driver_of(Url.parse(server.url), weights).start()


def test_a_state_that_is_not_of_one_piece_is_not_kept(
    server: BoardServer, driver: Driver
) -> None:
    def spoilt(reply: Frame) -> Frame:
        if reply.op != Operation.STATE_GET | REPLY:
            return reply
        return replace(reply, payload=reply.payload[:-1] + bytes([reply.payload[-1] ^ 1]))

    stream = driver.begin()
    driver.run(stream, SPEECH[:5])
    server.edit = replies_with(spoilt)
    with pytest.raises(DeviceCorrupt, match="fails its checksum"):
        driver.states(stream)


def test_boot_text_is_quoted_where_nobody_answers(
    server: BoardServer, weights: NetworkWeights
) -> None:
    server.edit = lambda _said: b"U-Boot 2021.01 (Jan 1)\0"
    with pytest.raises(DeviceTimeout, match="U-Boot 2021"):
        driver_of(Url.parse(server.url), weights).start()


@pytest.mark.parametrize("bits", [1, 2])  # an even number of them passes every parity
def test_a_wrong_memory_is_found_while_idle_and_mended(
    board: AnyBoard, driver: Driver, bits: int
) -> None:
    board.flip(1, bits)
    for _ in range(len(driver.board.layers) * 4 * 2):
        driver.check_next()
    assert driver.mended["memory"] == 1
    assert driver.board.wrong_memories() == []


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


def test_nobody_listens_is_a_lost_device() -> None:
    with pytest.raises(DeviceLost, match="does a board serve it"):
        Url.parse("tcp:127.0.0.1:1").open(1.0)


@pytest.mark.parametrize("where", ["a..b:1", "x" * 70 + ":1", "host:70000"])
def test_what_names_no_host_is_said_to(where: str) -> None:
    with pytest.raises(BackendNotFound, match="names no host and port, for example"):
        open_tcp(where, 1.0)
