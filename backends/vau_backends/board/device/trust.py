"""Which hardware is trusted: the RTL of this package, or what a person names by its hash."""

from vau_backends.board.device.board import Trusts
from vau_backends.board.link.info import Info
from vau_backends.board.transport.urls import Url


def trust_of(url: Url) -> Trusts:
    """Return what tells whether a board behind ``url`` is known."""

    def trusts(info: Info) -> bool:
        return info.rtl_hash.hex() == url.accepted_rtl or is_ours(info)

    return trusts


def is_ours(info: Info) -> bool:
    """Tell whether a board has the RTL of this package with the parameters that it names."""
    return info.rtl_hash in our_hashes(info)


def our_hashes(_info: Info) -> frozenset[bytes]:
    """Return the hashes that the RTL of this package may have on such a board."""
    return frozenset()
