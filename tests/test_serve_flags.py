"""What ``vau serve`` makes of its flags, and of none."""

import io
from dataclasses import fields
from inspect import signature
from pathlib import Path
from typing import Any, Final

import pytest

from vau.config import ServerConfig
from vau.door.config import DoorConfig
from vau.errors import ConfigInvalid
from vau.lane import Batching
from vau.verbs import server
from vau.verbs.server import announce
from vau.wire.server import Addresses

FLAGS: Final[dict[str, Any]] = {
    "listen": "127.0.0.1:1",
    "metrics_listen": "127.0.0.1:2",
    "web_listen": "127.0.0.1:3",
    "web_origin": ("http://4",),
    "shadow_share": 0.25,
    "max_streams": 3,
    "max_wait_ms": 4.0,
    "max_batch_size": 5,
    "max_audio_message": 6,
    "max_unary_audio": 7.0,
    "max_lag": 8.0,
    "config_timeout": 9.0,
    "idle_timeout": 10.0,
    "max_stream_duration": 11.0,
    "write_timeout": 12.0,
    "drain_grace": 13.0,
    "resume_key_file": Path("14"),
    "resume_ttl": 15.0,
    "keepalive": 16.0,
    "keepalive_timeout": 17.0,
    "max_connection_age": 18.0,
    "max_connection_age_grace": 19.0,
    "insecure": True,
    "tls_cert": Path("20"),
    "tls_key": Path("21"),
    "tls_client_ca": Path("22"),
    "tokens": Path("23"),
    "max_streams_per_client": 24,
    "reflection": True,
    "closed_health": True,
    "slow_stream_ms": 25.0,
    "otlp_endpoint": "http://26",
    "trace_share": 0.75,
    "build": "27",
}
"""Each with a value of its own."""

NOT_CONFIGURED: Final = {"web", "model", "backend", "board", "shadow", "log_level", "_config"}
"""What is opened or set up before there is a server."""

SUFFIXES: Final = ("_s", "_ms", "_bytes")


class Begun(Exception):
    """The server would begin now."""


Made = tuple[ServerConfig, Batching]


@pytest.fixture
def made(monkeypatch: pytest.MonkeyPatch) -> Any:  # noqa: ANN401
    """Return a function that runs ``vau serve`` until it knows all, and returns that."""
    batchings: list[Batching] = []
    configs: list[ServerConfig] = []

    def open_lanes(*_: object, batching: Batching, **__: object) -> list[object]:
        batchings.append(batching)
        return []

    def shadows_of(*_: object, config: ServerConfig, **__: object) -> None:
        configs.append(config)
        raise Begun

    monkeypatch.setattr("vau.commands.serve.open_lanes", open_lanes)
    monkeypatch.setattr("vau.commands.serve.shadows_of", shadows_of)

    def make(**given: Any) -> Made:  # noqa: ANN401
        with pytest.raises(Begun):
            server.serve(**given)
        return configs.pop(), batchings.pop()

    return make


def stem(name: str) -> str:
    """Return a name without its unit."""
    return next((name.removesuffix(each) for each in SUFFIXES if name.endswith(each)), name)


def test_without_flags_the_server_is_what_its_configuration_says(made: Any) -> None:  # noqa: ANN401
    assert made() == (ServerConfig(), Batching())


def test_every_flag_goes_to_its_own_field(made: Any) -> None:  # noqa: ANN401
    flags = FLAGS | {"tls_client_ca": None}  # which does not go with the live page
    config, batching = made(web=True, **flags)
    found: dict[str, object] = {}
    for holder in (config, config.door):
        for each in fields(holder):
            value = getattr(holder, each.name)
            found[stem(each.name)] = value * 1e3 if each.name == "slow_stream_s" else value
    found |= {"max_wait": batching.max_wait_s * 1e3, "max_batch_size": batching.max_size}
    found["web_origin"] = found.pop("web_origins")
    assert isinstance(found.pop("door"), DoorConfig)
    assert found == {stem(name): value for name, value in flags.items()}


def test_no_flag_is_forgotten_here() -> None:
    parameters = signature(server.serve).parameters
    assert set(parameters) - NOT_CONFIGURED == set(FLAGS)
    assert [name for name, value in FLAGS.items() if value == parameters[name].default] == []


def test_an_authority_of_clients_goes_to_its_own_field(made: Any) -> None:  # noqa: ANN401
    files = {name: FLAGS[name] for name in ("tls_cert", "tls_key", "tls_client_ca")}
    config, _ = made(**files)
    assert config.door.tls_client_ca == Path("22")


@pytest.mark.parametrize("flag", [{"web_listen": "127.0.0.1:3"}, {"web_origin": ["http://4"]}])
def test_a_flag_of_the_live_page_without_the_page_is_refused(flag: dict[str, Any]) -> None:
    with pytest.raises(ConfigInvalid, match="add --web"):
        server.serve(**flag)


def test_whoever_starts_a_page_is_told_its_address(capsys: pytest.CaptureFixture[str]) -> None:
    announce(Addresses("127.0.0.1:1", "off", "http://127.0.0.1:2/"))
    announce(Addresses("127.0.0.1:1", "off", "off"))
    assert capsys.readouterr().out == "vau: the live page is at http://127.0.0.1:2/\n"


class Unbuffered(io.RawIOBase):
    """What takes the bytes of a stream that Python does not buffer, and how many at a time."""

    def __init__(self) -> None:
        self.taken: list[bytes] = []

    def writable(self) -> bool:
        return True

    def write(self, data: Any) -> int:  # noqa: ANN401 - any buffer
        self.taken.append(bytes(data))
        return len(data)


def test_no_line_of_the_log_can_stand_within_the_line_of_the_address(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    raw = Unbuffered()
    # of a raw stream, as `python -u` has it, which typeshed does not know
    text = io.TextIOWrapper(raw, write_through=True)  # type: ignore[type-var]
    monkeypatch.setattr("sys.stdout", text)
    announce(Addresses("127.0.0.1:1", "off", "http://127.0.0.1:2/"))
    assert raw.taken == [b"vau: the live page is at http://127.0.0.1:2/\n"]


class Full(io.StringIO):
    """A disk, perhaps."""

    def write(self, _text: str) -> int:
        raise OSError("no space left")


def test_a_page_needs_nobody_who_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("sys.stdout", Full())
    announce(Addresses("127.0.0.1:1", "off", "http://127.0.0.1:2/"))
