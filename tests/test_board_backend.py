"""The port over a board: what every backend owes the service, and what a board adds."""

from collections.abc import Iterator
from dataclasses import replace
from time import monotonic

import numpy as np
import pytest

from tests.board_server import BoardServer, served
from tests.boards import AnyBoard, on_software
from tests.software_board import SoftwareBoard, board_info
from vau.backend import (
    Backend,
    BackendOptions,
    Result,
    State,
    Telemetry,
    Work,
    promise_equal_bits,
)
from vau.errors import DeviceCorrupt, DeviceLost, DeviceTimeout, ModelIncompatible
from vau.model import Model
from vau.testing.contract import BackendContract
from vau.testing.contract.subject import NETWORK, Case
from vau.testing.models import random_model
from vau_backends.board import backend as backend_module
from vau_backends.board import hosting
from vau_backends.board.backend import FACTORY, BoardBackend
from vau_backends.board.device.watch import CHECK_S
from vau_backends.board.discovery import VARIABLE, Found
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.words import Capability, Kind, Operation
from vau_backends.board.transport.urls import Url
from vau_backends.board.virtual.parameters import Parameters
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA

FRAMES = np.random.default_rng(5).normal(size=(30, NETWORK.inputs)).astype(np.float32)
NO_PARITY = Capability.SUM | Capability.STATE_IO


def plain() -> SoftwareBoard:
    return SoftwareBoard(board_info(capabilities=NO_PARITY, contexts=1))


class TestBoard(BackendContract):
    factory = FACTORY

    @pytest.fixture
    def case(
        self, board: AnyBoard, server: BoardServer, monkeypatch: pytest.MonkeyPatch
    ) -> Case:
        monkeypatch.setenv(VARIABLE, server.url)  # the only one that is configured
        network = replace(NETWORK, layers=board.info.arrays)
        return Case(factory=FACTORY, instance=server.url, network=network, does_not_apply={})


@pytest.mark.parametrize("board", [pytest.param(plain, id="no parity")], indirect=True)
class TestBoardWithoutParity(TestBoard):
    pass


@pytest.fixture
def model(board: AnyBoard) -> Model:
    return random_model(replace(NETWORK, layers=board.info.arrays))


@pytest.fixture
def backend(server: BoardServer, model: Model) -> Iterator[Backend]:
    backend = FACTORY.open(model, BackendOptions(instance=server.url, slot_count=4))
    yield backend
    backend.close()


@pytest.fixture
def model_of_it(model: Model) -> Backend:
    return MUNTANIALA.open(model, BackendOptions(instance="2x2", slot_count=4))


def holds(model_of_it: Backend, *results: Result) -> None:
    """Assert that these have, one after the other, the bits of the model for ``FRAMES``."""
    expected = model_of_it.run([Work(model_of_it.open(), FRAMES)])[0]
    logits = [each.logits for each in results if each.logits is not None]
    np.testing.assert_array_equal(np.concatenate(logits), expected.logits)


def test_it_owes_the_bits_of_its_model_and_pays_them(
    backend: Backend, model_of_it: Backend
) -> None:
    assert promise_equal_bits(backend.info, model_of_it.info)
    ours = backend.run([Work(backend.open(), FRAMES)])[0]
    theirs = model_of_it.run([Work(model_of_it.open(), FRAMES)])[0]
    for name in ("logits", "log_prob", "inputs"):
        np.testing.assert_array_equal(getattr(ours, name), getattr(theirs, name))
    assert ours.cost == theirs.cost  # of a board that is none: all of it is estimated


def test_a_state_moves_between_a_board_and_its_model(
    backend: Backend, model_of_it: Backend
) -> None:
    here, there = backend.open(), model_of_it.open()
    backend.run([Work(here, FRAMES[:11])])
    model_of_it.restore(there, backend.snapshot(here))
    ours = backend.run([Work(here, FRAMES[11:20])])[0]
    theirs = model_of_it.run([Work(there, FRAMES[11:20])])[0]
    np.testing.assert_array_equal(ours.logits, theirs.logits)
    backend.restore(here, model_of_it.snapshot(there))
    ours = backend.run([Work(here, FRAMES[20:])])[0]
    theirs = model_of_it.run([Work(there, FRAMES[20:])])[0]
    np.testing.assert_array_equal(ours.logits, theirs.logits)


