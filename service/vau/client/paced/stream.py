"""One paced stream on a server, and its notes of what was sent and heard, and when."""

import asyncio
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, field
from time import perf_counter
from typing import Any, Final

import grpc

from vau.audio import SAMPLE_BYTES
from vau.client.channel import OVER
from vau.client.recognition import finished_of
from vau.errors import BackendBusy, QuotaExceeded, SlotsExhausted, Unreachable, VauError
from vau.load.chunks import Ending, Played, Response, Sent, was_held_back
from vau.v1 import speech_pb2 as pb
from vau.wire.status import error_from

ENCODING: Final = "linear16"


@dataclass(slots=True)
class Stream:
    """One stream, and its notes."""

    call: "grpc.aio.StreamStreamCall[Any, Any]"
    config: pb.StreamingConfig
    chunks: Iterator[bytes]
    chunk_s: float
    look_ahead_frames: int | None = None
    """None until the server has let it in."""

    sent: list[Sent] = field(default_factory=list)
    heard: list[Response] = field(default_factory=list)
    ending: Ending | None = None

    @property
    def is_begun(self) -> bool:
        """The server has let it in."""
        return self.look_ahead_frames is not None

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
        """Send every chunk when it is due, the first one's audio from ``start_s`` on.

        Every answer is noted.
        """
        speaking = asyncio.create_task(self._speak(start_s))
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
            except OVER:
                return  # the stream is over, and whoever listens to it hears why
        with suppress(*OVER):
            await self.call.done_writing()

    async def _listen(self) -> None:
        while (response := await self._read()) is not None:
            at_s = perf_counter()
            self.heard.append(
                Response(
                    at_s,
                    response.received_sample,
                    response.answered_sample,
                    first_frame=response.posteriors.first_frame,
                    frames=response.posteriors.frame_count,
                    phones=sum(len(result.phones) for result in response.results),
                )
            )
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
