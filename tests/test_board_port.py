"""Where a board is on a network, and a port whose other end talks without end."""

import os
import select
from collections.abc import Iterator

import pytest

from vau.errors import DeviceLost, DeviceTimeout
from vau_backends.board.transport.places import place_of
from vau_backends.board.transport.port import MOST_WAITING, READ_BYTES, Port


class Flooded(Port):
    """The other end takes in nothing, and there is always more of it to read."""

    each = b""

    def _wait(self, events: int, limit_s: float) -> int:
        assert limit_s > -5.0, "it would go on for ever"
        return events & select.POLLIN

    def _read(self) -> bytes:
        assert len(self._waiting) <= MOST_WAITING, "it would keep all of it"
        return self.each


@pytest.fixture
def port() -> Iterator[Flooded]:
    descriptor = os.open("/dev/null", os.O_RDWR)
    port = Flooded("flooded", descriptor, lambda: os.close(descriptor))
    yield port
    port.close()


def test_who_talks_without_end_and_takes_nothing_in_is_given_up_in_time(port: Flooded) -> None:
    with pytest.raises(DeviceTimeout, match=r"4 of 4 bytes were not taken within 0\.01 s"):
        port.send(b"ever", 0.01)


def test_who_talks_without_end_is_not_listened_to_for_ever(port: Flooded) -> None:
    port.each = bytes(READ_BYTES)
    with pytest.raises(DeviceLost, match=r"bytes came that nobody asked for, without end"):
        port.send(b"ever", 60.0)
    with pytest.raises(DeviceLost, match="without end"):
        port.drop()
    with pytest.raises(DeviceLost, match="without end"):
        port.gather(60.0)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("localhost:4000", ("localhost", 4000)),
        ("127.0.0.1:0", ("127.0.0.1", 0)),
        ("[::1]:65535", ("::1", 65535)),
        ("host:65536", None),
        ("host:", None),
        (":1", None),
        ("host", None),
        ("host:+1", None),
        ("host:١", None),
        ("a host:1", None),
    ],
)
def test_a_place_is_a_host_and_a_port_that_there_is(
    text: str, place: tuple[str, int] | None
) -> None:
    assert place_of(text) == place
