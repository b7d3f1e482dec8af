"""Whether ``vau doctor`` sees who listens where a server is to listen."""

import os
import socket
from collections.abc import Iterator
from contextlib import contextmanager
from http.server import BaseHTTPRequestHandler, HTTPServer
from pathlib import Path
from socketserver import StreamRequestHandler, TCPServer
from threading import Thread
from urllib.parse import urlsplit

import pytest

from tests.certificates import Authority
from tests.guests import Guests
from tests.models import tiny_model
from tests.serving import muntaniala, serving
from tests.webs import web_config
from vau.client import Access
from vau.commands.doctor import ports
from vau.commands.doctor.check import Asked
from vau.door.config import DoorConfig

NOBODY = lambda _: ""  # noqa: E731 - it asks nobody


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "ANSWER_S", 120.0)  # of a busy machine, too


@contextmanager
def taken() -> Iterator[int]:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        yield listener.getsockname()[1]


@contextmanager
def web(pages: dict[str, str]) -> Iterator[str]:
    class Pages(BaseHTTPRequestHandler):
        def do_GET(self) -> None:
            self.send_response(200 if self.path in pages else 404)
            self.end_headers()
            self.wfile.write(pages.get(self.path, "").encode())

        def log_message(self, *_: object) -> None:
            """Say nothing."""

    with running(HTTPServer(("127.0.0.1", 0), Pages)) as address:
        yield address


@contextmanager
def running(server: TCPServer) -> Iterator[str]:
    thread = Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"127.0.0.1:{server.server_address[1]}"
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def test_a_port_that_is_free_is_well_and_free_afterwards() -> None:
    with taken() as number:
        pass
    for _ in range(2):
        check = ports.port("ports.grpc", "listen", f"127.0.0.1:{number}", NOBODY)
        if check.status != "ok":  # somebody else took it meanwhile
            assert "taken" in check.found
        else:
            assert check.found == f"127.0.0.1:{number} is free"


def test_any_free_port_will_do() -> None:
    assert ports.port("ports.grpc", "listen", "127.0.0.1:0", NOBODY).status == "ok"


def test_a_port_that_somebody_has_is_a_problem_and_names_who() -> None:
    with taken() as number:
        check = ports.port("ports.grpc", "listen", f"127.0.0.1:{number}", NOBODY)
    assert check.status == "problem"
    assert f"(process {os.getpid()})" in check.found
    assert f"--listen 127.0.0.1:{number + 1}" in check.remedy


@pytest.mark.parametrize(
    ("address", "says"),
    [
        ("192.0.2.1:50051", "cannot assign"),
        ("here", "is not host:port"),
        ("127.0.0.1:70000", "ports are"),
        ("no-such-host.invalid:50051", "no-such-host.invalid:50051"),
    ],
)
def test_where_nobody_could_listen_is_a_problem(address: str, says: str) -> None:
    check = ports.port("ports.grpc", "listen", address, NOBODY)
    assert check.status == "problem"
    assert says in check.found
    assert check.remedy


@pytest.mark.parametrize(("is_asked_for", "status"), [(True, "problem"), (False, "note")])
def test_a_port_of_the_live_page_matters_if_there_is_to_be_one(
    monkeypatch: pytest.MonkeyPatch, is_asked_for: bool, status: str
) -> None:
    with taken() as number:
        monkeypatch.setattr(ports, "ANSWER_S", 0.3)  # who took it answers nothing
        address = f"127.0.0.1:{number}"
        monkeypatch.setattr(ports, "DEFAULT_WEB", address)
        asked = Asked(
            listen="127.0.0.1:0",
            metrics_listen="off",
            models=(),
            backends=(),
            max_streams=None,
            web_listen=address if is_asked_for else "",
        )
        checks = {check.name: check for check in ports.examine(asked)}
    assert checks["ports.web"].status == status
    assert f"--web-listen 127.0.0.1:{number + 1}" in checks["ports.web"].remedy
    assert checks["ports.metrics"].found.startswith("off")


def test_a_server_of_ours_is_a_note_with_its_health() -> None:
    model = tiny_model()
    with serving((model, muntaniala(model))) as running:
        check = ports.port(
            "ports.grpc", "listen", running.address, lambda at: ports.served(at, Access())
        )
    assert check.status == "note"
    assert "Vau" in check.found
    assert "muntaniala" in check.found
    assert "ready" in check.found


def test_who_speaks_no_grpc_is_none_of_ours(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ports, "ANSWER_S", 0.3)
    with web({}) as address:
        assert ports.served(address, Access()) == ""


@pytest.mark.parametrize(
    ("path", "text", "who"),
    [
        ("/metrics", 'vau_build_info{version="1"} 1\n', ports.measured),
        ("/api/server", '{"token": true, "server": {"version": "1"}}', ports.shown),
    ],
)
def test_pages_of_ours_are_known_by_what_they_say(path: str, text: str, who: ports.Who) -> None:
    with web({path: text}) as address:
        assert who(address).startswith("Vau shows")
    with web({path: "something else"}) as address:
        assert who(address) == ""
    with web({}) as address:
        assert who(address) == ""


class Greets(StreamRequestHandler):
    def handle(self) -> None:
        self.rfile.readline()
        self.wfile.write(b"SSH-2.0-OpenSSH_9.2\r\n")


@pytest.mark.parametrize("who", [ports.measured, ports.shown])
def test_who_speaks_no_http_is_none_of_ours(who: ports.Who) -> None:
    with running(TCPServer(("127.0.0.1", 0), Greets)) as address:
        assert who(address) == ""


def test_a_live_page_is_known_with_tokens_and_over_tls(tmp_path: Path) -> None:
    pair = Authority(tmp_path / "pki").issue("server", hosts=("vau.example.org",))
    guests = Guests(tmp_path)
    for door, access in (
        (DoorConfig(), Access()),
        (DoorConfig(tokens=guests.file), guests.alice),
        (DoorConfig(tls_cert=pair.cert, tls_key=pair.key), Access()),
    ):
        with serving(config=web_config(door=door), access=access) as served:
            assert ports.shown(urlsplit(served.addresses.web).netloc).startswith("Vau shows")
