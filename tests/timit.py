"""A corpus in the shape of TIMIT: tones for phones, SPHERE files, segments in samples."""

from collections.abc import Sequence
from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ

SPEAKERS: Final = {
    "train": ("fcjf0", "mdac0", "mgrl0"),
    "test": ("faks0", "mdab0", "mxyz0"),  # of the usual dev set, of the core, of neither
}
SENTENCES: Final = ("sa1", "si648", "sx37")
PITCHES_HZ: Final = {
    "h#": 0.0,
    "q": 1200.0,  # as the ix after it, whose frames its own become
    "tcl": 0.0,
    "ao": 300.0,
    "aa": 300.0,
    "ix": 1200.0,
    "s": 5000.0,
}


def sphere(
    samples: NDArray[np.int16], *, coding: str = "pcm", rate_hz: int = SAMPLE_RATE_HZ
) -> bytes:
    """Return a NIST SPHERE file: 1024 bytes of header, then samples, low byte first."""
    fields = (
        "NIST_1A",
        "   1024",
        "channel_count -i 1",
        f"sample_count -i {len(samples)}",
        f"sample_rate -i {rate_hz}",
        "sample_n_bytes -i 2",
        "sample_byte_format -s2 01",
        "sample_sig_bits -i 16",
        f"sample_coding -s{len(coding)} {coding}",
        "end_head",
        "",
    )
    return "\n".join(fields).encode().ljust(1024) + samples.astype("<i2").tobytes()


def sound(phones: Sequence[str], lengths: Sequence[int]) -> NDArray[np.int16]:
    """Return one tone a phone, over a little noise; lengths in samples."""
    pitches = np.repeat([PITCHES_HZ[phone] for phone in phones], lengths)
    phase = 2 * np.pi * np.cumsum(pitches) / SAMPLE_RATE_HZ
    noise = np.random.default_rng(len(phase)).normal(0, 30, len(phase))
    return (6000 * np.sin(phase) + noise).astype(np.int16)


def write_timit(folder: Path, *, capitals: bool = True) -> Path:
    """Write a corpus of six speakers and three sentences; return its folder."""
    rng = np.random.default_rng(0)
    for part, speakers in SPEAKERS.items():
        for speaker in speakers:
            for sentence in SENTENCES:
                middle = rng.choice(["ao", "aa", "ix", "s", "tcl"], 4).tolist()
                phones = ["h#", *middle, "q", "ix", "h#"]
                lengths = rng.integers(1200, 2400, len(phones)).tolist()
                names = [part, "dr1", speaker, sentence]
                place = folder.joinpath(*(n.upper() if capitals else n for n in names))
                place.parent.mkdir(parents=True, exist_ok=True)
                ends = np.cumsum(lengths).tolist()
                segments = zip([0, *ends], ends, phones, strict=False)
                lines = [f"{start} {end} {phone}\n" for start, end, phone in segments]
                audio, segmentation = (".WAV", ".PHN") if capitals else (".wav", ".phn")
                place.with_suffix(segmentation).write_text("".join(lines))
                place.with_suffix(audio).write_bytes(sphere(sound(phones, lengths)))
    return folder
