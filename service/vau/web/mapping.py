"""What goes over a WebSocket: the proto3 JSON mapping of messages, and of how a call ends."""

import json
from http import HTTPStatus
from typing import Any, Final

import grpc
from google.protobuf import json_format
from google.rpc import error_details_pb2, status_pb2

from vau.errors import ConfigInvalid, MessageTooLarge, VauError
from vau.v1 import speech_pb2 as pb
from vau.wire.durations import seconds_of
from vau.wire.status import to_grpc

TEXT_BYTES: Final = 256 << 10  # of a text message; most of it would be a resume token
MOST_COMMAS: Final = 1000  # in one: the parser takes 2 ms for so many values, on the event loop
DETAILS: Final = "grpc-status-details-bin"
HALF_CLOSE: Final = "halfClose"
CLOSE_CODES: Final = 4000  # RFC 6455, section 7.4.2: from here on they are the application's

HTTP_STATUS: Final = {
    grpc.StatusCode.INVALID_ARGUMENT: HTTPStatus.BAD_REQUEST,
    grpc.StatusCode.UNAUTHENTICATED: HTTPStatus.UNAUTHORIZED,
    grpc.StatusCode.PERMISSION_DENIED: HTTPStatus.FORBIDDEN,
    grpc.StatusCode.NOT_FOUND: HTTPStatus.NOT_FOUND,
    grpc.StatusCode.FAILED_PRECONDITION: HTTPStatus.CONFLICT,
    grpc.StatusCode.UNAVAILABLE: HTTPStatus.SERVICE_UNAVAILABLE,
}


def request_of(message: str | bytes) -> pb.StreamingRecognizeRequest | None:
    """Return what a message says; None if it closes the client's half.

    Raises ConfigInvalid for text that is no request, MessageTooLarge for too much of it.
    """
    if isinstance(message, bytes):
        return pb.StreamingRecognizeRequest(audio=message)
    if len(message) > TEXT_BYTES:
        raise MessageTooLarge(
            f"request: {len(message)} characters of text, {TEXT_BYTES} are allowed; send audio "
            "as binary messages",
            field="request",
            limit=TEXT_BYTES,
            got=len(message),
        )
    if message.count(",") > MOST_COMMAS:
        raise ConfigInvalid(
            f"request: {message.count(',')} commas, {MOST_COMMAS} are allowed; send less",
            field="request",
        )
    try:
        if HALF_CLOSE in message and json.loads(message) == {HALF_CLOSE: True}:
            return None
        # The parser takes [] for a message, too.
        text = message if message.lstrip().startswith("{") else "not an object"
        return json_format.Parse(text, pb.StreamingRecognizeRequest())
    except (json_format.ParseError, ValueError, RecursionError) as cause:
        why = str(cause).encode(errors="replace").decode()  # it may quote half a character
        raise ConfigInvalid(
            f"request: is no StreamingRecognizeRequest in JSON ({why}); send what "
            "docs/websocket.md describes",
            field="request",
        ) from cause


def text_of(response: pb.StreamingRecognizeResponse) -> str:
    """Return a response as text: lowerCamelCase, without what is left at its default."""
    return json_format.MessageToJson(response, indent=None, ensure_ascii=False)


def ending(status: grpc.Status) -> dict[str, Any]:
    """Return what a client is told of a status that is no good one."""
    error: dict[str, Any] = {"code": status.code.name, "message": status.details}
    for name, value in status.trailing_metadata or ():
        if name == DETAILS and isinstance(value, bytes):
            error.update(_details(status_pb2.Status.FromString(value)))
    return {"error": error}


def refusal(failure: VauError) -> tuple[HTTPStatus, dict[str, Any]]:
    """Return an error as the answer to a request over HTTP: its status, and its body."""
    status = to_grpc(failure)
    return HTTP_STATUS.get(status.code, HTTPStatus.INTERNAL_SERVER_ERROR), ending(status)


def _details(status: status_pb2.Status) -> dict[str, Any]:
    found: dict[str, Any] = {}
    info = error_details_pb2.ErrorInfo()
    retry = error_details_pb2.RetryInfo()
    bad = error_details_pb2.BadRequest()
    for detail in status.details:
        if detail.Unpack(info):
            found |= {"reason": info.reason, "metadata": dict(info.metadata)}
        elif detail.Unpack(retry):
            found["retryDelayS"] = seconds_of(retry.retry_delay)
        elif detail.Unpack(bad):
            found["field"] = bad.field_violations[0].field
    return found
