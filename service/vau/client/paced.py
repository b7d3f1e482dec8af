"""Many streams at once that keep the pace of speech, however the server does.

One event loop sends and hears all of them, and notes when; what the notes say is for
``vau.load`` to work out. Each stream sends on time, whether what it sent before is answered
or not, as somebody who speaks would. The server is asked for what ``vau stream`` asks.
"""

import asyncio
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager, suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import grpc
import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from vau.client.access import PLAIN, Access
from vau.client.recognition import Request, finished_of
from vau.errors import BackendBusy, QuotaExceeded, SlotsExhausted, Unreachable, VauError
from vau.load.chunks import Ending, Played, Response, Sent, was_held_back
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub
from vau.wire.status import error_from

STREAMS_PER_CONNECTION: Final = 16  # a connection each would cost this side more than speaking
HEAD_START_S: Final = 0.2  # between the last stream's opening and the first chunk
OPENING_S: Final = 30.0  # for all streams to begin, on a server that may still be busy
ENCODING: Final = "linear16"


@dataclass(frozen=True, slots=True, kw_only=True)
class Load:
    """What to send."""

    streams: int
    chunk_s: float
    duration_s: float
    """Of audio in each stream, rounded to whole chunks."""

    seed: int
    """Of where in the speech each stream begins, and how its chunks lie between the others'."""

    patience_s: float
    """How long after the last chunk was due its answers are waited for."""

    request: Request

    @property
    def chunk_samples(self) -> int:
        """Samples of a chunk."""
        return round(self.chunk_s * SAMPLE_RATE_HZ)

    @property
    def chunks(self) -> int:
        """Chunks of a stream, one at least."""
        return max(1, round(self.duration_s / self.chunk_s))


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """What came of a load."""

    streams: tuple[Played, ...]
    refused_streams: int


def drive(
    address: str, load: Load, speech: NDArray[np.int16], access: Access = PLAIN
) -> Driven:
    """Send ``load`` to the server at ``address`` and return when all is said.

    speech: 16 kHz mono, shape (samples,); every stream goes round in it from a place of its
            own.
    Streams that find no room are left out. Raises their refusal if none finds any, and what
    else the server answers with; Unreachable if it is not there or was lost.
    """
    return asyncio.run(_drive(address, load, speech, access))


async def _drive(address: str, load: Load, speech: NDArray[np.int16], access: Access) -> Driven:
    async with _connected(address, load.streams, access) as stubs:
        metadata = access.metadata(address)
        streams = list(_streams(stubs, load, speech, metadata))
        try:
            refusals = await asyncio.wait_for(_open(streams), OPENING_S)
            admitted = [each for each in streams if each.look_ahead_frames is not None]
            if not admitted:
                raise refusals[0]
            await _play(admitted, load)
        except grpc.RpcError as error:
            raise error_from(error, address) from error
        except TimeoutError as cause:
            raise Unreachable(
                f"{address}: {load.streams} streams did not begin within {OPENING_S:g} s; "
                "is the server busy with something else?"
            ) from cause
        finally:
            for stream in streams:
                stream.call.cancel()  # harmless for those that ended
    return Driven(
        streams=tuple(each.played() for each in admitted), refused_streams=len(refusals)
    )


