"""Boards behind a server: what clients hear and operators see when one is pulled out."""

from collections.abc import Iterator
from dataclasses import dataclass, replace

import numpy as np
import pytest

from tests.board_server import BoardServer, served
from tests.boards import AnyBoard
from tests.serving import (
    NOT_SERVING,
    SERVING,
    Served,
    cut,
    eventually,
    health_of,
    hear,
    serving,
    speech,
    streaming,
)
from tests.software_board import SoftwareBoard, board_info
from vau.awaited import opened_or_awaited
from vau.backend import BackendOptions
from vau.errors import BackendFault
from vau.testing.contract.subject import NETWORK
from vau.testing.models import random_model
from vau_backends.board.backend import FACTORY
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA

AUDIO = speech(32_000, seed=3)
PIECES = cut(AUDIO, *range(6400, len(AUDIO), 6400))


@dataclass(frozen=True)
class Pair:
    """A server with two boards."""

    served: Served
    first: BoardServer
    names: tuple[str, str]

    def state(self, board: int) -> str:
        """Return what /metrics says of it."""
        states = ("ready", "degraded", "fault")
        (found,) = [
            state
            for state in states
            if self.served.value("vau_backend_state", backend=self.names[board], state=state)
        ]
        return found

    def mended(self, board: int, kind: str) -> float:
        """Return what /metrics says was put right on it."""
        labels = {"backend": self.names[board], "kind": kind}
        return self.served.value("vau_backend_mended_total", **labels)


@pytest.fixture
def pair(board: AnyBoard, server: BoardServer) -> Iterator[Pair]:
    model = random_model(replace(NETWORK, layers=board.info.arrays))
    with served(SoftwareBoard(board_info(serial=2))) as second:
        urls = (server.url, second.url)
        backends = [FACTORY.open(model, BackendOptions(instance=url)) for url in urls]
        with serving(*((model, backend) for backend in backends)) as running:
            yield Pair(running, server, (backends[0].info.id, backends[1].info.id))
        for backend in backends:
            backend.close()


def test_a_stream_goes_on_at_the_other_board_with_the_same_bits(pair: Pair) -> None:
    config = streaming()
    config.recognition.fallback_backends.append("same-kind")
    undisturbed = hear(pair.served.client, PIECES, config)

    def pulled_out() -> Iterator[bytes]:
        for at, piece in enumerate(PIECES):
            if at == len(PIECES) // 2:
                pair.first.unplug()
            yield piece

    moved = hear(pair.served.client, pulled_out(), config)
    np.testing.assert_array_equal(moved.values(), undisturbed.values())
    assert moved.finished.output_digest == undisturbed.finished.output_digest
    told = [notice for each in moved.responses for notice in each.notices]
    (change,) = [notice for notice in told if notice.code == "BACKEND_CHANGED"]
    assert (change.metadata["from"], change.metadata["to"]) == pair.names
    counted = {"backend": pair.names[0], "to": pair.names[1], "reason": "BACKEND_LOST"}
    assert pair.served.value("vau_backend_changes_total", **counted) == 1


def test_who_named_no_other_hears_that_the_board_is_lost(pair: Pair) -> None:
    pair.first.unplug()
    with pytest.raises(BackendFault, match="is it plugged in and on"):
        hear(pair.served.client, PIECES, streaming())


def test_an_operator_sees_how_a_link_fares_though_all_is_mended(pair: Pair) -> None:
    lost = iter([True, False] * 1000)
    pair.first.edit = lambda said: b"" if next(lost) else said
    hear(pair.served.client, PIECES[:1], streaming())
    eventually(lambda: pair.mended(0, "retries") > pair.mended(1, "retries"))


def test_an_operator_sees_which_board_was_pulled_out_and_that_it_is_back(pair: Pair) -> None:
    service = f"vau.backend.{pair.names[0]}"
    eventually(lambda: pair.state(0) == "ready")
    pair.first.unplug()
    with pytest.raises(BackendFault):
        hear(pair.served.client, PIECES, streaming())
    eventually(lambda: pair.state(0) == "fault")
    eventually(lambda: health_of(pair.served.address, service) == NOT_SERVING)
    assert pair.state(1) == "ready"
    listed = pair.served.client.backends(include_unavailable=True).backends
    assert "lost" in listed[0].state_text
    pair.first.plug()
    eventually(lambda: pair.state(0) == "degraded")  # it says for a minute what was mended
    eventually(lambda: pair.mended(0, "reopened") == 1)
    assert pair.mended(1, "reopened") == 0
    eventually(lambda: health_of(pair.served.address, service) == SERVING)


def test_a_board_that_is_absent_at_the_start_serves_once_it_is_plugged_in(
    board: AnyBoard, server: BoardServer
) -> None:
    model = random_model(replace(NETWORK, layers=board.info.arrays))
    server.unplug()
    asked = f"board:{server.url}"
    waiting = opened_or_awaited(asked, model, BackendOptions(slot_count=8))
    service = f"vau.backend.{asked}"
    same = MUNTANIALA.open(
        model, BackendOptions(instance=f"{board.info.rows}x{board.info.columns}", slot_count=8)
    )
    with serving((model, same), (model, waiting)) as running:
        undisturbed = hear(running.client, PIECES, streaming())
        assert health_of(running.address, service) == NOT_SERVING
        server.plug()
        eventually(lambda: health_of(running.address, service) == SERVING)
        heard = hear(running.client, PIECES, streaming(backend=asked))
    np.testing.assert_array_equal(heard.values(), undisturbed.values())
