"""Transcriptions by hand, for what is made of them."""

from collections.abc import Sequence
from typing import Final

import numpy as np

from vau.endpoint import EndReason
from vau.segments import Phone, Segment
from vau.transcripts import Engine, Transcription

PHONEMES: Final = ("SIL", "AA", "B", 'q"t', "a b")

Said = tuple[int, int, int]
"""Class, first sample, and the sample behind the last."""


def phone(class_id: int, start_sample: int, end_sample: int) -> Phone:
    return Phone(
        symbol=PHONEMES[class_id],
        class_id=class_id,
        start_sample=start_sample,
        end_sample=end_sample,
        confidence=0.9375,
    )


def transcribed(
    segments: Sequence[Sequence[Said]], samples: int, *, frames: int = 2
) -> Transcription:
    """Return what was heard in ``samples`` of audio; a segment ends where the next begins."""
    starts = [0, *(said[0][1] for said in segments[1:]), samples]
    rows = np.random.default_rng(5).normal(size=(frames, len(PHONEMES))).astype(np.float32)
    return Transcription(
        file="in/x y.flac",
        sha256="0" * 64,
        samples=samples,
        segments=tuple(
            Segment(
                utterance_index=0,
                segment_index=index,
                phones=tuple(phone(*each) for each in said),
                stable_count=len(said),
                start_sample=starts[index],
                end_sample=starts[index + 1],
                end_reason=EndReason.HALF_CLOSE,
            )
            for index, said in enumerate(segments)
        ),
        posteriors=rows,
        frames=frames,
        energies=(),
        input_digest=b"",
        output_digest=b"",
        engine=Engine(
            model="tiny",
            model_digest="d",
            phonemes=PHONEMES,
            silence_ids=frozenset({0}),
            backend="float",
            arithmetic_id="float32",
            decoder="viterbi",
        ),
    )
