"""Boards on serial ports and pseudo terminals: opened for real, by pyserial and without it."""

import errno
import fcntl
import json
import os
import sys
import termios
from collections.abc import Iterator
from contextlib import closing, contextmanager
from pathlib import Path

import numpy as np
import pytest
from serial import serialposix

from tests.board_terminal import Terminal, behind_a_terminal
from tests.boards import AnyBoard, Right, on_software
from tests.commands import PATIENCE_S, ROOT, started, vau
from tests.rtl.marks import simulated
from tests.software_board import board_info
from vau.errors import BackendBusy, BackendNotFound, DeviceLost, DevicePermission
from vau.model import find_model
from vau_backends.board.device.opening import driver_of, laid_out
from vau_backends.board.device.streams import Driver
from vau_backends.board.discovery import VARIABLE
from vau_backends.board.link.frame import wire_bytes
from vau_backends.board.link.payloads import STEP_HEAD
from vau_backends.board.link.timing import transfer_s
from vau_backends.board.transport.serial_line import DEFAULT_BAUD, LEAST_BAUD, latency_warning
from vau_backends.board.transport.urls import Url
from vau_backends.muntaniala.cycles import LayerCycles
from vau_backends.muntaniala.weights import NetworkWeights, from_model

SPEECH = np.random.default_rng(11).integers(-128, 128, (40, 12), np.int8)
NOBODY = 65534
both_ways = pytest.mark.parametrize("scheme", ["serial", "pty"])


@pytest.fixture
def terminal(board: AnyBoard, tmp_path: Path) -> Iterator[Terminal]:
    with behind_a_terminal(board, tmp_path / "ttyBOARD") as terminal:
        yield terminal


@pytest.fixture
def driver(terminal: Terminal, weights: NetworkWeights, scheme: str) -> Iterator[Driver]:
    with closing(driver_of(Url.parse(terminal.url(scheme)), weights)) as driver:
        driver.start()
        yield driver


@both_ways
def test_a_stream_goes_over_it_with_the_bits_of_the_reference(
    driver: Driver, right: Right
) -> None:
    streams = [driver.begin() for _ in range(3)]  # one more than the board has contexts
    for first in range(0, len(SPEECH), 8):
        heard = [driver.run(stream, SPEECH[first : first + 8])[0] for stream in streams]
    expected = right.of(SPEECH)[0][first:]
    for hidden in heard:
        np.testing.assert_array_equal(right.logits(hidden), expected)


@both_ways
def test_a_board_that_is_pulled_out_is_lost_and_found_when_it_is_back(
    terminal: Terminal, driver: Driver, right: Right
) -> None:
    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:9])
    terminal.unplug()
    with pytest.raises(DeviceLost, match="is it plugged in"):
        driver.run(stream, SPEECH[9:])
    with pytest.raises(DeviceLost, match="is not there; is it plugged in"):
        driver.run(stream, SPEECH[9:])
    terminal.plug()
    after, _ = driver.run(stream, SPEECH[9:])
    right.holds(np.concatenate([before, after]), SPEECH)


@both_ways
@pytest.mark.parametrize("second", ["serial", "pty"])
@on_software
def test_who_comes_second_is_refused_and_the_first_goes_on(
    terminal: Terminal, driver: Driver, right: Right, second: str
) -> None:
    stream = driver.begin()
    before, _ = driver.run(stream, SPEECH[:9])
    with pytest.raises(BackendBusy, match="is held by another program; end that first"):
        Url.parse(terminal.url(second)).open(1.0)
    after, _ = driver.run(stream, SPEECH[9:])
    right.holds(np.concatenate([before, after]), SPEECH)
    driver.close()
    Url.parse(terminal.url(second)).open(1.0).close()


@both_ways
def test_what_an_owner_left_behind_reaches_nobody_else(
    terminal: Terminal, weights: NetworkWeights, right: Right, scheme: str
) -> None:
    with closing(Url.parse(terminal.url(scheme)).open(1.0)) as port:
        port.send(b"\0" + bytes([9]) * 700, 1.0)  # a frame that is never ended
    with closing(driver_of(Url.parse(terminal.url(scheme)), weights)) as driver:
        driver.start()
        right.holds(driver.run(driver.begin(), SPEECH)[0], SPEECH)


