"""A transcript as JSON lines, schema ``vau.transcript/1``.

A header, one line per segment, a summary. One that does not hold all there was to hear says
``incomplete`` in its header, and why; without a summary the stream broke off.
"""

import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any, Final

import numpy as np

from vau.audio import HOP_SAMPLES, SAMPLE_RATE_HZ
from vau.backend import Energy
from vau.segments import Phone, Segment
from vau.transcripts.transcription import Transcription
from vau.wholefile import write_text_whole

SCHEMA: Final = "vau.transcript/1"


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
        "energy": [energy_object(energy) for energy in done.energies],
        "input_digest": done.input_digest.hex(),
        "output_digest": done.output_digest.hex(),
    }


def energy_object(energy: Energy) -> dict[str, Any]:
    """Return an energy with what it includes and where it comes from.

    Of the joules there are nine digits: more would tell how the frames were cut and added up.
    """
    return {
        "joules": float(f"{energy.joules:.9g}"),
        "origin": energy.origin,
        "boundary": energy.boundary,
        "method": energy.method,
    }


def to_json(line: Mapping[str, Any]) -> str:
    r"""Return one line of JSON: UTF-8 as it is, no NaN.

    Bytes of a file's name that are no UTF-8 become an escape, ``\udcff``.
    """
    text = json.dumps(line, ensure_ascii=False, allow_nan=False)
    return text.encode(errors="backslashreplace").decode()


def write_jsonl(done: Transcription, stem: Path) -> list[Path]:
    """Write the transcript of one file."""
    lines = [header(done), *map(segment_line, done.segments)]
    if done.has_ended:
        lines.append(summary(done))
    text = "".join(to_json(line) + "\n" for line in lines)
    return [write_text_whole(stem.with_name(f"{stem.name}.jsonl"), text)]
