"""What a stream said of its own bits: the claim that a replay is held to.

A transcript makes it, of schema ``vau.transcript/1`` as ``vau.transcripts`` writes it, or a
bare digest. The transcript also says by what means, so that unlike means are not taken for
unlike bits.
"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vau.errors import CapabilityMissing, ConfigInvalid
from vau.npz import read_npz
from vau.transcripts import SCHEMA

DIGEST_BYTES: Final = 32


@dataclass(frozen=True, slots=True, kw_only=True)
class Claim:
    """The digest of the logits that a recording gave, and what is known of how.

    A bare digest leaves all else at its default: nothing is known.
    """

    output_digest: bytes
    input_digest: bytes = b""
    model: str = ""
    model_digest: str = ""
    backend: str = ""
    arithmetic_id: str = ""
    sha256: str = ""
    """Of the file that was heard, in hex; empty also for audio that came from no file."""

    samples: int | None = None
    """At 16 kHz, as the model heard them."""

    utterance_ends: tuple[int, ...] = ()
    """The samples at which an utterance ended and another one followed."""

    logits: NDArray[np.int32] | None = None
    """Of all frames, shape (frames, classes), if there is an npz of them."""


def claim_of(transcript: Path | None, digest: str) -> Claim:
    """Return what a transcript claims, or a bare digest in hex: exactly one of them is given.

    Raises ConfigInvalid for anything else, or if it is not what it should be, and
           CapabilityMissing for the transcript of a backend that computes in floating point.
    """
    if (transcript is None) == (not digest):
        raise ConfigInvalid(
            "digest: give the transcript to compare with, or --digest alone", field="digest"
        )
    if transcript is not None:
        return _of_transcript(transcript)
    return Claim(output_digest=_digest(digest, "digest"))


def _of_transcript(file: Path) -> Claim:
    header, segments, summary = _lines(file)
    try:
        if not summary["output_digest"]:
            raise CapabilityMissing(
                f"{file}: {header['backend']} computes in floating point, so it has no digest "
                "to compare; transcribe with a backend of integers, such as muntaniala",
                capability="raw_int32",
            )
        return Claim(
            output_digest=_digest(summary["output_digest"], "output_digest"),
            input_digest=_digest(summary["input_digest"], "input_digest"),
            model=header["model"]["name"],
            model_digest=header["model"]["digest"],
            backend=header["backend"],
            arithmetic_id=header["arithmetic_id"],
            sha256=header["sha256"],
            samples=header["samples"],
            utterance_ends=_utterance_ends(segments, header["samples"]),
            logits=_logits(file.with_suffix(".npz"), header),
        )
    except KeyError as cause:
        raise _damaged(file, f"it does not say its {cause}") from cause
    except (TypeError, ValueError) as cause:
        raise _damaged(file, str(cause)) from cause


def _lines(file: Path) -> tuple[dict[str, Any], list[dict[str, Any]], dict[str, Any]]:
    """Return header, segments and summary."""
    try:
        lines = [json.loads(line) for line in file.read_text(encoding="utf-8").splitlines()]
    except OSError as cause:
        raise ConfigInvalid(
            f"{file}: cannot be read: {cause.strerror or cause}", field="transcript"
        ) from cause
    except (ValueError, RecursionError) as cause:
        raise _damaged(file, f"{cause} is no JSON") from cause
    types = [str(line.get("type")) if isinstance(line, dict) else "" for line in lines]
    if not lines or types[0] != "header" or lines[0].get("schema") != SCHEMA:
        raise _damaged(file, f"its first line is not the header of a {SCHEMA}")
    if lines[0].get("incomplete"):
        raise _damaged(file, f"it does not hold all of its audio: {lines[0]['incomplete']}")
    if types[-1] != "summary" or set(types[1:-1]) - {"segment"}:
        raise _damaged(file, "it ends without a summary, so it is not complete")
    return lines[0], lines[1:-1], lines[-1]


def _utterance_ends(segments: Sequence[Mapping[str, Any]], samples: int) -> tuple[int, ...]:
    """Return where the utterances ended but the last, which ends with the audio.

    Raises ValueError unless the segments lead from one to the next, up to the last sample.
    """
    ends = {segment["utterance_index"]: segment["end_sample"] for segment in segments}
    in_order = sorted(ends.values()) == list(ends.values())
    if (
        list(ends) != list(range(len(ends)))
        or not in_order
        or [*ends.values()][-1:] != [samples]
    ):
        raise ValueError(f"its segments do not lead up to its last sample, {samples}")
    return tuple(ends.values())[:-1]


def _logits(file: Path, header: Mapping[str, Any]) -> NDArray[np.int32] | None:
    """Return the logits of an npz that belongs to the header; None if there is no such file.

    Raises ConfigInvalid if there is a file that cannot be read.
    """
    if not file.is_file():
        return None
    try:
        stored = read_npz(file.read_bytes())
        if "logits" not in stored or json.loads(str(stored["meta"])) != header:
            return None
        return _checked(stored["logits"])
    except (OSError, ValueError, KeyError, RecursionError) as cause:
        raise ConfigInvalid(
            f"{file}: cannot be read: {cause}; move it away, or transcribe again",
            field="transcript",
        ) from cause


def _checked(logits: NDArray[Any]) -> NDArray[np.int32]:
    if logits.dtype != np.int32 or logits.ndim != 2:
        raise ValueError(f"its logits are {logits.dtype} {logits.shape}")
    return logits


def _digest(text: str, field: str) -> bytes:
    """Return a digest that is written in hex. Raises ConfigInvalid if it is none."""
    try:
        digest = bytes.fromhex(text)
    except ValueError:
        digest = b""
    if len(digest) != DIGEST_BYTES:
        raise ConfigInvalid(
            f"{field}={text!r} is no digest; give the {2 * DIGEST_BYTES} hexadecimal digits "
            "with which a stream ends",
            field=field,
        )
    return digest


def _damaged(file: Path, what: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"{file}: {what}; give a transcript as 'vau transcribe --out' or 'vau stream --out' "
        "wrote it",
        field="transcript",
    )
