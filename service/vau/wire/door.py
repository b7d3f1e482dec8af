"""The door: who calls, whether that is allowed, and what the connection is made of.

It holds the files of ``DoorConfig`` and reads them again when they change. A file that cannot
be used as it is leaves everything as it was, and says so in the log and to the meters.
"""

import asyncio
import hashlib
import ipaddress
import logging
import ssl
from contextlib import AbstractContextManager, suppress
from dataclasses import replace
from time import monotonic
from typing import Any, Final, cast
from urllib.parse import unquote

import grpc

from vau.config import ServerConfig, is_loopback, split_address
from vau.door.certificates import Identity, read_identity
from vau.door.tokens import Token, Tokens, bearer
from vau.door.visits import Visitor, Visits
from vau.door.watched import Watched
from vau.errors import AuthError, AuthForbidden, AuthRequired
from vau.logs import facts
from vau.metrics import Metrics
from vau.wire.context import Metadata, Peer

logger = logging.getLogger(__name__)

LOOK_S: Final = 1.0  # how long a changed file may go unnoticed
WAITING: Final = 1000  # streams without a slot: each keeps memory until its config timeout
HEADER: Final = "authorization"
CERTIFICATE: Final = "cert:"  # before the name of a client certificate: no token is called so
FINGERPRINT: Final = "sha256:"  # before that of a certificate without a name


class Door:
    """The door of one server."""

    def __init__(self, config: ServerConfig, metrics: Metrics) -> None:
        """Read the files. Raises ConfigInvalid if one cannot be used."""
        rules = config.door
        self._meters = metrics.door
        self._visits = Visits(
            max_per_host=rules.max_streams_per_client, most=config.max_streams + WAITING
        )
        self._tokens: Watched[Tokens] | None = None
        self._identity: Watched[Identity] | None = None
        self._asked = asyncio.Event()
        if rules.tokens is not None:
            file = rules.tokens
            self._tokens = Watched([file], lambda: Tokens.read(file))
        if rules.tls_cert is not None and rules.tls_key is not None:
            cert, key, client_ca = rules.tls_cert, rules.tls_key, rules.tls_client_ca
            files = [cert, key, *([client_ca] if client_ca else [])]
            self._identity = Watched(files, lambda: read_identity(cert, key, client_ca))
            self._credentials = _Credentials(self._identity)
            self._meters.certificate(self._identity.value.expires.timestamp())

    @property
    def wants_tokens(self) -> bool:
        """Whether callers must bring a token."""
        return self._tokens is not None

    @property
    def credentials(self) -> grpc.ServerCredentials | None:
        """What a port with TLS is made of; None for one without."""
        return None if self._identity is None else self._credentials.grpc

    @property
    def identity(self) -> Identity | None:
        """What this server shows of itself at present; None without TLS."""
        return None if self._identity is None else self._identity.value

    def described(self) -> dict[str, int | str]:
        """Say what stands at this door, for the log."""
        identity = None if self._identity is None else self._identity.value
        return {
            "tls": "off" if identity is None else "mutual" if identity.client_ca else "on",
            **({} if identity is None else _described(identity)),
            "tokens": 0 if self._tokens is None else len(self._tokens.value),
        }

    def remark(self, listen: str) -> None:
        """Warn of what may not be meant."""
        host, _port = split_address(listen, "listen")
        if self.wants_tokens and self._identity is None and not is_loopback(host):
            text = "tokens from other machines are refused; give tls_cert and tls_key"
            logger.warning("tokens over plaintext", extra=facts(listen=listen, text=text))

    def token(self, metadata: Metadata) -> Token | None:
        """Return the token of a call; None if this server wants none.

        Raises AuthRequired if it is missing, malformed or unknown.
        """
        if self._tokens is None:
            return None
        headers = [value for name, value in metadata or () if name.lower() == HEADER]
        found = self._tokens.value.find(bearer(headers))
        if found is None:
            raise AuthRequired(
                "authorization: this server does not know this token; ask for another",
                why="unknown",
            )
        return found

    def visitor(self, context: Peer) -> Visitor:
        """Tell who calls. Raises AuthRequired or AuthForbidden if that is nobody we let in."""
        host = host_of(context.peer())
        token = self.token(context.invocation_metadata())
        if token is None:
            return Visitor(_certificate_name(context), host)
        if self._identity is None and not is_loopback(host):
            raise AuthForbidden(
                "authorization: the token came in plaintext, where others can read it; get "
                "another, and connect with TLS",
                why="plaintext",
            )
        return Visitor(token.holder.name, host, token)

    def visit(self, visitor: Visitor) -> AbstractContextManager[None]:
        """Count a stream in, and out at the end of the block.

        Raises AuthForbidden, QuotaExceeded or SlotsExhausted if there may be no other.
        """
        return self._visits.stream(visitor)

    def heard(self, visitor: Visitor, audio_s: float) -> None:
        """Charge a caller with audio that is about to be taken in.

        Raises QuotaExceeded if that is too much, AuthRequired if his token is no more.
        """
        if self._tokens is not None and visitor.token is not None:
            now = self._tokens.value.now(visitor.token)
            if now is None:
                raise AuthRequired(
                    "authorization: this token was withdrawn; ask for another", why="withdrawn"
                )
            visitor = replace(visitor, token=now)
        self._visits.heard(visitor, audio_s, monotonic())

    def refused(self, refusal: AuthError) -> None:
        """Count a caller who was refused."""
        self._meters.refused(str(refusal.facts.get("why", "")))

    def reload(self) -> None:
        """Have the files read again, changed or not; what comes of it is logged."""
        watched = {"tokens": self._tokens, "tls": self._identity}
        files = [name for name, each in watched.items() if each is not None]
        logger.info("reloading", extra=facts(files=", ".join(files) or "none"))
        self._asked.set()

    async def watch(self) -> None:
        """Read the files again whenever they change, or when asked, until cancelled."""
        while self._tokens is not None or self._identity is not None:
            with suppress(TimeoutError):
                await asyncio.wait_for(self._asked.wait(), LOOK_S)
            anyway = self._asked.is_set()
            self._asked.clear()
            try:
                await asyncio.to_thread(self._look, anyway=anyway)
            except Exception:  # whoever watches must not fall asleep over it
                logger.exception("defect")

    def _look(self, *, anyway: bool) -> None:
        if self._tokens is not None and self._was_read("tokens", self._tokens, anyway=anyway):
            count = len(self._tokens.value)
            logger.info("reloaded", extra=facts(file="tokens", tokens=count))
        if self._identity is not None and self._was_read("tls", self._identity, anyway=anyway):
            identity = self._identity.value
            self._meters.certificate(identity.expires.timestamp())
            logger.info("reloaded", extra=facts(file="tls", **_described(identity)))

    def _was_read(self, name: str, watched: Watched[Any], *, anyway: bool) -> bool:
        outcome = watched.look(anyway=anyway)
        if outcome == "kept":
            logger.warning("not reloaded", extra=facts(file=name, why=str(watched.failure)))
        if outcome != "same":
            self._meters.reloaded(name, outcome)
        return outcome == "renewed"


