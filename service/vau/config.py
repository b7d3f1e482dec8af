"""What whoever runs a server decides, checked once."""

import importlib.metadata
import ipaddress
from dataclasses import dataclass
from typing import Final

from vau.errors import ConfigInvalid

MAX_TRANSPORT_BYTES: Final = 4 << 20
"""What the transport takes in one message: more than any limit below, so that a client who
passes one of them reads our error and not the transport's."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ServerConfig:
    """One server: where it listens and what it allows."""

    listen: str = "127.0.0.1:50051"
    """``host:port`` of gRPC; port 0 takes a free one."""

    metrics_listen: str = "127.0.0.1:9464"
    """The same, of the Prometheus endpoint."""

    insecure: bool = False
    """Allow plaintext where other machines can reach it."""

    build: str = ""
    """Source revision or image digest, for ``GetServerInfo`` and ``vau_build_info``."""

    max_streams: int = 64
    """At once; the slots of the backends are a limit too."""

    max_audio_message_bytes: int = 64 << 10
    max_unary_audio_s: float = 60.0
    max_lag_s: float = 2.0
    """The most that a client may ask for. A message is answered before the next is read,
    so what waits is one message at the most."""

    config_timeout_s: float = 10.0
    drain_grace_s: float = 30.0
    """How long live streams may go on after the server was told to stop."""

    keepalive_s: float = 30.0
    """After so much silence on a connection it is asked whether it is still there."""

    keepalive_timeout_s: float = 10.0
    """Without an answer for so long the connection, and the slots of its streams, are free."""

    def __post_init__(self) -> None:
        for name in ("listen", "metrics_listen"):
            split_address(getattr(self, name), name)
        host, _port = split_address(self.listen, "listen")
        if not self.insecure and not is_loopback(host):
            raise ConfigInvalid(
                f"listen={self.listen!r} is plaintext that other machines can reach; "
                "listen on 127.0.0.1, or set insecure to say that this is meant",
                field="listen",
            )
        for name in ("max_streams", "max_unary_audio_s", "max_lag_s", "config_timeout_s"):
            self._check(name, above=0)
        for name in ("keepalive_s", "keepalive_timeout_s"):
            self._check(name, above=0)
        self._check("drain_grace_s", above=-1e-9)
        self._check("max_audio_message_bytes", above=0, below=MAX_TRANSPORT_BYTES)

    def _check(self, name: str, *, above: float, below: float = float("inf")) -> None:
        value = getattr(self, name)
        if not above < value < below:
            limits = f"more than {above:g}" + (f" and less than {below:g}" * (below < 1e300))
            raise ConfigInvalid(f"{name}={value} must be {limits}", field=name)


def split_address(address: str, name: str = "address") -> tuple[str, int]:
    """Split ``host:port``, where an IPv6 host stands in brackets.

    Raises ConfigInvalid, naming the setting, if it is nothing of the kind.
    """
    host, colon, port = address.rpartition(":")
    if host.startswith("[") and host.endswith("]"):
        host = host[1:-1]
    elif ":" in host:
        host = ""
    if not (colon and host and port.isascii() and port.isdecimal() and int(port) < 1 << 16):
        raise ConfigInvalid(
            f"{name}={address!r} is not host:port; write 127.0.0.1:50051 or [::1]:50051",
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
