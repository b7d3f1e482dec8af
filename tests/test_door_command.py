"""The door from the command line: tokens are made, servers guarded, and clients let in."""

import json
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import grpc
import pytest

from tests.audio import recording
from tests.certificates import Authority
from tests.commands import started, vau
from tests.models import write_tiny_bundle
from tests.serving import eventually, hear, recognition, speech, streaming
from vau.client import Access, Client
from vau.door.tokens import Tokens
from vau.errors import AuthRequired, VauError

FREE = "127.0.0.1:0"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("guarded")
    write_tiny_bundle(folder / "model")
    recording(folder / "a.flac", 0.5, 0)
    made = vau("token", "alice", "--max-streams", "3")
    (folder / "tokens").write_text(made.stdout)
    for secret in ("secret", "wrong"):
        (folder / secret).touch(0o600)
    (folder / "secret").write_text(made.stderr.splitlines()[-1])
    (folder / "wrong").write_text("vau_this-is-not-known-here")
    return folder


@dataclass
class Running:
    """A server that the command line started, and its log."""

    address: str
    metrics: str
    log: list[str]


@contextmanager
def running(folder: Path, *flags: object) -> Iterator[Running]:
    """Run ``vau serve``; its whole log is there once the block has ended."""
    command = ["serve", "--model", folder / "model", "--listen", FREE, "--metrics-listen", FREE]
    with started(*command, *flags) as process:
        assert process.stderr is not None
        first = process.stderr.readline()
        line = json.loads(first)
        found = Running(line["grpc"], line["metrics"], [first])
        yield found
        process.terminate()
        found.log += process.communicate(timeout=60)[1].splitlines()


def test_a_token_is_a_line_for_the_file_and_a_secret_that_is_shown_once() -> None:
    made = vau("token", "alice", "--max-streams", "3", "--max-audio-rate", "1.5")
    assert made.returncode == 0
    secret = made.stderr.splitlines()[-1]
    assert secret.startswith("vau_")
    assert secret not in made.stdout
    assert made.stdout.endswith(" max_streams=3 max_audio_rate=1.5\n")
    found = Tokens.parse(made.stdout).find(secret)
    assert found is not None
    assert found.holder.name == "alice"


def test_a_secret_goes_into_a_file_that_a_client_takes_and_nobody_else_reads(
    tmp_path: Path,
) -> None:
    file = tmp_path / "secret"
    made = vau("token", "alice", "--secret-file", file)
    assert (made.returncode, made.stderr) == (0, "")
    assert made.stdout.startswith("alice ")
    assert file.stat().st_mode & 0o777 == 0o600
    secret = file.read_text().strip()
    ((_, sent),) = Access(token_file=file).metadata("127.0.0.1:1")
    assert sent == f"Bearer {secret}"
    assert secret not in made.stdout
    again = vau("token", "alice", "--secret-file", file)
    assert (again.returncode, again.stdout) == (2, "")
    assert "cannot be made: File exists" in again.stderr
    assert secret not in again.stderr


def test_a_token_can_be_made_for_programs() -> None:
    made: dict[str, Any] = json.loads(vau("token", "bob", "--json").stdout)
    assert Tokens.parse(made["line"]).find(made["secret"]) is not None
    assert made["name"] == "bob"


@pytest.mark.parametrize(
    "arguments",
    [("al ice",), ("alice", "--max-audio-rate", "0"), ("alice", "--max-streams=-1")],
)
def test_a_token_that_cannot_be_meant_is_a_usage_error(arguments: tuple[str, ...]) -> None:
    made = vau("token", *arguments)
    assert (made.returncode, made.stdout) == (2, "")


def test_the_number_of_streams_of_a_server_is_not_that_of_a_token() -> None:
    assert "max_streams" not in vau("token", "alice", VAU_MAX_STREAMS="64").stdout


