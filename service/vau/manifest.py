"""Lists of utterances, as a table or as JSON lines.

A table is TSV with a header. A file that ends in ``.jsonl`` has an object a line, whose keys
are the columns; a list of texts is as good as them with spaces between.
"""

import csv
import json
from collections.abc import Callable, Iterable, Sequence
from pathlib import Path
from typing import Final, TextIO, TypeAlias

from vau.errors import ConfigInvalid

NAME_ALIAS: Final = "utterance"
LISTED: Final = 12  # values that a message names before it says "..."

Row: TypeAlias = dict[str, str]


def rows_of(manifest: Path, needed: Sequence[str]) -> list[tuple[int, Row]]:
    """Return each utterance with the number of its line; it has every column that any has.

    ``utterance`` is another name of ``utt``.
    Raises ConfigInvalid if the file cannot be read, lacks a column that is needed, or has no
           utterance.
    """
    try:
        with manifest.open(encoding="utf-8-sig", newline="") as file:
            read = _objects if manifest.suffix.lower() == ".jsonl" else _table
            columns, rows = read(manifest, file)
    except (OSError, UnicodeDecodeError, csv.Error) as cause:
        reason = getattr(cause, "strerror", None) or cause
        raise invalid(manifest, f"cannot be read: {reason}") from cause
    lacking = [name for name in needed if name not in _without_alias(columns)]
    if lacking and (rows or columns):
        by = "its objects have" if read is _objects else "separated by tabs it has"
        raise invalid(manifest, f"no column {', '.join(lacking)}; {by} {listed(columns)}")
    if not rows:
        raise invalid(manifest, "has no utterance below its header")
    return rows


def _table(_manifest: Path, file: TextIO) -> tuple[list[str], list[tuple[int, Row]]]:
    table = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, restval="")
    columns = list(table.fieldnames or [])
    table.fieldnames = _without_alias(columns)
    return columns, [(table.line_num, row) for row in table]


def _objects(manifest: Path, file: TextIO) -> tuple[list[str], list[tuple[int, Row]]]:
    found = [
        (number, _object(manifest, number, line))
        for number, line in enumerate(file, start=1)
        if line.strip()
    ]
    columns = list(dict.fromkeys(name for _, row in found for name in row))
    names = dict(zip(columns, _without_alias(columns), strict=True))
    return columns, [
        (number, {new: row.get(old, "") for old, new in names.items()}) for number, row in found
    ]


def _object(manifest: Path, number: int, line: str) -> Row:
    try:
        row = json.loads(line)
    except (ValueError, RecursionError) as cause:
        raise invalid(manifest, f"line {number}: is no JSON: {cause}") from cause
    if not isinstance(row, dict):
        raise invalid(manifest, f'line {number}: is no object, as {{"utt": ..., "path": ...}}')
    return {name: _text(manifest, number, name, value) for name, value in row.items()}


def _text(manifest: Path, number: int, name: str, value: object) -> str:
    if isinstance(value, list) and all(isinstance(each, str) for each in value):
        return " ".join(value)
    if isinstance(value, str | int | float):
        return str(value)
    if value is None:
        return ""
    raise invalid(
        manifest, f"line {number}: {name} is neither a text, a number nor a list of texts"
    )


def _without_alias(columns: Sequence[str]) -> list[str]:
    if "utt" in columns:
        return list(columns)
    return ["utt" if name == NAME_ALIAS else name for name in columns]


def check_apart(manifest: Path, rows: Iterable[tuple[int, Row]]) -> None:
    """Raise ConfigInvalid if two rows have one ``utt``."""
    lines: dict[str, int] = {}
    for line, row in rows:
        name = row["utt"]
        if name in lines:
            raise invalid(
                manifest,
                f"line {line}: utterance {name} is there already, in line {lines[name]}; "
                "give each a name of its own",
            )
        lines[name] = line


def check_name(manifest: Path, line: int, utterance: str) -> Path:
    """Return where an utterance is written below a folder, without suffix.

    Raises ConfigInvalid if its name leads elsewhere.
    """
    name = Path(utterance)
    if name.is_absolute() or not name.name or ".." in name.parts:
        raise invalid(
            manifest,
            f"line {line}: utterance {utterance!r} names no file below the output folder; "
            "leave out what leads away from it",
        )
    return name


def rows_of_split(
    manifest: Path,
    rows: list[tuple[int, Row]],
    split: str,
    warn: Callable[[str], None],
) -> list[tuple[int, Row]]:
    """Return the rows of ``split``, or all of them if it is empty or there is no such column.

    warn:   hears of a ``split`` that was asked for where there is no such column.
    Raises  ConfigInvalid for a split that none of them is in, listing those there are.
    """
    if split and "split" not in rows[0][1]:
        warn(f"{manifest}: no column split, so all its utterances are taken for {split!r}")
    elif split:
        splits = sorted({row["split"] for _, row in rows if row["split"]})
        if split not in splits:
            raise invalid(manifest, f"no split {split!r}; it has {listed(splits)}")
        return [(line, row) for line, row in rows if row["split"] == split]
    return rows


def invalid(file: Path, what: str) -> ConfigInvalid:
    """Return the error that says what is wrong with a manifest, or a file beside it."""
    return ConfigInvalid(f"{file}: {what}", field="manifest")


def listed(values: Sequence[str], most: int = LISTED) -> str:
    """Return the first of some values, for a message."""
    if not values:
        return "none"
    return ", ".join(values[:most]) + (", ..." if len(values) > most else "")
