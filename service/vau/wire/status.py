"""Our errors as gRPC statuses, and back: one table, read in both directions.

A status carries ``google.rpc`` details: ErrorInfo always, with a constant ``reason`` and
the error's facts, what else its row names, and BadRequest if a field is at fault. All of it
is smaller than 4 KiB, because trailers that pass 8 KiB are lost together with the status.
"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Final, TypeVar, cast

import grpc
from google.protobuf import any_pb2
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from grpc_status import rpc_status

from vau import errors
from vau.errors import VauError
from vau.wire.durations import duration_of, seconds_of

DOMAIN: Final = "vau"
DEFECT: Final = "INTERNAL"
"""The reason of a defect of ours; its only fact is the session id."""

WRITE_FAILED: Final = "Internal error from Core"
"""What gRPC's asyncio client says in place of any status that comes while it writes."""

DETAIL_BYTES: Final = 4096  # a status with its details is smaller than this
TEXT_LIMITS: Final = (1024, 512, 256, 128, 64, 32)  # characters of a text, until it fits
MAX_FACTS: Final = 16

Detail = Callable[[VauError, str], Message]
"""Makes one detail of an error and its reason."""

_M = TypeVar("_M", bound=Message)


def _bad_request(error: VauError, _reason: str) -> Message:
    violation = error_details_pb2.BadRequest.FieldViolation(
        field=error.field, description=str(error)
    )
    return error_details_pb2.BadRequest(field_violations=[violation])


def _missing(kind: str) -> Detail:
    def resource(error: VauError, _reason: str) -> Message:
        return error_details_pb2.ResourceInfo(
            resource_type=kind,
            resource_name=str(error.facts.get("name", "")),
            description=str(error),
        )

    return resource


def _precondition(error: VauError, reason: str) -> Message:
    violation = error_details_pb2.PreconditionFailure.Violation(
        type=reason,
        subject=str(error.facts.get("capability", error.field)),
        description=str(error),
    )
    return error_details_pb2.PreconditionFailure(violations=[violation])


def _quota(error: VauError, _reason: str) -> Message:
    violation = error_details_pb2.QuotaFailure.Violation(
        subject=str(error.facts.get("subject", "streams")), description=str(error)
    )
    return error_details_pb2.QuotaFailure(violations=[violation])


def _retry(seconds: float) -> Detail:
    """Say when to come again: after ``seconds``, unless the error knows better."""

    def retry(error: VauError, _reason: str) -> Message:
        delay = duration_of(float(error.facts.get("retry_s", seconds)))
        return error_details_pb2.RetryInfo(retry_delay=delay)

    return retry


@dataclass(frozen=True, slots=True)
class Row:
    """What one class of error is on the wire."""

    code: grpc.StatusCode
    reason: str
    details: tuple[Detail, ...] = ()
    """Besides ErrorInfo."""


_CODE = grpc.StatusCode
_FIELD: Final = (_bad_request,)

