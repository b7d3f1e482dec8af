"""What a load of paced streams sends, and what came of it."""

from dataclasses import dataclass

from vau.audio import SAMPLE_RATE_HZ
from vau.client.recognition import Request
from vau.load.chunks import Played
from vau.load.knocks import Knock


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
    stream_s: float | None = None
    """Streams end after so much audio and others take their places, so that the load stays
    what it is; the first ones end anywhere within it. None: all last as long as the load."""

    knocks: int = 0
    """So many more streams are tried meanwhile, at random moments, and given up at once."""

    @property
    def chunk_samples(self) -> int:
        """Samples of a chunk."""
        return round(self.chunk_s * SAMPLE_RATE_HZ)

    @property
    def chunks(self) -> int:
        """Chunks of a stream, one at least; of all that follow each other, if they do."""
        return max(1, round(self.duration_s / self.chunk_s))

    @property
    def stream_chunks(self) -> int:
        """Chunks of a single stream."""
        if self.stream_s is None:
            return self.chunks
        return min(self.chunks, max(1, round(self.stream_s / self.chunk_s)))


@dataclass(frozen=True, slots=True, kw_only=True)
class Driven:
    """What came of a load."""

    streams: tuple[Played, ...]
    refused_streams: int
    full_until_s: float
    """From here on there were fewer streams at a time, since some places stayed empty; of the
    clock of all notes."""

    knocks: tuple[Knock, ...] = ()
