"""Certificates and keys: read from files, and refused in words before a handshake would.

What gRPC says of a bad certificate is one line for every cause, and it says it to the client.
So each is tried here first: with the standard library's TLS, against itself, in memory.
"""

import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

from vau.errors import ConfigInvalid
from vau.smallfile import read_secret, read_trusted

_EXPIRED, _NOT_YET_VALID = 10, 9  # X509_V_ERR_CERT_HAS_EXPIRED, _NOT_YET_VALID of OpenSSL
_MISMATCHES: Final = ("KEY_VALUES_MISMATCH", "KEY_TYPE_MISMATCH", "NO_CERTIFICATE_ASSIGNED")
_TURNS: Final = 4  # of both ends, which is twice what a handshake takes
_END: Final = b"-----END CERTIFICATE-----"
_KEY: Final = b"PRIVATE KEY-----"


@dataclass(frozen=True, slots=True, kw_only=True)
class Identity:
    """What one end of a connection shows, and whom it believes."""

    chain: bytes
    """PEM: the certificate first, then those that lead to the root."""

    key: bytes
    """PEM."""

    client_ca: bytes | None
    """PEM: who signs the certificates of clients; None asks for none."""

    expires: datetime
    names: tuple[str, ...]
    """From subjectAltName: the hosts and addresses that it is good for."""

    tls: ssl.SSLContext
    """The same for who speaks TLS through Python; it asks nobody for a certificate."""


def read_identity(cert: Path, key: Path, client_ca: Path | None = None) -> Identity:
    """Read the certificate and key of a server, and the CA of its clients.

    Raises ConfigInvalid, naming setting, file and remedy, if one cannot be read or is not
    PEM, if others may read the key or change any of them, if the key belongs to another
    certificate or has a passphrase, and if the certificate has expired, is not valid yet, is
    for no name or not for a server.
    """
    chain, secret = _read_pair(cert, key)
    context = _loaded(cert, key, secret)
    if (chain, secret) != _read_pair(cert, key):
        raise ConfigInvalid(
            f"tls_cert={str(cert)!r}: changed while it was read; it will be read again",
            field="tls_cert",
        )
    found = _shown_to_itself(context, chain, cert)
    names = tuple(name for _kind, name in found.get("subjectAltName", ()))
    if not names:
        raise ConfigInvalid(
            f"tls_cert={str(cert)!r}: has no subjectAltName, and clients look at nothing else; "
            "issue it for DNS names or IP addresses",
            field="tls_cert",
        )
    return Identity(
        chain=chain,
        key=secret,
        client_ca=None if client_ca is None else read_ca(client_ca, "tls_client_ca"),
        expires=datetime.fromtimestamp(ssl.cert_time_to_seconds(found["notAfter"]), UTC),
        names=names,
        tls=context,
    )


def read_client_pair(cert: Path, key: Path) -> tuple[bytes, bytes]:
    """Read the certificate and key that a client shows. Raises as ``read_identity``."""
    chain, secret = _read_pair(cert, key)
    _loaded(cert, key, secret)
    return chain, secret


def read_ca(file: Path, setting: str) -> bytes:
    """Read certificates to believe. Raises ConfigInvalid if there are none in ``file``."""
    content = _read(file, setting, read_trusted)
    try:
        ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT).load_verify_locations(
            cadata=content.decode("ascii")
        )
    except (ssl.SSLError, ValueError) as cause:
        raise ConfigInvalid(
            f"{setting}={str(file)!r}: holds no PEM certificate; give the CA that signed the "
            "other side's",
            field=setting,
        ) from cause
    return content


def is_believed(cert: Path, key: Path, authorities: bytes) -> bool:
    """Tell whether a client that believes ``authorities`` (PEM) alone believes a server's pair.

    Raises ConfigInvalid as ``read_identity`` for a pair that is none.
    """
    server = _loaded(cert, key, _read_pair(cert, key)[1])
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.load_verify_locations(cadata=authorities.decode("ascii"))
    try:
        _handshake(server, client)
    except ssl.SSLCertVerificationError:
        return False
    return True


