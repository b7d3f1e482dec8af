"""A run that is killed, with all its processes and at any moment, loses nothing it had done."""

import os
import random
import signal
import subprocess
import time
from collections.abc import Sequence
from contextlib import suppress
from pathlib import Path
from typing import BinaryIO

import pytest

from tests.audio import recording
from tests.commands import PATIENCE_S, VAU, environment, is_running
from tests.lively import write_lively_bundle
from tests.process_tree import tree
from vau.wholefile import write_whole

FORMATS = "jsonl,ctm,npz,kaldi"


def archive(folder: Path, files: int) -> None:
    """Write so many short recordings, each of its own, in folders of a hundred, and a model."""
    write_lively_bundle(folder / "model")
    for seed in range(files):
        recording(folder / f"in/{seed // 100}/{seed:05}.flac", 0.1 + seed % 7 / 50, seed)


def command(*further: object) -> list[str]:
    """Return what is typed in the folder of an archive."""
    given = ["transcribe", "in", "--model", "model", "--jobs", "2", "--format", FORMATS]
    return [*given, "--progress", "none", *map(str, further)]


def kill_behind(lines: int, folder: Path, arguments: Sequence[str], out: str) -> None:
    """Kill a run and all its processes once its journal has so many lines."""
    process = subprocess.Popen(
        (*VAU, *arguments),
        cwd=folder,
        env=environment(),
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    journal, began_s = folder / out / "manifest.jsonl", time.monotonic()
    while process.poll() is None and done(journal) < lines:
        assert time.monotonic() - began_s < PATIENCE_S, "the journal does not grow"
        time.sleep(0.002)
    killed = tree(process.pid)
    with suppress(ProcessLookupError):  # it was faster than we looked
        os.killpg(process.pid, signal.SIGKILL)
    process.wait()
    while any(map(is_running, killed)):
        time.sleep(0.002)


def done(journal: Path) -> int:
    return journal.read_bytes().count(b"\n") if journal.exists() else 0


def contents(folder: Path) -> dict[str, bytes]:
    """Return all that is there but the journal, hidden files too."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*")
        if path.is_file() and path.name != "manifest.jsonl"
    }


def undisturbed(folder: Path) -> dict[str, bytes]:
    """Return what a run that nothing disturbs writes into ``out``."""
    assert run_in(folder, *command("--out", "out")) == 0
    (folder / "out").rename(folder / "undisturbed")
    return contents(folder / "undisturbed")


def run_in(folder: Path, *arguments: str) -> int:
    return subprocess.run(
        (*VAU, *arguments), cwd=folder, env=environment(), capture_output=True, check=False
    ).returncode


def killed_and_resumed(folder: Path, files: int, moments: Sequence[int]) -> None:
    """Kill a run at each of these lines of its journal, let one go on, and compare."""
    expected = undisturbed(folder)
    assert len(expected) == 5 * files
    for lines in moments:
        kill_behind(lines, folder, command("--out", "out", "--resume"), "out")
        assert done(folder / "out/manifest.jsonl") >= lines
    assert run_in(folder, *command("--out", "out", "--resume")) == 0
    assert contents(folder / "out") == expected, f"killed behind {moments} lines"


def test_a_run_that_is_killed_with_its_processes_ends_like_one_that_was_not(
    tmp_path: Path,
) -> None:
    archive(tmp_path, 40)
    killed_and_resumed(tmp_path, 40, [10])


@pytest.mark.slow
def test_500_files_end_the_same_however_often_they_are_killed(tmp_path: Path) -> None:
    archive(tmp_path, 500)
    killed_and_resumed(tmp_path, 500, sorted(random.sample(range(1, 450), 3)))


def test_what_was_half_written_by_the_dead_is_cleared_away(tmp_path: Path) -> None:
    archive(tmp_path, 2)
    out = tmp_path / "out/0"
    out.mkdir(parents=True)
    left = [f".00000.{suffix}.123.tmp" for suffix in ("jsonl", "npz")]
    alive = f".00001.ctm.{os.getpid()}.tmp"
    others = [".other.ctm.123.tmp", ".000000.123.tmp", ".00000.ctm.tmp", ".00000.ctm.x.tmp"]
    for name in (*left, *others):
        (out / name).write_text("half")

    def run_meanwhile(file: BinaryIO) -> None:
        file.write(b"half")
        assert run_in(tmp_path, *command("--out", "out")) == 0
        assert {path.name for path in out.glob(".*")} == {alive, *others}

    write_whole(out / "00001.ctm", run_meanwhile)
    assert {path.name for path in out.glob(".*")} == set(others)