@on_software
def test_energy_that_a_board_measures_comes_first_and_says_so(
    board: SoftwareBoard, server: BoardServer, model: Model
) -> None:
    board.power_w = 0.009
    backend = FACTORY.open(model, BackendOptions(instance=server.url))
    cost = backend.run([Work(backend.open(), FRAMES)])[0].cost
    backend.close()
    assert backend.info.measures_energy
    measured, *estimated = cost.energies
    assert (measured.origin, measured.boundary) == ("measured", "board")
    assert cost.cycles is not None
    true_j = 0.009 * cost.cycles / board.info.clock_hz
    assert measured.joules == pytest.approx(
        true_j, abs=2e-9
    )  # its counter has whole nanojoules
    assert [energy.origin for energy in estimated] == ["estimated", "estimated"]


@on_software
def test_no_energy_is_measured_while_a_board_is_mended(
    board: SoftwareBoard, server: BoardServer, model: Model
) -> None:
    board.power_w = 0.009
    backend = FACTORY.open(model, BackendOptions(instance=server.url))
    slot, powers = backend.open(), [board.reboot]

    def restarted(request: Frame) -> Frame:
        if request.op == Operation.STEP_N and powers:
            powers.pop()()
        return request

    server.meddle = restarted
    mended, measured = (backend.run([Work(slot, FRAMES)])[0].cost for _ in range(2))
    backend.close()
    assert not powers
    assert {energy.origin for energy in mended.energies} == {"estimated"}
    assert measured.energies[0].origin == "measured"


@pytest.mark.parametrize(
    ("kind", "origin"),
    [(Kind.FPGA, "measured"), (Kind.SIMULATION, "estimated"), (Kind.SOFTWARE, "estimated")],
)
def test_cycles_are_measured_time_on_hardware_alone(
    server: BoardServer, model: Model, kind: Kind, origin: str
) -> None:
    server.claim(kind=kind)
    backend = FACTORY.open(model, BackendOptions(instance=server.url))
    cost = backend.run([Work(backend.open(), FRAMES[:3])])[0].cost
    backend.close()
    assert cost.device_origin == origin


def test_a_lost_board_is_a_fault_until_it_is_back(
    server: BoardServer, backend: BoardBackend, model_of_it: Backend
) -> None:
    slot = backend.open()
    before = backend.run([Work(slot, FRAMES[:9])])[0]
    server.unplug()
    with pytest.raises(DeviceLost):
        backend.run([Work(slot, FRAMES[9:])])
    assert backend.health().state is State.FAULT
    assert "lost" in backend.health().text
    server.plug()
    with backend._lock:  # noqa: SLF001 - as the watch does each second
        backend._look(0.0)  # noqa: SLF001
    assert backend.health().state is State.DEGRADED
    after = backend.run([Work(slot, FRAMES[9:])])[0]
    holds(model_of_it, before, after)


def test_a_lost_board_that_was_looked_for_in_vain_still_begins_utterances(
    server: BoardServer, backend: BoardBackend, model_of_it: Backend
) -> None:
    slot = backend.open()
    server.unplug()
    with pytest.raises(DeviceLost):
        backend.run([Work(slot, FRAMES)])
    with backend._lock, pytest.raises(DeviceLost):  # noqa: SLF001 - as the watch does each second
        backend._look(0.0)  # noqa: SLF001
    begun = backend.open()
    with pytest.raises(DeviceLost):
        backend.run([Work(begun, FRAMES)])
    server.plug()
    holds(model_of_it, backend.run([Work(begun, FRAMES)])[0])