@both_ways
@on_software
def test_a_terminal_is_opened_a_second_time_by_who_has_no_rights(
    terminal: Terminal, scheme: str
) -> None:
    terminal.path.resolve().chmod(0o666)
    terminal.path.parent.chmod(0o711)
    where = f"{scheme}:{terminal.path.resolve()}"
    with without_rights():
        for _ in range(2):
            Url.parse(where).open(1.0).close()


# --- what is no board -----------------------------------------------------------------------


@both_ways
def test_a_port_that_is_not_there_is_a_board_that_is_lost(scheme: str) -> None:
    with pytest.raises(DeviceLost, match=r"is not there; is it plugged in\?") as caught:
        Url.parse(f"{scheme}:/dev/no-such-port").open(1.0)
    assert caught.value.field == "board"


@both_ways
@pytest.mark.parametrize(
    ("where", "says"),
    [
        ("/dev/null", "is no serial port or terminal"),
        ("/etc/passwd", "is no serial port or terminal"),
        ("/dev", "is no serial port or terminal"),
        ("tty\0USB0", "names no board: it holds what cannot be printed"),
        ("", "names no board"),
    ],
)
def test_what_is_no_serial_port_is_refused_in_words(scheme: str, where: str, says: str) -> None:
    with pytest.raises(BackendNotFound) as caught:
        Url.parse(f"{scheme}:{where}").open(1.0)
    assert says in str(caught.value)
    assert caught.value.field == "board"


@contextmanager
def without_rights() -> Iterator[None]:
    """Be nobody for a while, who may not do what root may."""
    if os.geteuid():
        yield
        return
    os.seteuid(NOBODY)
    try:
        yield
    finally:
        os.seteuid(0)


@both_ways
@on_software
def test_a_port_of_somebody_else_names_the_remedy(terminal: Terminal, scheme: str) -> None:
    terminal.path.resolve().chmod(0)
    terminal.path.parent.chmod(0o711)
    path = terminal.path.resolve()  # of /dev/pts, where everybody may look
    with (
        without_rights(),
        pytest.raises(DevicePermission, match="add it to the group of the device"),
    ):
        Url.parse(f"{scheme}:{path}").open(1.0)


def test_without_pyserial_it_says_what_to_install(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "serial", None)
    with pytest.raises(BackendNotFound, match=r"pip install 'vau\[serial\]'"):
        Url.parse("serial:/dev/ttyUSB0").open(1.0)


# --- speed ----------------------------------------------------------------------------------


@on_software
@pytest.mark.parametrize(
    ("setting", "baud", "speed"),
    [
        ("", DEFAULT_BAUD, termios.B921600),
        ("+baud=460800", 460_800, termios.B460800),
        ("+baud=3000000", 3_000_000, termios.B3000000),
    ],
)
def test_the_speed_of_a_url_is_that_of_the_line(
    terminal: Terminal, setting: str, baud: int, speed: int
) -> None:
    with closing(Url.parse(terminal.url("serial") + setting).open(1.0)) as port:
        assert termios.tcgetattr(port.fileno())[4:6] == [speed, speed]
        assert port.bits_per_s == baud


@on_software
def test_a_speed_that_the_port_does_not_do_is_refused_in_words(
    terminal: Terminal, monkeypatch: pytest.MonkeyPatch
) -> None:
    ioctl = fcntl.ioctl

    def of_a_slow_chip(descriptor: int, request: int, *rest: object) -> object:
        if request == serialposix.TCSETS2:  # which alone sets a speed that has no name
            raise OSError(errno.EINVAL, os.strerror(errno.EINVAL))
        return ioctl(descriptor, request, *rest)  # type: ignore[call-overload]  # as it came

    monkeypatch.setattr(fcntl, "ioctl", of_a_slow_chip)
    with pytest.raises(
        BackendNotFound, match=r"serial:\S+ does not do 1234567 baud; take another \+baud="
    ) as caught:
        Url.parse(terminal.url("serial") + "+baud=1234567").open(1.0)
    assert caught.value.field == "board"
    Url.parse(terminal.url("serial")).open(1.0).close()  # nobody holds it


