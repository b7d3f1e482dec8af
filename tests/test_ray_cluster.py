"""A cluster that somebody else started, and a server of files that transcripts go to."""

import json
import os
import secrets
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
from collections import Counter
from collections.abc import Iterator
from contextlib import ExitStack, suppress
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.commands import VAU, environment
from tests.ray_runs import FILES, PATIENCE_S, Mortal, contents, vau, write_corpus
from tests.serving import eventually

pytestmark = pytest.mark.ray

STARTS: Final = 5
FTP: Final = """
import sys
from pyftpdlib.authorizers import DummyAuthorizer
from pyftpdlib.handlers import FTPHandler
from pyftpdlib.servers import FTPServer
FTPHandler.authorizer = DummyAuthorizer()
FTPHandler.authorizer.add_user("me", "secret", sys.argv[1], perm="elradfmw")
server = FTPServer(("127.0.0.1", 0), FTPHandler)
print(server.address[1], flush=True)
server.serve_forever()
"""


@dataclass(frozen=True, slots=True)
class Cluster:
    """One node, whose workers die as they are told."""

    address: str
    variables: dict[str, str]
    mortal: Mortal


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ray")
    write_corpus(folder)
    (folder / "in/bad.wav").unlink()
    assert vau(*given(folder), "--out", folder / "here", "--jobs", 1).returncode == 0
    return folder


def given(corpus: Path) -> list[object]:
    return ["transcribe", corpus / "in", "--model", corpus / "model", "--format", "jsonl,npz"]


def free_ports(count: int) -> list[int]:
    """Return ports on which nobody listens."""
    with ExitStack() as held:
        taken = [
            held.enter_context(socket.create_server(("127.0.0.1", 0))) for _ in range(count)
        ]
        return [each.getsockname()[1] for each in taken]


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    mortal = Mortal.at(tmp_path_factory.mktemp("cluster") / "site")
    guarded = {"RAY_AUTH_MODE": "token", "RAY_AUTH_TOKEN": secrets.token_hex(32)}
    variables = mortal.variables() | guarded
    folder = tempfile.mkdtemp(prefix="ray")  # the paths of its sockets must be short
    head, port = started(folder, variables)
    try:
        yield Cluster(f"127.0.0.1:{port}", variables, mortal)
    finally:
        ended(head)
        eventually(partial(is_removed, folder), PATIENCE_S)


def started(folder: str, variables: dict[str, str]) -> tuple["subprocess.Popen[str]", int]:
    """Start a node; anew if the machine is so busy that Ray gives up, which takes it 30 s."""
    said = []
    ray = [sys.executable, "-m", "ray.scripts.scripts", "start", "--head", "--block"]
    quiet = ["--include-dashboard=false", "--object-store-memory=100000000"]
    for _ in range(STARTS):
        port, client_port = free_ports(2)
        ports = [f"--port={port}", f"--ray-client-server-port={client_port}"]
        flags = [f"--temp-dir={folder}", "--num-cpus=2", "--disable-usage-stats"]
        head = subprocess.Popen(
            [*ray, *ports, *flags, *quiet],
            env=environment(**variables),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            start_new_session=True,
        )
        assert head.stdout is not None
        for line in head.stdout:
            said.append(line)
            if "Ray runtime started" in line:
                return head, port
        ended(head)
    pytest.fail("".join(said))


def ended(head: "subprocess.Popen[str]") -> None:
    """Kill a node and all that it began."""
    with suppress(ProcessLookupError):
        os.killpg(head.pid, signal.SIGKILL)
    with head:
        pass


def is_removed(folder: str) -> bool:
    """Remove a folder in which dying processes may still write."""
    shutil.rmtree(folder, ignore_errors=True)
    return not Path(folder).exists()


@pytest.fixture
def server(tmp_path: Path) -> Iterator[str]:
    (tmp_path / "served").mkdir()
    with subprocess.Popen(
        [sys.executable, "-c", FTP, str(tmp_path / "served")],
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
        text=True,
    ) as process:
        assert process.stdout is not None
        yield f"ftp://me:secret@127.0.0.1:{process.stdout.readline().strip()}"
        process.kill()


