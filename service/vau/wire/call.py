"""One call: who made it, and how it ends, for the client, the log and the meters."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

import grpc
from google.protobuf.message import DecodeError

from vau.door.visits import Visitor
from vau.errors import AuthError, VauError
from vau.logs import about, facts
from vau.tracing import NO_SPAN, Span
from vau.wire.context import Context
from vau.wire.host import Host
from vau.wire.malformed import malformed
from vau.wire.status import defect, row_of, to_grpc

logger = logging.getLogger(__name__)

ABORT_S: Final = 2.0  # for a status to be on its way

NOBODY: Final = Visitor(owner="", host="")
"""Who calls, before the door has looked."""


@dataclass(slots=True)
class Call:
    """What is known of a call so far."""

    method: str
    session_id: str = field(default_factory=lambda: secrets.token_hex(8))
    backend_id: str = ""
    """Empty until the config has been accepted."""

    visitor: Visitor = NOBODY
    samples: int = 0
    span: Span = NO_SPAN
    started_s: float = field(default_factory=perf_counter)

    @property
    def owner(self) -> str:
        """Whose call it is: the name of a token or of a client certificate, else empty."""
        return self.visitor.owner

    def facts(self) -> dict[str, str]:
        """Say whose a line of the log is; of what is not known there is nothing."""
        known = {
            "session": self.session_id,
            "method": self.method,
            "owner": self.owner,
            "backend": self.backend_id,
            "trace": self.span.trace,
        }
        return {name: value for name, value in known.items() if value}


@asynccontextmanager
async def asking(context: Context, host: Host) -> AsyncIterator[None]:
    """Let in a call that holds no slot; turn what it is refused for into a status."""
    try:
        host.door.visitor(context)
        yield
    except VauError as error:
        _count_refusal(host, error)
        await _abort(context, error)


@asynccontextmanager
async def answering(context: Context, host: Host, method: str) -> AsyncIterator[Call]:
    """Let in a call that holds a slot.

    Turns what the block raises into a status; counts and logs how the call ended.
    """
    call = Call(method)
    call.span = host.tracer.begin(method, context.invocation_metadata() or ())
    with about(call.facts):
        async with _ending(context, host, call):
            call.visitor = host.door.visitor(context)
            with host.door.visit(call.visitor):
                yield call


@asynccontextmanager
async def _ending(context: Context, host: Host, call: Call) -> AsyncIterator[None]:
    """Turn what the block raises into a status; count, log and trace how the call ended."""
    failure: VauError | None = None
    try:
        yield
    except VauError as error:
        failure = error
        _count_refusal(host, error)
    except DecodeError:
        failure = malformed()
    except asyncio.CancelledError:
        _count_end(host, call, grpc.StatusCode.CANCELLED)
        raise
    except grpc.aio.InternalError as cause:  # nothing can be sent, nor will anybody hear why
        _count_end(host, call, grpc.StatusCode.CANCELLED)
        raise asyncio.CancelledError from cause
    except Exception:
        failure = defect(call.session_id)
        logger.exception("defect")
    if failure is None:
        _count_end(host, call, grpc.StatusCode.OK)
        return
    row = row_of(failure)
    _count_end(host, call, row.code, row.reason)
    await _abort(context, failure)


async def _abort(context: Context, failure: VauError) -> None:
    """End a call with a status, if its client will take one.

    One that does not read takes none either, and would have us wait for it; one that leaves
    while it is told makes gRPC fail.
    """
    try:
        async with asyncio.timeout(ABORT_S):
            await context.abort_with_status(to_grpc(failure))
    except (TimeoutError, grpc.aio.InternalError) as cause:
        raise asyncio.CancelledError from cause  # gRPC takes that for an end, and says nothing


def _count_end(host: Host, call: Call, code: grpc.StatusCode, reason: str = "") -> None:
    """Count, log and trace how a call ended; the reason is empty for one that ended well."""
    duration_s = perf_counter() - call.started_s
    if call.backend_id:
        host.metrics.of(call.backend_id).ended(code.name, reason, duration_s)
    else:
        host.metrics.ended_early(code.name, reason)
    call.span.set(session=call.session_id, backend=call.backend_id, samples=call.samples)
    call.span.end(code.name, reason)
    logger.info(
        "ended",
        extra=facts(
            owner=call.owner,
            backend=call.backend_id,
            code=code.name,
            reason=reason,
            samples=call.samples,
            duration_s=round(duration_s, 3),
        ),
    )


def _count_refusal(host: Host, error: VauError) -> None:
    if isinstance(error, AuthError):
        host.door.refused(error)
