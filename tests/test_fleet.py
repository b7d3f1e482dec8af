"""The fleet: what its judge and its DNS notice, and that the proxy is told what is so.

The fleet itself: ``./run e2e-fleet``.
"""

import json
import re
import socket
import struct
from collections.abc import Callable
from dataclasses import astuple, fields
from pathlib import Path
from typing import Final

import pytest

from tests.fleet import __main__ as command
from tests.fleet.fleet import FIRST_REPLICA, fleet, spread
from tests.fleet.judge import Faults
from tests.fleet.names import TYPE_A, Names, answer
from tests.fleet.proxy import CONFIG
from tests.serving import FULL, PATIENCE_S, Heard, hear, serving, speech, streaming
from tests.soak.check import NotSo
from vau.config import ServerConfig
from vau.errors import Unreachable
from vau.v1 import speech_pb2 as pb
from vau.wire.server import HANDSHAKE_S, HTTP2_STREAMS, IDLE_CONNECTION_S

SECONDS: Final = {"ms": 1e-3, "s": 1.0, "m": 60.0, "h": 3600.0}
TYPE_AAAA: Final = 28
NAME: Final = b"\3vau\4test\0"
AUDIO: Final = [speech(1600, seed) for seed in range(8)]


@pytest.fixture(scope="module")
def uncut() -> Heard:
    with serving() as served:
        return hear(served.client, AUDIO, streaming(FULL))


def again(heard: Heard) -> Heard:
    """Return a copy that a test may spoil."""
    return Heard(
        [
            pb.StreamingRecognizeResponse.FromString(each.SerializeToString())
            for each in heard.responses
        ]
    )


def with_frames(heard: Heard) -> list[pb.StreamingRecognizeResponse]:
    return [each for each in heard.responses if each.posteriors.frame_count]


# --- the judge -----------------------------------------------------------------------------


def test_a_stream_that_hears_the_same_has_no_faults(uncut: Heard) -> None:
    assert Faults.of(again(uncut), uncut) == Faults()


def lose(heard: Heard) -> None:
    with_frames(heard)[2].ClearField("posteriors")


def repeat(heard: Heard) -> None:
    heard.responses.insert(1, with_frames(heard)[0])


def change_a_bit(heard: Heard) -> None:
    posteriors = with_frames(heard)[1].posteriors
    first, *rest = posteriors.values
    posteriors.values = bytes([first ^ 1, *rest])


def change_a_final(heard: Heard) -> None:
    heard.finals[0].end_sample += 160


def change_the_digest(heard: Heard) -> None:
    heard.finished.output_digest = bytes(32)


@pytest.mark.parametrize(
    ("spoil", "noticed"),
    [
        (lose, "frames_lost"),
        (repeat, "frames_repeated"),
        (change_a_bit, "frames_changed"),
        (change_a_final, "finals_changed"),
        (change_the_digest, "digests_changed"),
    ],
)
def test_a_fault_is_noticed_as_what_it_is(
    uncut: Heard, spoil: Callable[[Heard], None], noticed: str
) -> None:
    spoilt = again(uncut)
    spoil(spoilt)
    faults = Faults.of(spoilt, uncut)
    found = {each.name for each in fields(faults) if getattr(faults, each.name)}
    assert found == {noticed}
    assert faults + faults != faults


def test_streams_are_even_if_no_replica_has_two_more_than_another() -> None:
    assert spread([6, 6]) == 0
    assert spread([6, 4, 7]) == 3


# --- where it listens ----------------------------------------------------------------------


def test_who_listens_everywhere_cannot_take_a_port_of_the_fleet(tmp_path: Path) -> None:
    with fleet(tmp_path) as servers, socket.socket() as neighbour:
        for port in astuple(servers.ports):
            with pytest.raises(OSError, match="in use"):
                neighbour.bind(("", port))
            socket.create_server((servers.host(FIRST_REPLICA), port)).close()


# --- what it tells -------------------------------------------------------------------------


@pytest.mark.parametrize(
    "error",
    [NotSo("odd"), AssertionError("odd"), ExceptionGroup("two", [Unreachable("odd")])],
)
def test_whatever_goes_wrong_is_told_as_json(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str], error: Exception
) -> None:
    monkeypatch.setattr(command, "run", fails_with(error))
    assert command.main(["--json"]) == 1
    told = json.loads(capsys.readouterr().out)
    assert told["ok"] is False
    assert "odd" in told["why_not"]


def fails_with(error: Exception) -> Callable[..., None]:
    def fail(*_: object) -> None:
        raise error

    return fail


# --- its DNS -------------------------------------------------------------------------------


def query(kind: int) -> bytes:
    return struct.pack(">6H", 4711, 0x0100, 1, 0, 0, 0) + NAME + struct.pack(">2H", kind, 1)


def test_a_name_is_told_with_all_its_addresses_and_their_age() -> None:
    told = answer(query(TYPE_A), ("127.1.2.3", "127.1.2.4"))
    assert struct.unpack_from(">6H", told) == (4711, 0x8180, 1, 2, 0, 0)
    assert [socket.inet_ntoa(told[end - 4 : end]) for end in (-16, len(told))] == [
        "127.1.2.3",
        "127.1.2.4",
    ]
    assert struct.unpack_from(">6H", answer(query(TYPE_AAAA), ("127.1.2.3",)))[3] == 0


def test_who_asks_is_answered_with_who_is_there_now() -> None:
    with Names("127.0.0.1") as names, socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as who:
        who.settimeout(PATIENCE_S)
        host, _, port = names.address.rpartition(":")
        for addresses in ((), ("127.9.9.9",)):
            names.addresses = addresses
            who.sendto(query(TYPE_A), (host, int(port)))
            assert who.recv(512) == answer(query(TYPE_A), addresses)


# --- what the proxy is told of the servers -------------------------------------------------


def _text() -> str:
    return CONFIG.read_text(encoding="utf-8")


def told(setting: str) -> str:
    """Return the rest of the one line of the configuration that begins with this."""
    (rest,) = re.findall(rf"^ +{re.escape(setting)} +(.+)$", _text(), re.MULTILINE)
    return str(rest)


def seconds(setting: str) -> float:
    number, unit = re.fullmatch(r"(\d+)([a-z]+)", told(setting)).groups()  # type: ignore[union-attr]
    return float(number) * SECONDS[unit]


def test_the_proxy_looks_for_servers_where_they_listen() -> None:
    config = ServerConfig()
    assert config.listen.endswith(f":{told('presetenv VAU_PORT')}")
    assert config.metrics_listen.endswith(f":{told('presetenv VAU_METRICS_PORT')}")


def test_the_proxy_lets_streams_be_silent_for_longer_than_a_server_does() -> None:
    config = ServerConfig()
    for side in ("client", "server"):
        assert seconds(f"timeout {side}") > max(config.idle_timeout_s, config.write_timeout_s)


def test_the_proxy_is_as_patient_with_connections_as_a_server_is() -> None:
    assert seconds("timeout http-request") == HANDSHAKE_S
    assert seconds("timeout http-keep-alive") == IDLE_CONNECTION_S
    assert int(told("tune.h2.max-concurrent-streams")) == HTTP2_STREAMS
    assert seconds("clitcpka-idle") == ServerConfig().keepalive_s


def test_every_setting_of_the_proxy_has_a_default_or_is_an_option() -> None:
    text = _text()
    used = set(re.findall(r"\$\{(VAU_\w+)\}", text))
    assert "VAU_SERVERS" in used
    assert used == set(re.findall(r"(?:presetenv |defined\()(VAU_\w+)", text))
