"""A real server starts anew if its port was taken."""

import socket
from pathlib import Path

import pytest

from tests import real_server as module
from tests.real_server import free_ports, real_server
from vau.client import Client


def test_a_server_whose_port_was_taken_meanwhile_starts_at_another(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    with socket.socket() as neighbour:
        neighbour.bind(("127.0.0.1", 0))
        neighbour.listen()  # and is not taken for the server
        ports = [[neighbour.getsockname()[1], *free_ports(1)]]
        monkeypatch.setattr(
            module, "free_ports", lambda count: ports.pop() if ports else free_ports(count)
        )
        with real_server(log=tmp_path / "log") as server, Client(server.grpc) as client:
            assert client.server_info().version
    assert ports == []
