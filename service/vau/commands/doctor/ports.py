"""Whether a server could listen where it is to, and who does already."""

import errno
import json
import socket
import ssl
from collections.abc import Callable
from contextlib import suppress
from dataclasses import replace
from http.client import HTTPException
from pathlib import Path
from typing import Final
from urllib.request import HTTPSHandler, ProxyHandler, build_opener

from vau.client import Access, Client
from vau.commands.doctor.check import Asked, Check, Checks
from vau.commands.flags import DEFAULT_WEB
from vau.config import OFF, join_address, split_address
from vau.errors import AuthError, ConfigInvalid, VauError

ANSWER_S: Final = 3.0
MOST_PAGE_BYTES: Final = 1 << 20
ANY: Final = {"0.0.0.0": "127.0.0.1", "::": "::1"}  # noqa: S104 - where to ask who listens on all
PROC: Final = Path("/proc")
LISTENS: Final = "0A"  # in /proc/net/tcp

Who = Callable[[str], str]
"""Asks at ``host:port`` whether that is Vau, and says what it is; empty if it is not."""


def examine(asked: Asked) -> Checks:
    """Look at the ports of ``vau serve``, of its metrics and of its live page."""
    access = Access(
        tls=asked.tls_cert is not None,
        tls_ca=asked.access.get("tls_ca"),
        token_file=asked.access.get("token_file"),
    )
    yield port("ports.grpc", "listen", asked.listen, lambda at: served(at, access))
    if asked.metrics_listen == OFF:
        yield Check(name="ports.metrics", status="ok", found="off: nobody is to read metrics")
    else:
        yield port("ports.metrics", "metrics_listen", asked.metrics_listen, measured)
    page = port("ports.web", "web_listen", asked.web_listen or DEFAULT_WEB, shown)
    if page.status == "problem" and not asked.web_listen:
        meaning = "the live page would be there, and is not asked for (--web)"
        page = replace(page, status="note", meaning=meaning)
    yield page


def port(name: str, setting: str, address: str, who: Who) -> Check:
    """Judge whether ``address`` is free."""
    flag = "--" + setting.replace("_", "-")
    try:
        host, number = split_address(address, setting)
    except ConfigInvalid as error:
        found, _, remedy = str(error).partition("; ")
        return Check(name=name, status="problem", found=found, remedy=remedy)
    if number == 0:
        return Check(name=name, status="ok", found=f"{address}: any free port will do")
    try:
        _bind(host, number)
    except OSError as error:
        if error.errno == errno.EADDRINUSE:
            return _taken(name, flag, address, who)
        what = error.strerror or str(error)
        if error.errno in {errno.EACCES, errno.EPERM}:
            remedy = f"take a port of 1024 or more: {flag} {join_address(host, number + 50000)}"
            remedy = remedy if number <= 1024 else f"take another: {flag}"
        else:
            remedy = f"name an address of this machine: {flag} 127.0.0.1:{number}"
        return Check(
            name=name, status="problem", found=f"{address}: {what.lower()}", remedy=remedy
        )
    return Check(name=name, status="ok", found=f"{address} is free")


def _bind(host: str, number: int) -> None:
    """Listen for a moment. Raises OSError if that cannot be."""
    family, kind, protocol, _, at = socket.getaddrinfo(
        host, number, type=socket.SOCK_STREAM, flags=socket.AI_PASSIVE
    )[0]
    with socket.socket(family, kind, protocol) as tried:
        # What an ended server left behind does not matter, and one that listens does still.
        tried.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        tried.bind(at)
        tried.listen(1)


def _taken(name: str, flag: str, address: str, who: Who) -> Check:
    host, number = split_address(address)
    asked = join_address(ANY.get(host, host), number)
    said = who(asked)
    another = f"end it, or take another port: {flag} {join_address(host, number + 1)}"
    if said:
        return Check(
            name=name,
            status="note",
            found=f"{address}: {said}",
            meaning="a second server needs a port of its own",
            remedy=f"for a second one: {flag} {join_address(host, number + 1)}",
        )
    listener = listener_of(number)
    return Check(
        name=name,
        status="problem",
        found=f"{address} is taken by {listener or 'another program'}, which is no Vau",
        meaning="vau serve would not start",
        remedy=another,
    )


def served(address: str, access: Access) -> str:
    """Ask a server of ours what it is and how it fares; empty for what is none."""
    try:
        with Client(address, access=access, connect_timeout_s=ANSWER_S) as client:
            info = client.server_info()
            backends = client.backends(include_unavailable=True).backends
    except AuthError:
        return "a server that lets in holders of a token alone; give --token-file"
    except VauError:
        return ""
    states = ", ".join(
        f"{each.id} {each.State.Name(each.state).removeprefix('STATE_').lower()}"
        for each in backends
    )
    return f"Vau {info.version} serves here: {states}"


def measured(address: str) -> str:
    """Tell whether the metrics of Vau are shown there."""
    page = _page(f"http://{address}/metrics")
    return "Vau shows its metrics here" if "vau_build_info" in page else ""


def shown(address: str) -> str:
    """Tell whether the live page of Vau is shown there."""
    for scheme in ("http", "https"):
        with suppress(ValueError):
            facts = json.loads(_page(f"{scheme}://{address}/api/server"))
            if isinstance(facts, dict) and {"server", "token"} <= facts.keys():
                return "Vau shows its live page here"
    return ""


def _page(url: str) -> str:
    """Return what an HTTP server says, empty if it does not; no proxy is asked.

    Whoever signed its certificate will do: nothing is told to it.
    """
    anybody = ssl.create_default_context()
    anybody.check_hostname, anybody.verify_mode = False, ssl.CERT_NONE
    opener = build_opener(ProxyHandler({}), HTTPSHandler(context=anybody))
    try:
        with opener.open(url, timeout=ANSWER_S) as answer:
            content: bytes = answer.read(MOST_PAGE_BYTES)
    except (HTTPException, OSError, ValueError):
        return ""
    return content.decode(errors="replace")


def listener_of(number: int, proc: Path = PROC) -> str:
    """Name the process that listens on a port, as far as Linux lets us see; empty if not."""
    inodes = set()
    for table in ("net/tcp", "net/tcp6"):
        with suppress(OSError):
            for line in (proc / table).read_text(encoding="ascii").splitlines()[1:]:
                fields = line.split()
                if fields[3] == LISTENS and int(fields[1].rpartition(":")[2], 16) == number:
                    inodes.add(f"socket:[{fields[9]}]")
    for folder in proc.glob("[0-9]*"):
        with suppress(OSError):
            if any(str(link.readlink()) in inodes for link in (folder / "fd").iterdir()):
                command = (folder / "comm").read_text(encoding="utf-8").strip()
                return f"{command} (process {folder.name})"
    return ""
