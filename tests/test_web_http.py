"""What the live page's entrance answers over HTTP, and what it refuses."""

import asyncio
import hashlib
import socket
from collections.abc import Iterator
from contextlib import suppress
from importlib.resources import files
from typing import Any
from urllib.parse import urlsplit

import pytest
from google.protobuf.json_format import ParseDict
from starlette.websockets import WebSocketDisconnect

from tests.serving import MODEL, PATIENCE_S, Served, eventually, floating, muntaniala, serving
from tests.webs import fetch, web_config
from vau.model import find_model
from vau.v1 import speech_pb2 as pb
from vau.web.headers import Guarded
from vau.web.schedule import Schedules

PAGE = files("vau.web").joinpath("page")
NAMES = sorted(each.name for each in PAGE.iterdir() if each.is_file())


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    backends = ((MODEL, muntaniala()), (MODEL, floating()))
    with serving(*backends, config=web_config()) as served:
        yield served


@pytest.fixture
def url(served: Served) -> str:
    return served.addresses.web


def test_the_root_is_the_page(url: str) -> None:
    answer = fetch(url, "/")
    assert answer.status == 200
    assert answer.headers["content-type"] == "text/html; charset=utf-8"
    assert answer.body == PAGE.joinpath("index.html").read_bytes()


@pytest.mark.parametrize("name", NAMES)
def test_every_file_of_the_page_is_served_with_a_type_of_its_own(url: str, name: str) -> None:
    answer = fetch(url, f"/page/{name}")
    assert answer.status == 200
    assert answer.body == PAGE.joinpath(name).read_bytes()
    assert answer.headers["content-type"] != "application/octet-stream"


def test_a_browser_that_has_a_file_is_not_sent_it_again(url: str) -> None:
    tag = fetch(url, "/").headers["etag"]
    again = fetch(url, "/", headers={"If-None-Match": tag})
    assert (again.status, again.body) == (304, b"")
    assert fetch(url, "/", headers={"If-None-Match": '"another"'}).status == 200


@pytest.mark.parametrize("path", ["/", "/page/index.html", "/api/server", "/nowhere"])
def test_every_answer_forbids_what_a_page_must_not_do(url: str, path: str) -> None:
    headers = fetch(url, path).headers
    policy = headers["content-security-policy"]
    assert "default-src 'none'" in policy
    assert "script-src 'self';" in policy
    assert "frame-ancestors 'none'" in policy
    assert "unsafe" not in policy
    assert headers["x-content-type-options"] == "nosniff"
    assert headers["referrer-policy"] == "no-referrer"
    assert headers["permissions-policy"].startswith("microphone=(self)")
    assert "access-control-allow-origin" not in headers
    assert "server" not in headers


@pytest.mark.parametrize(
    "path",
    [
        "/page/../setup.py",
        "/page/%2e%2e/setup.py",
        "/page/..%2fsetup.py",
        "/page/%2fetc%2fpasswd",
        "/page//etc/passwd",
        "/page/",
        "/page",
        "/page/index.html/",
        "/page/index.html%00",
        "/api",
        "/api/stream",
        "/metrics",
        "/%ff",
    ],
)
def test_there_is_no_way_to_anything_else(url: str, path: str) -> None:
    answer = fetch(url, path)
    assert answer.status in (307, 404)  # with a slash at its end or without: nothing either way
    assert b"entrance_of" not in answer.body
    assert b"root:" not in answer.body


def test_head_says_what_get_would_without_a_body(url: str) -> None:
    for path in ("/", "/api/server"):
        head, whole = fetch(url, path, "HEAD"), fetch(url, path)
        assert (head.status, head.body) == (200, b"")
        assert head.headers["content-type"] == whole.headers["content-type"]


@pytest.mark.parametrize("method", ["POST", "PUT", "DELETE", "OPTIONS", "PATCH"])
@pytest.mark.parametrize("path", ["/", "/api/server", "/api/schedule", "/page/index.html"])
def test_another_method_is_refused(url: str, path: str, method: str) -> None:
    answer = fetch(url, path, method)
    assert answer.status == 405
    assert "GET" in answer.headers["allow"]


def test_an_error_of_the_api_is_json_with_code_reason_and_message(url: str) -> None:
    answer = fetch(url, "/api/nothing")
    assert (answer.status, answer.headers["content-type"]) == (404, "application/json")
    assert set(answer.json()["error"]) == {"code", "reason", "message"}


def test_the_server_describes_itself_as_over_grpc(served: Served, url: str) -> None:
    said = fetch(url, "/api/server").json()
    assert said["token"] is False
    described = ParseDict(said["server"], pb.GetServerInfoResponse())
    assert described == served.client.server_info()
    listed = ParseDict(said["backends"], pb.ListBackendsResponse())
    assert listed == served.client.backends(include_unavailable=True)
    assert [each.kind for each in listed.backends] == ["muntaniala", "float"]


def cycles_of(tracks: list[dict[str, Any]]) -> int:
    return max(int(start + cycles) for each in tracks for start, cycles, _ in each["spans"])


