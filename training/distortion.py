"""The distorted copy of a training utterance: noise, other voices, a room, a poor line."""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np
from scipy.signal import fftconvolve

from training.corpus import Utterance, read_audio
from vau.audio import SAMPLE_RATE_HZ
from vau.conditions import BROWN, WHITE, Samples, clip, limit_band, mix, noise, scale

SNR_DB: Final = (3.0, 25.0)
BABBLE_VOICES: Final = (1, 4)
REVERBERATION_S: Final = (0.1, 0.5)  # until the room's answer has lost 60 dB
DIRECT_TO_ROOM_DB: Final = (0.0, 12.0)
CLIPPED_SHARE: Final = (0.002, 0.1)
QUIETER_DB: Final = (-35.0, 0.0)


@dataclass(frozen=True, slots=True)
class Distortion:
    """How likely each kind is. An utterance may get several; a copy is never clean."""

    seed: int = 1
    noise: float = 0.4
    babble: float = 0.3
    room: float = 0.3
    narrow: float = 0.15
    clipped: float = 0.1
    quiet: float = 0.3

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
            samples = _reverberate(samples, rng)
        kind = rng.random()
        if kind < self.noise:
            colour = rng.uniform(WHITE, BROWN)
            samples = mix(samples, noise(len(samples), colour, rng), rng.uniform(*SNR_DB))
        elif kind < self.noise + self.babble:
            samples = mix(samples, _babble(len(samples), others, rng), rng.uniform(*SNR_DB))
        if drawn[1] < self.narrow:
            samples = limit_band(samples)
        if drawn[2] < self.clipped:
            samples = clip(samples, rng.uniform(*CLIPPED_SHARE))
        if drawn[3] < self.quiet:
            samples = scale(samples, rng.uniform(*QUIETER_DB))
        return samples


def _reverberate(samples: Samples, rng: np.random.Generator) -> Samples:
    """Add the answer of a room: noise that decays, behind the direct sound."""
    decay_s = rng.uniform(*REVERBERATION_S)
    time_s = np.arange(1, round(decay_s * SAMPLE_RATE_HZ)) / SAMPLE_RATE_HZ
    room = rng.standard_normal(len(time_s)) * 10 ** (-3 * time_s / decay_s)
    answer: Samples = fftconvolve(samples, room)[: len(samples)]
    return mix(samples, answer, rng.uniform(*DIRECT_TO_ROOM_DB))


def _babble(count: int, others: Sequence[Utterance], rng: np.random.Generator) -> Samples:
    """Return ``count`` samples of a few other voices at once, each repeated to the length."""
    voices = rng.integers(BABBLE_VOICES[0], BABBLE_VOICES[1] + 1)
    babble = np.zeros(count)
    for at in rng.choice(len(others), voices):
        voice = read_audio(others[at].path)
        babble += np.resize(np.roll(voice, rng.integers(len(voice))), count)
    return babble
