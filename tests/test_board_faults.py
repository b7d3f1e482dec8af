"""All that goes wrong between a driver and its board: the same bits, or a typed error."""

import subprocess
import sys
from collections.abc import Iterator
from dataclasses import replace
from random import Random

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.board_server import BoardServer
from tests.commands import PATIENCE_S
from vau_backends.board import faults
from vau_backends.board.device.opening import driver_of
from vau_backends.board.device.streams import Driver
from vau_backends.board.faults.chaos import MOST_TRIES, Chaos, Report
from vau_backends.board.faults.kinds import MAY_FAIL, Fast, Fault, Slow, Way
from vau_backends.board.faults.mangle import mangled
from vau_backends.board.faults.proxy import Proxy
from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import DELIMITER, Frame
from vau_backends.board.link.words import Operation
from vau_backends.board.transport.tcp import open_tcp
from vau_backends.board.transport.urls import Url
from vau_backends.muntaniala.weights import NetworkWeights

FAULTS = 300


@pytest.fixture
def proxy(server: BoardServer) -> Iterator[Proxy]:
    proxy = Proxy(Url.parse(server.url).open, seed=1)
    yield proxy
    proxy.close()


@pytest.fixture
def driver(server: BoardServer, proxy: Proxy, weights: NetworkWeights) -> Iterator[Driver]:
    host, port = proxy.address
    url = Url.parse(server.url)
    driver = driver_of(url, weights, lambda limit_s: open_tcp(f"{host}:{port}", limit_s))
    driver.start()
    yield driver
    driver.close()


def nothing(_text: str) -> None:
    """Say nothing."""


def assert_kept(report: Report) -> None:
    assert report.unkept() == []
    facts = report.facts()
    assert (facts["wrong"], facts["hangs"]) == (0, 0)


def test_no_spoilt_frame_changes_a_bit(
    driver: Driver, proxy: Proxy, weights: NetworkWeights
) -> None:
    chaos = Chaos(driver, proxy, weights, seed=1)
    chaos.fast(FAULTS, nothing)
    assert_kept(chaos.report)
    assert set(chaos.report.tallies) == set(Fast)
    facts = chaos.report.facts()
    assert facts["recovered"] == facts["injected"] >= FAULTS


def test_what_lasts_is_got_over_or_told(
    driver: Driver, proxy: Proxy, weights: NetworkWeights
) -> None:
    chaos, said = Chaos(driver, proxy, weights, seed=2), list[str]()
    chaos.slow(1, said.append)
    assert_kept(chaos.report)
    assert set(chaos.report.tallies) == set(Slow)
    assert all(chaos.report.of(kind).injected for kind in Slow)
    for kind in MAY_FAIL - {Slow.UNPLUG, Slow.DEADLINE}:  # which may come too late to matter
        assert chaos.report.of(kind).typed.total() == 1, kind
    assert chaos.report.of(Slow.FOREIGN).typed == {"DeviceLost": 1}
    assert chaos.report.of(Slow.MISCOUNT).typed == {"DeviceCorrupt": 1}
    told = f"{Slow.MISCOUNT.value}: 1 injected, 0 bit-equal, 1 DeviceCorrupt, 0 wrong, 0 hangs"
    assert [line for line in said if line.startswith(told)]


def test_a_fault_that_comes_too_late_is_not_counted_as_got_over(
    driver: Driver, proxy: Proxy, weights: NetworkWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chaos, "_caller_of_unplug", lambda _: proxy.unplug)
    chaos, said = Chaos(driver, proxy, weights, seed=4), list[str]()
    chaos.slow(1, said.append, [Slow.UNPLUG])
    tally = chaos.report.of(Slow.UNPLUG)
    assert (tally.injected, tally.recovered, tally.missed) == (0, 0, MOST_TRIES)
    (told,) = said
    assert told.endswith(": 0 injected, 0 bit-equal, no error, 0 wrong, 0 hangs, 5 missed")
    assert_kept(chaos.report)


def test_a_board_that_does_not_come_back_is_a_hang_of_what_struck_last(
    driver: Driver, proxy: Proxy, weights: NetworkWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(Chaos, "_outcome", lambda *_: "DeviceLost")
    monkeypatch.setattr(faults.chaos, "REVIVAL_S", 0.0)
    chaos = Chaos(driver, proxy, weights, seed=5)
    chaos.slow(1, nothing)
    assert chaos.report.facts()["hangs"] == chaos.report.of(Slow.LATE).hangs == 1
    assert chaos.report.unkept()


def test_an_error_that_comes_after_what_had_to_be_got_over_is_told(
    driver: Driver, proxy: Proxy, weights: NetworkWeights, monkeypatch: pytest.MonkeyPatch
) -> None:
    chaos = Chaos(driver, proxy, weights, seed=5)
    tally, outcomes = chaos.report.of(Slow.RESTART), iter(["DeviceCorrupt", "equal"])
    monkeypatch.setattr(Chaos, "_strike", lambda *_: setattr(tally, "injected", 1))
    monkeypatch.setattr(Chaos, "_outcome", lambda *_: next(outcomes))
    chaos.slow(1, nothing, [Slow.RESTART])
    assert chaos.report.unkept() == ["RESTART: 1 DeviceCorrupt, where bits were due"]


ENDLESS = """
import threading
from vau_backends.board.faults.chaos import Hung, within
try:
    within(0.01, threading.Event().wait)
except Hung:
    print("hung")
"""


def test_a_call_without_an_end_does_not_keep_the_process_from_its_own() -> None:
    done = subprocess.run(
        [sys.executable, "-c", ENDLESS],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert (done.returncode, done.stdout) == (0, "hung\n"), done.stderr


def test_a_chaos_that_finds_a_wrong_bit_says_so(
    server: BoardServer, driver: Driver, proxy: Proxy, weights: NetworkWeights
) -> None:
    chaos = Chaos(driver, proxy, weights, seed=3)

    def hard_of_hearing(request: Frame) -> Frame:
        if request.op not in (Operation.STEP, Operation.STEP_N):
            return request
        return replace(request, payload=bytes(len(request.payload)))

    server.meddle = hard_of_hearing
    chaos.fast(5, nothing)
    assert chaos.report.facts()["wrong"] > 0
    assert chaos.report.unkept()


@given(st.sampled_from(Fast), st.binary(max_size=60), st.integers(0, 99))
def test_a_spoilt_frame_is_never_taken_for_another(
    kind: Fast, payload: bytes, seed: int
) -> None:
    frame = Frame(op=0x20, session=9, seq=4, payload=payload)
    chunk = frame.encode().strip(DELIMITER)
    pieces = mangled(kind, chunk, Random(seed))
    chunks = Chunks()
    found = [each for _, piece in pieces for each in chunks.push(piece)]
    found += list(chunks.push(DELIMITER))
    assert all(each is None or each == frame for each in found)


def test_a_fault_strikes_in_its_own_direction_alone(driver: Driver, proxy: Proxy) -> None:
    before = driver.board.exchange.chunks.junk_chunks
    proxy.arm(Fault(Fast.TRUNCATE, Way.DOWN))
    driver.readings()
    assert driver.board.exchange.chunks.junk_chunks == before
    assert proxy.struck[Fast.TRUNCATE] == 1
