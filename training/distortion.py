"""The distorted copy of a training utterance: noise, other voices, a room, a poor line."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from scipy.signal import fftconvolve

from training.corpus import Utterance, read_audio
from vau.audio import SAMPLE_RATE_HZ
from vau.conditions import BROWN, WHITE, Samples, clip, limit_band, mix, noise, scale

Range = tuple[float, float]


@dataclass(frozen=True, slots=True, kw_only=True)
class Distortion:
    """How likely each kind is, and how strong. Several may meet; one copy in nine has none."""

    seed: int = 1
    noise: float = 0.4
    babble: float = 0.3
    room: float = 0.3
    narrow: float = 0.15
    clipped: float = 0.1
    quiet: float = 0.3
    snr_db: Range = (3.0, 25.0)
    voices: int = 4
    """At most so many speak in a babble."""

    reverberation_s: Range = (0.1, 0.5)
    """Until the room's answer has lost 60 dB."""

    direct_to_room_db: Range = (0.0, 12.0)
    clipped_share: Range = (0.002, 0.1)
    gain_db: Range = (-35.0, 0.0)

    def apply(
        self, utterance: Utterance, samples: Samples, others: Sequence[Utterance], speed: float
    ) -> Samples:
        """Return the distorted copy: always the same for the same utterance and speed.

        others: whose voices may be heard behind it.
        """
        name = f"{self.seed} {utterance.utt} {speed}".encode()
        rng = np.random.default_rng(list(hashlib.sha256(name).digest()))
        drawn = rng.random(4)
        if drawn[0] < self.room:
            samples = self._reverberate(samples, rng)
        kind = rng.random()
        if kind < self.noise:
            colour = rng.uniform(WHITE, BROWN)
            samples = mix(samples, noise(len(samples), colour, rng), rng.uniform(*self.snr_db))
        elif kind < self.noise + self.babble:
            babble = self._babble(len(samples), utterance, others, rng)
            samples = mix(samples, babble, rng.uniform(*self.snr_db))
        if drawn[1] < self.narrow:
            samples = limit_band(samples)
        if drawn[2] < self.clipped:
            samples = clip(samples, rng.uniform(*self.clipped_share))
        if drawn[3] < self.quiet:
            samples = scale(samples, rng.uniform(*self.gain_db))
        return samples

    def _reverberate(self, samples: Samples, rng: np.random.Generator) -> Samples:
        """Add the answer of a room: noise that decays, behind the direct sound."""
        decay_s = rng.uniform(*self.reverberation_s)
        time_s = np.arange(1, round(decay_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
        room = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / decay_s)
        answer: Samples = fftconvolve(samples, room)[: len(samples)]
        return mix(samples, answer, rng.uniform(*self.direct_to_room_db))

    def _babble(
        self,
        count: int,
        utterance: Utterance,
        others: Sequence[Utterance],
        rng: np.random.Generator,
    ) -> Samples:
        """Return ``count`` samples of a few others at once, each repeated to the length."""
        voices = min(int(rng.integers(1, self.voices + 1)), len(others) - 1)
        babble = np.zeros(count)
        for at in rng.choice(len(others) - 1, voices, replace=False):
            other = others[at] if others[at].utt != utterance.utt else others[-1]
            voice = read_audio(other.path)
            babble += np.resize(np.roll(voice, rng.integers(len(voice))), count)
        return babble
