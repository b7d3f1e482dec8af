"""Requests that are no messages: bytes that the client's fault made, not a defect of ours.

gRPC itself would end such a call as UNKNOWN and log a traceback for each.
"""

from collections.abc import Awaitable, Callable
from typing import Any

import grpc
from google.protobuf.message import DecodeError

from vau.errors import ConfigInvalid
from vau.wire.status import to_grpc

Handler = Any  # of one method; gRPC types it by what it takes and gives


def malformed() -> ConfigInvalid:
    """Return what a client is told whose bytes cannot be read."""
    return ConfigInvalid(
        "request: its bytes are no message of this method; send what protos/vau/v1 describes",
        field="request",
    )


class Reader(grpc.aio.ServerInterceptor):
    """Reads the request of unary calls, and refuses what cannot be read."""

    async def intercept_service(
        self,
        continuation: Callable[[grpc.HandlerCallDetails], Awaitable[Handler]],
        details: grpc.HandlerCallDetails,
    ) -> Handler:
        """Return the method that was called, which from now on takes bytes."""
        handler = await continuation(details)
        if handler is None or handler.request_streaming or handler.response_streaming:
            return handler

        async def read_and_answer(
            request: bytes, context: grpc.aio.ServicerContext[Any, Any]
        ) -> object:
            try:
                message = handler.request_deserializer(request)
            except DecodeError:
                await context.abort_with_status(to_grpc(malformed()))
            return await handler.unary_unary(message, context)

        return grpc.unary_unary_rpc_method_handler(
            read_and_answer, response_serializer=handler.response_serializer
        )
