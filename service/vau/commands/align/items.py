"""Which recordings are aligned, and what is said in each."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from os.path import isfile
from pathlib import Path
from typing import Literal, TypeAlias

from vau.alignment import Script, is_phones, phones_script, read_lexicon, text_script
from vau.alignment.lexicon import Lexicon
from vau.errors import ConfigInvalid
from vau.evaluation.manifest import Inventory
from vau.manifest import check_apart, check_name, invalid, rows_of, rows_of_split

Column: TypeAlias = Literal["phones", "text"]


@dataclass(frozen=True, slots=True)
class Item:
    """A recording and what is said in it."""

    file: Path
    name: Path
    """What its alignment is called, relative to the output folder, without suffix."""

    script: Script | ConfigInvalid
    """Or why it cannot be aligned."""

    def said(self) -> Script:
        """Return what is said. Raises ConfigInvalid if that is not to be had."""
        if isinstance(self.script, ConfigInvalid):
            raise self.script
        return self.script


@dataclass(frozen=True, slots=True)
class Words:
    """What was given as said, and as what."""

    said: str
    column: Column | None = None
    """None if it must be looked at."""


class Reader:
    """What makes scripts of phones and text, and reads a lexicon at the first text."""

    def __init__(self, inventory: Inventory, lexicon: Path | None) -> None:
        """Look at nothing yet."""
        self._inventory = inventory
        self._lexicon: Callable[[], Lexicon] = cache(lambda: read_lexicon(lexicon))

    def script(self, words: Words) -> Script:
        """Return what is said. Raises ConfigInvalid for what cannot be."""
        column = words.column or (
            "phones" if is_phones(words.said, self._inventory) else "text"
        )
        if column == "phones":
            return phones_script(words.said, self._inventory)
        try:
            return text_script(words.said, self._lexicon(), self._inventory)
        except ConfigInvalid as error:
            meant = "" if words.column else self._meant(words.said, error)
            if not meant:
                raise
            raise ConfigInvalid(
                f"{error}; {meant}", field=error.field, **error.facts
            ) from error

    def _meant(self, said: str, error: ConfigInvalid) -> str:
        """Return what else may have been meant by what is no text, or nothing."""
        if isfile(said):  # noqa: PTH113 - no text is too long for it
            return f"{said} is a file; give text by --text-file"
        unknown = str(error.facts.get("words", said)).split()
        upper = " ".join(unknown).upper()
        if is_phones(upper, self._inventory):
            return f"phones are written as {upper}, in upper case"
        if unknown and {*map(self._inventory.fold, unknown)} <= {*self._inventory.phonemes}:
            return f"{' '.join(unknown)} as phones are given by --phones"
        return ""

    def read(self) -> None:
        """Read the lexicon now. Raises ConfigInvalid if that cannot be."""
        self._lexicon()


def words_of(
    said: str | None, phones: str | None, text: str | None, text_file: Path | None
) -> Words:
    """Return what was given as said, in one of these ways.

    Raises ConfigInvalid if a file cannot be read.
    """
    if phones is not None:
        return Words(phones, "phones")
    if text_file is not None:
        text = _read_text(text_file)
    return Words(said or "") if text is None else Words(text, "text")


def _read_text(file: Path) -> str:
    """Return the text of a file. Raises ConfigInvalid if it cannot be read."""
    try:
        return file.read_text(encoding="utf-8-sig")
    except (OSError, UnicodeDecodeError, ValueError) as cause:
        reason = getattr(cause, "strerror", None) or cause
        raise ConfigInvalid(
            f"text_file: {file}: cannot be read: {reason}", field="text_file"
        ) from cause


def items_of(
    manifest: Path,
    reader: Reader,
    *,
    column: Column | None,
    split: str,
    limit: int | None,
    warn: Callable[[str], None],
) -> list[Item]:
    """Return the utterances of a manifest; what cannot be said in one is its script.

    Raises ConfigInvalid if the manifest is not to be used, or text needs a lexicon.
    """
    rows = rows_of(manifest, ("utt", "path"))
    columns: Sequence[Column] = ("phones", "text")
    there = [name for name in columns if name in rows[0][1]]
    if not there or (column and column not in there):
        raise invalid(
            manifest,
            f"no column {column or 'phones, nor text'}: nothing says what is said; add one",
        )
    column = column or there[0]
    rows = rows_of_split(manifest, rows, split, warn)[:limit]
    check_apart(manifest, rows)
    if column == "text":
        reader.read()
    items = []
    for line, row in rows:
        name = check_name(manifest, line, row["utt"])
        items.append(Item(manifest.parent / row["path"], name, _script(reader, row, column)))
    return items


def _script(reader: Reader, row: dict[str, str], column: Column) -> Script | ConfigInvalid:
    try:
        return reader.script(Words(row[column], column))
    except ConfigInvalid as error:
        return error