class _Credentials:
    """TLS whose certificate may change: each handshake takes the one of the moment.

    Connections that stand keep what they were made with.
    """

    def __init__(self, identity: Watched[Identity]) -> None:
        self._identity = identity
        self._given = identity.value
        self.grpc = grpc.dynamic_ssl_server_credentials(
            _configuration(self._given),
            # Its types do not know that None is an answer.
            cast("Any", self._changed),  # called on a thread of gRPC's, before each handshake
            require_client_authentication=self._given.client_ca is not None,
        )

    def _changed(self) -> grpc.ServerCertificateConfiguration | None:
        """Return what to show from now on, None if that is what it was."""
        present = self._identity.value
        if present is self._given:
            return None
        self._given = present
        return _configuration(present)


def _configuration(identity: Identity) -> grpc.ServerCertificateConfiguration:
    pairs = [(identity.key, identity.chain)]
    return grpc.ssl_server_certificate_configuration(pairs, identity.client_ca)


def _described(identity: Identity) -> dict[str, str]:
    return {"names": ", ".join(identity.names), "expires": identity.expires.isoformat()}


def host_of(peer: str) -> str:
    """Return the address in what gRPC calls a peer: ``ipv4:127.0.0.1:50051``.

    An IPv4 address that was mapped into IPv6 comes back as the former.
    """
    kind, _, rest = peer.partition(":")
    if kind not in ("ipv4", "ipv6"):
        return peer
    host, _port = split_address(unquote(rest), "peer")
    mapped = ipaddress.IPv6Address(host.partition("%")[0]).ipv4_mapped if ":" in host else None
    return host if mapped is None else str(mapped)


def _certificate_name(context: Peer) -> str:
    """Return whose certificate the caller shows; empty only if none was asked for.

    Without a common name it is the SHA-256 of the certificate, or all such callers were one.
    """
    shown = context.auth_context()
    for name in shown.get("x509_common_name", ()):
        if name and not name.startswith(FINGERPRINT.encode()):  # which nobody may call himself
            return CERTIFICATE + name.decode(errors="replace")
    for certificate in shown.get("x509_pem_cert", ()):
        der = ssl.PEM_cert_to_DER_cert(certificate.decode("ascii"))
        return CERTIFICATE + FINGERPRINT + hashlib.sha256(der).hexdigest()
    return ""
