"""The quick start does what it says: each of its commands is run here, as it stands there."""

import json
import re
import shlex
import subprocess
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import soundfile

from tests.commands import PATIENCE_S, VAU, environment
from tests.real_server import RealServer, real_server
from tests.voice import voice
from vau.audio import SAMPLE_RATE_HZ

ROOT: Final = Path(__file__).resolve().parent.parent
PAGE: Final = (ROOT / "docs/quick-start.md").read_text(encoding="utf-8")
RUN: Final = (ROOT / "run").read_text(encoding="utf-8")
BLOCKS: Final = re.findall(r"^```\n(.*?)^```$", PAGE, flags=re.DOTALL | re.MULTILINE)
COMMANDS: Final = [line for block in BLOCKS for line in block.splitlines()]
CLIP: Final = ".cache/sense_and_sensibility.wav"  # ./run demo fetches it
SERVE: Final = "vau serve --web"
DOCTOR: Final = "vau doctor --quick"
GRPC: Final = "127.0.0.1:50051"
METRICS: Final = "http://127.0.0.1:9464/metrics"
OF_VAU: Final = [line for line in COMMANDS if line.startswith("vau ") and line != SERVE]


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a clone, as far as the commands look at it, after ./run demo."""
    found = tmp_path_factory.mktemp("clone")
    (found / CLIP).parent.mkdir()
    soundfile.write(found / CLIP, voice(1.5).astype(np.int16), SAMPLE_RATE_HZ)
    return found


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[RealServer]:
    """Return the server of the page, on ports that are free."""
    _, _, *flags = shlex.split(SERVE)
    log = tmp_path_factory.mktemp("log") / "log"
    with real_server(*flags, log=log, VAU_WEB_LISTEN="127.0.0.1:0") as started:
        yield started


def run(line: str, server: RealServer, folder: Path) -> "subprocess.CompletedProcess[str]":
    """Run a command of the page, with the addresses of this server."""
    _, *arguments = shlex.split(line.replace(GRPC, server.grpc))
    return subprocess.run(
        (*VAU, *arguments),
        cwd=folder,
        env=environment(VAU_SERVER=server.grpc) if arguments[0] == "stream" else environment(),
        capture_output=True,
        stdin=subprocess.DEVNULL,
        text=True,
        timeout=3 * PATIENCE_S,
        check=False,
    )


def test_the_page_has_commands_of_these_kinds_alone() -> None:
    assert SERVE in COMMANDS
    others = [line for line in COMMANDS if line not in {SERVE, *OF_VAU}]
    assert others == [
        "./run demo",
        "./run setup && . .venv/bin/activate",
        f"curl -s {METRICS}",
    ]
    for verb in ("demo", "setup"):
        assert re.search(rf"^    {verb}\)$", RUN, flags=re.MULTILINE)
    assert f"clip=$here/{CLIP}" in RUN


def test_all_commands_of_the_page_do_what_it_says(server: RealServer, folder: Path) -> None:
    said = {line: run(line, server, folder) for line in OF_VAU}
    looked = said.pop(DOCTOR).returncode
    assert looked in {0, 1}  # 1: something would stand in the way on this machine
    failed = {line: done.stderr for line, done in said.items() if done.returncode}
    assert failed == {}
    live, at_once = (done for line, done in said.items() if line.startswith("vau stream"))
    assert "ESTIMATED" in live.stdout
    transcript = (folder / ".cache/phones/sense_and_sensibility.jsonl").read_text("utf-8")
    digests = [
        json.loads(text.splitlines()[-1])["output_digest"]
        for text in (at_once.stdout, transcript)
    ]
    assert digests[0] == digests[1] != ""
    assert (folder / ".cache/phones/sense_and_sensibility.TextGrid").exists()
    assert [each.name for each in folder.iterdir()] == [".cache"]  # which git ignores


def test_the_meters_are_where_the_page_says(server: RealServer) -> None:
    address = METRICS.replace("127.0.0.1:9464", server.metrics)
    with urllib.request.urlopen(address, timeout=PATIENCE_S) as answer:
        assert b"vau_streams_total" in answer.read()


def test_the_addresses_of_the_page_are_those_that_a_server_takes_by_itself() -> None:
    flags = {
        line.split("|")[1].strip(): line
        for line in (ROOT / "docs/reference/cli.md").read_text("utf-8").splitlines()
        if line.startswith("| `--") and "| `VAU_" in line
    }
    assert f"`{GRPC}`" in flags["`--listen HOST:PORT`"]
    assert "127.0.0.1:9464" in METRICS
    assert "127.0.0.1:8080" in flags["`--web-listen HOST:PORT`"]
    assert "<http://127.0.0.1:8080/>" in PAGE
