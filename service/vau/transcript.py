"""What was heard in one file, and the files it is written to.

A transcript is JSON lines of schema ``vau.transcript/1``: a header, one line per segment, a
summary. One that does not hold all there was to hear says ``incomplete`` in its header, and
why; without a summary the stream broke off. Posteriors go into an ``.npz`` without pickled
objects. Either appears under its name only once it is whole.
"""

import json
import os
import tempfile
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any, BinaryIO, Final, Literal, TypeAlias

import numpy as np
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES, SAMPLE_RATE_HZ
from vau.backend import Energy
from vau.errors import ConfigInvalid
from vau.segments import Phone, Segment

SCHEMA: Final = "vau.transcript/1"

OutputFormat = Literal["jsonl", "npz"]

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
    input_digest: bytes
    output_digest: bytes
    """Chains over all frames; empty where the arithmetic is not integer."""

    wall_s: float
    """From the first sample to the last answer, files that shared the batch included."""

    compute_s: float
    """This file's share of the time in front end, backend and decoder."""

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

    @property
    def real_time_factor(self) -> float:
        """Computing time over audio time: below 1 keeps up with live audio."""
        return self.compute_s / self.audio_s

    def phones(self) -> list[Phone]:
        """Return the phonemes of all segments, silence left out."""
        return [
            phone
            for segment in self.segments
            for phone in segment.phones
            if phone.class_id not in self.engine.silence_ids
        ]

    def symbols(self) -> list[str]:
        """Return these phonemes by name."""
        return [phone.symbol for phone in self.phones()]


@dataclass(frozen=True, slots=True)
class Output:
    """Where transcripts go, and in which formats."""

    folder: Path
    formats: tuple[OutputFormat, ...]

    def prepare(self) -> None:
        """Make the folder. Raises ConfigInvalid if no file can be written there."""
        try:
            self.folder.mkdir(parents=True, exist_ok=True)
            with tempfile.TemporaryFile(dir=self.folder):
                pass
        except OSError as cause:
            raise _unwritable(self.folder, cause) from cause


def header(done: Transcription) -> dict[str, Any]:
    """Return the first line of a transcript."""
    return {
        "type": "header",
        "schema": SCHEMA,
        **({"incomplete": done.incomplete} if done.incomplete else {}),
        "file": done.file,
        "sha256": done.sha256,
        "samples": done.samples,
        "sample_rate_hertz": SAMPLE_RATE_HZ,
        "model": {"name": done.engine.model, "digest": done.engine.model_digest},
        "backend": done.engine.backend,
        "arithmetic_id": done.engine.arithmetic_id,
        "decoder": done.engine.decoder,
        "frame_shift_samples": HOP_SAMPLES,
    }


def segment_line(segment: Segment) -> dict[str, Any]:
    """Return the line of one final."""
    return {
        "type": "segment",
        "utterance_index": segment.utterance_index,
        "segment_index": segment.segment_index,
        "start_sample": segment.start_sample,
        "end_sample": segment.end_sample,
        "end_reason": segment.end_reason.value if segment.end_reason else None,
        "phones": [phone_object(phone) for phone in segment.phones],
    }


def phone_object(phone: Phone) -> dict[str, Any]:
    """Return one phoneme. The confidence has what float32 carries, as on the wire."""
    return {
        "symbol": phone.symbol,
        "class_id": phone.class_id,
        "start_sample": phone.start_sample,
        "end_sample": phone.end_sample,
        "confidence": round(float(np.float32(phone.confidence)), 6),
    }


def summary(done: Transcription) -> dict[str, Any]:
    """Return the last line of a transcript."""
    return {
        "type": "summary",
        "frames": done.frames,
        "audio_s": done.audio_s,
        "wall_s": round(done.wall_s, 6),
        "real_time_factor": round(done.real_time_factor, 6),
        "energy": [energy_object(energy) for energy in done.energies],
        "input_digest": done.input_digest.hex(),
        "output_digest": done.output_digest.hex(),
    }


def energy_object(energy: Energy) -> dict[str, Any]:
    """Return an energy with what it includes and where it comes from."""
    return {
        "joules": energy.joules,
        "origin": energy.origin,
        "boundary": energy.boundary,
        "method": energy.method,
    }


def to_json(line: Mapping[str, Any]) -> str:
    """Return one line of JSON: UTF-8 as it is, no NaN."""
    return json.dumps(line, ensure_ascii=False, allow_nan=False)


def write_jsonl(done: Transcription, target: Path) -> None:
    """Write the transcript of one file."""
    lines = [header(done), *map(segment_line, done.segments)]
    if done.has_ended:
        lines.append(summary(done))
    text = "".join(to_json(line) + "\n" for line in lines)
    write_whole(target, lambda file: file.write(text.encode()))


def write_npz(done: Transcription, target: Path) -> None:
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
    write_whole(target, lambda file: np.savez(file, allow_pickle=False, **arrays))


WRITERS: Final[dict[OutputFormat, Callable[[Transcription, Path], None]]] = {
    "jsonl": write_jsonl,
    "npz": write_npz,
}


def write(done: Transcription, stem: Path, formats: Iterable[OutputFormat]) -> None:
    """Write ``done`` to ``stem`` with each format's suffix, making its folder if need be."""
    for name in formats:
        WRITERS[name](done, stem.with_name(f"{stem.name}.{name}"))


def write_whole(target: Path, fill: Callable[[BinaryIO], object]) -> None:
    """Write under a temporary name in the same folder, then rename: all or nothing.

    Raises ConfigInvalid if the folder cannot be written to.
    """
    temporary = target.with_name(f".{target.name}.{os.getpid()}.tmp")
    try:
        target.parent.mkdir(parents=True, exist_ok=True)
        with temporary.open("wb") as file:
            fill(file)
        temporary.replace(target)
    except OSError as cause:
        raise _unwritable(target, cause) from cause
    finally:
        with suppress(OSError):  # most often it is gone: it has its real name
            temporary.unlink()


def _unwritable(path: Path, cause: OSError) -> ConfigInvalid:
    return ConfigInvalid(
        f"{path}: cannot be written: {cause.strerror or cause}; choose another folder",
        field="out",
    )
