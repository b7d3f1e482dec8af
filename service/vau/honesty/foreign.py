"""Whether what was sent as 16-bit samples is something else altogether."""

from dataclasses import dataclass
from typing import Final

import numpy as np

from vau.audio import FULL_SCALE
from vau.honesty.block import Samples
from vau.honesty.remark import Finding, Kind
from vau.honesty.steps import Heard, bits_of, steps_of

# Source of the figures: docs/audio-honesty.md, where they come from.
FLOAT_SHARE: Final = 0.95
"""Such a share of the pairs of samples can be floats of audio, if that is what they are."""

FLOAT_WORDS: Final = 0.2
"""Such a share of the pairs must not be zero."""

FLOAT_EXPONENTS: Final = (105, 128)
"""With their bias: from 2**-22, far below a step of 16 bits, to below 4."""

FLOAT_BITS: Final = 0.5
"""Read as floats, they save so many bits a step."""

TEXT_SHARE: Final = 0.97
NOISE_LEVEL, NOISE_ROUGHNESS = FULL_SCALE / 2, 4 / 3
NOISE_WITHIN: Final = 0.06
NOISE_CLIPPED: Final = 1e-3
"""Where all values are equally likely, level and steps are those and few values extreme."""


CONTAINERS: Final = {
    b"RIFF": "wav",
    b"RIFX": "wav",
    b"RF64": "wav",
    b"FORM": "aiff",
    b".snd": "au",
    b"caff": "caf",
    b"fLaC": "flac",
    b"OggS": "ogg",
    b"\x1aE\xdf\xa3": "webm",
    b"#!AM": "amr",
    b"PK\x03\x04": "zip",
}
"""Four first bytes of files. No sound begins like that but by a chance of one in 2**32."""


def container(samples: Samples) -> Finding | None:
    """Tell whether a stream that begins with these samples is a file, header and all."""
    start = samples[:4].astype("<i2").tobytes()
    name = CONTAINERS.get(start[:4]) or ("mp4" if start[4:8] == b"ftyp" else "")
    if start[:3] == b"ID3":
        name = "mp3"
    if not name:
        return None
    text = f"The audio begins like a file, not like samples: it looks like {name}"
    return Kind.NOT_PCM, text, {"looks_like": name}


@dataclass(slots=True)
class Foreign:
    """Sums over the blocks of some sound."""

    _blocks: int = 0
    _level: float = 0.0
    _step: float = 0.0
    _bits: float = 0.0
    _floats: int = 0
    _float_words: float = 0.0
    _float_bits: float = 0.0
    _text: float = 0.0
    _clipped: float = 0.0

    def hear(self, heard: Heard) -> None:
        """Add a block."""
        self._blocks += 1
        self._level += heard.level
        self._step += heard.step
        self._bits += heard.bits
        self._hear_floats(heard.samples)
        if heard.samples[0] > 0:  # as in text, all over
            octets = heard.samples.view(np.uint8)
            is_text = (octets >= ord(" ")) & (octets <= ord("~")) | (octets == ord("\n"))
            self._text += np.count_nonzero(is_text) / len(octets)
        if heard.level > NOISE_LEVEL / 2:
            at_limit = (heard.samples == -FULL_SCALE) | (heard.samples == FULL_SCALE - 1)
            self._clipped += np.count_nonzero(at_limit) / len(at_limit)

    def found(self) -> Finding | None:
        """Tell what it looks like instead."""
        name = self._name()
        if not name:
            return None
        text = f"The audio does not look like 16-bit samples, it looks like {name}"
        return Kind.NOT_PCM, text, {"looks_like": name}

    def _name(self) -> str:
        enough = FLOAT_BITS * self._blocks
        are_floats = self._floats == self._blocks and (
            self._float_words >= FLOAT_WORDS * self._blocks
        )
        if are_floats and self._bits - self._float_bits >= enough:
            return "32-bit floats"
        if self._text >= TEXT_SHARE * self._blocks:
            return "text"
        return ""

    def is_noise(self) -> bool:
        """Tell whether all values are equally likely, as in compressed or encrypted data."""
        if not self._level:
            return False
        level = self._level / self._blocks / NOISE_LEVEL
        roughness = self._step / self._level / NOISE_ROUGHNESS
        return (
            abs(level - 1) < NOISE_WITHIN
            and abs(roughness - 1) < NOISE_WITHIN
            and self._clipped < NOISE_CLIPPED * self._blocks
        )

    def _hear_floats(self, samples: Samples) -> None:
        words = samples.view("<u4")
        exponents = words >> 23 & 0xFF
        least, most = FLOAT_EXPONENTS
        possible = (exponents >= least) & (exponents <= most) | (words == 0)
        if np.count_nonzero(possible) >= FLOAT_SHARE * len(words):
            self._floats += 1
            self._float_words += np.count_nonzero(words) / len(words)
            values = np.where(possible, samples.view("<f4"), 0.0) * FULL_SCALE
            self._float_bits += bits_of(steps_of(values))