def test_a_cluster_writes_to_a_server_and_its_killed_workers_lose_nothing(
    corpus: Path, cluster: Cluster, server: str, tmp_path: Path
) -> None:
    cluster.mortal.sentence(**{"3": 1, "20": 1})
    ray = ("--engine", "ray", "--address", cluster.address, "--out", f"{server}/a/phones")
    done = vau(*given(corpus), *ray, **cluster.variables)
    assert done.returncode == 0, done.stderr
    assert "2 workers died" in done.stderr
    assert "secret" not in done.stderr
    there = tmp_path / "served/a/phones"
    assert contents(there) == contents(corpus / "here")
    names = Counter(str(seed) for seed in range(FILES))
    assert cluster.mortal.noted() == names
    lines = (there / "manifest.jsonl").read_text().splitlines()
    assert Counter(json.loads(line)["name"] for line in lines) == names

    (there / "7.npz").write_bytes(b"damaged")
    cluster.mortal.sentence()
    again = vau(*given(corpus), *ray, "--resume", **cluster.variables)
    assert "1 heard, 29 left as they were, 0 failed" in again.stderr
    assert contents(there) == contents(corpus / "here")


def test_without_a_folder_phones_are_printed_and_nothing_of_ray_is(
    corpus: Path, cluster: Cluster
) -> None:
    heard = ["transcribe", "--model", corpus / "model", *(corpus / "in").glob("1?.flac")]
    cluster.mortal.sentence(**{"before 12": 1})
    ray = ("--engine", "ray", "--address", cluster.address)
    done = vau(*heard, *ray, **cluster.variables)
    assert "a worker died; what was begun there went on elsewhere" in done.stderr, done.stderr
    assert done.stdout == vau(*heard).stdout != ""


def test_what_kills_worker_after_worker_is_named_and_the_rest_can_go_on(
    corpus: Path, cluster: Cluster, tmp_path: Path
) -> None:
    cluster.mortal.sentence(**{"before 5": 4})
    out = ("--out", tmp_path / "out", "--engine", "ray", "--address", cluster.address)
    done = vau(*given(corpus), *out, **cluster.variables)
    assert done.returncode == 3, done.stderr
    assert "4 workers died one after the other over the same files" in done.stderr
    assert f"{corpus}/in/5.flac" in done.stderr
    assert cluster.mortal.threads() == []  # or they end the run as it ends, with status 1
    again = vau(*given(corpus), *out[:2], "--resume")
    assert again.returncode == 0, again.stderr
    assert contents(tmp_path / "out") == contents(corpus / "here")


def test_what_befalls_ray_is_said_with_what_to_do(
    corpus: Path, cluster: Cluster, tmp_path: Path
) -> None:
    cluster.mortal.sentence(desk=1)
    out = ("--out", tmp_path / "out", "--engine", "ray", "--address", cluster.address)
    done = vau(*given(corpus), *out, **cluster.variables)
    assert done.returncode == 3, done.stderr
    assert "vau: error: engine: Ray gave up: " in done.stderr
    assert "Traceback" not in done.stderr
    assert "--resume goes on with the rest" in done.stderr


def test_where_no_cluster_is_is_said(corpus: Path) -> None:
    nobody = f"127.0.0.1:{free_ports(1)[0]}"
    done = vau(*given(corpus)[:2], "--engine", "ray", "--address", nobody)
    assert done.returncode == 5, done.stderr
    assert f"no cluster of Ray at {nobody}" in done.stderr


def test_an_interrupt_ends_what_is_under_way_and_begins_nothing_else(
    corpus: Path, tmp_path: Path
) -> None:
    mortal = Mortal.at(tmp_path / "site")
    (mortal.folder / "wait-20").touch()
    out = tmp_path / "out"
    with subprocess.Popen(
        [*VAU, *map(str, given(corpus)), "--out", str(out), "--engine", "ray", "--jobs", "1"],
        env=environment(**mortal.variables()),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as process:
        try:
            eventually((mortal.folder / "waiting").exists, PATIENCE_S)
            os.killpg(process.pid, signal.SIGINT)  # as a terminal does
            _, said = process.communicate(timeout=PATIENCE_S)
        finally:
            process.kill()
    assert process.returncode == 130, said
    assert "vau: the files under way are finished; again to stop at once" in said
    begun = len((out / "manifest.jsonl").read_text().splitlines())
    assert 0 < begun < FILES
    assert f"interrupted, {FILES - begun} of {FILES} files not begun" in said
    again = vau(*given(corpus), "--out", out, "--resume")
    assert f"{FILES - begun} heard, {begun} left as they were" in again.stderr
    assert contents(out) == contents(corpus / "here")
