"""Which statuses a client may meet, by the table of the wire contract and not by our code."""

from typing import Final

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

_CODE = grpc.StatusCode
_REASONS: Final = {
    _CODE.INVALID_ARGUMENT: "CONFIG_EXPECTED CONFIG_REPEATED CONFIG_INVALID "
    "AUDIO_FORMAT_UNSUPPORTED AUDIO_FORMAT_MISMATCH AUDIO_CORRUPT MODEL_INCOMPATIBLE "
    "RESUME_INVALID",
    _CODE.DEADLINE_EXCEEDED: "CONFIG_TIMEOUT CLIENT_NOT_READING IDLE_TIMEOUT BACKEND_TIMEOUT",
    _CODE.RESOURCE_EXHAUSTED: "MESSAGE_TOO_LARGE AUDIO_TOO_LONG STREAM_SLOTS_EXHAUSTED "
    "BACKEND_BUSY QUOTA_EXCEEDED STREAM_LAGGING",
    _CODE.NOT_FOUND: "MODEL_NOT_FOUND BACKEND_NOT_FOUND",
    _CODE.FAILED_PRECONDITION: "MODEL_TOO_LARGE FIRMWARE_MISMATCH CAPABILITY_MISSING "
    "RESUME_EXPIRED RESUME_MISMATCH",
    _CODE.OUT_OF_RANGE: "MAX_STREAM_DURATION",
    _CODE.UNAVAILABLE: "SERVER_DRAINING BACKEND_NOT_READY BACKEND_LOST",
    _CODE.DATA_LOSS: "BACKEND_CORRUPT BACKEND_MISMATCH",
    _CODE.UNAUTHENTICATED: "AUTH_REQUIRED",
    _CODE.PERMISSION_DENIED: "AUTH_FORBIDDEN",
}
REASONS: Final = {
    reason: code for code, reasons in _REASONS.items() for reason in reasons.split()
}
"""The code of each reason; INTERNAL is a defect and none of them."""

MOST_DETAIL_BYTES: Final = 4096


def fault_of(error: grpc.RpcError) -> str:
    """Return what is wrong with the status that a call ended with; empty if nothing is."""
    code, text = error.code(), error.details() or ""
    status = rpc_status.from_call(error)  # type: ignore[arg-type]  # what is raised is the call
    if status is None:
        return _fault_of_transport(code, text)
    for detail in status.details:
        info = error_details_pb2.ErrorInfo()
        if detail.Unpack(info):
            if info.domain != "vau" or REASONS.get(info.reason) is not code:
                return f"{code.name} with {info.domain}/{info.reason}: {text}"
            if status.ByteSize() >= MOST_DETAIL_BYTES:
                return f"{info.reason} has details of {status.ByteSize()} bytes"
            return "" if text else f"{info.reason} has no text"
    return f"{code.name} without ErrorInfo: {text}"


def _fault_of_transport(code: grpc.StatusCode, text: str) -> str:
    """Judge what gRPC answered in our place."""
    is_too_large = code is _CODE.RESOURCE_EXHAUSTED and "larger than max" in text
    is_unknown = code is _CODE.UNIMPLEMENTED
    return "" if is_too_large or is_unknown else f"{code.name} from the transport: {text}"
