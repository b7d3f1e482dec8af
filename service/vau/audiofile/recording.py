"""Audio files as a model hears them, in blocks or whole.

In blocks a file of any length takes little memory; but what is wrong with its end is not known
before all else of it has been heard.
"""

import hashlib
from collections.abc import Generator, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import NDArray

from vau.audiofile.converting import Channel, Converter
from vau.audiofile.foreign import kind_of, opened_foreign
from vau.audiofile.reading import open_file, opened_pcm
from vau.errors import AudioCorrupt

Samples = NDArray[np.int16]
"""At 16 kHz, shape (samples,)."""


@dataclass(frozen=True, slots=True)
class Recording:
    """A file as a model hears it."""

    samples: Samples
    """One at least."""

    sha256: str
    """Hex digest of the bytes that were read."""


class Blocks:
    """The samples of a file, block by block; a block may be empty.

    Raises what ``read_recording`` raises, some of it behind the last block.
    """

    def __init__(self, file: Path, channel: Channel = "mix") -> None:
        """Prepare: the file is opened for the first block."""
        self.sha256 = ""
        """Hex digest of its bytes; known with the first block."""

        self._reading = self._read(file, channel)

    def __iter__(self) -> Iterator[Samples]:
        """Go on where it stands."""
        return self

    def __next__(self) -> Samples:
        """Decode another block."""
        return next(self._reading)

    def close(self) -> None:
        """Let go of the file. Closing twice is harmless."""
        self._reading.close()

    def _read(self, file: Path, channel: Channel) -> Generator[Samples, None, None]:
        with open_file(file) as opened:
            self.sha256 = hashlib.file_digest(opened, "sha256").hexdigest()
            kind = kind_of(opened)
            with (
                opened_pcm(opened, str(file))
                if kind is None
                else opened_foreign(opened, str(file), kind)
            ) as (said, blocks):
                converter = Converter(said.rate_hz, said.channels, channel)
                frames = count = 0
                for block in blocks:
                    samples = converter.push(block)
                    frames += len(block)
                    count += len(samples)
                    yield samples
            samples = converter.finish()
            if not count + len(samples):
                raise AudioCorrupt(
                    f"{file}: its length of {frames} at {said.rate_hz} Hz is less than a "
                    "sample at 16 kHz; give a file with audio",
                    field="audio",
                )
            yield samples


class Pieces:
    """Samples that come in blocks, given out in pieces of another length."""

    def __init__(self, blocks: Iterable[Samples]) -> None:
        """Begin with the first of them."""
        self._blocks = iter(blocks)
        self._held = np.zeros(0, np.int16)

    def take(self, count: int) -> tuple[Samples, bool]:
        """Return the next ``count`` samples, fewer only at the end, and whether it is that."""
        parts, held = [self._held], len(self._held)
        while held <= count and (block := next(self._blocks, None)) is not None:
            parts.append(block)
            held += len(block)
        samples = np.concatenate(parts)
        self._held = samples[count:].copy()
        return samples[:count], held <= count


def read_recording(file: Path, channel: Channel = "mix") -> Recording:
    """Decode a file to 16 kHz mono: one channel, or the mean of all.

    Raises AudioError as ``read_pcm`` and ``to_mono_16k`` do, and AudioCorrupt if it is so
           short that no sample is left at 16 kHz.
    """
    blocks = Blocks(file, channel)
    samples = bytearray()  # it grows in place: parts put together would be there twice
    for block in blocks:
        samples += block.tobytes()
    return Recording(np.frombuffer(samples, np.int16), blocks.sha256)
