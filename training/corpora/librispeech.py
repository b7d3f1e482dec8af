"""A LibriSpeech tree becomes a labelled corpus: its text is aligned to its audio.

The tree: SPLIT/SPEAKER/CHAPTER/UTT.flac, beside them a *.trans.txt with ``UTT WORD WORD ...``
a line. Above may lie SPEAKERS.TXT, which has the sexes, and librispeech-lexicon.txt, which has
pronunciations of all words of the corpus (OpenSLR 11).
Ref: Panayotov, Chen, Povey, Khudanpur, "LibriSpeech: an ASR corpus based on public domain
     audio books", ICASSP 2015.
"""

import hashlib
import re
import sys
from collections import Counter
from collections.abc import Collection, Iterable, Mapping, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Final

from training.corpora.alignment import Aligner, Lexicon, NotAligned
from training.corpus import (
    PHONEMES,
    SILENCE,
    BadCorpus,
    Entry,
    read_audio,
    read_stretches,
    write_corpus,
    write_stretches,
)
from vau.audio import to_int16
from vau.evaluation.manifest import Stretch
from vau.wholefile import write_text_whole

TRANSCRIPTS: Final = "*/*/*/*.trans.txt"
LEXICON: Final = "librispeech-lexicon.txt"
SPEAKERS: Final = "SPEAKERS.TXT"
SPLITS: Final = {"train-": "train", "dev-clean": "dev", "test-clean": "test"}
"""By how a subset's name begins; any other subset is a split by its own name."""

ASIDE_SHARE: Final = 10  # one speaker in so many becomes dev, or test, where there is none
ASIDE_MOST: Final = 20
FACTS: Final = {
    "name": "LibriSpeech",
    "source": "OpenSLR 12 and 31, Vassil Panayotov and others, 2014",
    "licence": "CC BY 4.0",
    "changes": "phone labels made by machine",
    "labels": "forced alignment over dictionary pronunciations: the error rate is agreement "
    "with these, not comparable with one on TIMIT",
}


@dataclass(frozen=True, slots=True)
class Chapter:
    """What one speaker reads of one book."""

    transcript: Path

    @property
    def name(self) -> str:
        """The numbers of speaker and chapter."""
        return self.transcript.name.partition(".")[0]

    @property
    def subset(self) -> str:
        """The name of the part of LibriSpeech."""
        return self.transcript.parents[2].name

    @property
    def speaker(self) -> str:
        """The number of who reads."""
        return self.transcript.parents[1].name

    def lines(self) -> list[tuple[str, str]]:
        """Return utterances and their text."""
        lines = self.transcript.read_text(encoding="utf-8").splitlines()
        return [(utt, text) for utt, _, text in (line.partition(" ") for line in lines)]

    def audio(self, utt: str) -> Path:
        """Return where an utterance is to be heard."""
        return self.transcript.with_name(f"{utt}.flac").resolve()


@dataclass(frozen=True, slots=True)
class Aligned:
    """What came of one utterance: labels, or why there are none."""

    utt: str
    written: str
    """As ``write_stretches`` writes them."""

    why_not: str

    @property
    def stretches(self) -> tuple[Stretch, ...]:
        """The labels."""
        return read_stretches(self.written)


def is_tree(folder: Path) -> bool:
    """Tell whether a folder looks like LibriSpeech."""
    return next(folder.glob(TRANSCRIPTS), None) is not None


def label(tree: Path, out: Path, jobs: int) -> None:
    """Write the labelled corpus of a tree; each chapter done is kept, should this be cut off.

    Raises BadCorpus if audio is missing, or speakers for a dev or test split.
    """
    chapters = [Chapter(path) for path in sorted(tree.glob(TRANSCRIPTS))]
    aside = stand_ins(chapters)
    _tell_aside(aside)
    split_of = splits(chapters, aside)
    lexicon = tree / LEXICON
    done = list(_align_all(chapters, lexicon, out / "chapters", jobs))
    gender_of = _genders(tree / SPEAKERS)
    entries = [
        Entry(
            utt=aligned.utt,
            path=chapter.audio(aligned.utt),
            split=split_of[chapter],
            speaker=chapter.speaker,
            gender=gender_of.get(chapter.speaker, ""),
            phones=tuple(name for name, _ in aligned.stretches if name != SILENCE),
            stretches=aligned.stretches,
        )
        for chapter, of_chapter in zip(chapters, done, strict=True)
        for aligned in of_chapter
        if not aligned.why_not
    ]
    write_corpus(out, PHONEMES, entries, FACTS)
    _tell(out, [aligned for of_chapter in done for aligned in of_chapter], lexicon)


def stand_ins(chapters: Iterable[Chapter]) -> dict[str, str]:
    """Return the speakers of train who stand in for a missing dev or test, and for which.

    Raises BadCorpus if train has too few speakers for that.
    """
    subsets = [(_split(chapter.subset), chapter.speaker) for chapter in chapters]
    present = {split for split, _ in subsets}
    missing = [split for split in ("dev", "test") if split not in present]
    readers = {speaker for split, speaker in subsets if split == "train"}
    return set_aside(readers, missing) if readers else {}


