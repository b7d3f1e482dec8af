"""Stretches of a second or more that are silent to the last bit, clipped, or off centre.

They are looked for as long as the stream lasts. A stretch is told once, as soon as it is one;
another of its kind is told again, but not within ten seconds.
"""

from collections import deque
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from vau.audio import FULL_SCALE, SAMPLE_RATE_HZ
from vau.honesty.block import BLOCK_SAMPLES, SECOND_BLOCKS, Block
from vau.honesty.remark import Kind, Remark, about

SECOND: Final = SAMPLE_RATE_HZ
APART: Final = 10 * SECOND

# Source of the figures: docs/audio-honesty.md, where they come from.
DC_LIMIT: Final = FULL_SCALE // 50
"""Mean of a second."""

LOUD_SPREAD: Final = FULL_SCALE // 512
"""Waves that stay within it do not show whether they were clipped."""

CLIPPED_SAMPLES: Final = SECOND // 160
CLIPPED_BLOCKS: Final = 2
"""Of a second that is clipped so many samples are, in so many blocks."""

EDGE: Final = 48
"""A clipped wave comes to its limit by a step of this part of it. One that only turns there,
like the crest of a low hum, comes slowly."""


COARSE: Final = 2
"""Nor does the crest of one of few bits: there the smallest of all steps leads to it."""


@dataclass(slots=True)
class _Teller:
    """Tells each stretch of one kind once."""

    kind: Kind
    text: str
    is_told: bool = False
    next_at: int = 0

    def tell(self, start: int, end: int, **facts: int) -> list[Remark]:
        """Return the remark on a stretch that reaches from ``start`` to ``end`` by now."""
        if self.is_told or end < self.next_at:
            return []
        self.is_told, self.next_at = True, end + APART
        return [about(self.kind, self.text, start, end, **facts)]


@dataclass(slots=True)
class Stretches:
    """What a stream has been like in the last second."""

    _zero_from: int
    _zero: _Teller = field(
        default_factory=lambda: _Teller(
            Kind.ALL_ZERO, "The audio is digital silence: is the right input open?"
        )
    )
    _clipped: _Teller = field(
        default_factory=lambda: _Teller(
            Kind.CLIPPED, "The audio is clipped: turn the level of its source down"
        )
    )
    _dc: _Teller = field(
        default_factory=lambda: _Teller(
            Kind.DC, "The audio is off centre: take the DC offset out at its source"
        )
    )
    _sums: deque[int] = field(default_factory=lambda: deque(maxlen=SECOND_BLOCKS))
    _loud: deque[tuple[int, int]] = field(default_factory=lambda: deque(maxlen=SECOND_BLOCKS))
    """(start, clipped samples) of the last blocks that were loud enough to show any."""

    def hear(self, block: Block) -> list[Remark]:
        """Take the next block; return what it makes worth telling."""
        if block.low == block.high == 0:
            return [*self._tell_zeros(block.end), *self._hear_sum(block)]
        return [
            *self._hear_sound(block),
            *self._hear_sum(block),
            *self._hear_peaks(block),
        ]

    def _tell_zeros(self, end: int) -> list[Remark]:
        if end - self._zero_from < SECOND:
            return []
        return self._zero.tell(self._zero_from, end)

    def _hear_sound(self, block: Block) -> list[Remark]:
        """End the silence before the first sample that is none; after the last, begin anew."""
        told: list[Remark] = []
        if self._zero_from < block.start:
            told = self._tell_zeros(block.start + int((block.samples != 0).argmax()))
        self._zero.is_told = False
        self._zero_from = block.end
        if block.samples[-1] == 0:
            self._zero_from -= int((block.samples[::-1] != 0).argmax())
        return told

    def _hear_sum(self, block: Block) -> list[Remark]:
        self._sums.append(block.total)
        offset = round(sum(self._sums) / SECOND)
        if len(self._sums) < SECOND_BLOCKS or abs(offset) < DC_LIMIT:
            self._dc.is_told = False
            return []
        return self._dc.tell(block.end - SECOND, block.end, offset=offset)

    def _hear_peaks(self, block: Block) -> list[Remark]:
        if block.spread < LOUD_SPREAD:
            return []
        mean = round(block.total / BLOCK_SAMPLES)
        clipped = _cut_off(block, block.high, mean) + _cut_off(block, block.low, mean)
        self._loud.append((block.start, clipped))
        counts = [count for _, count in self._loud if count]
        is_clipped = len(counts) >= CLIPPED_BLOCKS and sum(counts) >= CLIPPED_SAMPLES
        if len(self._loud) < SECOND_BLOCKS or not is_clipped:
            self._clipped.is_told = False
            return []
        return self._clipped.tell(self._loud[0][0], block.end, samples=sum(counts))


def _cut_off(block: Block, limit: int, mean: int) -> int:
    """Count the samples that are cut off at ``limit``, the least or the greatest of them."""
    at_limit = block.samples == limit
    if np.count_nonzero(at_limit) < 2:
        return 0
    together = int(np.count_nonzero(at_limit[1:] & at_limit[:-1]))
    if not together:
        return 0
    steps = np.abs(np.diff(block.samples.astype(np.int32)))
    heights = steps[at_limit[1:] != at_limit[:-1]]
    smallest = int(steps[steps > 0].min(initial=2 * FULL_SCALE))
    if len(heights):
        height = float(np.median(heights))
        if height * EDGE < abs(limit - mean) or height < COARSE * smallest:
            return 0
    return together + 1
