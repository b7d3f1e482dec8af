"""grpcurl lists, describes, probes and calls a server of ours, knowing its address alone."""

import base64
import json
import subprocess
from collections.abc import Iterator
from pathlib import Path
from typing import Any, Final

import pytest

from tests.certificates import Authority
from tests.guests import Guests
from tests.serving import FREE, PATIENCE_S, Served, serving, speech
from vau.config import ServerConfig
from vau.door.config import DoorConfig

TOOL: Final = Path(__file__).resolve().parent.parent / ".cache/tools/grpcurl"
SERVICE: Final = "vau.v1.SpeechRecognition"
CONFIG: Final = {
    "recognition": {
        "audio_format": {
            "encoding": "ENCODING_LINEAR16",
            "sample_rate_hertz": 16_000,
            "channel_count": 1,
        },
        "output": {"phonemes": True},
    }
}

pytestmark = pytest.mark.tools


def grpcurl(*arguments: object, sent: str = "") -> "subprocess.CompletedProcess[str]":
    return subprocess.run(
        [TOOL, *map(str, arguments)],
        input=sent,
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def said(*arguments: object, sent: str = "") -> str:
    done = grpcurl(*arguments, sent=sent)
    assert done.returncode == 0, done.stderr
    return done.stdout


def messages(text: str) -> list[dict[str, Any]]:
    """Return the JSON objects that stand one behind the other in ``text``."""
    decoder, found, at = json.JSONDecoder(), [], 0
    while at < len(text.rstrip()):
        message, at = decoder.raw_decode(text, at)
        found.append(message)
        at += len(text[at:]) - len(text[at:].lstrip())
    return found


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as running:
        yield running


def test_it_lists_the_services(served: Served) -> None:
    assert said("-plaintext", served.address, "list").split() == [
        "grpc.health.v1.Health",
        "grpc.reflection.v1alpha.ServerReflection",
        SERVICE,
    ]


def test_it_describes_every_method(served: Served) -> None:
    text = said("-plaintext", served.address, "describe", SERVICE)
    takes, gives = "stream .vau.v1.StreamingRecognizeRequest", "StreamingRecognizeResponse"
    assert f"rpc StreamingRecognize ( {takes} ) returns ( stream .vau.v1.{gives} );" in text
    assert text.count("rpc ") == 4


@pytest.mark.parametrize("service", ["", SERVICE, "vau.backend.muntaniala:1x1"])
def test_it_probes_the_health(served: Served, service: str) -> None:
    request = json.dumps({"service": service})
    method = "grpc.health.v1.Health/Check"
    assert messages(said("-plaintext", "-d", request, served.address, method)) == [
        {"status": "SERVING"}
    ]


def test_it_asks_what_server_this_is(served: Served) -> None:
    (info,) = messages(said("-plaintext", served.address, f"{SERVICE}/GetServerInfo"))
    assert info["version"]
    assert info["limits"]["max_streams"] == 8


def test_it_streams_audio_and_hears_phonemes(served: Served) -> None:
    audio = base64.b64encode(speech()).decode()
    sent = json.dumps({"config": CONFIG}) + json.dumps({"audio": audio})
    method = f"{SERVICE}/StreamingRecognize"
    heard = messages(said("-plaintext", "-d", "@", served.address, method, sent=sent))
    assert heard[0]["started"]["session_id"]
    assert heard[-1]["finished"]["frames"] == "99"


def test_what_goes_wrong_is_told_with_its_details(served: Served) -> None:
    request = json.dumps({"config": CONFIG["recognition"] | {"model": "big"}})
    method = f"{SERVICE}/Recognize"
    done = grpcurl("-plaintext", "-d", request, served.address, method)
    assert done.returncode != 0
    for part in ("Code: NotFound", "MODEL_NOT_FOUND", "google.rpc.ResourceInfo"):
        assert part in done.stderr


def test_it_comes_through_tls_with_a_token(tmp_path: Path) -> None:
    authority, guests = Authority(tmp_path / "ca"), Guests(tmp_path)
    pair = authority.issue("server")
    door = DoorConfig(tls_cert=pair.cert, tls_key=pair.key, tokens=guests.file, reflection=True)
    config = ServerConfig(listen=FREE, metrics_listen=FREE, door=door)
    bearer = ("-H", f"authorization: Bearer {guests.secrets['alice']}")
    with serving(config=config) as server:
        tls = ("-cacert", authority.cert)
        assert SERVICE in said(*tls, *bearer, server.address, "list").split()
        assert messages(said(*tls, *bearer, server.address, "grpc.health.v1.Health/Check")) == [
            {"status": "SERVING"}
        ]
        refused = grpcurl(*tls, server.address, "list")
        assert refused.returncode != 0
        assert SERVICE not in refused.stdout