@on_software
def test_a_line_too_slow_for_speech_is_told(
    terminal: Terminal, caplog: pytest.LogCaptureFixture
) -> None:
    Url.parse(terminal.url("serial") + "+baud=115200").open(1.0).close()
    Url.parse(terminal.url("serial")).open(1.0).close()
    (told,) = caplog.messages
    assert told.endswith("115200 baud carry no live speech; 460800 do")


@pytest.mark.parametrize(("latency_ms", "is_told"), [(1, False), (2, False), (16, True)])
def test_a_usb_chip_that_keeps_bytes_back_is_told(
    tmp_path: Path, latency_ms: int, is_told: bool
) -> None:
    (tmp_path / "ttyUSB3").mkdir()
    (tmp_path / "ttyUSB3/latency_timer").write_text(f"{latency_ms}\n")
    told = latency_warning("/dev/ttyUSB3", tmp_path)
    assert (f"for {latency_ms} ms" in told) == is_told
    assert latency_warning("/dev/ttyACM0", tmp_path) == ""


def test_the_document_says_how_long_a_frame_is_on_the_line() -> None:
    weights = from_model(find_model("munt-1x192"))
    board = board_info(units=96, inputs=123, most_payload=1024)
    (layer,) = laid_out(weights)(board)
    computing_s = LayerCycles.of(layer.tiling).total / board.clock_hz
    rows = board.most_payload // board.units  # of a WRITE

    def frame_ms(frames: int, baud: int) -> float:
        out, back = frames * layer.tiling.inputs, STEP_HEAD.size + frames * layer.tiling.hidden
        carried_s = transfer_s(wire_bytes(out) + wire_bytes(back), baud)
        return 1e3 * (carried_s / frames + computing_s)

    def load_s(baud: int) -> float:
        sizes = [
            min(rows, len(memory.rows) - first) * board.units
            for memory in layer.memories
            for first in range(0, len(memory.rows), rows)
        ]
        return transfer_s(sum(map(wire_bytes, sizes)), baud)

    page = (ROOT / "docs/boards.md").read_text()
    for baud in (115_200, 460_800, 921_600, 3_000_000):
        live = frame_ms(1, baud)
        too_slow = ", not live" if live > 10 else ""
        cells = f"{live:.1f} ms{too_slow} | {frame_ms(5, baud):.1f} ms | {load_s(baud):.1f} s"
        assert f"| {baud:,} | {cells} |\n" in page
        assert (baud < LEAST_BAUD) == bool(too_slow)


# --- commands -------------------------------------------------------------------------------


@on_software
def test_boards_on_serial_ports_are_listed(terminal: Terminal) -> None:
    urls = [terminal.url("serial"), terminal.url("pty"), "serial:/dev/no-such-port"]
    done = vau("board", "list", **{VARIABLE: " ".join(urls)})
    assert done.returncode == 0, done.stderr
    *there, absent = done.stdout.splitlines()
    assert [line.split()[:2] for line in there] == [
        ["board:0000000000005eed", url] for url in urls[:2]
    ]
    assert "is not there; is it plugged in?" in absent


@simulated
def test_a_virtual_board_of_rtl_is_served_behind_a_terminal() -> None:
    words = ("--array", "2x2,units=8,inputs=16", "--listen", "pty", "--serial", 77)
    with started("board", "serve", *words) as process:
        assert process.stdout is not None
        said = json.loads(process.stdout.readline())
        scheme, _, path = said["url"].partition(":")
        assert (scheme, said["serial"]) == ("pty", f"{77:016x}")
        done = vau(
            *("board", "chaos", "--board", f"serial:{path}", "--faults", 100),
            *("--slow", 0, "--json"),
        )
        process.terminate()
        assert process.wait(PATIENCE_S) == 0
    assert done.returncode == 0, done.stderr
    facts = json.loads(done.stdout)
    assert (facts["wrong"], facts["hangs"]) == (0, 0)
    assert facts["recovered"] >= 100
    assert (facts["board"], facts["rtl_hash"]) == (said["serial"], said["rtl_hash"])
