"""The live page's entrance starts, drains and stops with its server, and waits for nobody."""

import asyncio
import socket
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any
from urllib.parse import urlsplit

import pytest
from websockets.exceptions import ConnectionClosed
from websockets.sync.client import ClientConnection

from tests.models import write_tiny_bundle
from tests.real_server import RealServer, real_server
from tests.serving import (
    FREE,
    FULL,
    PATIENCE_S,
    Served,
    eventually,
    serving,
    speech,
    streaming,
)
from tests.webs import HALF_CLOSE, fetch, hear_web, web_config, web_socket
from vau.web.connection import HttpConnection
from vau.web.entrance import WebEntrance, bound

AUDIO = speech()


def place_of(url: str) -> tuple[str, int]:
    address = urlsplit(url)
    return str(address.hostname), int(address.port or 0)


def connections(served: Served) -> int:
    """Return how many connections the entrance has."""
    entrance = served.server._entrance  # noqa: SLF001 - nothing else knows
    assert isinstance(entrance, WebEntrance)
    return entrance.connections


# --- the end -----------------------------------------------------------------------------


def test_a_draining_server_tells_its_sockets_and_takes_no_new_ones() -> None:
    with serving(config=web_config()) as served:
        url = served.addresses.web
        with web_socket(url) as socket:
            socket.send(streaming())
            socket.hear()
            draining = served.soon(served.server.drain(3600.0))
            notice = socket.hear()["notices"][0]
            assert notice["code"] == "GOING_AWAY"
            with web_socket(url) as late:
                ended = late.failure()
            assert (ended.code, ended.error["reason"]) == (4014, "SERVER_DRAINING")
            assert fetch(url, "/api/server").json()["server"]["draining"] is True
            socket.send(AUDIO)
            socket.send(HALF_CLOSE)
            responses, ended = socket.rest()
            assert ended.code == 1000
            assert responses[-1].finished.samples == 16_000
        draining.result(PATIENCE_S)


def test_a_socket_that_stays_too_long_is_ended_with_how_far_it_came() -> None:
    with serving(config=web_config()) as served, web_socket(served.addresses.web) as socket:
        socket.send(streaming())
        socket.hear()
        served.run(served.server.drain(0.05))
        ended = socket.failure()
    assert (ended.code, ended.error["reason"]) == (4014, "SERVER_DRAINING")
    assert ended.error["metadata"]["acked_sample"] == "0"


def test_a_socket_without_a_stream_holds_no_server_up() -> None:
    with serving(config=web_config()) as served, web_socket(served.addresses.web) as socket:
        served.run(served.server.drain(0.0))
        served.run(served.server.close())
        assert socket.failure().code in (1012, 1006)


@contextmanager
def web_server(folder: Path) -> Iterator[tuple[RealServer, str]]:
    write_tiny_bundle(folder / "tiny")
    flags = ("--model", folder / "tiny", "--web")
    with real_server(*flags, log=folder / "log", VAU_WEB_LISTEN=FREE) as server:
        yield server, server.said("listening")["web"]


def test_a_signal_drains_the_process_which_then_exits_with_0(tmp_path: Path) -> None:
    with web_server(tmp_path) as (server, url), web_socket(url) as socket:
        socket.send(streaming())
        socket.hear()
        server.process.terminate()
        assert socket.hear()["notices"][0]["code"] == "GOING_AWAY"
        socket.send(AUDIO)
        socket.send(HALF_CLOSE)
        assert socket.rest()[1].code == 1000
        assert server.process.wait(PATIENCE_S) == 0
        assert server.log is not None
        (ended,) = [each for each in server.log.news() if each["event"] == "ended"]
    assert (ended["method"], ended["code"]) == ("/api/stream", "OK")
    assert len(ended["session"]) == 16


def test_the_log_of_a_server_with_a_page_is_its_own(tmp_path: Path) -> None:
    with web_server(tmp_path) as (server, url):
        assert fetch(url, "/").status == 200
        assert fetch(url, "/nowhere").status == 404
        assert hear_web(url, [AUDIO])[1].code == 1000
        assert server.stop() == 0
        assert server.log is not None
        loggers = {each["logger"].partition(".")[0] for each in server.log.news()}
    assert loggers == {"vau"}


# --- who takes too long ------------------------------------------------------------------