def _read(file: Path, setting: str, read: Callable[[Path], bytes]) -> bytes:
    try:
        return read(file)
    except OSError as cause:
        raise ConfigInvalid(
            f"{setting}={str(file)!r}: {cause.strerror or cause}; give a PEM file that this "
            "user can read",
            field=setting,
        ) from cause


def _read_pair(cert: Path, key: Path) -> tuple[bytes, bytes]:
    chain = _read(cert, "tls_cert", read_trusted)
    if _KEY in chain and _END not in chain:
        raise _no_key(key)  # before the certificate is refused for being everybody's to read
    return chain, _read(key, "tls_key", read_secret)


def _loaded(cert: Path, key: Path, secret: bytes) -> ssl.SSLContext:
    """Return a server's TLS with this pair. Raises ConfigInvalid if the two make none."""
    if b"ENCRYPTED" in secret:
        raise ConfigInvalid(
            f"tls_key={str(key)!r}: has a passphrase, and nobody is there to type it; write "
            "it without, readable for this user alone",
            field="tls_key",
        )
    if _KEY not in secret:
        raise _no_key(key)
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    try:
        context.load_cert_chain(cert, key, password=lambda: "")
    except (ssl.SSLError, OSError) as cause:
        if getattr(cause, "reason", "") in _MISMATCHES:
            raise ConfigInvalid(
                f"tls_key={str(key)!r}: belongs to another certificate than "
                f"tls_cert={str(cert)!r}; give the two that were made together",
                field="tls_key",
            ) from cause
        raise ConfigInvalid(
            f"tls_cert={str(cert)!r}: holds no PEM certificate, or its key is damaged "
            f"({getattr(cause, 'reason', None) or cause}); give the chain, server first",
            field="tls_cert",
        ) from cause
    return context


def _no_key(key: Path) -> ConfigInvalid:
    return ConfigInvalid(
        f"tls_key={str(key)!r}: holds no PEM private key; are the two files swapped?",
        field="tls_key",
    )


def _shown_to_itself(server: ssl.SSLContext, chain: bytes, cert: Path) -> dict[str, Any]:
    """Return the fields of a certificate, found by a handshake with one who trusts it."""
    client = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    client.check_hostname = False
    client.verify_flags |= ssl.VERIFY_X509_PARTIAL_CHAIN
    first = chain[: chain.index(_END) + len(_END)]
    try:
        client.load_verify_locations(cadata=first[first.rindex(b"-----BEGIN") :].decode())
        return _handshake(server, client)
    except ssl.SSLCertVerificationError as refusal:
        if refusal.verify_code == _EXPIRED:
            what = "has expired; renew it"
        elif refusal.verify_code == _NOT_YET_VALID:
            what = "is not valid yet; is the clock of this machine right?"
        else:
            what = f"is not one for a server ({refusal.verify_message}); issue it as such"
        raise ConfigInvalid(f"tls_cert={str(cert)!r}: {what}", field="tls_cert") from refusal
    except (ssl.SSLError, ValueError) as cause:
        raise ConfigInvalid(
            f"tls_cert={str(cert)!r}: cannot be used for TLS ({cause}); issue another",
            field="tls_cert",
        ) from cause


def _handshake(server: ssl.SSLContext, client: ssl.SSLContext) -> dict[str, Any]:
    """Let two ends meet in memory; return what the client saw of the server."""
    up, down = ssl.MemoryBIO(), ssl.MemoryBIO()
    theirs = server.wrap_bio(up, down, server_side=True)
    ours = client.wrap_bio(down, up)
    for _ in range(_TURNS):
        for end in (ours, theirs):
            with suppress(ssl.SSLWantReadError):
                end.do_handshake()
        if ours.version() and (seen := ours.getpeercert()):
            return seen
    raise ValueError("the handshake does not end")
