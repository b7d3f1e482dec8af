"""What was heard in one file, and what heard it."""

from dataclasses import dataclass
from typing import TypeAlias

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ
from vau.backend import Energy
from vau.segments import Phone, Segment

Posteriors: TypeAlias = NDArray[np.float32] | NDArray[np.int32]


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """What computed a transcription."""

    model: str
    model_digest: str
    phonemes: tuple[str, ...]
    """The index is the class id."""

    silence_ids: frozenset[int]
    backend: str
    """The id, e.g. ``muntaniala:4x4``."""

    arithmetic_id: str
    decoder: str
    """``viterbi`` or ``greedy``; empty if a server did not say."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Transcription:
    """One file, from its first sample to its last."""

    file: str
    sha256: str
    samples: int
    """At 16 kHz, as the model heard them."""

    segments: tuple[Segment, ...]
    posteriors: Posteriors | None
    """Natural logs (float32) or logits (int32), shape (frames, phonemes); None if not kept."""

    fraction_bits: int | None = None
    """Of logits: value = logit * 2**-fraction_bits."""

    frames: int
    energies: tuple[Energy, ...]
    """What its frames cost one by one, whatever shared a call with them (``Cost.apart``);
    through a server, what they cost there."""

    input_digest: bytes
    output_digest: bytes
    """Chains over all frames; empty where the arithmetic is not integer."""

    engine: Engine
    notices: tuple[str, ...] = ()
    """What is doubtful about the audio, in sentences; no part of what is written."""

    incomplete: str = ""
    """Why it ends before its audio did; empty if it does not."""

    has_ended: bool = True
    """Whether its stream came to its end, and so to a summary."""

    @property
    def audio_s(self) -> float:
        """Duration of the audio."""
        return self.samples / SAMPLE_RATE_HZ

    def phones(self) -> list[Phone]:
        """Return the phonemes of all segments, silence left out."""
        return [phone for segment in self.segments for phone in self.said_in(segment)]

    def said_in(self, segment: Segment) -> list[Phone]:
        """Return those of one of them."""
        silences = self.engine.silence_ids
        return [phone for phone in segment.phones if phone.class_id not in silences]

    def symbols(self) -> list[str]:
        """Return these phonemes by name."""
        return [phone.symbol for phone in self.phones()]
