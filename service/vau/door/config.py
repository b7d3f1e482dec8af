"""What whoever runs a server decides about who may come in, checked once."""

from dataclasses import dataclass
from pathlib import Path

from vau.errors import ConfigInvalid


@dataclass(frozen=True, slots=True, kw_only=True)
class DoorConfig:
    """The door of one server. Its files are read again when they change."""

    tls_cert: Path | None = None
    """PEM: the server's certificate and its chain. With ``tls_key`` there is TLS."""

    tls_key: Path | None = None
    tls_client_ca: Path | None = None
    """PEM: clients must show a certificate that one of these signed."""

    tokens: Path | None = None
    """Lines as ``vau.door.tokens`` has them: calls must bring one of these tokens."""

    reflection: bool | None = None
    """Whether the server lists its methods; None: unless there are tokens."""

    closed_health: bool = False
    """Whether health, too, is for holders of a token."""

    max_streams_per_client: int = 0
    """Streams of one address at a time; 0 is no limit."""

    def __post_init__(self) -> None:
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_cert else "tls_cert"
            raise ConfigInvalid(
                f"{missing}: is not given; TLS takes tls_cert and tls_key", field=missing
            )
        if self.tls_client_ca is not None and not self.is_tls:
            raise ConfigInvalid(
                "tls_client_ca: asks clients for certificates, and there is no TLS; give "
                "tls_cert and tls_key as well",
                field="tls_client_ca",
            )
        if self.closed_health and self.tokens is None:
            raise ConfigInvalid(
                "closed_health: is for holders of a token, and there are none; name a file "
                "of them",
                field="closed_health",
            )
        if self.max_streams_per_client < 0:
            raise ConfigInvalid(
                f"max_streams_per_client={self.max_streams_per_client} must be 0, which is no "
                "limit, or more",
                field="max_streams_per_client",
            )

    @property
    def is_tls(self) -> bool:
        """Whether connections are encrypted."""
        return self.tls_cert is not None

    @property
    def shows_reflection(self) -> bool:
        """Whether the server lists its methods."""
        return self.tokens is None if self.reflection is None else self.reflection