def test_nobody_waits_for_ever_for_a_board_that_is_being_opened_anew(
    backend: BoardBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(backend_module, "DEFAULT_LIMIT_S", 0.01)
    with (
        backend._lock,  # noqa: SLF001 - as the watch holds it meanwhile
        pytest.raises(DeviceTimeout, match=r"opened anew, .* within 0\.01 s"),
    ):
        backend.open()


def test_who_ends_an_utterance_does_not_wait_for_the_board(
    backend: BoardBackend, model_of_it: Backend
) -> None:
    slots = [backend.open() for _ in range(backend.info.slot_count)]
    backend.run([Work(slot, FRAMES[:2]) for slot in slots])
    with backend._lock:  # noqa: SLF001 - as the watch holds it meanwhile
        for slot in slots:
            backend.release(slot)
    holds(model_of_it, backend.run([Work(backend.open(), FRAMES)])[0])
    assert len(backend._driver._streams) == 1  # noqa: SLF001


def test_a_board_is_found_by_its_serial_number(
    server: BoardServer, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"tcp:127.0.0.1:1 {server.url}")
    backend = FACTORY.open(model, BackendOptions(instance=f"{0x5EED:016x}"))
    backend.close()
    assert backend.info.id == "board:0000000000005eed"
    with pytest.raises(DeviceLost, match="0000000000005eed"):
        FACTORY.open(model, BackendOptions(instance="0" * 16))


def test_a_board_that_is_plugged_in_elsewhere_is_found_by_its_serial_number(
    board: AnyBoard,
    server: BoardServer,
    model: Model,
    model_of_it: Backend,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    rtl_hash = board.info.rtl_hash
    with served(board) as elsewhere:
        elsewhere.is_plugged = False
        monkeypatch.setenv(VARIABLE, f"{server.url} {elsewhere.url}")
        backend = FACTORY.open(model, BackendOptions(instance=board.info.stable_id))
        slot = backend.open()
        before = backend.run([Work(slot, FRAMES[:9])])[0]
        server.unplug()
        for _ in range(2):  # once on the port that is gone, once on none at all
            with pytest.raises(DeviceLost):
                backend.run([Work(slot, FRAMES[9:])])
        server.board = SoftwareBoard(board_info(serial=0x4D, rtl_hash=rtl_hash))
        for each in (server, elsewhere):
            each.plug()
        after = backend.run([Work(slot, FRAMES[9:])])[0]
        backend.close()
    holds(model_of_it, before, after)


def test_a_board_that_is_not_named_is_the_first_that_is_configured(
    server: BoardServer, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, f"{server.url} tcp:127.0.0.1:1")
    backend = FACTORY.open(model, BackendOptions())
    backend.close()
    assert backend.info.id == f"board:{server.url}"


@on_software
def test_rtl_is_verified_if_it_is_ours_whoever_vouches_for_it(
    board: AnyBoard, server: BoardServer, model: Model
) -> None:
    ours = Parameters(units=8, inputs=16, contexts=2, most_payload=256, window=4).rtl_hash()
    for rtl_hash, word in ((board.info.rtl_hash, "unverified"), (ours, "verified")):
        server.claim(rtl_hash=rtl_hash)
        url = Url.parse(server.url)
        named = f"{url.scheme}:{url.where}+rtl={rtl_hash.hex()}"
        backend = FACTORY.open(model, BackendOptions(instance=named))
        backend.close()
        assert f"rtl {rtl_hash.hex()} ({word})" in backend.info.firmware


@on_software
@pytest.mark.parametrize(
    ("kind", "is_said"), [(Kind.SIMULATION, True), (Kind.FPGA, False), (Kind.SOFTWARE, False)]
)
def test_a_simulation_says_that_its_speed_is_no_boards(
    server: BoardServer, model: Model, kind: Kind, is_said: bool
) -> None:
    server.claim(kind=kind)
    backend = FACTORY.open(model, BackendOptions(instance=server.url))
    backend.close()
    is_found = "RTL in simulation, whose speed is no board's" in backend.info.firmware
    assert is_found == is_said


def test_a_board_that_was_started_ends_whatever_its_driver_says(
    backend: BoardBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    ended = list[bool]()
    monkeypatch.setattr(Found, "close", lambda _: ended.append(True))
    with monkeypatch.context() as patch:
        patch.setattr(backend._driver, "close", lambda: 1 // 0)  # noqa: SLF001 - a defect
        with pytest.raises(ZeroDivisionError):
            backend.close()
    assert ended == [True]
    backend._driver.close()  # noqa: SLF001 - which the defect left


def test_memories_are_checked_while_nobody_asks(board: AnyBoard, backend: BoardBackend) -> None:
    board.flip(2, bits=2)
    backend._look(CHECK_S - 1)  # noqa: SLF001 - as the watch does each second
    assert backend.health().state is State.READY
    for _ in range(board.info.arrays * 4 * 2):  # memories of four dies
        backend._look(CHECK_S + 1)  # noqa: SLF001
    assert backend.health().state is State.DEGRADED
    assert "memory 1" in backend.health().text


def test_that_something_was_mended_is_said_for_a_minute(
    board: AnyBoard, backend: BoardBackend, monkeypatch: pytest.MonkeyPatch
) -> None:
    board.reboot()
    backend.run([Work(backend.open(), FRAMES[:2])])
    assert backend.health().state is State.DEGRADED
    now_s = monotonic()
    monkeypatch.setattr("vau_backends.board.backend.monotonic", lambda: now_s + 61)
    assert backend.health().state is State.READY


def test_what_a_board_has_no_instrument_for_is_absent(backend: Backend) -> None:
    telemetry = backend.telemetry()
    assert replace(telemetry, mended={}) == Telemetry()  # what was retried is not measured
    assert not backend.info.measures_energy


@pytest.mark.parametrize(("read_s", "times"), [(1e9, 0), (-1.0, 1)])
def test_instruments_are_read_now_and_then_while_a_board_is_at_work(
    server: BoardServer,
    backend: BoardBackend,
    monkeypatch: pytest.MonkeyPatch,
    read_s: float,
    times: int,
) -> None:
    monkeypatch.setattr("vau_backends.board.backend.READ_S", read_s)
    with backend._lock:  # noqa: SLF001 - as the watch does each second
        server.heard.clear()
        backend._look(0.0)  # noqa: SLF001
        assert [each.op for each in server.heard].count(Operation.TELEM) == times


def test_a_network_with_peepholes_is_refused(server: BoardServer) -> None:
    peepholes = random_model(replace(NETWORK, peephole=True))
    assert FACTORY.discover(peepholes) == []
    with pytest.raises(ModelIncompatible, match="peepholes"):
        FACTORY.open(peepholes, BackendOptions(instance=server.url))


def test_a_network_that_fits_no_board_is_not_offered(
    server: BoardServer, model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv(VARIABLE, server.url)
    large = random_model(replace(NETWORK, layers=3))
    assert FACTORY.discover(large) == []
    assert FACTORY.discover(model) == [f"board:{server.url}"]


def test_of_virtual_boards_those_that_a_network_fits_are_offered_unstarted(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    fitting = ["virtual:1x1", "virtual:2x2,units=5,inputs=6/small"]
    refused = {
        "virtual:1x1,units=8": "9 in a die, which has 8; take a board of 2x2 such dies",
        "virtual:1x1,units=1": "units=1 is outside",
        "virtual:1": "names no array",
    }
    one_layer = random_model(replace(NETWORK, layers=1, hidden=9, inputs=12))
    monkeypatch.setenv(VARIABLE, " ".join([*fitting, *refused]))
    monkeypatch.setattr(hosting, "COMMAND", ("false",))
    assert FACTORY.discover(one_layer) == [f"board:{each}" for each in fitting]
    for said, (url, why) in zip(caplog.messages, refused.items(), strict=True):
        assert said.startswith(f"board:{url} is not offered: ")
        assert why in said


def test_a_board_without_parity_is_checked_at_every_utterance(
    board: AnyBoard, server: BoardServer, model: Model, model_of_it: Backend
) -> None:
    server.claim(capabilities=NO_PARITY)
    backend = FACTORY.open(model, BackendOptions(instance=server.url))
    board.flip(0, bits=2)
    ours = backend.run([Work(backend.open(), FRAMES)])[0]
    backend.close()
    holds(model_of_it, ours)
    assert "per_utterance" in backend.info.firmware


def test_what_a_board_without_parity_answered_on_wrong_weights_is_not_gone_on_with(
    board: AnyBoard, server: BoardServer, model: Model, model_of_it: Backend
) -> None:
    server.claim(capabilities=NO_PARITY)
    backend = FACTORY.open(model, BackendOptions(instance=server.url, slot_count=2))
    before = backend.open()
    backend.run([Work(before, FRAMES[:9])])
    board.flip(0, bits=2)
    after = backend.open()
    assert backend.health().text == "mended: memory 1"
    with pytest.raises(DeviceCorrupt, match="weights were wrong during this utterance"):
        backend.run([Work(before, FRAMES[9:])])
    with pytest.raises(DeviceCorrupt, match="weights were wrong during this utterance") as told:
        backend.snapshot(before)
    assert told.value.is_of_answers
    holds(model_of_it, backend.run([Work(after, FRAMES)])[0])
    backend.close()