@asynccontextmanager
async def _connected(
    address: str, streams: int, access: Access
) -> AsyncIterator[Sequence[SpeechRecognitionStub]]:
    """Open as many connections as so many streams take."""
    credentials = access.credentials()
    options = [("grpc.use_local_subchannel_pool", 1)]  # or else they would all share one
    async with AsyncExitStack() as stack:
        stubs = []
        for _ in range(-(-streams // STREAMS_PER_CONNECTION)):
            channel = (
                grpc.aio.insecure_channel(address, options=options)
                if credentials is None
                else grpc.aio.secure_channel(address, credentials, options=options)
            )
            stubs.append(SpeechRecognitionStub(await stack.enter_async_context(channel)))
        yield stubs


async def _open(streams: Sequence["_Stream"]) -> list[VauError]:
    """Open all streams, and return why those were refused for which there was no room."""
    opened = await asyncio.gather(*(each.open() for each in streams))
    return [refusal for refusal in opened if refusal is not None]


async def _play(streams: Sequence["_Stream"], load: Load) -> None:
    """Send and hear everything; give up on what is not answered in time.

    Raises what a stream fails with.
    """
    start_s = perf_counter() + HEAD_START_S
    most_s = HEAD_START_S + (load.chunks + 1) * load.chunk_s + load.patience_s
    tasks = [asyncio.create_task(each.play(start_s)) for each in streams]
    try:
        done, _ = await asyncio.wait(tasks, timeout=most_s, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


@dataclass(slots=True)
class _Stream:
    """One stream, and its notes."""

    call: "grpc.aio.StreamStreamCall[Any, Any]"
    config: pb.StreamingConfig
    chunks: Iterator[bytes]
    chunk_s: float
    phase_s: float
    """How long after the start of all its own first chunk begins."""

    look_ahead_frames: int | None = None
    """None until the server has let it in."""

    sent: list[Sent] = field(default_factory=list)
    heard: list[Response] = field(default_factory=list)
    ending: Ending | None = None

    async def open(self) -> VauError | None:
        """Wait for the server to begin the stream; return its refusal if there is no room."""
        try:
            with suppress(asyncio.InvalidStateError):  # it is over: reading tells why
                await self.call.write(pb.StreamingRecognizeRequest(config=self.config))
            response = await self._read()
        except grpc.RpcError as error:
            meant = error_from(error)
            if isinstance(meant, (SlotsExhausted, BackendBusy, QuotaExceeded)):
                return meant
            raise
        if response is None:
            raise Unreachable("the server ended a stream without beginning it")
        self.look_ahead_frames = response.started.model.look_ahead_frames
        return None

    async def play(self, start_s: float) -> None:
        """Send every chunk when it is due, and note every answer."""
        speaking = asyncio.create_task(self._speak(start_s + self.phase_s))
        try:
            await self._listen()
            await speaking
        finally:
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    def played(self) -> Played:
        """Return the notes. Raises ValueError if the server never let it in."""
        if self.look_ahead_frames is None:
            raise ValueError("a stream that was refused played nothing")
        return Played(
            look_ahead_frames=self.look_ahead_frames,
            sent=tuple(self.sent),
            heard=tuple(self.heard),
            ending=self.ending,
        )

    async def _speak(self, start_s: float) -> None:
        end_sample = 0
        for at, chunk in enumerate(self.chunks, start=1):
            due_s = start_s + at * self.chunk_s
            free_s = perf_counter()
            await asyncio.sleep(max(0.0, due_s - free_s))
            begun_s = perf_counter()
            end_sample += len(chunk) // SAMPLE_BYTES[ENCODING]
            # Before it is written: what the transport never takes was due all the same.
            is_held_back = was_held_back(due_s, self.sent[-1] if self.sent else None, free_s)
            self.sent.append(Sent(end_sample, due_s, begun_s, is_held_back))
            try:
                await self.call.write(pb.StreamingRecognizeRequest(audio=chunk))
            except (asyncio.InvalidStateError, grpc.RpcError):
                return  # the stream is over, and whoever listens to it hears why
        await self.call.done_writing()

    async def _listen(self) -> None:
        while (response := await self._read()) is not None:
            at_s = perf_counter()
            received, answered = response.received_sample, response.answered_sample
            self.heard.append(Response(at_s, received, answered))
            if response.HasField("finished"):
                self.ending = Ending(
                    at_s=at_s,
                    frames=response.finished.frames,
                    deadline_misses=response.finished.deadline_misses,
                    energies=finished_of(response.finished).energies,
                )

    async def _read(self) -> pb.StreamingRecognizeResponse | None:
        """Return the next response, or None behind the last of a stream that ended well."""
        response: Any = await self.call.read()
        return None if response is grpc.aio.EOF else response


def _streams(
    stubs: Sequence[SpeechRecognitionStub],
    load: Load,
    speech: NDArray[np.int16],
    metadata: tuple[tuple[str, str], ...],
) -> Iterator[_Stream]:
    """Yield the streams of a load; they begin at random, as live streams do."""
    random = np.random.default_rng(load.seed)
    size = load.chunk_samples * SAMPLE_BYTES[ENCODING]
    loop = speech.astype("<i2").tobytes()
    loop += (loop * (size // len(loop) + 1))[:size]  # so that a chunk may go round the end
    config = load.request.config()
    for at in range(load.streams):
        first_sample = int(random.integers(len(speech)))
        starts = (first_sample + np.arange(load.chunks) * load.chunk_samples) % len(speech)
        yield _Stream(
            call=stubs[at % len(stubs)].StreamingRecognize(metadata=metadata),
            config=config,
            chunks=(
                loop[start : start + size]
                for start in (starts * SAMPLE_BYTES[ENCODING]).tolist()
            ),
            chunk_s=load.chunk_s,
            phase_s=float(random.uniform(0.0, load.chunk_s)),
        )
