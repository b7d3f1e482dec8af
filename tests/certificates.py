"""Certificates of any age, name and signature, made on the spot."""

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from ipaddress import ip_address
from pathlib import Path
from typing import Self

from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec, rsa
from cryptography.x509.oid import ExtendedKeyUsageOID, NameOID

DAY = timedelta(days=1)
LOOPBACK = ("localhost", "127.0.0.1")

Key = ec.EllipticCurvePrivateKey | rsa.RSAPrivateKey


@dataclass(frozen=True, slots=True)
class Pair:
    """A certificate and its key, as files."""

    cert: Path
    key: Path

    def take_the_place_of(self, other: Self) -> None:
        """Rename these files onto the other's, as whoever renews a certificate does."""
        self.cert.replace(other.cert)
        self.key.replace(other.key)


class Authority:
    """Signs certificates, and keeps all files in one folder."""

    def __init__(self, folder: Path, name: str = "authority") -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._folder = folder
        self._key = ec.generate_private_key(ec.SECP256R1())
        self._name = _named(name)
        made = _begun(self._name, self._name, self._key)
        made = made.add_extension(x509.BasicConstraints(ca=True, path_length=None), True)
        self.cert = folder / f"{name}.pem"
        _write_certificate(self.cert, made.sign(self._key, hashes.SHA256()))

    def issue(
        self,
        name: str,
        *,
        hosts: tuple[str, ...] = LOOPBACK,
        begins: timedelta = -DAY,
        ends: timedelta = DAY,
        for_servers: bool = True,
        with_rsa: bool = False,
        passphrase: bytes = b"",
        common_name: str | None = None,
    ) -> Pair:
        """Issue a certificate in files called ``name``, and for that name unless told."""
        key: Key = ec.generate_private_key(ec.SECP256R1())
        if with_rsa:
            key = rsa.generate_private_key(public_exponent=65_537, key_size=2048)
        subject = _named(name if common_name is None else common_name)
        made = _begun(subject, self._name, key, begins, ends)
        if hosts:
            made = made.add_extension(
                x509.SubjectAlternativeName([_general(host) for host in hosts]), False
            )
        usage = (
            ExtendedKeyUsageOID.SERVER_AUTH if for_servers else ExtendedKeyUsageOID.CLIENT_AUTH
        )
        made = made.add_extension(x509.ExtendedKeyUsage([usage]), False)
        pair = Pair(self._folder / f"{name}.pem", self._folder / f"{name}.key")
        _write_certificate(pair.cert, made.sign(self._key, hashes.SHA256()))
        pair.key.touch(0o600)
        pair.key.write_bytes(
            key.private_bytes(
                serialization.Encoding.PEM,
                serialization.PrivateFormat.PKCS8,
                serialization.BestAvailableEncryption(passphrase)
                if passphrase
                else serialization.NoEncryption(),
            )
        )
        return pair


def _named(name: str) -> x509.Name:
    return x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, name)] if name else [])


def _begun(
    subject: x509.Name,
    issuer: x509.Name,
    key: Key,
    begins: timedelta = -DAY,
    ends: timedelta = DAY,
) -> x509.CertificateBuilder:
    now = datetime.now(UTC)
    return (
        x509.CertificateBuilder()
        .subject_name(subject)
        .issuer_name(issuer)
        .public_key(key.public_key())
        .serial_number(x509.random_serial_number())
        .not_valid_before(now + begins)
        .not_valid_after(now + ends)
    )


def _general(host: str) -> x509.GeneralName:
    try:
        return x509.IPAddress(ip_address(host))
    except ValueError:
        return x509.DNSName(host)


def _write_certificate(file: Path, certificate: x509.Certificate) -> None:
    file.write_bytes(certificate.public_bytes(serialization.Encoding.PEM))
