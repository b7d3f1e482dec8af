"""One stream: audio there, answers back."""

import sys
from collections.abc import Callable, Iterable, Iterator
from concurrent.futures import CancelledError, Future
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from vau.client import Client, Resume
from vau.client.alive import alive
from vau.client.recognition.answers import (
    Finished,
    Started,
    Update,
    finished_of,
    started_of,
    update_of,
)
from vau.client.recognition.request import Request
from vau.errors import Unreachable
from vau.v1 import speech_pb2 as pb
from vau.wire.durations import S_TO_NS, seconds_of

LAGGING: Final = frozenset({"LAGGING"})
KEEP_ALIVE_S: Final = 15.0  # while the audio pauses; sooner for a server of less patience
KEEP_ALIVES: Final = 3  # in the time that a server waits for one
SAMPLE: Final = SAMPLE_BYTES["linear16"]  # as Request asks for

Piece = NDArray[np.int16] | bytes
"""Samples, or the bytes at the end of audio that are no whole sample."""


def converse(
    client: Client,
    audio: Iterable[Piece],
    request: Request,
    resume: Resume | None = None,
    is_live: Callable[[], bool] = lambda: True,
) -> Iterator[Started | Update | Finished]:
    """Stream 16 kHz mono samples; yield Started, Updates as they come, and Finished.

    audio:  in chunks of any length: what is more than the server takes in one message is
            cut. Bytes go as they are. Consumed on another thread, so it may wait, for a
            microphone or the clock, and not before the server has said that the stream began.
            However long it waits, the stream stays open.
    resume: how the stream outlives its connection and its server; None if it does not.
    is_live: whether the audio comes no faster than speech; if it does, it is no news that more
            of it waits, and such notices are left out.
    Raises  what the server answers with, Unreachable if it is lost.
    """
    begun: Future[pb.Limits] = Future()
    finished: Finished | None = None
    try:
        messages = _messages(audio, begun)
        for response in client.stream(request.config(), messages, resume=resume):
            is_first = response.HasField("started")
            if is_first:
                begun.set_result(response.started.limits)
                yield started_of(response.started)
            if not is_first or response.notices:
                yield update_of(response, hush=frozenset() if is_live() else LAGGING)
            if response.HasField("finished"):
                finished = finished_of(response.finished)
    finally:
        begun.cancel()  # or gRPC's thread would wait for it for ever
    if finished is None:
        raise Unreachable(f"{client.address}: the stream ended without its last message")
    yield finished  # not before the status: who leaves now cancels nothing


def _messages(
    audio: Iterable[Piece], begun: "Future[pb.Limits]"
) -> Iterator[bytes | pb.Control]:
    """Yield the audio as it is sent, once it is known how much a message may hold.

    While it pauses, what keeps the stream open.
    """
    try:
        limits = begun.result()
    except CancelledError:  # the stream ended without beginning
        return
    most = _most_samples(limits)
    for samples in alive(audio, _keep_alive_s(limits)):
        if isinstance(samples, pb.Control | bytes):  # the server says what it thinks of bytes
            yield samples
        else:
            for chunk in chunks_of(samples, most):
                yield chunk.astype("<i2").tobytes()


def _keep_alive_s(limits: pb.Limits) -> float:
    """Return after how long a pause to say that we are there; an absent limit is not set."""
    idle_s = seconds_of(limits.idle_timeout)
    return min(KEEP_ALIVE_S, idle_s / KEEP_ALIVES) if idle_s else KEEP_ALIVE_S


def _most_samples(limits: pb.Limits) -> int:
    """Return how many samples a server takes in one message; an absent limit is not set."""
    most = [sys.maxsize]
    if limits.max_audio_message_bytes:
        most.append(limits.max_audio_message_bytes // SAMPLE)
    if limits.max_lag.ToNanoseconds():
        most.append(limits.max_lag.ToNanoseconds() * SAMPLE_RATE_HZ // S_TO_NS)
    return max(1, min(most))


def chunks_of(samples: NDArray[np.int16], chunk_samples: int) -> Iterator[NDArray[np.int16]]:
    """Cut samples into chunks, as fast as they are asked for."""
    for at in range(0, len(samples), chunk_samples):
        yield samples[at : at + chunk_samples]
