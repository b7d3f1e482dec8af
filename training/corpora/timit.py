"""A TIMIT tree becomes a labelled corpus: its segmentation by hand, on our frame grid.

Its audio is copied into FLAC, bit for bit: half of it, and the same for every corpus.

The tree: {TRAIN,TEST}/DR*/SPEAKER/SENTENCE.{WAV,PHN}, in capitals or not; the audio is NIST
SPHERE or RIFF, and each line of a .PHN is ``first_sample last_sample phone``.
Ref: Garofolo and others, "TIMIT Acoustic-Phonetic Continuous Speech Corpus", LDC93S1, 1993.
     Lee, Hon, "Speaker-independent phone recognition using hidden Markov models",
     IEEE TASSP 37(11), 1989, doi:10.1109/29.46546.
"""

import hashlib
import re
from collections import Counter
from pathlib import Path
from typing import Final

import numpy as np
import soundfile

from training.corpus import BadCorpus, Entry, write_corpus
from vau.audio import FRAME_SAMPLES, HOP_SAMPLES, SAMPLE_RATE_HZ, frame_count
from vau.evaluation.manifest import Stretch
from vau.wholefile import write_whole

SILENCE: Final = "sil"
PHONEMES: Final = (SILENCE, *"""aa ae ah aw ay b ch d dh dx eh er ey f g hh ih iy jh k l m n
    ng ow oy p r s sh t th uh uw v w y z""".split())  # fmt: skip
"""The 39 classes that Lee and Hon score, silence among them."""

SEGMENT: Final = re.compile(r"\d+\s+(?P<end>\d+)\s+(?P<phone>\S+)")
GLOTTAL_STOP: Final = "q"  # no class of its own: its time goes to the phone after it
FOLDED: Final = {phone: phone for phone in PHONEMES[1:]} | {
    phone: into
    for into, phones in {
        SILENCE: "h# pau epi bcl dcl gcl pcl tcl kcl",
        "aa": "ao",
        "ah": "ax ax-h",
        "er": "axr",
        "hh": "hv",
        "ih": "ix",
        "l": "el",
        "m": "em",
        "n": "en nx",
        "ng": "eng",
        "sh": "zh",
        "uw": "ux",
    }.items()
    for phone in phones.split()
}
"""TIMIT's 61 symbols, the glottal stop aside, to the 39 classes.

Source: Lee and Hon 1989: their 48 classes to train on, and the confusions that they forgive.
"""

CORE_TEST: Final = frozenset(
    """mdab0 mwbt0 felc0 mtas1 mwew0 fpas0 mjmp0 mlnt0 fpkt0 mlll0
    mtls0 fjlm0 mbpm0 mklt0 fnlp0 mcmj0 mjdh0 fmgd0 mgrt0 mnjm0 fdhc0 mjln0 mpam0
    fmld0""".split()
)
"""Two men and one woman of each dialect. Source: TIMIT, doc/testset.doc."""

DEV: Final = frozenset(
    """faks0 fdac1 fjem0 mgwt0 mjar0 mmdb1 mmdm2 mpdf0 fcmh0 fkms0 mbdg0
    mbwm0 mcsh0 fadg0 fdms0 fedw0 mgjf0 mglb0 mrtk0 mtaa0 mtdt0 mthc0 mwjg0 fnmr0 frew0 fsem0
    mbns0 mmjr0 mdls0 mdlf0 mdvc0 mers0 fmah0 fdrw0 mrcs0 mrjm4 fcal1 mmwh0 fjsj0 majc0 mjsw0
    mreb0 fgjd0 fjmg0 mroa0 mteb0 mjfc0 mrjr0 fmml0 mrws1""".split()
)
"""The usual 50 speakers of TEST that are not in its core. Source: Kaldi,
egs/timit/s5/conf/dev_spk.list."""

DIALECT_SENTENCES: Final = ("sa1", "sa2")  # all speakers read them: they would tilt the phones
FACTS: Final = {
    "name": "TIMIT",
    "source": "LDC93S1, Garofolo and others, 1993",
    "licence": "LDC User Agreement",
    "changes": "61 phones folded to 39, audio packed as FLAC",
    "labels": "segmented by hand; the error rate leaves silence out on both sides, where "
    "published ones on 39 phones count it",
}


def is_tree(folder: Path) -> bool:
    """Tell whether a folder looks like TIMIT."""
    return bool(_segmentations(folder))


