"""A client that leaves while it is written to is no defect of the server's.

Which of the two gRPC tells first, that the client has left or that a message could not be sent,
is a matter of microseconds: here stands a context that always tells the second.
"""

import asyncio
import logging
from collections.abc import Iterator
from typing import Any

import grpc
import pytest

from tests.serving import Served, serving, streaming
from vau.v1 import speech_pb2 as pb
from vau.wire.service import SpeechRecognition


class Gone:
    """The context of a call whose client has left; nothing can be sent through it."""

    def __init__(self, *requests: pb.StreamingRecognizeRequest) -> None:
        self._requests = list(requests)
        self.failed: list[str] = []

    def peer(self) -> str:
        return "ipv4:127.0.0.1:1"

    def invocation_metadata(self) -> tuple[()]:
        return ()

    def auth_context(self) -> dict[str, Any]:
        return {}

    async def read(self) -> pb.StreamingRecognizeRequest:
        return self._requests.pop(0)

    async def write(self, _response: object) -> None:
        raise self._failure("write")

    async def abort_with_status(self, status: object) -> None:
        raise self._failure(str(getattr(status, "code", "")))

    def _failure(self, what: str) -> Exception:
        self.failed.append(what)
        return grpc.aio.InternalError(f'Failed "execute_batch": {what}')


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as served:
        yield served


def ends(served: Served, context: Gone) -> None:
    """Serve a stream in it, and see that it ends as one that was cancelled."""

    async def stream() -> None:
        service = SpeechRecognition(served.server.host)
        with pytest.raises(asyncio.CancelledError):
            await service.StreamingRecognize(None, context)

    served.run(stream())


def test_one_that_leaves_while_it_is_told_why_is_no_defect(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    context = Gone(pb.StreamingRecognizeRequest(audio=b"before any config"))
    ends(served, context)
    assert context.failed == ["StatusCode.INVALID_ARGUMENT"]
    assert [line.message for line in caplog.records] == ["ended"]


def test_one_that_leaves_while_it_is_answered_is_no_defect_and_keeps_no_slot(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    context = Gone(pb.StreamingRecognizeRequest(config=streaming()))
    ends(served, context)
    assert context.failed == ["write"]
    said = [line for line in caplog.records if line.message in {"defect", "ended"}]
    assert [line.vau_facts["code"] for line in said] == ["CANCELLED"]  # type: ignore[attr-defined]
    assert served.slots_in_use() == 0
