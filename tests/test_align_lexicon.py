"""Text becomes words, and words phones."""

import sys
from pathlib import Path
from typing import Final

import pytest

from vau.alignment.lexicon import DICTIONARY, PACKAGE, read_lexicon, text_script
from vau.commands.align.items import Reader, Words
from vau.errors import ConfigInvalid
from vau.evaluation.manifest import Inventory

INVENTORY: Final = Inventory(("SIL", "AA", "B", "T"), frozenset({"SIL"}))
LEXICON: Final = {
    "oh": ["AA"],
    "don't": ["B AA T"],
    "'em": ["AA B"],
    "em": ["T"],
    "dogs'": ["B B"],
    "dogs": ["B"],
    "well": ["B T"],
    "well-known": ["T T"],
    "b.a.": ["B AA"],
    "tab": ["T AA B", "T AA1 B", "T B"],
    "odd": ["QQ"],
}


@pytest.fixture(autouse=True)
def no_package(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, PACKAGE, None)


def words(text: str) -> list[str | None]:
    return [each.word for each in text_script(text, LEXICON, INVENTORY).said]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("Oh, OH! (oh)", ["oh", "oh", "oh"]),
        ("\u201cOh\u201d \u2014 oh... \u2013 oh", ["oh", "oh", "oh"]),
        ("DON\u2019T don't", ["don't", "don't"]),
        ("'em 'oh'", ["'em", "oh"]),
        ("dogs', oh'", ["dogs'", "oh"]),
        ("well-known", ["well-known"]),
        ("oh-well well\u2013oh oh/tab", ["oh", "well", "well", "oh", "oh", "tab"]),
        ("B.A.", ["b.a."]),
        ("oh\n\t oh", ["oh", "oh"]),
    ],
)
def test_a_text_is_the_words_in_it(text: str, expected: list[str]) -> None:
    assert words(text) == expected


@pytest.mark.parametrize(
    ("text", "missing"),
    [
        ("oh Dear, me oh dear Dear,", "dear, me"),
        ("oh 5", "5"),
        ("5%", "5%"),
        ("oh & oh", "&"),
        ("$ + =", r"\$, \+, ="),
        ("oh-dear", "oh-dear"),
        ("oh%", "oh%"),
    ],
)
def test_what_no_lexicon_has_is_named_and_all_of_it(text: str, missing: str) -> None:
    with pytest.raises(ConfigInvalid, match=f"^no lexicon has {missing}; add a line for each"):
        words(text)


@pytest.mark.parametrize("text", ["", " ", "...", "\u2014 '"])
def test_a_text_without_words_is_refused(text: str) -> None:
    with pytest.raises(ConfigInvalid, match="no word in the text"):
        words(text)


def test_a_word_has_all_its_pronunciations_each_once() -> None:
    (said,) = text_script("tab", LEXICON, INVENTORY).said
    assert said.pronunciations == ((3, 1, 2), (3, 2))


def test_phones_that_the_model_does_not_know_are_named_with_their_word() -> None:
    with pytest.raises(ConfigInvalid, match="of odd: the model does not know QQ"):
        words("oh odd")


def test_a_lexicon_is_read_as_cmudict_is_written(tmp_path: Path) -> None:
    file = tmp_path / "lexicon"
    file.write_text(
        ";;; a comment\n# another\n\nOH  AA1\nOh(2) B # of old\n'EM AA B\n",
        encoding="utf-8-sig",
    )
    assert read_lexicon(file) == {"oh": ["AA1", "B"], "'em": ["AA B"]}


@pytest.mark.parametrize(
    ("content", "why"),
    [
        (b"oh AA\nah\n", "line 2: ah has no phones"),
        (b"\xff", "cannot be read"),
        (None, "No such"),
    ],
)
def test_a_file_that_is_no_lexicon_is_refused(
    tmp_path: Path, content: bytes | None, why: str
) -> None:
    file = tmp_path / "lexicon"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigInvalid, match=why):
        read_lexicon(file)


def test_without_lexicon_and_package_both_are_named() -> None:
    with pytest.raises(
        ConfigInvalid, match=r"pip install 'vau\[align\]' .*--lexicon .*--phones"
    ):
        read_lexicon()


def test_a_file_goes_before_the_dictionary_word_by_word(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    dictionary = tmp_path / PACKAGE / DICTIONARY
    dictionary.parent.mkdir(parents=True)
    dictionary.write_text("oh AA\noh(2) B\nah B\n")
    (tmp_path / PACKAGE / "__init__.py").write_text("raise RuntimeError('imported')\n")
    monkeypatch.delitem(sys.modules, PACKAGE)
    monkeypatch.setattr(sys, "path", [str(tmp_path), *sys.path])
    file = tmp_path / "lexicon"
    file.write_text("OH T\n")
    assert read_lexicon() == {"oh": ["AA", "B"], "ah": ["B"]}
    assert read_lexicon(file) == {"oh": ["T"], "ah": ["B"]}


def test_the_package_has_its_dictionary_where_it_is_looked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.delitem(sys.modules, PACKAGE)
    pytest.importorskip(PACKAGE, reason="pocketsphinx is not installed; of extra align")
    assert read_lexicon()["hello"] == ["HH AH L OW", "HH EH L OW"]


@pytest.mark.parametrize(
    ("said", "advice"),
    [
        ("aa b1", "; aa b1 as phones are given by --phones"),
        ("aa oh", ""),
        ("aa " * 5000 + "oh", ""),  # no system has a file of that name
    ],
)
def test_phones_in_lower_case_that_are_no_text_are_told_apart(said: str, advice: str) -> None:
    lower = Inventory(("sil", "aa", "b"), frozenset({"sil"}))
    with pytest.raises(ConfigInvalid) as caught:
        Reader(lower, None).script(Words(said))
    assert str(caught.value).endswith(f"--phones needs none{advice}")


def test_what_says_nothing_is_not_taken_for_phones(tmp_path: Path) -> None:
    (tmp_path / "lexicon").write_text("oh AA\n")
    with pytest.raises(ConfigInvalid, match=r"no word in the text; write what is said$"):
        Reader(INVENTORY, tmp_path / "lexicon").script(Words(""))
