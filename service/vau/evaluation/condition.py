"""The conditions under which a network is tried: what is done to the samples first.

The same utterance under the same condition gives the same samples on every run, for every
backend, on this side of a server: its randomness is seeded by its name alone.
"""

import hashlib
from dataclasses import dataclass
from typing import Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vau import conditions
from vau.audio import FULL_SCALE, to_int16
from vau.errors import ConfigInvalid

Noise: TypeAlias = Literal["white", "pink"]
COLOURS: Final[dict[Noise, float]] = {"white": conditions.WHITE, "pink": conditions.PINK}
NARROW_RATE_HZ: Final = 8_000
"""The one narrower sampling rate that audio can be taken through."""

MOST_DB: Final = 100.0
"""Levels may be as high, or as far below zero; 16 bits span 96."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Condition:
    """What happens to a recording, in this order; by default nothing."""

    noise_db: float | None = None
    """Ratio of the mean powers of recording and noise, both over the whole, in dB."""

    noise: Noise | None = None
    """The colour of that noise; white if only its level is given."""

    clip: float = 0.0
    """Share of the samples that are cut off."""

    rate_hz: int | None = None
    """A sampling rate that the audio goes through."""

    gain_db: float = 0.0

    def __post_init__(self) -> None:
        if self.noise is not None and self.noise_db is None:
            raise ConfigInvalid(
                f"noise: {self.noise} was asked for, but not how much; add --noise-db",
                field="noise",
            )
        for field, level_db in (("noise-db", self.noise_db), ("gain-db", self.gain_db)):
            if level_db is not None and not -MOST_DB <= level_db <= MOST_DB:
                raise ConfigInvalid(
                    f"{field}: {level_db:g} dB cannot be tried; choose from {-MOST_DB:g} to "
                    f"{MOST_DB:g}",
                    field=field,
                )
        if self.rate_hz not in (None, NARROW_RATE_HZ):
            raise ConfigInvalid(
                f"band: {self.rate_hz} Hz cannot be tried; choose {NARROW_RATE_HZ}",
                field="band",
            )
        if not 0.0 <= self.clip < 1.0:
            raise ConfigInvalid(
                f"clip: {self.clip} is not a share of the samples; choose from 0 to below 1",
                field="clip",
            )

    @property
    def name(self) -> str:
        """Say it in words, ``clean`` if nothing happens."""
        parts = []
        if self.noise_db is not None:
            parts.append(f"{self.noise or 'white'} noise {self.noise_db:g} dB")
        if self.clip:
            parts.append(f"clipped {100 * self.clip:g} %")
        if self.rate_hz is not None:
            parts.append(f"sampled at {self.rate_hz} Hz")
        if self.gain_db:
            parts.append(f"gain {self.gain_db:g} dB")
        return ", ".join(parts) or "clean"

    @property
    def flags(self) -> list[str]:
        """Return what makes the command line mean it."""
        flags = []
        if self.noise_db is not None:
            flags += ["--noise-db", f"{self.noise_db:g}"]
            if self.noise is not None:
                flags += ["--noise", self.noise]
        if self.clip:
            flags += ["--clip", f"{self.clip:g}"]
        if self.rate_hz is not None:
            flags += ["--band", f"{self.rate_hz}"]
        if self.gain_db:
            flags += ["--gain-db", f"{self.gain_db:g}"]
        return flags

    def change(self, utterance: str, recording: NDArray[np.int16]) -> NDArray[np.int16]:
        """Return what is heard of a recording at 16 kHz; as many samples.

        utterance: its name, which alone seeds the noise.
        """
        if self == CLEAN:
            return recording
        samples = recording / FULL_SCALE
        if self.noise_db is not None:
            digest = hashlib.sha256(utterance.encode()).digest()
            rng = np.random.default_rng(int.from_bytes(digest[:8], "little"))
            noise = conditions.noise(len(samples), COLOURS[self.noise or "white"], rng)
            samples = conditions.mix(samples, noise, self.noise_db)
        if self.clip:
            samples = conditions.clip(samples, self.clip)
        if self.rate_hz is not None:
            samples = conditions.limit_band(samples)
        return to_int16(conditions.scale(samples, self.gain_db))


CLEAN: Final = Condition()
MATRIX: Final = (
    CLEAN,
    Condition(noise_db=20.0),
    Condition(noise_db=10.0),
    Condition(noise_db=5.0),
    Condition(rate_hz=NARROW_RATE_HZ),
    Condition(clip=0.1),
    Condition(gain_db=-30.0),
)
"""What a network is tried under when all is asked for."""
