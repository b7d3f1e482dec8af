"""The files that decide who comes in: certificates, keys, tokens, and the key of resumption."""

from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Final

from vau.checkpoint.seal import read_key
from vau.commands.doctor.check import Asked, Check, Checks, of_error, plural
from vau.config import OFF, ServerConfig, is_loopback, split_address
from vau.door.certificates import Identity, is_believed, read_ca, read_identity
from vau.door.config import DoorConfig
from vau.door.tokens import Tokens
from vau.errors import ConfigInvalid

SOON: Final = timedelta(days=14)
EVERYWHERE: Final = ("0.0.0.0", "::")  # noqa: S104 - it is compared, nothing listens there


def examine(asked: Asked) -> Checks:
    """Look at each that is given."""
    yield from _tls(asked)
    if asked.tokens is not None:
        yield tokens(asked.tokens)
    if asked.resume_key_file is not None:
        yield key(asked.resume_key_file)
    elif not is_loopback(_host(asked.listen)):
        yield Check(
            name="door.resume_key",
            status="note",
            found="no --resume-key-file",
            meaning="a stream cannot go on at another server, nor at this one once it was "
            "started again",
            remedy="(umask 077; openssl rand -hex 32 > resume.key), and --resume-key-file "
            "resume.key at all servers",
        )


def _tls(asked: Asked) -> Checks:
    try:
        door = DoorConfig(
            tls_cert=asked.tls_cert,
            tls_key=asked.tls_key,
            tls_client_ca=asked.tls_client_ca,
            tokens=asked.tokens,
        )
        ServerConfig(
            listen=asked.listen,
            metrics_listen=OFF,
            web_listen=asked.web_listen or OFF,
            web_origins=asked.web_origins,
            insecure=asked.insecure,
            door=door,
        )
    except ConfigInvalid as error:
        yield of_error("door.tls", error)
        return
    if asked.tls_cert is None or asked.tls_key is None:
        yield plaintext([asked.listen, *([asked.web_listen] if asked.web_listen else [])])
        return
    try:
        found = read_identity(asked.tls_cert, asked.tls_key, asked.tls_client_ca)
    except ConfigInvalid as error:
        yield of_error("door.tls", error)
        return
    yield certificate(found, datetime.now(UTC))
    yield names(found, _host(asked.listen))
    if asked.access.get("tls_ca") is not None:
        yield authority(asked.tls_cert, asked.tls_key, Path(asked.access["tls_ca"]))


def plaintext(addresses: list[str]) -> Check:
    """Judge a server without TLS that listens there, as it may."""
    reached = [each for each in addresses if not is_loopback(_host(each))]
    if reached:
        return Check(
            name="door.tls",
            status="warning",
            found=f"plaintext on {', '.join(reached)}, as --insecure says",
            meaning="whoever is on the way can hear and change what is said, tokens included",
            remedy="give --tls-cert and --tls-key, or let a proxy with TLS stand before it",
        )
    return Check(
        name="door.tls",
        status="ok",
        found=f"plaintext on {', '.join(addresses)}, which other machines cannot reach",
    )


def certificate(found: Identity, now: datetime) -> Check:
    """Judge a certificate that can be used, by when it ends."""
    text = f"certificate and key match; good until {found.expires:%Y-%m-%d %H:%M} UTC"
    if found.expires - now > SOON:
        return Check(name="door.tls", status="ok", found=text)
    return Check(
        name="door.tls",
        status="warning",
        found=text,
        meaning="after that no client connects any more",
        remedy="renew it; a server reads the new files by itself",
    )


def names(found: Identity, host: str) -> Check:
    """Judge whether a certificate is good for the host that clients would connect to."""
    listed = ", ".join(found.names)
    if host in EVERYWHERE:
        return Check(
            name="door.names",
            status="ok",
            found=f"the certificate is for {listed}",
            meaning="clients must connect to one of these",
        )
    if any(_is_for(name, host) for name in found.names):
        return Check(name="door.names", status="ok", found=f"the certificate is for {host}")
    return Check(
        name="door.names",
        status="warning",
        found=f"the certificate is for {listed}, and not for {host}",
        meaning=f"clients that connect to {host} refuse it",
        remedy="have it issued for that, too, or let clients use a name that it has",
    )


def _is_for(name: str, host: str) -> bool:
    try:
        return ip_address(name) == ip_address(host)
    except ValueError:
        pass
    if name.startswith("*."):
        return host.partition(".")[2].lower() == name[2:].lower()
    return name.lower() == host.lower()


def authority(cert: Path, key_file: Path, ca: Path) -> Check:
    """Judge whether clients who believe ``ca`` alone believe ``cert``."""
    try:
        believed = is_believed(cert, key_file, read_ca(ca, "tls_ca"))
    except ConfigInvalid as error:
        return of_error("door.authority", error)
    if believed:
        return Check(name="door.authority", status="ok", found=f"{ca} signed the certificate")
    return Check(
        name="door.authority",
        status="problem",
        found=f"{ca} did not sign {cert}",
        meaning="clients with --tls-ca refuse the server",
        remedy="give clients the authority that signed it, and servers the whole chain",
    )


def tokens(file: Path) -> Check:
    """Judge a file of tokens."""
    try:
        found = Tokens.read(file)
    except ConfigInvalid as error:
        return of_error("door.tokens", error)
    return Check(
        name="door.tokens", status="ok", found=f"{file}: {plural(len(found), 'token')}"
    )


def key(file: Path) -> Check:
    """Judge the key that checkpoints are sealed with."""
    try:
        read_key(file)
    except ConfigInvalid as error:
        return of_error("door.resume_key", error)
    return Check(
        name="door.resume_key",
        status="ok",
        found=f"{file} holds a key",
        meaning="streams go on at any server that has the same",
    )


def _host(listen: str) -> str:
    try:
        return split_address(listen)[0]
    except ConfigInvalid:  # which the ports tell
        return "127.0.0.1"
