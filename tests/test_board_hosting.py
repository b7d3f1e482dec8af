"""Virtual boards whose processes end by themselves: started again, not too often, and named."""

import json
import os
import shlex
import signal
import subprocess
import sys
import threading
from collections.abc import Iterator
from contextlib import closing
from pathlib import Path

import numpy as np
import pytest

from tests import guest_board
from tests.boards import INPUTS, Right, weights_for
from tests.commands import environment
from tests.serving import PATIENCE_S, eventually
from vau.errors import BackendFault, DeviceLost
from vau_backends.board import hosting
from vau_backends.board.device.board import Board
from vau_backends.board.discovery import Found, found_of
from vau_backends.board.hosting import FIRST_PAUSE_S, MOST_PAUSE_S, Hosted
from vau_backends.board.virtual import build as virtual_build
from vau_backends.board.virtual.build import BUILDING

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


def test_a_signal_to_all_that_a_terminal_runs_leaves_a_simulation_alone(found: Found) -> None:
    hosted = found.started
    assert isinstance(hosted, Hosted)
    assert os.getpgid(hosted.process.pid) != os.getpgrp()
    assert os.getsid(hosted.process.pid) != os.getsid(0)


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


def test_a_board_that_has_to_be_built_first_is_said_to_be(
    monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    guest = shlex.join(guest_board.COMMAND)
    building = ("sh", "-c", f"echo {shlex.quote(BUILDING)} >&2; exec {guest}")
    monkeypatch.setattr(hosting, "COMMAND", building)
    with closing(Hosted("2x2/left")):
        eventually(lambda: f"board virtual:2x2/left: {BUILDING}" in caplog.messages)


def test_one_that_is_closed_while_it_speaks_is_listened_to_no_longer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    words = f"echo {shlex.quote(BUILDING)}; echo more"
    speaking = ("sh", "-c", f"({words}) >&2; exec {shlex.join(guest_board.COMMAND)}")
    monkeypatch.setattr(hosting, "COMMAND", speaking)
    listeners, fell, closed = list[threading.Thread](), list[object](), threading.Event()

    def hold(*_: object) -> None:
        listeners.append(threading.current_thread())
        closed.wait(PATIENCE_S)

    monkeypatch.setattr(hosting.logger, "warning", hold)
    monkeypatch.setattr(threading, "excepthook", fell.append)
    with closing(Hosted("2x2/left")):
        eventually(lambda: bool(listeners))
    closed.set()
    listeners[0].join(PATIENCE_S)
    assert not listeners[0].is_alive()
    assert fell == []


def fake_tools(folder: Path, does: str) -> dict[str, str]:
    """Return the variables that put a script in place of Verilator and of the compiler."""
    (folder / "include").mkdir()
    (folder / "include/verilated.cpp").touch()
    tool = folder / "tool"
    tool.write_text(
        f"""#!/bin/sh
case "$1" in --getenv) echo {folder}; exit ;; --version) echo 0; exit ;; esac
{does}
"""
    )
    tool.chmod(0o755)
    return environment(VERILATOR=str(tool), CXX=str(tool), VAU_CACHE=str(folder / "cache"))


VIRTUAL_BOARD = [sys.executable, "-m", "vau_backends.board.virtual"]
TOUCHES = """while [ $# -gt 1 ]; do
    [ "$1" = -o ] && : >"$2"
    shift
done"""


def test_it_is_said_only_when_it_is_built(tmp_path: Path) -> None:
    variables = fake_tools(tmp_path, TOUCHES)
    for is_said in (True, False):
        done = subprocess.run(
            VIRTUAL_BOARD, env=variables, capture_output=True, text=True, check=False
        )
        assert (BUILDING in done.stderr.splitlines()) == is_said


def test_a_cache_that_cannot_be_written_is_named_with_the_remedy(tmp_path: Path) -> None:
    (tmp_path / "cache").touch()  # a file where a folder is wanted
    done = subprocess.run(
        VIRTUAL_BOARD,
        env=fake_tools(tmp_path, TOUCHES),
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 3
    (said,) = [line for line in done.stderr.splitlines() if line != BUILDING]
    assert f"{tmp_path}/cache/boards cannot be written: " in said
    assert said.endswith("; name another folder with VAU_CACHE")


def begun(folder: Path) -> tuple["subprocess.Popen[str]", int]:
    """Begin a build that is never done, in the cache beside ``folder``; return a tool's pid."""
    folder.mkdir()
    pid = folder / "pid"
    never_done = f'sleep 1000 & echo $! >"{pid}.new"; mv "{pid}.new" "{pid}"; wait'
    variables = {**fake_tools(folder, never_done), "VAU_CACHE": str(folder.parent / "cache")}
    process = subprocess.Popen(VIRTUAL_BOARD, env=variables, stderr=subprocess.PIPE, text=True)
    eventually(pid.exists)
    return process, int(pid.read_text())


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_build_that_is_ended_leaves_neither_a_process_nor_a_file(
    tmp_path: Path, number: signal.Signals
) -> None:
    process, tool = begun(tmp_path / "ended")
    process.send_signal(number)
    _, said = process.communicate()
    assert process.returncode == 128 + number
    assert said.splitlines() == [BUILDING]
    assert not list((tmp_path / "cache/boards").iterdir())
    eventually(lambda: not is_running(tool))


def test_what_a_killed_build_left_is_cleared_away_by_the_next_and_no_living_one(
    tmp_path: Path,
) -> None:
    cache = tmp_path / "cache/boards"
    killed, orphan = begun(tmp_path / "killed")
    left = set(cache.iterdir())
    living, _ = begun(tmp_path / "living")
    try:
        at_work = set(cache.iterdir()) - left
        assert len(left) == len(at_work) == 1
        killed.kill()
        killed.communicate()
        subprocess.run(VIRTUAL_BOARD, env=fake_tools(tmp_path, TOUCHES), check=False)
        assert {each for each in cache.iterdir() if each.is_dir()} == at_work
    finally:
        os.killpg(os.getpgid(orphan), signal.SIGKILL)
        living.terminate()
        living.communicate()
    assert not [each for each in cache.iterdir() if each.is_dir()]


def test_a_folder_that_its_builder_is_just_removing_is_left_to_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    lock = tmp_path / "building-x/lock"
    lock.parent.mkdir()
    lock.touch()
    real = Path.open

    def too_late(path: Path, mode: str) -> object:
        lock.unlink()
        return real(path, mode)

    monkeypatch.setattr(Path, "open", too_late)
    virtual_build._clear_away_the_dead(tmp_path)  # noqa: SLF001 - as a build does
    assert list(tmp_path.rglob("*")) == [lock.parent]


def test_a_build_that_is_ended_as_its_tool_ends_is_ended(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def interrupted(process: "subprocess.Popen[str]", **_: object) -> None:
        process.wait()
        raise KeyboardInterrupt

    monkeypatch.setattr(subprocess.Popen, "communicate", interrupted)
    with pytest.raises(KeyboardInterrupt):
        virtual_build._run(["true"])  # noqa: SLF001 - as a build does


def is_running(pid: int) -> bool:
    try:
        status = Path(f"/proc/{pid}/stat").read_text(encoding="ascii")
    except FileNotFoundError:
        return False
    return status.rpartition(")")[2].split()[0] != "Z"  # dead, and nobody has asked for it


@pytest.mark.parametrize(
    ("error", "becomes"), [(KeyboardInterrupt, KeyboardInterrupt), (ValueError, BackendFault)]
)
def test_a_start_that_fails_leaves_neither_a_process_nor_a_pipe(
    monkeypatch: pytest.MonkeyPatch,
    error: type[BaseException],
    becomes: type[BaseException],
) -> None:
    begun = list[subprocess.Popen[str]]()

    begin = subprocess.Popen[str].__init__

    def kept(process: "subprocess.Popen[str]", *words: object, **how: object) -> None:
        begin(process, *words, **how)  # type: ignore[call-overload]  # whatever it is
        begun.append(process)

    def fail(_: object) -> None:
        raise error

    monkeypatch.setattr(subprocess.Popen, "__init__", kept)
    monkeypatch.setattr(json, "loads", fail)
    with pytest.raises(becomes):
        Hosted("2x2")
    (process,) = begun
    assert process.returncode is not None
    assert all(pipe is not None and pipe.closed for pipe in (process.stdout, process.stderr))


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