def test_a_request_that_never_ends_is_cut_off(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau.web.connection.HTTP_S", 0.1)
    with (
        serving(config=web_config()) as served,
        socket.create_connection(place_of(served.addresses.web), PATIENCE_S) as slow,
    ):
        slow.sendall(b"GET / HTTP/1.1\r\nX-Slow: ")
        assert is_cut_off(slow)


def test_a_websocket_is_no_request_that_never_ends(monkeypatch: pytest.MonkeyPatch) -> None:
    made: list[HttpConnection] = []
    begin = HttpConnection.connection_made

    def begin_noted(connection: HttpConnection, transport: asyncio.Transport) -> None:
        made.append(connection)
        begin(connection, transport)

    monkeypatch.setattr(HttpConnection, "connection_made", begin_noted)
    with serving(config=web_config()) as served, web_socket(served.addresses.web) as live:
        live.send(streaming())
        live.hear()
        served.loop.call_soon_threadsafe(made[0].late)
        live.send(AUDIO)
        assert live.hear()["receivedSample"] == "16000"


def is_cut_off(connection: socket.socket) -> bool:
    try:
        return connection.recv(1) == b""
    except ConnectionResetError:
        return True


def test_there_are_so_many_connections_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau.web.connection.MOST", 2)
    with serving(config=web_config()) as served:
        place = place_of(served.addresses.web)
        with (
            socket.create_connection(place, PATIENCE_S),
            web_socket(served.addresses.web) as live,
        ):
            eventually(lambda: connections(served) == 2)
            with socket.create_connection(place, PATIENCE_S) as third:
                assert is_cut_off(third)
            live.send(streaming())
            live.hear()
        eventually(lambda: connections(served) == 0)
        assert fetch(served.addresses.web, "/").status == 200


def test_who_does_not_read_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau.web.connection.LAST_WORD_S", 0.1)
    monkeypatch.setattr("vau.wire.call.ABORT_S", 0.1)
    ended = {"backend": "muntaniala:1x1", "code": "DEADLINE_EXCEEDED"}
    with serving(config=web_config(write_timeout_s=0.3)) as served:
        deaf = socket.socket()
        deaf.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        deaf.connect(place_of(served.addresses.web))
        with web_socket(served.addresses.web, sock=deaf, max_queue=1) as client:
            client.send(streaming(FULL))
            sending = threading.Thread(target=send_until_cut_off, args=(client.connection,))
            sending.start()
            eventually(
                lambda: (
                    served.value("vau_streams_total", **ended, reason="CLIENT_NOT_READING") == 1
                )
            )
            eventually(lambda: connections(served) == 0)
            sending.join(PATIENCE_S)
        assert served.slots_in_use() == 0


def send_until_cut_off(connection: ClientConnection) -> None:
    """Send a little, again and again: each is answered."""
    try:
        while True:
            connection.send(AUDIO[:640])
    except (ConnectionClosed, OSError):
        pass


def test_the_kernel_finds_out_who_is_gone_without_a_word() -> None:
    config = web_config(keepalive_s=7.0, keepalive_timeout_s=3.0, write_timeout_s=4.0)
    (listening,) = bound(config)
    with listening:
        listening.listen()
        with (
            socket.create_connection(listening.getsockname(), PATIENCE_S),
            listening.accept()[0] as accepted,
        ):
            tcp = socket.IPPROTO_TCP
            assert accepted.getsockopt(socket.SOL_SOCKET, socket.SO_KEEPALIVE) == 1
            assert accepted.getsockopt(tcp, socket.TCP_KEEPIDLE) == 7
            assert accepted.getsockopt(tcp, socket.TCP_KEEPINTVL) == 1
            assert accepted.getsockopt(tcp, socket.TCP_USER_TIMEOUT) == 10_000


def test_a_name_with_several_addresses_is_served_at_all_that_there_are(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def addresses(_host: str, port: int, **_: object) -> list[Any]:
        stream = (socket.SOCK_STREAM, socket.IPPROTO_TCP, "")
        return [
            (socket.AF_INET, *stream, ("192.0.2.1", port)),  # of no machine
            (socket.AF_INET, *stream, ("127.0.0.1", port)),
            (socket.AF_INET, *stream, ("127.0.0.2", port)),
        ]

    monkeypatch.setattr("vau.web.entrance.socket.getaddrinfo", addresses)
    made = bound(web_config())
    places = [each.getsockname() for each in made]
    for each in made:
        each.close()
    assert [host for host, _ in places] == ["127.0.0.1", "127.0.0.2"]
    assert len({port for _, port in places}) == 1