# Of several classes with one reason, a client gets the last.
STATUS: Final[dict[type[VauError], Row]] = {
    errors.VauError: Row(_CODE.INTERNAL, DEFECT),
    errors.ServerDefect: Row(_CODE.INTERNAL, DEFECT),
    errors.ConfigError: Row(_CODE.INVALID_ARGUMENT, "CONFIG_INVALID", _FIELD),
    errors.ConfigInvalid: Row(_CODE.INVALID_ARGUMENT, "CONFIG_INVALID", _FIELD),
    errors.ConfigExpected: Row(_CODE.INVALID_ARGUMENT, "CONFIG_EXPECTED", _FIELD),
    errors.ConfigRepeated: Row(_CODE.INVALID_ARGUMENT, "CONFIG_REPEATED", _FIELD),
    errors.ConfigTimeout: Row(_CODE.DEADLINE_EXCEEDED, "CONFIG_TIMEOUT"),
    errors.AudioError: Row(_CODE.INVALID_ARGUMENT, "AUDIO_CORRUPT", _FIELD),
    errors.AudioCorrupt: Row(_CODE.INVALID_ARGUMENT, "AUDIO_CORRUPT", _FIELD),
    errors.AudioUnsupported: Row(_CODE.INVALID_ARGUMENT, "AUDIO_FORMAT_UNSUPPORTED", _FIELD),
    errors.AudioMismatch: Row(_CODE.INVALID_ARGUMENT, "AUDIO_FORMAT_MISMATCH", _FIELD),
    errors.AudioTooLong: Row(_CODE.RESOURCE_EXHAUSTED, "AUDIO_TOO_LONG"),
    errors.MessageTooLarge: Row(_CODE.RESOURCE_EXHAUSTED, "MESSAGE_TOO_LARGE"),
    errors.ModelError: Row(_CODE.INVALID_ARGUMENT, "MODEL_INCOMPATIBLE", _FIELD),
    errors.BadModel: Row(_CODE.INVALID_ARGUMENT, "MODEL_INCOMPATIBLE", _FIELD),
    errors.ModelIncompatible: Row(_CODE.INVALID_ARGUMENT, "MODEL_INCOMPATIBLE", _FIELD),
    errors.ModelNotFound: Row(_CODE.NOT_FOUND, "MODEL_NOT_FOUND", (_missing("model"),)),
    errors.ModelTooLarge: Row(_CODE.FAILED_PRECONDITION, "MODEL_TOO_LARGE", (_precondition,)),
    errors.DevicePermission: Row(_CODE.UNAVAILABLE, "BACKEND_NOT_READY", (_retry(5),)),
    errors.BackendError: Row(_CODE.UNAVAILABLE, "BACKEND_NOT_READY", (_retry(5),)),
    errors.BackendNotFound: Row(_CODE.NOT_FOUND, "BACKEND_NOT_FOUND", (_missing("backend"),)),
    errors.BackendBusy: Row(_CODE.RESOURCE_EXHAUSTED, "BACKEND_BUSY", (_retry(1),)),
    errors.FirmwareMismatch: Row(
        _CODE.FAILED_PRECONDITION, "FIRMWARE_MISMATCH", (_precondition,)
    ),
    errors.DeviceLost: Row(_CODE.UNAVAILABLE, "BACKEND_LOST", (_retry(5),)),
    errors.BackendFault: Row(_CODE.UNAVAILABLE, "BACKEND_LOST", (_retry(5),)),
    errors.DeviceTimeout: Row(_CODE.DEADLINE_EXCEEDED, "BACKEND_TIMEOUT"),
    errors.DeviceCorrupt: Row(_CODE.DATA_LOSS, "BACKEND_CORRUPT"),
    errors.SlotsExhausted: Row(
        _CODE.RESOURCE_EXHAUSTED, "STREAM_SLOTS_EXHAUSTED", (_retry(1), _quota)
    ),
    errors.AuthError: Row(_CODE.UNAUTHENTICATED, "AUTH_REQUIRED"),
    errors.AuthRequired: Row(_CODE.UNAUTHENTICATED, "AUTH_REQUIRED"),
    errors.AuthForbidden: Row(_CODE.PERMISSION_DENIED, "AUTH_FORBIDDEN"),
    errors.QuotaExceeded: Row(_CODE.RESOURCE_EXHAUSTED, "QUOTA_EXCEEDED", (_retry(1), _quota)),
    errors.CapabilityMissing: Row(
        _CODE.FAILED_PRECONDITION, "CAPABILITY_MISSING", (_precondition,)
    ),
    errors.BadSnapshot: Row(_CODE.FAILED_PRECONDITION, "RESUME_MISMATCH"),
    errors.ResumeError: Row(_CODE.INVALID_ARGUMENT, "RESUME_INVALID"),
    errors.ResumeInvalid: Row(_CODE.INVALID_ARGUMENT, "RESUME_INVALID"),
    errors.ResumeExpired: Row(_CODE.FAILED_PRECONDITION, "RESUME_EXPIRED"),
    errors.ResumeMismatch: Row(_CODE.FAILED_PRECONDITION, "RESUME_MISMATCH"),
    errors.StreamEnded: Row(_CODE.DEADLINE_EXCEEDED, "IDLE_TIMEOUT"),
    errors.IdleTimeout: Row(_CODE.DEADLINE_EXCEEDED, "IDLE_TIMEOUT"),
    errors.StreamTooLong: Row(_CODE.OUT_OF_RANGE, "MAX_STREAM_DURATION"),
    errors.StreamLagging: Row(_CODE.RESOURCE_EXHAUSTED, "STREAM_LAGGING"),
    errors.ClientNotReading: Row(_CODE.DEADLINE_EXCEEDED, "CLIENT_NOT_READING"),
    errors.Draining: Row(_CODE.UNAVAILABLE, "SERVER_DRAINING", (_retry(1),)),
    errors.Unreachable: Row(_CODE.UNAVAILABLE, "UNREACHABLE"),
}
_CLASS: Final = {row.reason: kind for kind, row in STATUS.items()}


def row_of(error: VauError) -> Row:
    """Return the row of the class of ``error``, or of its nearest ancestor that has one."""
    ancestry = type(error).__mro__
    return next(row for row in map(STATUS.get, ancestry) if row is not None)


