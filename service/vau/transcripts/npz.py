"""Posteriors as an ``.npz`` without pickled objects."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES
from vau.transcripts.jsonl import header, to_json
from vau.transcripts.transcription import Transcription
from vau.wholefile import write_whole


def write_npz(done: Transcription, stem: Path) -> list[Path]:
    """Write the posteriors of one file.

    Arrays: ``log_posterior`` float32 (frames, classes), or ``logits`` int32 with
    ``fraction_bits``; ``frame_start_sample`` int64 (frames,); ``classes``; ``meta``, the
    header of the transcript as JSON.
    """
    if done.posteriors is None:
        raise ValueError(f"{done.file}: its posteriors were not kept")
    arrays: dict[str, NDArray[Any]] = {"log_posterior": done.posteriors}
    if done.posteriors.dtype == np.int32:
        fraction_bits = np.array(done.fraction_bits, np.int32)
        arrays = {"logits": done.posteriors, "fraction_bits": fraction_bits}
    arrays |= {
        "frame_start_sample": np.arange(done.frames, dtype=np.int64) * HOP_SAMPLES,
        "classes": np.array(done.engine.phonemes),
        "meta": np.array(to_json(header(done))),
    }
    target = stem.with_name(f"{stem.name}.npz")
    return [write_whole(target, lambda file: np.savez(file, allow_pickle=False, **arrays))]
