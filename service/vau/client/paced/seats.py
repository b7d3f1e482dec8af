"""Places of a load: one stream speaks in each at a time, and another may follow it."""

import asyncio
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from time import perf_counter
from typing import Final

import grpc
import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_BYTES
from vau.client.paced.load import Load
from vau.client.paced.stream import ENCODING, Stream
from vau.errors import VauError
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub
from vau.wire.status import is_untold

PAUSE_CHUNKS: Final = 2
"""Between the end of one stream and the first sample of the next in its place: the first has
its final by then, and the next has begun."""


@dataclass(slots=True)
class Seat:
    """A place, and who speaks there one after the other."""

    begin: Callable[[int], Stream]
    """Starts a call that will send so many chunks."""

    lengths: tuple[int, ...]
    """Chunks of each."""

    chunk_s: float
    phase_s: float
    """How long after the start of all its own first chunk begins."""

    streams: list[Stream] = field(default_factory=list)
    """Those that were begun."""

    refusals: list[VauError] = field(default_factory=list)

    async def open(self) -> VauError | None:
        """Begin the first stream; return its refusal if there is no room."""
        return await self._begin(self.lengths[0])

    async def play(self, start_s: float) -> None:
        """Let all speak, each in its turn; one that is refused leaves the place empty."""
        begins_s = start_s + self.phase_s
        await self.streams[0].play(begins_s)
        for before, chunks in zip(self.lengths, self.lengths[1:], strict=False):
            begins_s += (before + PAUSE_CHUNKS) * self.chunk_s
            refusal = await self._begin(chunks)
            if refusal is not None:
                self.refusals.append(refusal)
                return
            begins_s = max(begins_s, perf_counter())  # nobody speaks before it is let in
            await self.streams[-1].play(begins_s)

    async def _begin(self, chunks: int) -> VauError | None:
        """Begin another stream, anew if gRPC lost what the server said to it."""
        while True:
            self.streams.append(self.begin(chunks))
            try:
                return await self.streams[-1].open()
            except grpc.RpcError as error:
                if not is_untold(error):
                    raise
            self.streams.pop()

    def ends_s(self, start_s: float) -> float:
        """Return when the last of them is to have spoken."""
        pauses = PAUSE_CHUNKS * (len(self.lengths) - 1)
        return start_s + self.phase_s + (sum(self.lengths) + pauses) * self.chunk_s

    def cancel(self) -> None:
        """End what did not end."""
        for stream in self.streams:
            stream.call.cancel()  # harmless for those that ended


async def open_all(seats: Sequence[Seat]) -> list[VauError]:
    """Begin in all seats, and return why those were refused for which there was no room."""
    opened = await asyncio.gather(*(each.open() for each in seats))
    return [refusal for refusal in opened if refusal is not None]


def seats_of(
    stubs: Sequence[SpeechRecognitionStub],
    load: Load,
    speech: NDArray[np.int16],
    metadata: tuple[tuple[str, str], ...],
) -> Iterator[Seat]:
    """Yield the seats of a load; their streams begin at random, as live streams do."""
    random = np.random.default_rng(load.seed)
    size = load.chunk_samples * SAMPLE_BYTES[ENCODING]
    loop = speech.astype("<i2").tobytes()
    loop += (loop * (size // len(loop) + 1))[:size]  # so that a chunk may go round the end
    config = load.request.config()
    for at in range(load.streams):
        stub = stubs[at % len(stubs)]
        first_sample = int(random.integers(len(speech)))
        phase_s = float(random.uniform(0.0, load.chunk_s))
        lengths = turns(random, load.chunks, load.stream_chunks)

        def begin(
            chunks: int,
            stub: SpeechRecognitionStub = stub,
            first_sample: int = first_sample,
        ) -> Stream:
            starts = (first_sample + np.arange(chunks) * load.chunk_samples) % len(speech)
            return Stream(
                call=stub.StreamingRecognize(metadata=metadata),
                config=config,
                chunks=(
                    loop[start : start + size]
                    for start in (starts * SAMPLE_BYTES[ENCODING]).tolist()
                ),
                chunk_s=load.chunk_s,
            )

        yield Seat(begin, lengths, load.chunk_s, phase_s)


def turns(random: np.random.Generator, chunks: int, stream_chunks: int) -> tuple[int, ...]:
    """Return how many chunks each stream of a seat sends: no more than ``chunks`` in all.

    With pauses between them. The first is of any length up to ``stream_chunks``, so that not
    all seats change at once; the others are as long as that.
    """
    if stream_chunks >= chunks:
        return (chunks,)
    lengths = [int(random.integers(1, stream_chunks + 1))]
    left = chunks - lengths[0]
    while left >= PAUSE_CHUNKS + stream_chunks:
        lengths.append(stream_chunks)
        left -= PAUSE_CHUNKS + stream_chunks
    return tuple(lengths)