def test_the_schedule_has_the_cycles_that_a_frame_takes(served: Served, url: str) -> None:
    lane = next(iter(served.server.host.lanes))
    said = fetch(url, f"/api/schedule?backend={lane.backend.info.id}").json()
    assert said == fetch(url, "/api/schedule").json()  # of the default
    assert (said["backend"], said["model"]) == (lane.backend.info.id, lane.model.name)
    assert (said["origin"], said["clockHertz"]) == ("estimated", lane.backend.info.clock_hz)
    assert said["method"] == "munt-spec-0, section 6"
    assert cycles_of(said["tracks"]) == said["cycles"]
    assert {name for each in said["tracks"] for *_, name in each["spans"]} >= {"mac", "load_x"}


def test_the_parts_of_a_schedule_do_one_thing_at_a_time(url: str) -> None:
    for track in fetch(url, "/api/schedule").json()["tracks"]:
        end, before = 0, ""
        for start, cycles, name in track["spans"]:
            assert start >= end
            assert start > end or name != before  # or else the two are one
            end, before = start + cycles, name


def test_the_schedule_of_forty_eight_dies_is_small() -> None:
    model = find_model("munt-3x384")
    with serving((model, muntaniala(model)), config=web_config()) as served:
        answer = fetch(served.addresses.web, "/api/schedule")
    dies = [each for each in answer.json()["tracks"] if each["part"].startswith("die")]
    assert len(dies) == 48
    assert len(answer.body) < 100_000


def test_a_backend_that_nobody_can_estimate_has_no_tracks_and_says_why(
    served: Served, url: str
) -> None:
    name = served.server.host.lanes.backend_ids[1]
    answer = fetch(url, f"/api/schedule?backend={name}")
    assert (answer.status, answer.json()["tracks"]) == (200, [])
    assert "nothing here can estimate 'float'" in answer.json()["message"]


@pytest.mark.parametrize("name", ["muntaniala:9x9", "'; drop", "%00"])
def test_a_backend_that_is_not_served_is_not_found(url: str, name: str) -> None:
    answer = fetch(url, f"/api/schedule?backend={name.replace(' ', '%20')}")
    error = answer.json()["error"]
    assert (answer.status, error["code"]) == (404, "NOT_FOUND")
    assert error["reason"] == "BACKEND_NOT_FOUND"
    assert "is not served here; there are: muntaniala:1x1, float" in error["message"]


@pytest.mark.parametrize(
    "sent",
    [
        b"nonsense\r\n\r\n",
        b"GET / HTTP/1.1\r\nX: " + b"x" * 40_000 + b"\r\n\r\n",
        b"GET / HTTP/1.1\r\nHost: a\r\nContent-Length: 5\r\nContent-Length: 6\r\n\r\n",
        b"\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03",
    ],
    ids=["nonsense", "huge header", "two lengths", "TLS"],
)
def test_what_is_no_request_is_refused_and_harms_nobody(url: str, sent: bytes) -> None:
    address = urlsplit(url)
    place = (str(address.hostname), int(address.port or 0))
    answer = b""
    # It may be closed before all of it has been read, and that is a reset.
    with socket.create_connection(place, PATIENCE_S) as connection, suppress(ConnectionError):
        connection.sendall(sent)
        with suppress(OSError):  # there is nothing left to shut
            connection.shutdown(socket.SHUT_WR)
        while more := connection.recv(1 << 16):
            answer += more
    assert answer == b"" or answer.startswith(b"HTTP/1.1 400")
    assert fetch(url, "/").status == 200


def test_the_content_of_a_file_decides_its_tag(url: str) -> None:
    content = PAGE.joinpath("index.html").read_bytes()
    assert hashlib.sha256(content).hexdigest()[:32] in fetch(url, "/").headers["etag"]


def test_a_defect_of_ours_is_logged_once_and_answered_without_details(
    served: Served, url: str, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def fails(_self: Schedules, _backend_id: str) -> dict[str, Any]:
        raise KeyError("secret")

    monkeypatch.setattr(Schedules, "of", fails)
    answer = fetch(url, "/api/schedule")
    assert answer.status == 500
    assert b"secret" not in answer.body
    eventually(lambda: any(each.exc_info for each in caplog.records))  # behind the answer
    (line,) = [each for each in caplog.records if each.exc_info]
    assert (line.getMessage(), line.name) == ("defect", "vau.web.headers")
    monkeypatch.undo()
    assert fetch(served.addresses.web, "/api/schedule").status == 200


def test_who_leaves_before_there_is_a_stream_is_no_defect(
    caplog: pytest.LogCaptureFixture,
) -> None:
    async def left(_scope: Any, _receive: Any, _send: Any) -> None:  # noqa: ANN401
        raise WebSocketDisconnect(1006)

    async def nothing(_message: Any = None) -> Any:  # noqa: ANN401
        return None

    asyncio.run(Guarded(left)({"type": "websocket"}, nothing, nothing))
    assert not caplog.records