def label(tree: Path, out: Path) -> None:
    """Write the labelled corpus of a tree.

    Raises BadCorpus for audio that is missing, packed or not 16 kHz mono, and for a
    segmentation that cannot be read.
    """
    split_of = {path: _split(path) for path in _segmentations(tree)}
    entries = [
        _entry(path, split, out.resolve() / "flac") for path, split in split_of.items() if split
    ]
    write_corpus(out, PHONEMES, entries, FACTS)
    counts = Counter(split_of.values())
    left_out = counts.pop("", 0)
    said = ", ".join(f"{count} in {split}" for split, count in sorted(counts.items()))
    print(
        f"{out}: utterances with labels: {said}; {left_out} left out: the sentences sa1 and "
        "sa2, and the speakers of TEST that are neither in its core nor in the usual dev set"
    )


def _segmentations(tree: Path) -> list[Path]:
    return [
        path
        for path in sorted(tree.glob("*/*/*/*"))
        if path.suffix.lower() == ".phn" and path.parents[2].name.lower() in {"train", "test"}
    ]


def _split(path: Path) -> str:
    """Return the split of an utterance; empty if it is left out."""
    speaker = path.parent.name.lower()
    if path.stem.lower() in DIALECT_SENTENCES:
        return ""
    if path.parents[2].name.lower() == "train":
        return "train"
    return "test" if speaker in CORE_TEST else "dev" if speaker in DEV else ""


def _entry(path: Path, split: str, copies: Path) -> Entry:
    speaker = path.parent.name.lower()
    utt = f"{speaker}-{path.stem.lower()}"
    copy, samples = _copy(_audio(path), copies / utt)
    segments = read_segments(path)
    return Entry(
        utt=utt,
        path=copy,
        split=split,
        speaker=speaker,
        gender=speaker[0].upper(),
        phones=tuple(phone for phone, _ in segments if phone != SILENCE),
        stretches=on_frames(segments, samples),
    )


def read_segments(path: Path) -> list[tuple[str, int]]:
    """Return folded phones and the sample at which each ends.

    Raises BadCorpus for a line that is not a segment, or an unknown phone.
    """
    segments, before = [], 0
    for number, line in enumerate(path.read_text(encoding="ascii").splitlines(), 1):
        segment = SEGMENT.fullmatch(line.strip())
        if segment is None or int(segment["end"]) < before or not _is_phone(segment["phone"]):
            raise BadCorpus(
                f"{path}:{number}: {line!r} is no segment: it needs its first sample, its "
                f"last, which is {before} or later, and one of TIMIT's 61 phones"
            )
        before = int(segment["end"])
        if segment["phone"] != GLOTTAL_STOP:
            segments.append((FOLDED[segment["phone"]], before))
    if not segments:
        raise BadCorpus(f"{path}: has no segment; unpack the corpus again")
    return segments


def _is_phone(symbol: str) -> bool:
    return symbol in FOLDED or symbol == GLOTTAL_STOP


def on_frames(segments: list[tuple[str, int]], samples: int) -> tuple[Stretch, ...]:
    """Give each frame of a recording to the segment under its centre.

    segments: phones and the sample at which each ends; the last one goes on to the end.
    """
    frames = frame_count(samples)
    ends = np.array([end for _, end in segments])
    until = np.clip(-(-(ends - FRAME_SAMPLES // 2) // HOP_SAMPLES), 0, frames)
    until[-1] = frames
    lengths = np.diff(until, prepend=0).tolist()
    return tuple((phone, n) for (phone, _), n in zip(segments, lengths, strict=True) if n)


def _audio(segmentation: Path) -> Path:
    wanted = f"{segmentation.stem}.wav".lower()
    found = (path for path in segmentation.parent.iterdir() if path.name.lower() == wanted)
    audio = next(found, None)
    if audio is None:
        raise BadCorpus(f"{segmentation}: has no {wanted} beside it; unpack the corpus again")
    return audio


def _copy(audio: Path, name: Path) -> tuple[Path, int]:
    """Write a recording as FLAC, once, and return where, and how many samples it has.

    Its name goes on with a digest of the recording: another one gets another copy.
    """
    digest = hashlib.sha256(audio.read_bytes()).hexdigest()
    copy = name.with_name(f"{name.name}-{digest[:8]}.flac")
    if copy.exists():
        return copy, int(soundfile.info(copy).frames)
    try:
        samples, rate_hz = soundfile.read(audio, dtype="int16", always_2d=True)
    except soundfile.LibsndfileError as cause:
        raise BadCorpus(
            f"{audio}: {cause} If it is packed with shorten, as its header would say in "
            "sample_coding, unpack it with sph2pipe -p -f wav"
        ) from cause
    if (rate_hz, samples.shape[1]) != (SAMPLE_RATE_HZ, 1):
        raise BadCorpus(
            f"{audio}: {rate_hz} Hz and {samples.shape[1]} channels; 16 kHz mono is needed"
        )
    copy.parent.mkdir(parents=True, exist_ok=True)
    write_whole(copy, lambda file: soundfile.write(file, samples, rate_hz, format="FLAC"))
    return copy, len(samples)
