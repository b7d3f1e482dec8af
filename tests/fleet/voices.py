"""Streams that speak until they are told to end, and all that they heard."""

import asyncio
from collections.abc import AsyncIterator, Iterable
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from tests.audio import clip_or_noise
from tests.serving import FULL, Heard, streaming
from vau.audio import SAMPLE_RATE_HZ
from vau.client import Access, AsyncClient, Client, Resume
from vau.client.access import PLAIN
from vau.client.resumption import RESUMED

CHUNK_SAMPLES: Final = SAMPLE_RATE_HZ // 10
CHUNK_S: Final = CHUNK_SAMPLES / SAMPLE_RATE_HZ
INTERVAL_S: Final = 0.5  # of audio between checkpoints
PATIENCE_S: Final = 300.0  # for a fleet to be there again, on however busy a machine
_APART: Final = 7919  # samples between the beginnings of two streams in the recording


class Speech:
    """A recording that never ends, in chunks of 100 ms; each stream begins elsewhere in it."""

    def __init__(self, samples: NDArray[np.int16]) -> None:
        self._samples = samples

    def chunk(self, voice: int, number: int) -> bytes:
        """Return a chunk of the stream of this number."""
        first = voice * _APART + number * CHUNK_SAMPLES
        wanted = np.arange(first, first + CHUNK_SAMPLES)
        return self._samples.take(wanted, mode="wrap").astype("<i2").tobytes()

    def chunks(self, voice: int, count: int) -> Iterable[bytes]:
        return (self.chunk(voice, number) for number in range(count))


def speech() -> Speech:
    return Speech(clip_or_noise())


@dataclass(slots=True)
class Voice:
    """One stream through the proxy, at the pace of speech."""

    number: int
    sent: int = 0
    """Chunks."""

    heard: Heard = field(default_factory=lambda: Heard([]))
    away_s: list[float] = field(default_factory=list)
    """For how long it was lost, each time that it went on."""

    answered_s: float = 0.0
    """Of audio."""

    has_begun: asyncio.Event = field(default_factory=asyncio.Event)

    async def speak(self, client: AsyncClient, speech: Speech, is_over: asyncio.Event) -> None:
        """Stream until ``is_over``. Raises what ends the stream otherwise."""
        resume = Resume(interval_s=INTERVAL_S, patience_s=PATIENCE_S)
        config = streaming(FULL)
        async for response in client.stream(config, self._said(speech, is_over), resume=resume):
            self.has_begun.set()
            self.heard.responses.append(response)
            self.answered_s = response.answered_sample / SAMPLE_RATE_HZ
            self.away_s += [
                float(notice.metadata["away_s"])
                for notice in response.notices
                if notice.code == RESUMED
            ]

    async def _said(self, speech: Speech, is_over: asyncio.Event) -> AsyncIterator[bytes]:
        """Yield a chunk each 100 ms; after a while without, those that are due at once."""
        clock = asyncio.get_running_loop().time
        begun_s = clock()
        while not is_over.is_set():
            yield speech.chunk(self.number, self.sent)
            self.sent += 1
            due_s = begun_s + self.sent * CHUNK_S
            with suppress(TimeoutError):
                await asyncio.wait_for(is_over.wait(), max(0.0, due_s - clock()))


def heard_at(address: str, speech: Speech, voice: Voice, access: Access = PLAIN) -> Heard:
    """Send there what a stream has sent, as fast as it is taken, and return what was heard."""
    with Client(address, access=access) as client:
        chunks = speech.chunks(voice.number, voice.sent)
        return Heard(list(client.stream(streaming(FULL), chunks)))
