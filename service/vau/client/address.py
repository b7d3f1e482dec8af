"""Where a server is, in what gRPC understands, checked before anybody dials."""

from typing import Final

from vau.config import split_address
from vau.errors import ConfigInvalid

FORM: Final = "write 127.0.0.1:50051, [::1]:50051 or vau.example.org:50051"
OPAQUE: Final = ("unix:", "unix-abstract:", "vsock:", "xds:", "google-c2p:")
"""Schemes of gRPC's whose rest is no host and port."""


def check_address(address: object) -> str:
    """Return an address that can be dialled.

    It is ``host:port``, or a list of them behind ``ipv4:`` or ``ipv6:``, of which gRPC takes
    the first that answers, or a name in another scheme of gRPC's.
    Raises ConfigInvalid for anything else.
    """
    if not isinstance(address, str):
        raise ConfigInvalid(
            f"server: is of type {type(address).__name__}; give host:port as text",
            field="server",
        )
    if address.startswith(("http://", "https://", "grpc://", "grpcs://")):
        scheme, _, rest = address.partition("://")
        tls = " and encrypt with tls" if scheme.endswith("s") else ""
        raise ConfigInvalid(
            f"server={address!r} is a URL, and host:port is wanted; leave out {scheme}://"
            f"{tls}: {rest.rstrip('/') or 'host:port'}",
            field="server",
        )
    hosts_of(address)
    return address


def hosts_of(address: str) -> tuple[str, ...]:
    """Return the hosts that an address names; none where its scheme says something else.

    Raises ConfigInvalid for what is no address.
    """
    if address.startswith(OPAQUE):
        return ()
    scheme, colon, rest = address.partition(":")
    if colon and scheme in ("ipv4", "ipv6"):
        return tuple(_host_of(each, address) for each in rest.split(","))
    if colon and scheme == "dns":
        return (_host_of(rest.rpartition("/")[2], address),)
    return (_host_of(address, address),)


def _host_of(one: str, address: str) -> str:
    host, port = split_address(one, "server")
    if not port or any(character.isspace() for character in one):
        raise ConfigInvalid(f"server={address!r} cannot be dialled; {FORM}", field="server")
    return host