def rich_status(error: VauError) -> status_pb2.Status:
    """Return ``error`` with its details, smaller than 4 KiB: long texts are cut."""
    for limit in TEXT_LIMITS:
        status = _status(error, limit)
        if status.ByteSize() < DETAIL_BYTES:
            return status
    raise AssertionError(f"the details of {type(error).__name__} cannot be made to fit")


def to_grpc(error: VauError) -> grpc.Status:
    """Return what ``ServicerContext.abort_with_status`` takes."""
    return rpc_status.to_status(rich_status(error))


def defect(session_id: str) -> errors.ServerDefect:
    """Return what a client may know of a defect of ours: where to look for it in the log."""
    return errors.ServerDefect(
        f"a defect of this server; its log has the details under session {session_id}",
        session_id=session_id,
    )


def error_from(error: grpc.RpcError, address: str = "") -> VauError:
    """Return the error that a server meant, or what befell the connection to ``address``.

    A reason newer than this client becomes a VauError with the server's message.
    """
    status = _details_of(error)
    for info in _unpacked(status, error_details_pb2.ErrorInfo):
        if info.domain == DOMAIN and status is not None:
            kind = _CLASS.get(info.reason, VauError)
            meant = kind(status.message, field=_field(status), **info.metadata)
            meant.retry_after_s = retry_after_s(error)
            return meant
    return _foreign(error.code(), error.details() or "", address or "the server")


def retry_after_s(error: grpc.RpcError) -> float | None:
    """Return the delay of the RetryInfo in a status; None if there is none."""
    for info in _unpacked(_details_of(error), error_details_pb2.RetryInfo):
        return seconds_of(info.retry_delay)
    return None


def _foreign(code: grpc.StatusCode, text: str, who: str) -> VauError:
    """Return what a status means that the transport made, not our server."""
    if _is_untold(code, text):
        return errors.Unreachable(
            f"{who} was lost, or ended the call, while a message was being sent; what it "
            "said, if anything, gRPC does not tell",
            address=who,
        )
    if code is _CODE.UNAVAILABLE:
        return errors.Unreachable(
            f"{who} does not answer, or was lost ({text}); is the server running there?",
            address=who,
        )
    if code is _CODE.RESOURCE_EXHAUSTED:
        return errors.MessageTooLarge(f"{who}: {text}; send less in one message")
    return VauError(f"{who} ended the call with {code.name}: {text}", code=code.name)


def is_untold(error: grpc.RpcError) -> bool:
    """Tell whether gRPC has lost what the server said, because a message was being sent."""
    return _is_untold(error.code(), error.details())


def _is_untold(code: grpc.StatusCode, text: str | None) -> bool:
    return code is _CODE.INTERNAL and text == WRITE_FAILED


def _status(error: VauError, limit: int) -> status_pb2.Status:
    row = row_of(error)
    # Its facts are all that a row looks at; a plug-in's class may want other arguments.
    cut = VauError(_cut(str(error), limit), field=_cut(error.field, limit))
    cut.facts = {
        name: _cut(value, limit) if isinstance(value, str) else value
        for name, value in list(error.facts.items())[:MAX_FACTS]
    }
    info = error_details_pb2.ErrorInfo(reason=row.reason, domain=DOMAIN)
    info.metadata.update({name: str(value) for name, value in cut.facts.items()})
    status = status_pb2.Status(code=row.code.value[0], message=str(cut))
    details = row.details
    if cut.field and _bad_request not in details:  # or the client could not tell which it was
        details = (*details, _bad_request)
    for message in (info, *(make(cut, row.reason) for make in details)):
        packed = any_pb2.Any()
        packed.Pack(message)
        status.details.append(packed)
    return status


def _cut(text: str, limit: int) -> str:
    return text if len(text) <= limit else text[: limit - 1] + "…"


def _details_of(error: grpc.RpcError) -> status_pb2.Status | None:
    try:
        # What gRPC raises is always the call, too; its types do not say so.
        status: status_pb2.Status | None = rpc_status.from_call(cast("grpc.Call", error))
    except ValueError:  # code and details disagree: something between us rewrote the status
        return None
    return status


def _unpacked(status: status_pb2.Status | None, kind: type[_M]) -> Iterator[_M]:
    for detail in () if status is None else status.details:
        message = kind()
        if detail.Unpack(message):
            yield message


def _field(status: status_pb2.Status) -> str:
    for request in _unpacked(status, error_details_pb2.BadRequest):
        for violation in request.field_violations:
            return violation.field
    return ""