def splits(chapters: Iterable[Chapter], aside: Mapping[str, str]) -> dict[Chapter, str]:
    """Return the split of each chapter.

    aside: of speakers of train, the split that they stand in for.
    """
    split_of = {chapter: _split(chapter.subset) for chapter in chapters}
    return {
        chapter: aside.get(chapter.speaker, split) if split == "train" else split
        for chapter, split in split_of.items()
    }


def _split(subset: str) -> str:
    found = (split for start, split in SPLITS.items() if subset.startswith(start))
    return next(found, subset)


def set_aside(speakers: Collection[str], missing: Sequence[str]) -> dict[str, str]:
    """Choose speakers for the splits that are missing: any, but always the same ones."""
    shuffled = sorted(speakers, key=lambda name: hashlib.sha256(name.encode()).digest())
    each = min(ASIDE_MOST, max(1, len(shuffled) // ASIDE_SHARE))
    if len(shuffled) <= each * len(missing):
        raise BadCorpus(
            f"train has {len(shuffled)} speakers, too few to set {each} aside for each of "
            f"{', '.join(missing)}: add those subsets (dev-clean, test-clean) to the tree"
        )
    return {
        speaker: split
        for number, split in enumerate(missing)
        for speaker in shuffled[number * each : (number + 1) * each]
    }


def _align_all(
    chapters: Sequence[Chapter], lexicon: Path, parts: Path, jobs: int
) -> Iterable[list[Aligned]]:
    parts.mkdir(parents=True, exist_ok=True)
    work = partial(align_chapter, lexicon=lexicon, parts=parts)
    with ProcessPoolExecutor(jobs) as pool:
        for number, aligned in enumerate(pool.map(work, chapters), 1):
            print(f"\raligned: chapter {number} of {len(chapters)}", end="", file=sys.stderr)
            yield aligned
    print(file=sys.stderr)


def align_chapter(chapter: Chapter, lexicon: Path, parts: Path) -> list[Aligned]:
    """Align a chapter, or read what an earlier call left of it in ``parts``.

    A text, a recording or a lexicon that has changed since is aligned again.
    """
    lines = chapter.lines()
    known = hashlib.sha256(chapter.transcript.read_bytes())
    for utt, _ in lines:
        known.update(_stamp(chapter.audio(utt)))
    if lexicon.exists():
        known.update(lexicon.read_bytes())
    part = parts / f"{chapter.name}-{known.hexdigest()[:16]}.tsv"
    if not part.exists():
        aligner = Aligner(
            read_lexicon(lexicon, {word for _, text in lines for word in text.split()})
        )
        aligned = [_align(aligner, utt, text, chapter.audio(utt)) for utt, text in lines]
        written = (f"{each.utt}\t{each.written}\t{each.why_not}\n" for each in aligned)
        write_text_whole(part, "".join(written))
    read = part.read_text(encoding="utf-8").splitlines()
    return [Aligned(*line.split("\t")) for line in read]


def _stamp(audio: Path) -> bytes:
    """Return size and time of a recording: another one hardly has both."""
    try:
        found = audio.stat()
    except FileNotFoundError as cause:
        raise BadCorpus(
            f"{audio}: is in the transcript, but not there; unpack the corpus again"
        ) from cause
    return f"{found.st_size} {found.st_mtime_ns} ".encode()


def _align(aligner: Aligner, utt: str, text: str, audio: Path) -> Aligned:
    try:
        stretches = aligner.align(to_int16(read_audio(audio)), text)
    except NotAligned as reason:
        return Aligned(utt, "", str(reason))
    return Aligned(utt, write_stretches(stretches), "")


def read_lexicon(lexicon: Path, words: Collection[str]) -> Lexicon:
    """Return the pronunciations of ``words``, stress left out; none without the file."""
    found: dict[str, list[str]] = {}
    if lexicon.exists():
        for line in lexicon.read_text(encoding="utf-8").splitlines():
            word, *phones = line.split()
            if word in words:
                spoken = " ".join(phone.rstrip("012") for phone in phones)
                found.setdefault(word.lower(), []).append(spoken)
    return found


def _genders(speakers: Path) -> dict[str, str]:
    text = speakers.read_text(encoding="utf-8") if speakers.exists() else ""
    return dict(re.findall(r"^(\d+) *\| *([FM])", text, re.MULTILINE))


def _tell_aside(aside: Mapping[str, str]) -> None:
    for split in sorted(set(aside.values())):
        speakers = sorted(speaker for speaker, to in aside.items() if to == split)
        print(f"no {split}-clean: speakers {', '.join(speakers)} of train are {split}")


def _tell(out: Path, done: Sequence[Aligned], lexicon: Path) -> None:
    """Say how many utterances there are, and in a file which were left out, and why."""
    left_out = [aligned for aligned in done if aligned.why_not]
    write_text_whole(
        out / "left_out.tsv", "".join(f"{each.utt}\t{each.why_not}\n" for each in left_out)
    )
    print(
        f"{out}: {len(done) - len(left_out)} utterances with labels, {len(left_out)} without, "
        "see left_out.tsv"
    )
    reasons = Counter(each.why_not.partition(":")[0] for each in left_out)
    for reason, count in reasons.items():
        print(f"  {count} left out: {reason}")
    if left_out and not lexicon.exists():
        print(f"  {lexicon} (OpenSLR 11) would give pronunciations to words")
