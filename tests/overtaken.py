"""Calls of gRPC for asyncio that fail as if their end had overtaken a message of ours.

Whether it does is a matter of microseconds: here it always does.
"""

from typing import Any

import grpc
import pytest
from grpc.aio._call import StreamStreamCall

from vau.wire.status import WRITE_FAILED


def first_writes_fail(monkeypatch: pytest.MonkeyPatch, times: int) -> None:
    """Let so many writes be told that the call has ended, and not with what."""
    write = StreamStreamCall.write
    left = [times]

    async def overtaken(call: Any, request: object) -> None:  # noqa: ANN401
        if left[0]:
            left[0] -= 1
            call.cancel()
            nothing = grpc.aio.Metadata()
            raise grpc.aio.AioRpcError(grpc.StatusCode.INTERNAL, nothing, nothing, WRITE_FAILED)
        await write(call, request)

    monkeypatch.setattr(StreamStreamCall, "write", overtaken)


def half_closes_fail(monkeypatch: pytest.MonkeyPatch) -> None:
    """Let every half-close arrive, and be told that it could not be sent."""
    half_close = StreamStreamCall.done_writing

    async def overtaken(call: Any) -> None:  # noqa: ANN401
        await half_close(call)
        raise grpc.aio.InternalError('Failed "execute_batch"')

    monkeypatch.setattr(StreamStreamCall, "done_writing", overtaken)
