"""Whether 16-bit samples were put together from the wrong bytes, or from several channels."""

from dataclasses import dataclass, field
from math import log2
from statistics import median
from typing import Final

import numpy as np

from vau.honesty.block import SECOND_BLOCKS
from vau.honesty.remark import Finding, Kind
from vau.honesty.steps import Heard, bits_of, mean_of, steps_of

# Source of the figures: docs/audio-honesty.md, where they come from.
CHEAPER_BITS: Final = 0.5
"""Another order of the bytes is the right one if it saves so many bits a step."""

CLEAR_BITS: Final = 0.01
"""In loud noise two other orders save much. Which of them it is stays open for a second, unless
one is cheaper by so much."""

BOTH_SIGNS: Final = 0.1
"""Sound is below zero, and above, for such a share of the time at least. Eight-bit audio whose
low bytes are empty is all positive with its bytes swapped, and would seem cheap."""

TWIN_BITS: Final = 0.2
TWIN_BITS_WHOLE: Final = 0.3
"""Channels that are alike: a sample is so much nearer to its twin than to its other neighbour,
in the median of the blocks or in all of them together."""

TWIN_STEP: Final = 1.7
"""A channel of its own steps less than this in parts of its level. A tone of 4 kHz, whose
samples may come in pairs as well, does 2."""

APART_BITS: Final = 0.2
"""Channels that are not: a sample is so much nearer to the last but one than to the last, in
the median of the blocks of a second. A hiss may do that for half a second."""


@dataclass(slots=True)
class Readings:
    """Sums over the blocks of some sound."""

    _level: float = 0.0
    _to_twin: float = 0.0
    _to_other: float = 0.0
    _in_channel: float = 0.0
    _twin_bits: list[float] = field(default_factory=list)
    _apart_bits: list[float] = field(default_factory=list)
    _bits: float = 0.0
    _swapped_bits: float = 0.0
    _swapped_below: float = 0.0
    _shifted_bits: float = 0.0
    _shifted_below: float = 0.0

    def hear(self, heard: Heard) -> None:
        """Add a block."""
        self._bits += heard.bits
        swapped = heard.samples.byteswap()
        self._swapped_bits += bits_of(steps_of(swapped))
        self._swapped_below += np.count_nonzero(swapped < 0) / len(swapped)
        shifted = heard.samples.view(np.uint8)[1:-1].view("<i2")
        self._shifted_bits += bits_of(steps_of(shifted))
        self._shifted_below += np.count_nonzero(shifted < 0) / len(shifted)
        self._hear_channels(heard)

    def _hear_channels(self, heard: Heard) -> None:
        to_twin, to_other = mean_of(heard.steps[::2]), mean_of(heard.steps[1::2])
        in_channel = mean_of(steps_of(heard.samples, 2))
        self._level += heard.level
        self._to_twin += to_twin
        self._to_other += to_other
        self._in_channel += in_channel
        self._twin_bits.append(_times(to_other, to_twin))
        self._apart_bits.append(_times(heard.step, in_channel))

    def makes_more_sense_elsewise(self) -> bool:
        """Tell whether the bytes in some other order do."""
        cheapest = min(self._swapped_bits, self._shifted_bits)
        return self._bits - cheapest >= CHEAPER_BITS * len(self._twin_bits)

    def order(self) -> Finding | None:
        """Tell in which other order the bytes make more sense."""
        blocks = len(self._twin_bits)
        apart = abs(self._swapped_bits - self._shifted_bits)
        is_open = apart < CLEAR_BITS * blocks and blocks < SECOND_BLOCKS
        if is_open or not self.makes_more_sense_elsewise():
            return None
        is_swapped = self._swapped_bits < self._shifted_bits
        below = (self._swapped_below if is_swapped else self._shifted_below) / blocks
        if not BOTH_SIGNS < below < 1 - BOTH_SIGNS:
            return None
        if is_swapped:
            return Kind.BYTE_ORDER, "The audio looks byte-swapped: send the low byte first", {}
        text = "The audio looks shifted: a byte too many or too few was sent before it"
        return Kind.MISALIGNED, text, {}

    def channels(self) -> Finding | None:
        """Tell whether the samples look like those of two channels in turn."""
        whole = _times(self._to_other, self._to_twin)
        is_paired = abs(median(self._twin_bits)) >= TWIN_BITS or abs(whole) >= TWIN_BITS_WHOLE
        is_alike = is_paired and self._in_channel < TWIN_STEP * self._level
        is_apart = (
            len(self._apart_bits) >= SECOND_BLOCKS and median(self._apart_bits) >= APART_BITS
        )
        if not is_alike and not is_apart:
            return None
        text = "The audio looks like two channels in turn: send one channel"
        return Kind.INTERLEAVED, text, {}


def _times(one: float, other: float) -> float:
    """Return how many times ``other`` goes into ``one``, in powers of two."""
    return log2((1.0 + one) / (1.0 + other))
