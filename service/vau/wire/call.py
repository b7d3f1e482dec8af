"""One call that holds a slot: how it ends, for the client, the log and the meters."""

import asyncio
import logging
import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any

import grpc

from vau.errors import VauError
from vau.logs import facts
from vau.metrics import Metrics
from vau.wire.status import DEFECT, defect, row_of, to_grpc

logger = logging.getLogger(__name__)

Context = grpc.aio.ServicerContext[Any, Any]


@dataclass(slots=True)
class Call:
    """What is known of a call so far."""

    method: str
    session_id: str = field(default_factory=lambda: secrets.token_hex(8))
    backend_id: str = ""
    """Empty until the config has been accepted."""

    samples: int = 0
    started_s: float = field(default_factory=perf_counter)


@asynccontextmanager
async def answering(context: Context, metrics: Metrics, method: str) -> AsyncIterator[Call]:
    """Turn what the block raises into a status; count and log how the call ended."""
    call = Call(method)
    code, reason = grpc.StatusCode.OK, ""
    try:
        yield call
    except VauError as error:
        code, reason = row_of(error).code, row_of(error).reason
        await context.abort_with_status(to_grpc(error))
    except asyncio.CancelledError:
        code = grpc.StatusCode.CANCELLED
        raise
    except Exception:
        code, reason = grpc.StatusCode.INTERNAL, DEFECT
        logger.exception("defect", extra=facts(session=call.session_id, method=method))
        await context.abort_with_status(to_grpc(defect(call.session_id)))
    finally:
        duration_s = perf_counter() - call.started_s
        metrics.of(call.backend_id).ended(code.name, reason, duration_s)
        logger.info(
            "ended",
            extra=facts(
                session=call.session_id,
                method=method,
                backend=call.backend_id,
                code=code.name,
                reason=reason,
                samples=call.samples,
                duration_s=round(duration_s, 3),
            ),
        )
