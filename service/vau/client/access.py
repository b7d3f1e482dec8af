"""What a client shows a server, what it believes of it, and why the two do not meet."""

import re
import socket
import ssl
from dataclasses import dataclass
from os import PathLike
from pathlib import Path
from typing import Final

import grpc

from vau.client.address import hosts_of
from vau.config import is_loopback, split_address
from vau.door.certificates import read_ca, read_client_pair
from vau.errors import ConfigInvalid
from vau.smallfile import read_secret

PROBE_S: Final = 2.0  # to find out why there is no connection

_SECRET: Final = re.compile(r"[A-Za-z0-9._~+/-]+=*")  # RFC 6750, section 2.1
_PLAINTEXT: Final = ("WRONG_VERSION_NUMBER", "HTTP_REQUEST", "PACKET_LENGTH_TOO_LONG")
_NOT_TRUSTED: Final = (7, 18, 19, 20, 21)  # of OpenSSL: the issuer is unknown, or only named so
_OTHER_NAME: Final = (62, 64)  # of OpenSSL: another host, another address

StrPath = str | PathLike[str]


@dataclass(frozen=True, slots=True, kw_only=True)
class Access:
    """How a client comes to a server. The default is plaintext, and no token."""

    tls: bool = False
    """Encrypt, and believe the authorities that gRPC brings. A CA or certificate implies it."""

    tls_ca: StrPath | None = None
    """PEM: believe these authorities instead."""

    tls_cert: StrPath | None = None
    """PEM: show this certificate, with ``tls_key``, to a server that asks for one."""

    tls_key: StrPath | None = None
    token_file: StrPath | None = None
    """Its first line is the bearer token to send."""

    def __post_init__(self) -> None:
        for name in ("tls_ca", "tls_cert", "tls_key", "token_file"):
            given: object = getattr(self, name)
            if not isinstance(given, str | PathLike | None):
                raise ConfigInvalid(
                    f"{name}: is of type {type(given).__name__}; give the path of a file, or "
                    "leave it out",
                    field=name,
                )
        if (self.tls_cert is None) != (self.tls_key is None):
            missing = "tls_key" if self.tls_cert else "tls_cert"
            raise ConfigInvalid(
                f"{missing}: is not given; a certificate to show takes tls_cert and tls_key",
                field=missing,
            )

    @property
    def is_tls(self) -> bool:
        """Whether the connection is encrypted."""
        return self.tls or self.tls_ca is not None or self.tls_cert is not None

    def credentials(self) -> grpc.ChannelCredentials | None:
        """Return what gRPC makes a TLS connection of; None for plaintext.

        Raises ConfigInvalid if a file cannot be used.
        """
        if not self.is_tls:
            return None
        authorities = None if self.tls_ca is None else read_ca(Path(self.tls_ca), "tls_ca")
        if self.tls_cert is None or self.tls_key is None:
            return grpc.ssl_channel_credentials(authorities)
        chain, key = read_client_pair(Path(self.tls_cert), Path(self.tls_key))
        return grpc.ssl_channel_credentials(authorities, key, chain)

    def metadata(self, address: str) -> tuple[tuple[str, str], ...]:
        """Return what to send with each call to the server at ``address``.

        Raises ConfigInvalid if the token cannot be read, or would be sent in plaintext to
        another machine.
        """
        if self.token_file is None:
            return ()
        if not self.is_tls and not all(map(is_loopback, hosts_of(address))):
            raise ConfigInvalid(
                f"token_file: others could read the token on its way to {address}; connect "
                "with TLS: give tls_ca, or tls",
                field="token_file",
            )
        return (("authorization", f"Bearer {_secret(Path(self.token_file))}"),)

    def obstacle(self, address: str) -> str:
        """Say why no connection to ``address`` comes about; empty if it is not TLS.

        Connects once more, with the standard library, which tells the causes apart.
        """
        try:
            host, port = split_address(address, "server")
            with socket.create_connection((host, port), PROBE_S) as connection:
                return self._tried(connection, host)
        except (OSError, ConfigInvalid):  # nobody there, or a name that only gRPC knows
            return ""

    def _tried(self, connection: socket.socket, host: str) -> str:
        try:
            with self._context().wrap_socket(connection, server_hostname=host) as wrapped:
                if not self.is_tls:
                    return "it speaks TLS, and this client plaintext: give tls_ca, or tls"
                # A server that takes our certificate, or wants none, speaks first.
                return "" if wrapped.recv(1) else self._rejected()
        except ConnectionError:
            return self._rejected()
        except ssl.SSLCertVerificationError as refusal:
            return self._distrust(refusal, host)
        except ssl.SSLError as failure:
            return self._failed(failure.reason or "")

    def _context(self) -> ssl.SSLContext:
        context = ssl.create_default_context(cafile=self.tls_ca)
        context.set_alpn_protocols(["h2"])
        if not self.is_tls:  # it is only asked whether it would
            context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
        elif self.tls_cert is not None:
            context.load_cert_chain(self.tls_cert, self.tls_key)
        return context

    def _distrust(self, refusal: ssl.SSLCertVerificationError, host: str) -> str:
        if refusal.verify_code in _NOT_TRUSTED:
            return "its certificate is signed by nobody that this client believes: give tls_ca"
        if refusal.verify_code in _OTHER_NAME:
            return (
                f"its certificate is not for {host}: connect to a name in its subjectAltName, "
                "or have it issued for this one"
            )
        return f"its certificate is refused: {refusal.verify_message}"

    def _failed(self, reason: str) -> str:
        if not self.is_tls:
            return ""
        if any(word in reason for word in _PLAINTEXT):
            return "it speaks plaintext, and this client TLS: leave out tls and its files"
        if "CERTIFICATE" in reason:  # TLS has several alerts that say so
            return self._rejected()
        return f"TLS fails: {reason.lower().replace('_', ' ')}"

    def _rejected(self) -> str:
        """Say why a server whose certificate is good hangs up: gRPC's do it without a word."""
        if self.tls_cert is None:
            return "it hangs up: if it asks clients for certificates, give tls_cert and tls_key"
        return "it hangs up: it does not accept this client's tls_cert; have its CA sign one"


PLAIN: Final = Access()


def check_access(access: object) -> Access:
    """Return ``access``, or the default for None. Raises ConfigInvalid for anything else."""
    if access is None:
        return PLAIN
    if not isinstance(access, Access):
        raise ConfigInvalid(
            f"access: is of type {type(access).__name__}; give vau.client.Access(tls_ca=..., "
            "token_file=...), or leave it out",
            field="access",
        )
    return access


def _secret(file: Path) -> str:
    """Return the token in a file. What is wrong with it is said without repeating it."""
    try:
        first = read_secret(file).decode("ascii").strip().partition("\n")[0].strip()
    except (OSError, UnicodeDecodeError) as cause:
        why = getattr(cause, "strerror", None) or "it is not ASCII"
        raise ConfigInvalid(
            f"token_file={str(file)!r}: {why}; give a file whose first line is the token",
            field="token_file",
        ) from cause
    if not _SECRET.fullmatch(first):
        raise ConfigInvalid(
            f"token_file={str(file)!r}: its first line is no token; put there what 'vau token' "
            "printed, and nothing else",
            field="token_file",
        )
    return first
