"""What whoever runs a server decides, checked once."""

import importlib.metadata
import ipaddress
import re
from dataclasses import dataclass, field
from math import ceil, inf
from pathlib import Path
from typing import Final

from vau.audio import SAMPLE_RATE_HZ
from vau.door.config import DoorConfig
from vau.errors import ConfigInvalid

WIDEST_SAMPLE_BYTES: Final = 8  # a WAV file may hold 64-bit floats
EXCESS: Final = 2  # so many times our limit still gets our refusal rather than gRPC's
ENVELOPE_BYTES: Final = 64 << 10  # what a request holds besides its audio
LEAST_TRANSPORT_BYTES: Final = 4 << 20  # gRPC's own limit, which its users expect
MOST_TRANSPORT_BYTES: Final = (1 << 31) - 1  # gRPC counts them in 32 bits
MOST_AUDIO_BYTES: Final = (MOST_TRANSPORT_BYTES - ENVELOPE_BYTES) // EXCESS
OFF: Final = "off"
MOST_PORT: Final = (1 << 16) - 1  # they are numbers of 16 bits
ORIGIN: Final = re.compile(r"https?://(?:[a-z0-9._-]+|\[[0-9a-f:.]+\])(?::[0-9]{1,5})?")
"""As browsers write it: in small letters, and without a slash at its end."""