def test_every_verb_comes_through_tls_and_tokens_by_flags_and_by_variables(
    folder: Path, tmp_path: Path
) -> None:
    authority = Authority(tmp_path)
    pair = authority.issue("server")
    guarded = ("--tls-cert", pair.cert, "--tls-key", pair.key, "--tokens", folder / "tokens")
    with running(folder, *guarded) as server:
        flags = ("--tls-ca", authority.cert, "--token-file", folder / "secret")
        files = (folder / "a.flac", "--server", server.address)
        for verb in (("stream", *files, "--no-pace"), ("transcribe", *files)):
            done = vau(*verb, *flags)
            assert (done.returncode, done.stderr) == (0, "")
        done = vau(
            *("backends", "--server", server.address),
            VAU_TLS_CA=str(authority.cert),
            VAU_TOKEN_FILE=str(folder / "secret"),
        )
        assert done.stdout.startswith("muntaniala:1x1")
        refused = vau("backends", "--server", server.address, "--tls-ca", authority.cert)
        assert refused.returncode == 6
        assert "wants a bearer token" in refused.stderr
        mistaken = vau("backends", "--server", server.address)
        assert mistaken.returncode == 5
        assert "it speaks TLS" in mistaken.stderr
    assert [line for line in server.log if not line.startswith("{")] == []


def test_no_secret_is_in_the_whole_log_of_a_run_or_on_the_metrics_page(
    folder: Path, tmp_path: Path
) -> None:
    tokens = tmp_path / "tokens"
    tokens.write_text((folder / "tokens").read_text())
    secret, wrong = (folder / "secret").read_text(), (folder / "wrong").read_text()
    known, unknown = (Access(token_file=folder / name) for name in ("secret", "wrong"))
    with running(folder, "--tokens", tokens, "--reflection") as server:
        with Client(server.address, access=known) as client:
            hear(client, [speech()], streaming())
            client.recognize(recognition(), speech())
            for config in (streaming(model=secret[:20]), streaming(backend="none")):
                with pytest.raises(VauError):
                    hear(client, [speech()], config)
        with Client(server.address, access=unknown) as client, pytest.raises(AuthRequired):
            client.backends()
        for header in (
            secret,
            f"Basic {secret}",
            f"Bearer {secret} {secret}",
            f"Bearer {wrong}",
        ):
            for name in ("authorization", "x-token"):
                assert not gets_in(server.address, (name, header))
        tokens.write_text(f"{tokens.read_text()}alice {secret}\n")
        eventually(lambda: 'outcome="kept"' in page(server.metrics))
        said = page(server.metrics)
    log = "\n".join(server.log)
    for event in ("ended", "refused", "not reloaded", "stopped"):
        assert f'"event": "{event}"' in log  # it tells of all this
    for text in (secret, secret.removeprefix("vau_")[:12], wrong):
        assert text not in log
        assert text not in said
    assert "alice" in log


def gets_in(address: str, header: tuple[str, str]) -> bool:
    with grpc.insecure_channel(address) as channel:
        ask: Any = channel.unary_unary("/vau.v1.SpeechRecognition/ListBackends")
        try:
            return ask(b"", metadata=[header], timeout=30) is not None
        except grpc.RpcError:
            return False


def page(metrics: str) -> str:
    with urllib.request.urlopen(f"http://{metrics}/metrics") as opened:
        return str(opened.read().decode())


def test_what_the_environment_says_of_a_server_means_nothing_to_a_command_without_one(
    folder: Path,
) -> None:
    done = vau(
        *("transcribe", folder / "a.flac", "--model", folder / "model"),
        VAU_TLS_CERT="server.pem",  # of a server on this machine; a client would want a key
        VAU_TOKEN_FILE="none",
    )
    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize(
    ("flags", "named"),
    [
        (("--tls-cert", "cert.pem"), "--tls-key: is not given; TLS takes --tls-cert and"),
        (("--tls-cert", "no.pem", "--tls-key", "no.key"), "--tls-cert no.pem: No such file"),
        (("--tokens", "no.tokens"), "--tokens no.tokens: No such file"),
        (("--closed-health",), "--closed-health: is for"),
    ],
)
def test_a_door_that_cannot_be_made_is_a_line_that_names_the_flag(
    folder: Path, flags: tuple[str, ...], named: str
) -> None:
    done = vau("serve", "--model", folder / "model", "--listen", FREE, *flags)
    assert done.returncode == 2
    (line,) = [each for each in done.stderr.splitlines() if "vau: error" in each]
    assert named in line
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(
    ("content", "what"),
    [(None, "No such file"), ("", "is no token"), ("two words", "is no token")],
)
def test_a_client_whose_token_file_is_wrong_says_so_without_repeating_it(
    tmp_path: Path, content: str | None, what: str
) -> None:
    file = tmp_path / "token"
    if content is not None:
        file.touch(0o600)
        file.write_text(content)
    done = vau("backends", "--server", "127.0.0.1:1", "--token-file", file)
    assert done.returncode == 2
    assert what in done.stderr
    assert "two words" not in done.stderr
