"""Log posteriors as a matrix of Kaldi: an archive (ark), and the index (scp) into it."""

import struct
from pathlib import Path

import numpy as np

from vau.transcripts.spoken import word
from vau.transcripts.transcription import Transcription
from vau.wholefile import write_text_whole, write_whole


def write_kaldi(done: Transcription, stem: Path) -> list[Path]:
    """Write the log posteriors of one file, shape (frames, classes), as float32.

    The index names the archive as ``stem`` does: relative to where Vau was started, if that is.
    Raises ValueError if the posteriors are logits, or were not kept.
    """
    if done.posteriors is None or done.posteriors.dtype != np.float32:
        raise ValueError(f"{done.file}: its log posteriors were not kept")
    rows = done.posteriors.astype("<f4", copy=False)
    utterance = utterance_id(stem)
    begin = f"{utterance} ".encode()
    head = b"\0BFM " + struct.pack("<bibi", 4, rows.shape[0], 4, rows.shape[1])
    ark, scp = stem.with_name(f"{stem.name}.ark"), stem.with_name(f"{stem.name}.scp")
    write_whole(ark, lambda file: file.writelines((begin, head, rows.data)))
    return [ark, write_text_whole(scp, f"{utterance} {ark}:{len(begin)}\n")]


def utterance_id(stem: Path) -> str:
    """Return by what Kaldi knows the utterance that is written there."""
    return word(stem.name)
