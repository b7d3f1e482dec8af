"""Which files are transcribed, and what their transcripts are called."""

import glob
import os
import re
import stat
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from itertools import chain
from pathlib import Path
from typing import BinaryIO, Final, Protocol

from vau.audiofile import FOREIGN_SUFFIXES, SUFFIXES, is_foreign_readable
from vau.commands.transcribe.journal import NAME as JOURNAL
from vau.commands.transcribe.journal import PARTS, Entry
from vau.counted import counted
from vau.errors import ConfigInvalid
from vau.manifest import check_apart, check_name, invalid, listed, rows_of, rows_of_split
from vau.transcripts import utterance_id

STDIN: Final = Path("-")
NAMED: Final = 3  # recordings that an error names before it says "..."
ADDRESS: Final = "an address, and recordings are read from folders: mount it, or copy it"


@dataclass(frozen=True, slots=True)
class Item:
    """A file to transcribe, and what its transcript is called."""

    file: Path
    name: Path
    """Relative to the output folder: as the file stood in its folder, without suffix unless
    another file has the same name without it."""

    before: Entry | None = None
    """What the journal says was written of it, if that counts."""


class Named(Protocol):
    """A recording, and what is written of it: a transcript, or an alignment."""

    @property
    def file(self) -> Path:
        """Where it is."""

    @property
    def name(self) -> Path:
        """Relative to the output folder, without suffix of a format."""


def find_items(
    paths: Iterable[Path],
    manifest: Path | None = None,
    warn: Callable[[str], None] = lambda _text: None,
    *,
    split: str = "",
    limit: int | None = None,
) -> list[Item]:
    """Return the files of ``paths``, and of folders all audio files below them, by name.

    The utterances of a manifest stand behind them.

    warn:  hears of files in folders that would be taken up if PyAV were there, and of a
           manifest without splits.
    split: of the manifest, those of this alone; empty for all.
    limit: of these no more than that.

    A path that is not there and has ``*``, ``?`` or ``[`` is a pattern, as the shell has them;
    ``**`` stands for folders at any depth.
    A file that is named twice is there twice. What does not exist, or is a folder without an
    audio file, stands among them, so that it is complained of in its turn.
    Raises ConfigInvalid if there is nothing else, or the manifest is not to be used.
    """
    items: list[Item] = []
    wrong: list[ConfigInvalid] = []
    for path in chain.from_iterable(map(_matches, paths)):
        why = ""
        try:
            is_folder = stat.S_ISDIR(path.stat().st_mode)
        except (FileNotFoundError, NotADirectoryError):
            why = _why_absent(str(path))
        except (OSError, ValueError) as cause:
            why = str(getattr(cause, "strerror", cause))
        if why:
            wrong.append(ConfigInvalid(f"{path}: {why}", field="paths"))
            items.append(Item(path, Path(path.name)))
        elif is_folder:
            found = _recordings_in(path, warn)
            if not found:
                why = f"{path}: holds no audio file ({', '.join(SUFFIXES)})"
                wrong.append(ConfigInvalid(why, field="paths"))
                items.append(Item(path, Path(path.name)))
            items += [Item(file, file.relative_to(path).with_suffix("")) for file in found]
        else:
            items.append(Item(path, Path(path.stem)))
    if manifest is not None:
        items += _utterances_of(manifest, split, limit, warn)
    if not items:
        raise ConfigInvalid("paths: the list on stdin is empty; name a file", field="paths")
    if len(wrong) == len(items):
        raise wrong[0]
    return items


def _matches(path: Path) -> list[Path]:
    """Return what a pattern matches, by name; of no pattern or no match, the path itself."""
    pattern = str(path)
    if not glob.has_magic(pattern) or os.path.lexists(path):
        return [path]
    names = glob.glob(pattern, recursive=True)  # noqa: PTH207 - of Path's "**" no file comes
    found = map(Path, sorted(names))
    # What is in a folder, "**" matches by itself.
    return [each for each in found if "**" not in pattern or not each.is_dir()] or [path]


def _why_absent(path: str) -> str:
    if re.match("[a-z][a-z0-9+.-]+:/", path):
        return ADDRESS
    if glob.has_magic(path):
        return "no file or folder matches it; check the pattern"
    return "no such file or folder; check the path"


def _recordings_in(folder: Path, warn: Callable[[str], None]) -> list[Path]:
    """Return the audio files below a folder, by name."""
    files = sorted(file for file in folder.rglob("*") if file.suffix)
    known: tuple[str, ...] = SUFFIXES + FOREIGN_SUFFIXES
    foreign = [file for file in files if file.suffix.lower() in FOREIGN_SUFFIXES]
    if foreign and not is_foreign_readable():
        warn(
            f"{folder}: {counted(len(foreign), 'file')} left out, the first is {foreign[0]}; "
            "to hear them too: pip install 'vau[av]'"
        )
        known = SUFFIXES
    return [file for file in files if file.suffix.lower() in known]


