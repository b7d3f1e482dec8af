"""A DNS for one name, as Docker and Kubernetes have one: it answers with who is there now."""

import socket
import struct
from contextlib import suppress
from threading import Thread
from types import TracebackType
from typing import Final, Self

TYPE_A: Final = 1
_HEADER: Final = struct.Struct(">6H")
_ANSWERED: Final = 0x8180  # a response, recursion desired and available, no error
_MOST_BYTES: Final = 4096


class Names:
    """Tells the same addresses of any name, over UDP on a thread, until its block ends."""

    def __init__(self, host: str) -> None:
        """Listen at a free port of ``host``, with no addresses to tell."""
        self.addresses: tuple[str, ...] = ()
        self._socket = socket.socket(socket.AF_INET, socket.SOCK_DGRAM)
        self._socket.bind((host, 0))
        self.address = f"{host}:{self._socket.getsockname()[1]}"
        self._thread = Thread(target=self._serve, name="names", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self._socket.sendto(b"", self._socket.getsockname())
        self._thread.join()
        self._socket.close()

    def _serve(self) -> None:
        while True:
            asked, who = self._socket.recvfrom(_MOST_BYTES)
            if not asked:
                return
            with suppress(OSError):  # who asked is gone
                self._socket.sendto(answer(asked, self.addresses), who)


def answer(asked: bytes, addresses: tuple[str, ...]) -> bytes:
    """Return the answer to a query of one question; of another type than A there is nothing."""
    number = _HEADER.unpack_from(asked)[0]
    end = asked.index(b"\0", _HEADER.size) + 5  # the name, its type and class
    question = asked[_HEADER.size : end]
    (kind,) = struct.unpack_from(">H", question, len(question) - 4)
    told = addresses if kind == TYPE_A else ()
    header = _HEADER.pack(number, _ANSWERED, 1, len(told), 0, 0)
    return header + question + b"".join(map(_record, told))


def _record(address: str) -> bytes:
    """Return one address of the name of the question, good for a second."""
    fixed = struct.pack(">3HLH", 0xC000 | _HEADER.size, TYPE_A, 1, 1, 4)
    return fixed + socket.inet_aton(address)
