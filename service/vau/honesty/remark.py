"""What there is to say about audio that is probably not what its sender meant."""

from dataclasses import dataclass, field
from enum import Enum

from vau.audio import SAMPLE_RATE_HZ


class Kind(Enum):
    """The kinds of remark; the value is the constant that stands on the wire."""

    ALL_ZERO = "AUDIO_ALL_ZERO"
    CLIPPED = "AUDIO_CLIPPED"
    DC = "AUDIO_DC"
    BAND_LIMITED = "AUDIO_BAND_LIMITED"
    BYTE_ORDER = "AUDIO_BYTE_ORDER"
    MISALIGNED = "AUDIO_MISALIGNED"
    NOT_PCM = "AUDIO_NOT_PCM"
    INTERLEAVED = "AUDIO_INTERLEAVED"
    TRAILING_BYTES = "TRAILING_BYTES"


@dataclass(frozen=True, slots=True)
class Remark:
    """One thing worth knowing. It changes nothing: the audio is recognised as it came."""

    kind: Kind
    text: str
    facts: dict[str, int | float | str] = field(default_factory=dict)
    """The figures behind ``text``; offsets are samples of the stream, spans half open."""


def about(kind: Kind, text: str, start: int, end: int, **facts: int | float | str) -> Remark:
    """Return a remark on the samples from ``start`` to ``end``, which it adds to ``text``."""
    span = f"{start / SAMPLE_RATE_HZ:.1f} to {end / SAMPLE_RATE_HZ:.1f} s"
    return Remark(kind, f"{text} ({span})", {"from": start, "to": end, **facts})


Finding = tuple[Kind, str, dict[str, int | float | str]]
"""Kind, text and figures of a remark whose place in the stream is still to be added."""