def paths_of(paths: Iterable[Path], stdin: BinaryIO) -> list[Path]:
    """Return the paths, in the place of each ``-`` those that ``stdin`` lists.

    There is one a line, or they are as ``find -print0`` writes them.
    """
    found: list[Path] = []
    for path in paths:
        if path == STDIN:
            listed = stdin.read()
            parts = listed.split(b"\0") if b"\0" in listed else listed.split(b"\n")
            found += [Path(os.fsdecode(part)) for part in parts if part.strip()]
        else:
            found.append(path)
    return found


def _utterances_of(
    manifest: Path, split: str, limit: int | None, warn: Callable[[str], None]
) -> list[Item]:
    """Return the utterances of a manifest, each called as it says.

    Raises ConfigInvalid if it cannot be read, or two have one name, or a name leads elsewhere.
    """
    items = []
    rows = rows_of_split(manifest, rows_of(manifest, ("utt", "path")), split, warn)[:limit]
    check_apart(manifest, rows)
    for line, row in rows:
        name = check_name(manifest, line, row["utt"])
        if "://" in row["path"]:
            raise invalid(manifest, f"line {line}: {row['path']} is {ADDRESS}")
        items.append(Item(manifest.parent / row["path"], name))
    return items


def named_apart(items: Sequence[Item]) -> list[Item]:
    """Return the items, with the suffix of its file where a name alone is not the only one.

    Which names get it does not depend on the order of ``items``.
    Raises ConfigInvalid if two files have the same name even so.
    """
    named = list(items)
    while True:  # a.flac, so named because of a.wav, may meet what a.flac.wav is called
        count = Counter(item.name for item in named)
        apart = [
            replace(item, name=item.name.with_name(item.file.name))
            if count[item.name] > 1
            else item
            for item in named
        ]
        if apart == named:
            check_names(named)
            return named
        named = apart


def check_names(items: Iterable[Named]) -> None:
    """Raise ConfigInvalid if two files would be written under one name, or the journal's."""
    taken: dict[Path, Path] = {}
    for item in items:
        is_part = item.name.parent.parts[:1] == (PARTS,)
        if is_part or item.name == Path(JOURNAL).with_suffix(""):
            at = PARTS if is_part else JOURNAL
            raise ConfigInvalid(
                f"out: {item.file} would be written to {at}, which is the journal; rename it",
                field="out",
            )
        if item.name in taken:
            raise ConfigInvalid(
                f"out: {taken[item.name]} and {item.file} would both be written to "
                f"{item.name}; rename one, or write them into different folders",
                field="out",
            )
        taken[item.name] = item.file


def check_utterances(items: Iterable[Item], folder: Path) -> None:
    """Raise ConfigInvalid if Kaldi could not tell two files apart, or not read their index."""
    taken: dict[str, Path] = {}
    unfit: list[str] = []
    for item in items:
        utterance = utterance_id(item.name)
        if utterance in taken:
            raise ConfigInvalid(
                f"format: to Kaldi {taken[utterance]} and {item.file} would both be "
                f"{utterance}; rename one, or transcribe them apart",
                field="formats",
            )
        taken[utterance] = item.file
        if not is_line(str(item.name)):
            # What a manifest calls it may be at fault, and not its file.
            path = item.name if is_line(str(item.file)) else item.file
            unfit.append(shown(path))
    needs = "an index of Kaldi has a line of UTF-8 for each recording"
    if not is_line(str(folder)):
        raise ConfigInvalid(
            f"out: {needs}, which {shown(folder)} cannot stand in; rename the folder, or leave "
            "out kaldi",
            field="out",
        )
    if unfit:
        have, them = ("has", "it") if len(unfit) == 1 else ("have", "them")
        raise ConfigInvalid(
            f"format: {needs}; {counted(len(unfit), 'recording')} {have} no such name: "
            f"{listed(unfit, NAMED)}; rename {them}, or leave out kaldi",
            field="formats",
        )


def is_line(text: str) -> bool:
    """Tell whether a name that the system gave is UTF-8 without a line break."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return False
    return {"\r", "\n"}.isdisjoint(text)


def shown(path: Path) -> str:
    """Return a path for a message: what is no UTF-8 as its bytes, line breaks as escapes."""
    return re.sub("[\r\n\ud800-\udfff]", _escaped, str(path))


def _escaped(found: re.Match[str]) -> str:
    code = ord(found[0])
    if 0xDC80 <= code <= 0xDCFF:  # as the system's names have a byte that is none
        return rf"\x{code - 0xDC00:02x}"
    return found[0].encode("unicode_escape").decode()
