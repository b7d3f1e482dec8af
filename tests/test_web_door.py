"""Who may come in by the live page's entrance, from where, and over what."""

import errno
import logging
import os
import ssl
import sys
from http.client import HTTPException
from pathlib import Path
from typing import Any

import pytest
from websockets.exceptions import InvalidStatus

from tests.certificates import Authority
from tests.guests import Guests
from tests.serving import FREE, eventually, hear, serving, speech, streaming
from tests.test_door_calls import own_address
from tests.webs import fetch, hear_web, web_config, web_socket
from vau.config import ServerConfig
from vau.door.config import DoorConfig
from vau.errors import ConfigInvalid
from vau.web.origin import origin_fault
from vau.web.setup import entrance_of
from vau.wire import doorman

AUDIO = speech()


@pytest.fixture
def guests(tmp_path: Path) -> Guests:
    return Guests(tmp_path)


def guarded(guests: Guests, **more: Any) -> ServerConfig:  # noqa: ANN401 - any field
    return web_config(door=DoorConfig(tokens=guests.file), **more)


# --- tokens ------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("token", "why"),
    [("", "missing"), ("vau_guessed", "unknown"), ("x" * 600, "malformed")],
)
def test_a_stream_without_a_good_token_is_refused(
    guests: Guests, token: str, why: str, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with serving(config=guarded(guests), access=guests.alice) as served:
        with web_socket(served.addresses.web, token=token) as socket:
            ended = socket.failure()
        assert served.value("vau_auth_failures_total", reason=why) == 1
        assert served.value("vau_streams_total", backend="", code="UNAUTHENTICATED") == 0
    assert (ended.code, ended.error["code"]) == (4016, "UNAUTHENTICATED")
    assert ended.error["reason"] == "AUTH_REQUIRED"
    (line,) = [each for each in caplog.records if each.getMessage() == "refused"]
    assert line.vau_facts["method"] == "/api/stream"  # type: ignore[attr-defined]
    assert not token or token not in caplog.text + str(ended)


def test_two_tokens_are_none(guests: Guests) -> None:
    offered = ("vau.v1", f"bearer.{guests.secrets['alice']}")
    with serving(config=guarded(guests), access=guests.alice) as served:
        url = served.addresses.web
        with web_socket(url, subprotocols=offered, token="vau_another") as socket:
            assert socket.failure().error["reason"] == "AUTH_REQUIRED"


def test_many_who_knock_are_counted_and_fill_no_log(
    guests: Guests, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vau.wire.doorman.monotonic", lambda: 0.0)  # so no line is refilled
    with serving(config=guarded(guests), access=guests.alice) as served:
        for _ in range(15):
            with web_socket(served.addresses.web, token="vau_guessed") as socket:
                assert socket.failure().code == 4016
        assert served.value("vau_auth_failures_total", reason="unknown") == 15
    refused = [each for each in caplog.records if each.getMessage() == "refused"]
    assert len(refused) == doorman.LINES_AT_ONCE


def test_a_good_token_gets_in_under_its_name(
    guests: Guests, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with serving(config=guarded(guests), access=guests.alice) as served:
        secret = guests.secrets["alice"]
        heard, ended = hear_web(served.addresses.web, [AUDIO], token=secret)
        expected = hear(served.client, [AUDIO], streaming())
    assert ended.code == 1000
    assert heard.finished.output_digest == expected.finished.output_digest
    lines = [each for each in caplog.records if each.getMessage() == "ended"]
    assert {each.vau_facts["owner"] for each in lines} == {"alice"}  # type: ignore[attr-defined]
    assert secret not in caplog.text


def test_a_token_has_its_streams_over_both_ways_together(guests: Guests) -> None:
    guests.add("bob", max_streams=1)
    with serving(config=guarded(guests), access=guests.alice) as served:
        url, secret = served.addresses.web, guests.secrets["bob"]
        with web_socket(url, token=secret) as first:
            first.send(streaming())
            first.hear()
            with web_socket(url, token=secret) as second:
                ended = second.failure()
    assert (ended.code, ended.error["reason"]) == (4008, "QUOTA_EXCEEDED")


def test_a_token_has_its_rate_of_audio(guests: Guests) -> None:
    guests.add("bob", max_audio_rate=0.01)
    with serving(config=guarded(guests), access=guests.alice) as served:
        _, ended = hear_web(served.addresses.web, [AUDIO, AUDIO], token=guests.secrets["bob"])
    assert (ended.code, ended.error["reason"]) == (4008, "QUOTA_EXCEEDED")
    assert ended.error["retryDelayS"] > 0


def test_a_withdrawn_token_ends_a_stream_at_its_next_audio(
    guests: Guests, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("vau.wire.door.LOOK_S", 0.05)
    guests.add("bob")
    renewed = {"file": "tokens", "outcome": "renewed"}
    with (
        serving(config=guarded(guests), access=guests.alice) as served,
        web_socket(served.addresses.web, token=guests.secrets["bob"]) as socket,
    ):
        socket.send(streaming())
        socket.hear()
        guests.remove("bob")
        eventually(lambda: served.value("vau_door_reloads_total", **renewed) >= 1)
        socket.send(AUDIO)
        assert socket.failure().error["reason"] == "AUTH_REQUIRED"


def test_without_a_token_a_server_says_little_of_itself(guests: Guests) -> None:
    with serving(config=guarded(guests), access=guests.alice) as served:
        url = served.addresses.web
        said = fetch(url, "/api/server")
        good = {"Authorization": f"Bearer {guests.secrets['alice']}"}
        bad = {"Authorization": "Bearer vau_guessed"}
        assert (said.status, set(said.json())) == (200, {"token", "server"})
        assert said.json()["token"] is True
        assert "backends" in fetch(url, "/api/server", headers=good).json()
        assert fetch(url, "/api/schedule", headers=good).status == 200
        for path, headers in (
            ("/api/server", bad),
            ("/api/schedule", bad),
            ("/api/schedule", {}),
        ):
            refused = fetch(url, path, headers=headers)
            assert refused.status == 401
            assert refused.json()["error"]["reason"] == "AUTH_REQUIRED"
        assert served.value("vau_auth_failures_total", reason="unknown") == 2


def test_a_token_in_plaintext_from_elsewhere_is_refused(
    guests: Guests, caplog: pytest.LogCaptureFixture
) -> None:
    config = ServerConfig(
        listen=FREE,
        metrics_listen=FREE,
        web_listen=f"{own_address()}:0",
        insecure=True,
        door=DoorConfig(tokens=guests.file),
    )
    secret = guests.secrets["alice"]
    with serving(config=config, access=guests.alice) as served:
        url = served.addresses.web
        with web_socket(url, token=secret) as socket:
            ended = socket.failure()
        fetched = fetch(url, "/api/server", headers={"Authorization": f"Bearer {secret}"})
    assert (ended.code, ended.error["reason"]) == (4007, "AUTH_FORBIDDEN")
    assert fetched.status == 403
    (line,) = [each for each in caplog.records if each.getMessage() == "tokens over plaintext"]
    assert line.vau_facts["listen"] == config.web_listen  # type: ignore[attr-defined]


# --- origins -----------------------------------------------------------------------------


def refusals(caplog: pytest.LogCaptureFixture) -> list[tuple[str, str]]:
    """Return the method and the reason of each refusal in the log."""
    found = [each.vau_facts for each in caplog.records if each.getMessage() == "refused"]  # type: ignore[attr-defined]
    return [(each["method"], each["why"]) for each in found]


@pytest.mark.parametrize(
    ("origin", "host", "listen", "is_tls"),
    [
        (None, "anything", "127.0.0.1:8080", False),
        ("http://127.0.0.1:8080", "127.0.0.1:8080", "127.0.0.1:8080", False),
        ("http://localhost:8080", "localhost:8080", "127.0.0.1:8080", False),
        ("http://LOCALHOST:8080", "localhost:8080", "127.0.0.1:8080", False),
        ("http://[::1]:8080", "[::1]:8080", "[::1]:8080", False),
        ("http://192.0.2.1", "192.0.2.1", "0.0.0.0:80", False),
        ("http://192.0.2.1", "192.0.2.1:80", "0.0.0.0:80", False),
        ("https://vau.example", "vau.example:443", "0.0.0.0:443", True),
        ("http://vau.example:8080", "vau.example:8080", "vau.example:8080", False),
        ("https://demo.example", "127.0.0.1:8080", "127.0.0.1:8080", False),
    ],
)
def test_the_page_itself_may_come_in(
    origin: str | None, host: str, listen: str, *, is_tls: bool
) -> None:
    others = ("https://demo.example",)
    assert origin_fault(origin, host, listen=listen, others=others, is_tls=is_tls) == ""


@pytest.mark.parametrize(
    ("origin", "host"),
    [
        ("https://evil.example", "127.0.0.1:8080"),
        ("http://127.0.0.1:8081", "127.0.0.1:8080"),
        ("http://127.0.0.1", "127.0.0.1:8080"),
        ("null", "127.0.0.1:8080"),
        ("", "127.0.0.1:8080"),
        ("", ""),
        ("file://", "127.0.0.1:8080"),
        ("chrome-extension://abc", "127.0.0.1:8080"),
        ("https://demo.example.evil.example", "127.0.0.1:8080"),
        ("http://127.0.0.1:8080@evil.example", "127.0.0.1:8080"),
        ("http://127.0.0.1:8080.evil.example", "127.0.0.1:8080"),
        ("http://[::1", "127.0.0.1:8080"),
        ("http://evil.example:8080", "evil.example:8080"),  # a name that was led here
        ("http://localhost.evil.example:8080", "localhost.evil.example:8080"),
    ],
)
def test_no_other_page_may_come_in(origin: str, host: str) -> None:
    fault = origin_fault(
        origin, host, listen="127.0.0.1:8080", others=("https://demo.example",), is_tls=False
    )
    assert "--web-origin" in fault


@pytest.mark.parametrize("path", ["/api/server", "/api/schedule"])
def test_a_name_that_was_led_here_reads_nothing(
    path: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(config=web_config(web_origins=("https://demo.example",))) as served:
        url = served.addresses.web
        port = url.rstrip("/").rpartition(":")[2]
        for host in ("evil.example", f"evil.example:{port}", f"localhost.evil.example:{port}"):
            refused = fetch(url, path, headers={"Host": host})
            assert (refused.status, set(refused.json())) == (403, {"error"})
            assert "--web-origin" in refused.json()["error"]["message"]
        for host in (f"localhost:{port}", f"127.0.0.1:{port}", f"[::1]:{port}", "demo.example"):
            assert fetch(url, path, headers={"Host": host}).status == 200
        assert served.value("vau_auth_failures_total", reason="host") == 3
    assert refusals(caplog) == [(path, "host")] * 3


@pytest.mark.parametrize("origin", ["https://evil.example", "null"])
def test_another_page_is_refused_before_there_is_a_websocket(
    origin: str, caplog: pytest.LogCaptureFixture
) -> None:
    with serving(config=web_config()) as served:
        with (
            pytest.raises(InvalidStatus) as refused,
            web_socket(served.addresses.web, origin=origin),
        ):
            pass
        assert served.value("vau_auth_failures_total", reason="origin") == 1
    assert refusals(caplog) == [("/api/stream", "origin")]
    assert refused.value.response.status_code == 403
    assert b"--web-origin" in refused.value.response.body
    assert "Content-Security-Policy" in refused.value.response.headers


def test_the_own_page_and_one_that_was_named_are_served() -> None:
    config = web_config(web_origins=("https://demo.example",))
    with serving(config=config) as served:
        url = served.addresses.web
        for origin in (url.rstrip("/"), "https://demo.example"):
            _, ended = hear_web(url, [AUDIO], origin=origin)
            assert ended.code == 1000


@pytest.mark.parametrize("offered", [(), ("vau.v2",), ("bearer.x",)])
def test_another_protocol_is_refused(offered: tuple[str, ...]) -> None:
    with (
        serving(config=web_config()) as served,
        pytest.raises(InvalidStatus) as refused,
        web_socket(served.addresses.web, subprotocols=offered),
    ):
        pass
    assert refused.value.response.status_code == 400
    assert b"vau.v1" in refused.value.response.body


# --- TLS ---------------------------------------------------------------------------------


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


def trusting(authority: Path) -> ssl.SSLContext:
    return ssl.create_default_context(cafile=str(authority))


def test_over_tls_the_page_has_the_certificate_of_the_server(authority: Authority) -> None:
    pair = authority.issue("server")
    config = web_config(door=DoorConfig(tls_cert=pair.cert, tls_key=pair.key))
    tls = trusting(authority.cert)
    with serving(config=config) as served:
        url = served.addresses.web
        assert url.startswith("https://")
        assert fetch(url, "/", tls=tls).status == 200
        heard, ended = hear_web(url, [AUDIO], tls=tls, origin=url.rstrip("/"))
        assert (ended.code, heard.finished.frames) == (1000, 99)
        with pytest.raises((ConnectionError, HTTPException)):
            fetch(url.replace("https", "http"), "/")


@pytest.mark.parametrize("name", ["127.0.0.1", "localhost"])
def test_a_renewed_certificate_is_shown_to_new_connections(
    authority: Authority, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, name: str
) -> None:
    monkeypatch.setattr("vau.wire.door.LOOK_S", 0.05)
    pair = authority.issue("server")
    successor = Authority(tmp_path / "successor")
    config = web_config(door=DoorConfig(tls_cert=pair.cert, tls_key=pair.key))
    with serving(config=config) as served:
        url = served.addresses.web.replace("127.0.0.1", name)  # an address sends no name

        def is_shown(authority: Path) -> bool:
            try:
                return fetch(url, "/", tls=trusting(authority)).status == 200
            except ssl.SSLCertVerificationError:
                return False

        with web_socket(url, tls=trusting(authority.cert)) as socket:
            socket.send(streaming())
            socket.hear()
            assert is_shown(authority.cert)
            successor.issue("server").take_the_place_of(pair)
            eventually(lambda: is_shown(successor.cert))
            assert not is_shown(authority.cert)
            socket.send(AUDIO)
            assert socket.hear()["receivedSample"] == "16000"


# --- settings ----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("settings", "field", "text"),
    [
        ({"web_listen": "0.0.0.0:0"}, "web_listen", "plaintext that other machines can reach"),
        ({"web_listen": "8080"}, "web_listen", "is not host:port"),
        ({"web_origins": ("demo.example",)}, "web_origins", "is no origin"),
        ({"web_origins": ("https://demo.example/",)}, "web_origins", "is no origin"),
        ({"web_origins": ("*",)}, "web_origins", "is no origin"),
        ({"web_origins": ("https://*.example",)}, "web_origins", "is no origin"),
    ],
)
def test_a_setting_that_cannot_be_meant_is_refused(
    settings: dict[str, Any], field: str, text: str
) -> None:
    with pytest.raises(ConfigInvalid, match=text) as refused:
        ServerConfig(**{"web_listen": FREE} | settings)
    assert refused.value.field == field


def test_client_certificates_and_the_page_do_not_go_together(authority: Authority) -> None:
    pair = authority.issue("server")
    door = DoorConfig(tls_cert=pair.cert, tls_key=pair.key, tls_client_ca=authority.cert)
    with pytest.raises(ConfigInvalid, match="let tokens say who comes") as refused:
        web_config(door=door)
    assert refused.value.field == "web_listen"


def test_an_address_that_is_taken_is_refused() -> None:
    with serving(config=web_config()) as served:
        taken = served.addresses.web.removeprefix("http://").rstrip("/")
        config = ServerConfig(listen=FREE, metrics_listen=FREE, web_listen=taken)
        with (
            pytest.raises(ConfigInvalid, match="choose another address") as refused,
            serving(config=config),
        ):
            pass
    assert refused.value.field == "web_listen"
    assert os.strerror(errno.EADDRINUSE) in str(refused.value)


def test_a_server_without_a_page_needs_no_web_server(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "uvicorn", None)
    assert entrance_of(ServerConfig()) is None


@pytest.mark.parametrize("missing", ["uvicorn", "starlette", "websockets"])
def test_a_page_without_its_libraries_says_what_to_install(
    monkeypatch: pytest.MonkeyPatch, missing: str
) -> None:
    for name in list(sys.modules):
        if name.split(".")[0] in ("uvicorn", "starlette", "websockets"):
            monkeypatch.delitem(sys.modules, name)
        if name.startswith("vau.web.") and name != "vau.web.setup":
            monkeypatch.delitem(sys.modules, name)
    monkeypatch.setitem(sys.modules, missing, None)
    with pytest.raises(ConfigInvalid, match=r"pip install 'vau\[web\]'") as refused:
        entrance_of(web_config())
    assert missing in str(refused.value)
