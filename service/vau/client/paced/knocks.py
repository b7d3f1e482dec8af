"""More streams than there is room for: each is tried once, and what it meets is timed."""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from time import perf_counter
from typing import Any, Final

import grpc

from vau.load.knocks import Knock
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub
from vau.wire.status import retry_after_s

ANSWER_S: Final = (
    10.0  # for a status; what takes longer counts as this, and as DEADLINE_EXCEEDED
)


async def knock_at(
    stub: SpeechRecognitionStub,
    config: pb.StreamingConfig,
    metadata: tuple[tuple[str, str], ...],
    due_s: Sequence[float],
) -> tuple[Knock, ...]:
    """Try a stream at each of these moments, whatever became of the ones before."""
    return tuple(
        await asyncio.gather(*(_knock(stub, config, metadata, each) for each in due_s))
    )


async def _knock(
    stub: SpeechRecognitionStub,
    config: pb.StreamingConfig,
    metadata: tuple[tuple[str, str], ...],
    due_s: float,
) -> Knock:
    await asyncio.sleep(max(0.0, due_s - perf_counter()))
    call: Any = stub.StreamingRecognize(metadata=metadata, timeout=ANSWER_S)
    code, retry_s = "OK", None
    try:
        with suppress(asyncio.InvalidStateError):  # it is over: reading tells why
            await call.write(pb.StreamingRecognizeRequest(config=config))
        await call.read()
    except grpc.RpcError as refusal:
        code, retry_s = refusal.code().name, retry_after_s(refusal)
    took_s = perf_counter() - due_s
    call.cancel()  # who was let in wants nothing
    return Knock(took_s=took_s, code=code, retry_s=retry_s)
