"""Whose pages may talk to this server: a browser sends its user's network along with any page.

A browser says of which origin a page is, and no page can change that. What is no browser may
say what it likes, or nothing; that is for tokens to tell.
"""

import ipaddress
from collections.abc import Collection
from types import MappingProxyType
from typing import Final

from vau.config import ORIGIN, is_loopback, split_address

PORTS: Final = MappingProxyType({"http": 80, "https": 443})


def origin_fault(
    origin: str | None, host: str, *, listen: str, others: Collection[str], is_tls: bool
) -> str:
    """Say why a page may not come in; nothing if it may.

    origin: of the page, as the browser says; None if nothing does.
    host:   what the browser takes this server for.
    others: origins that were allowed by name.
    """
    if origin is None or origin in others:
        return ""
    scheme, _, netloc = origin.lower().partition("://")
    if not ORIGIN.fullmatch(origin.lower()) or _place(netloc, scheme) != _place(
        host.lower(), scheme
    ):
        return (
            f"a page of {origin} may not use this server; open the server's own page, or "
            f"start it with --web-origin {origin}"
        )
    return host_fault(host, listen=listen, others=others, is_tls=is_tls)


def host_fault(host: str, *, listen: str, others: Collection[str], is_tls: bool) -> str:
    """Say why nobody may ask for this server as ``host``; nothing if he may.

    A page could have its own name lead here, and would then be of this server's origin. What
    sends no ``Host`` is no browser.
    """
    name = _place(host.lower(), "http")[0]
    known = {split_address(listen, "web_listen")[0]}
    known |= {_place(each.partition("://")[2], "http")[0] for each in others}
    if not host or is_tls or _is_address(name) or name in known:
        return ""
    return (
        f"this server does not know that it is called {name}; open its page by its address, or "
        f"start it with --web-origin http://{host}"
    )


def _place(netloc: str, scheme: str) -> tuple[str, str]:
    """Return host and port, the latter filled in."""
    host, _, port = netloc.rpartition(":") if not netloc.endswith("]") else (netloc, "", "")
    if not host:
        host, port = port, ""
    return host.strip("[]"), port or str(PORTS[scheme])


def _is_address(name: str) -> bool:
    try:
        ipaddress.ip_address(name)
    except ValueError:
        return is_loopback(name)
    return True
