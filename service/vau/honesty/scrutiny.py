"""One stream, looked at as it comes in."""

from dataclasses import dataclass, field
from typing import Final

import numpy as np

from vau.honesty.band import LOUD_LEVEL, Spectrum
from vau.honesty.block import BLOCK_SAMPLES, SECOND_BLOCKS, Block, Samples
from vau.honesty.foreign import Foreign, container
from vau.honesty.readings import Readings
from vau.honesty.remark import Finding, Kind, Remark, about
from vau.honesty.steps import Heard
from vau.honesty.stretches import Stretches

# Source of the figures: docs/audio-honesty.md, where they come from.
LEAST_SPREAD: Final = 16
"""A block that stays within so little is silence."""

PAUSE: Final = 16
"""A block by so much quieter than the loudest is a pause."""

LOUDER: Final = 4
"""A block by so much louder than all before it shows that the sound only begins there."""

FEWEST_BLOCKS: Final = SECOND_BLOCKS // 2
"""Judged by less, sound is not yet judged."""

SURE_BLOCKS: Final = 8
"""Judged by less, vowels may look like an empty band."""

MOST_BLOCKS: Final = 3 * SECOND_BLOCKS
"""Sound that showed nothing in so many blocks is not looked at any longer."""

GARBLED: Final = (Kind.BYTE_ORDER, Kind.MISALIGNED, Kind.NOT_PCM)
"""Of what is no sound as it stands, nothing else is worth telling but that it is silent."""


@dataclass(slots=True)
class _Sound:
    """What is known of the sound so far, pauses left out."""

    start: int
    blocks: int = 0
    loudest: float = 0.0
    readings: Readings = field(default_factory=Readings)
    foreign: Foreign = field(default_factory=Foreign)
    spectrum: Spectrum = field(default_factory=Spectrum)

    def hear(self, samples: Samples, level: float) -> None:
        heard = Heard.of(samples, level)
        self.blocks += 1
        self.loudest = max(level, self.loudest)
        self.readings.hear(heard)
        self.foreign.hear(heard)
        self.spectrum.hear(samples)

    def found(self) -> Finding | None:
        """Return what is most likely wrong with it."""
        found = self.foreign.found() or self.readings.order()
        if found is not None:
            return found
        if self.readings.makes_more_sense_elsewise():
            return None
        if self.foreign.is_noise():
            text = "The audio looks like compressed data, not like 16-bit samples"
            return Kind.NOT_PCM, text, {"looks_like": "compressed data"}
        if self.blocks < SURE_BLOCKS:
            return None
        found = self.readings.channels()
        if found is not None:
            return found
        limit_hz = self.spectrum.limit_hz() if self.loudest >= LOUD_LEVEL else None
        if limit_hz is None:
            return None
        text = (
            f"The audio has nothing above {limit_hz / 1e3:.1f} kHz: it was probably upsampled"
        )
        return Kind.BAND_LIMITED, text, {"hertz": round(limit_hz)}


class Scrutiny:
    """Listens to a stream of 16 kHz samples, in any chunks, for what is wrong with it.

    What it says depends on the samples alone. It holds a few kilobytes.
    """

    def __init__(self, start: int = 0) -> None:
        """Begin at this sample of the stream."""
        self._rest: list[Samples] = []
        self._resting = 0
        self._at = start
        self._stretches = Stretches(start)
        self._sound: _Sound | None = None
        self._loudest = 0.0
        self._blocks_left = 0
        self._told: set[Kind] = set()
        self._is_garbled = False

    def hear(self, samples: Samples) -> list[Remark]:
        """Take the next samples; return what is worth telling of the audio up to here."""
        self._rest.append(samples)
        self._resting += len(samples)
        if self._resting < BLOCK_SAMPLES:
            return []
        waiting = samples if len(self._rest) == 1 else np.concatenate(self._rest)
        whole = len(waiting) - len(waiting) % BLOCK_SAMPLES
        told: list[Remark] = []
        for first in range(0, whole, BLOCK_SAMPLES):
            told += self._look(Block.of(waiting[first : first + BLOCK_SAMPLES], self._at))
        self._resting = len(waiting) - whole
        self._rest = [waiting[whole:].copy()] if self._resting else []
        return told

    def _look(self, block: Block) -> list[Remark]:
        self._at = block.end
        told = []
        if block.start == 0:
            told += self._tell(container(block.samples), 0, block.end)
        if self._has_sound(block):
            told += self._listen(block)
        stretches = self._stretches.hear(block)
        return told + [
            each for each in stretches if not self._is_garbled or each.kind is Kind.ALL_ZERO
        ]

    def _has_sound(self, block: Block) -> bool:
        """Tell whether there may be anything to learn from the block."""
        if self._is_garbled or block.spread < LEAST_SPREAD:
            return False
        return self._blocks_left > 0 or block.spread / 2 > LOUDER * self._loudest

    def _listen(self, block: Block) -> list[Remark]:
        """Add the block to what is known of the sound, and judge that."""
        level = block.level
        if level > LOUDER * self._loudest:
            self._blocks_left = MOST_BLOCKS
        self._loudest = max(level, self._loudest)
        if not self._blocks_left or level * PAUSE < self._loudest:
            return []
        self._blocks_left -= 1
        sound = self._sound = self._sound or _Sound(block.start)
        sound.hear(block.samples, level)
        found = sound.found() if sound.blocks >= FEWEST_BLOCKS else None
        self._is_garbled = found is not None and found[0] in GARBLED
        return self._tell(found, sound.start, block.end)

    def _tell(self, found: Finding | None, start: int, end: int) -> list[Remark]:
        if found is None or found[0] in self._told:
            return []
        kind, text, facts = found
        self._told.add(kind)
        return [about(kind, text, start, end, **facts)]


def trailing(size: int, sample_bytes: int, sample: int) -> Remark:
    """Return the remark on ``size`` bytes at the end that are less than a sample."""
    return Remark(
        Kind.TRAILING_BYTES,
        f"The audio ended inside a sample: the last {size} of its bytes were dropped, "
        f"a sample has {sample_bytes}",
        {"bytes": size, "sample": sample},
    )
