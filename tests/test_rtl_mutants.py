"""What ./run rtl-mutants takes for noticed: tests that fail, that err, and that do not end."""

from pathlib import Path

import pytest

from tests.rtl import mutants

ERRS = """import pytest

@pytest.fixture
def board():
    raise ValueError("no board")

def test_a_promise(board):
    pass
"""


@pytest.mark.parametrize(
    ("text", "noticed"),
    [
        ("def test_a_promise():\n    assert False\n", "FAILED tests/test_rtl_made.py::test_a_"),
        (ERRS, "ERROR tests/test_rtl_made.py::test_a_"),
        ("def test_a_promise():\n    pass\n", ""),
    ],
)
def test_what_fails_or_errs_is_noticed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, text: str, noticed: str
) -> None:
    (tmp_path / "tests").mkdir()
    (tmp_path / "tests/test_rtl_made.py").write_text(text, "utf-8")
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    found = mutants.failing("made", tmp_path)
    assert found.startswith(noticed)
    assert bool(found) == bool(noticed)


def test_what_does_not_end_is_noticed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(mutants, "ROOT", tmp_path)
    monkeypatch.setattr(mutants, "LIMIT_S", 0.0)
    found = mutants.failing("made", tmp_path)
    assert found == "tests/test_rtl_made.py has not ended within 0 s"
