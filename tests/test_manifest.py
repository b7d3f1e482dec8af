"""What a manifest in JSON lines may say."""

import json
from pathlib import Path

import pytest

from vau.errors import ConfigInvalid
from vau.manifest import rows_of


def written(folder: Path, *lines: object) -> Path:
    path = folder / "manifest.jsonl"
    texts = (line if isinstance(line, str) else json.dumps(line) for line in lines)
    path.write_text("\n".join(texts) + "\n")
    return path


def test_every_row_has_the_columns_of_all(tmp_path: Path) -> None:
    path = written(tmp_path, {"utt": "a", "path": "b", "speaker": 7}, "", {"utterance": "é"})
    with pytest.raises(ConfigInvalid, match="no column phones; its objects have utt, path,"):
        rows_of(path, ["phones"])
    path = written(
        tmp_path,
        {"utterance": "a", "path": "x", "phones": ["AA", "B"]},
        "",
        {"utterance": "b", "path": None, "speaker": 7},
    )
    assert rows_of(path, ["utt", "path"]) == [
        (1, {"utt": "a", "path": "x", "phones": "AA B", "speaker": ""}),
        (3, {"utt": "b", "path": "", "phones": "", "speaker": "7"}),
    ]


@pytest.mark.parametrize(
    ("line", "why"),
    [
        ("{", "line 2: is no JSON"),
        ("[" * 100_000, "line 2: is no JSON"),
        ("[]", "line 2: is no object, as"),
        (r'{"utt": {}}', "line 2: utt is neither a text, a number nor a list of texts"),
        (r'{"utt": [1]}', "line 2: utt is neither"),
    ],
    ids=["cut short", "deep", "list", "object", "numbers"],
)
def test_what_is_no_row_is_refused_by_its_line(tmp_path: Path, line: str, why: str) -> None:
    with pytest.raises(ConfigInvalid, match=why):
        rows_of(written(tmp_path, {"utt": "a"}, line), ["utt"])


def test_a_file_without_a_row_is_refused(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="has no utterance"):
        rows_of(written(tmp_path, ""), ["utt"])