OTLP_SCHEMES: Final = ("http://", "https://")
LEAST_LAG_S: Final = 0.1  # clients send so much at a time
LEAST_RESUME_TTL_S: Final = 2.0  # twice what lies between checkpoints, if clients do not say
MOST_UNARY_AUDIO_S: Final = MOST_AUDIO_BYTES // (WIDEST_SAMPLE_BYTES * SAMPLE_RATE_HZ)


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """One server: where it listens and what it allows."""

    listen: str = "127.0.0.1:50051"
    """``host:port`` of gRPC; port 0 takes a free one."""

    metrics_listen: str = "127.0.0.1:9464"
    """The same, of the Prometheus endpoint; ``OFF`` for none."""

    web_listen: str = OFF
    """The same, of the live page and its WebSocket; ``OFF`` for none."""

    web_origins: tuple[str, ...] = ()
    """Pages of other origins that may use it, as ``https://demo.example``."""

    insecure: bool = False
    """Allow plaintext where other machines can reach it. With TLS there is none."""

    door: DoorConfig = field(default_factory=DoorConfig)
    """Who may come in."""

    slow_stream_s: float = 0.05
    """A live stream of which not 99 of 100 frames were answered within so much is reported in
    the log and counted; 0 reports none."""

    otlp_endpoint: str = ""
    """Where spans of calls go: ``http://host:port`` of an OpenTelemetry collector, or https."""

    trace_share: float = 1.0
    """Of the traces that begin here, so many are recorded: 0 to 1."""

    shadow_share: float = 1.0
    """Of the streams whose clients ask for no shadow, so many are shadowed: 0 to 1."""

    build: str = ""
    """Source revision or image digest, for ``GetServerInfo`` and ``vau_build_info``."""

    max_streams: int = 64
    """At once; the slots of the backends are a limit too."""

    max_audio_message_bytes: int = 64 << 10
    max_unary_audio_s: float = 60.0
    max_lag_s: float = 2.05
    """The most audio of a stream that may wait for the accelerator; it may lower that for
    itself. No message may hold more. The largest message of LINEAR16, 2.048 s, just fits."""

    resume_key_file: Path | None = None
    """What checkpoints are sealed with: servers with the same key resume each other's streams.
    None: a key that dies with the process."""

    resume_ttl_s: float = 600.0
    """For so long a checkpoint is good."""

    config_timeout_s: float = 10.0
    idle_timeout_s: float = 60.0
    """A stream on which nothing comes for so long is ended, and warned before."""

    max_stream_duration_s: float = 0.0
    """So is one that has lasted so long; 0 is no limit."""

    write_timeout_s: float = 30.0
    """A client that leaves a response unread for so long is given up."""

    drain_grace_s: float = 30.0
    """How long live streams may go on after the server was told to stop."""

    keepalive_s: float = 30.0
    """After so much silence on a connection it is asked whether it is still there."""

    keepalive_timeout_s: float = 10.0
    """Without an answer for so long the connection, and the slots of its streams, are free."""

    max_connection_age_s: float = 0.0
    """Connections that are older are to be made anew; 0 is no limit."""

    max_connection_age_grace_s: float = 30.0
    """How long the streams of such a connection may go on."""

    def __post_init__(self) -> None:
        split_address(self.listen, "listen")
        if self.has_metrics:
            split_address(self.metrics_listen, "metrics_listen", also=f", or {OFF} for none")
        self._check_open("listen")
        if self.has_web:
            self._check_web()
        for name in (
            "max_streams",
            "config_timeout_s",
            "idle_timeout_s",
            "write_timeout_s",
            "resume_ttl_s",
            "keepalive_s",
            "keepalive_timeout_s",
        ):
            self._check(name)
        for name in (
            "drain_grace_s",
            "max_stream_duration_s",
            "max_connection_age_s",
            "max_connection_age_grace_s",
            "slow_stream_s",
        ):
            self._check(name, may_be_zero=True)
        if self.resume_ttl_s < LEAST_RESUME_TTL_S:
            raise ConfigInvalid(
                f"resume_ttl_s={self.resume_ttl_s} is less than {LEAST_RESUME_TTL_S:g}, and "
                "clients ask for a checkpoint a second: none would be good for long enough; "
                "allow more",
                field="resume_ttl_s",
            )
        self._check("max_lag_s")
        if self.max_lag_s < LEAST_LAG_S:
            raise ConfigInvalid(
                f"max_lag_s={self.max_lag_s} is less than {LEAST_LAG_S:g}, which is what "
                "clients send in one message; allow more",
                field="max_lag_s",
            )
        self._check_observers()
        self._check("max_unary_audio_s", most=MOST_UNARY_AUDIO_S)
        self._check("max_audio_message_bytes", most=MOST_AUDIO_BYTES)

    def _check_open(self, name: str) -> None:
        """Raise ConfigInvalid for plaintext that other machines can reach."""
        listen = getattr(self, name)
        host, _port = split_address(listen, name)
        if not (self.insecure or self.door.is_tls or is_loopback(host)):
            raise ConfigInvalid(
                f"{name}={listen!r} is plaintext that other machines can reach; listen on "
                "127.0.0.1, give tls_cert and tls_key, or say insecure=True if it is meant",
                field=name,
            )

    def _check_web(self) -> None:
        self._check_open("web_listen")
        if self.door.tls_client_ca is not None:
            raise ConfigInvalid(
                f"web_listen={self.web_listen!r} is for browsers, which this server could not "
                "tell apart by tls_client_ca; let tokens say who comes, or serve the live page "
                "by another server",
                field="web_listen",
            )
        for origin in self.web_origins:
            if not ORIGIN.fullmatch(origin):
                raise ConfigInvalid(
                    f"web_origins={origin!r} is no origin; write scheme, host and port alone, "
                    "as https://demo.example or http://192.0.2.1:8080",
                    field="web_origins",
                )

    def _check_observers(self) -> None:
        for name in ("shadow_share", "trace_share"):
            share = getattr(self, name)
            if not 0.0 <= share <= 1.0:
                raise ConfigInvalid(
                    f"{name}={share} is outside 0..1; 0.5 is every other stream", field=name
                )
        if self.otlp_endpoint and not self.otlp_endpoint.startswith(OTLP_SCHEMES):
            raise ConfigInvalid(
                f"otlp_endpoint={self.otlp_endpoint!r} is no address of a collector; write "
                "http://127.0.0.1:4317",
                field="otlp_endpoint",
            )

    @property
    def has_web(self) -> bool:
        """Whether it has a live page."""
        return self.web_listen != OFF

    @property
    def has_metrics(self) -> bool:
        """Whether anybody can read the meters."""
        return self.metrics_listen != OFF

    @property
    def transport_bytes(self) -> int:
        """How much gRPC is to take in one message.

        It refuses what is larger without a word about our limits, so there is room for
        audio in its widest form, and for twice as much as is allowed.
        """
        unary_bytes = ceil(self.max_unary_audio_s * SAMPLE_RATE_HZ * WIDEST_SAMPLE_BYTES)
        audio_bytes = max(self.max_audio_message_bytes, unary_bytes)
        return max(LEAST_TRANSPORT_BYTES, EXCESS * audio_bytes + ENVELOPE_BYTES)

    def _check(self, name: str, *, most: int | None = None, may_be_zero: bool = False) -> None:
        value = getattr(self, name)
        is_positive = value >= 0 if may_be_zero else value > 0
        is_small_enough = value < inf if most is None else value <= most
        if not (is_positive and is_small_enough):
            least = "0 or more" if may_be_zero else "more than 0"
            bound = "finite" if most is None else f"at most {most}"
            raise ConfigInvalid(f"{name}={value} must be {least} and {bound}", field=name)


def split_address(address: str, name: str = "address", *, also: str = "") -> tuple[str, int]:
    """Split ``host:port``, where an IPv6 host stands in brackets.

    also: what may be written as well, for the error.
    Raises ConfigInvalid, naming the setting, if it is nothing of the kind, or there is no such
    port.
    """
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not (colon and host and port.isascii() and port.isdecimal()):
        raise ConfigInvalid(
            f"{name}={address!r} is not host:port; write 127.0.0.1:50051 or [::1]:50051{also}",
            field=name,
        )
    if int(port) > MOST_PORT:
        raise ConfigInvalid(
            f"{name}={address!r} has port {port}, and ports are 0..{MOST_PORT}; take another",
            field=name,
        )
    return host, int(port)


def join_address(host: str, port: int) -> str:
    """Return ``host:port``, with brackets around an IPv6 host."""
    return f"[{host}]:{port}" if ":" in host else f"{host}:{port}"


def is_loopback(host: str) -> bool:
    """Tell whether only this machine can reach ``host``."""
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def version() -> str:
    """Return the version that is installed, ``0+tree`` in a source tree that is not."""
    try:
        return importlib.metadata.version("vau")
    except importlib.metadata.PackageNotFoundError:
        return "0+tree"
