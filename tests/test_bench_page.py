"""The tables of docs/performance.md are those that the kept figures of the benches make."""

import json
from pathlib import Path

import pytest

from tests.bench import page
from tests.bench._tables import SERVED, three
from vau.commands.bench.goals import GOALS

FEATURES = {
    "bench": "features",
    "rows": [
        {
            "streams": 8,
            "us": 80.4,
            "vs_psf": 5.06,
            "candidates": {"kaldi": {"median_us": 160.9}},
        }
    ],
}


@pytest.fixture
def kept(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Return the folder of figures for this test alone."""
    monkeypatch.setattr(page, "FIGURES", tmp_path / "figures")
    return tmp_path / "figures"


def printed(folder: Path, name: str, found: object) -> Path:
    file = folder / name
    file.write_text(json.dumps(found))
    return file


@pytest.mark.parametrize("document", page.PAGES, ids=lambda path: path.name)
def test_the_tables_of_a_page_are_made_of_the_kept_figures(document: Path) -> None:
    there = document.read_text(encoding="utf-8")
    assert page.written(document) == there, "bring it up to date: ./run bench page"


def test_every_table_has_its_place_and_shows_all_that_is_kept() -> None:
    texts = [document.read_text(encoding="utf-8") for document in page.PAGES]
    names = [found["name"] for text in texts for found in page.TABLE.finditer(text)]
    assert sorted(names) == sorted([*page.ONE, *page.SEVERAL])
    shown = {file for name in names for file in page.made_of(name)[1]}
    assert shown == {*page.FIGURES.glob("*")}


def test_a_table_is_written_between_its_marks_and_no_word_elsewhere(
    tmp_path: Path, kept: Path
) -> None:
    page.keep(printed(tmp_path, "features.json", FEATURES))
    before = tmp_path / "page.md"
    before.write_text(
        "Words.\n<!-- table: features -->\n| an old table |\n<!-- end of table -->\nMore.\n"
    )
    lines = page.written(before).splitlines()
    assert [lines[0], lines[-1]] == ["Words.", "More."]
    assert "| 8 | 80 us | 5.1 | 2.0 |" in lines
    assert "Figures: [features.json](figures/features.json)." in lines
    assert "| an old table |" not in lines


def test_a_kept_figure_says_of_no_folder_of_a_machine(tmp_path: Path, kept: Path) -> None:
    file = {"file": "/home/somebody/voice.wav"}
    page.keep(printed(tmp_path, "features.json", FEATURES | file))
    assert json.loads((kept / "features.json").read_text())["file"] == "voice.wav"


def test_benches_of_a_server_are_columns_in_the_order_of_their_numbers(kept: Path) -> None:
    one = json.loads((page.ROOT / "docs/figures/serve-1-noon.json").read_text("utf-8"))
    kept.mkdir()
    better = one | {"goals": [each | {"met": True} for each in one["goals"]], "streams": 160}
    printed(kept, "serve-2-new.json", better)
    printed(kept, "serve-1-old.json", one)
    head, _, streams, *_ = page.made_of("serve")[0].splitlines()
    assert head == "| figure | old | new | goal |"
    assert streams == "| `streams` | 86 | 160 | >= 150: missed by 1 of 2 |"


@pytest.mark.parametrize(
    ("name", "found", "why"),
    [
        ("speed.json", FEATURES, "is to be called BENCH.json"),
        ("Features.json", FEATURES, "is to be called BENCH.json"),
        ("kernel.json", FEATURES, "was printed by features"),
        ("serve-1-a.json", {"shadow": {}}, "was printed by shadow"),
        ("honesty.json", {"bench": "honesty"}, "lacks a figure of its table: 'found_percent'"),
        ("serve-1-a.json", {"streams": 1}, "lacks a figure of its table"),
        ("serve-1-a.json", {"streams": None, "p50_ms": None}, "lacks a figure of its table"),
        ("shadow-1-a.json", {"streams": 1}, "was printed by serve"),
        ("kernel.json", [], "was printed by no bench"),
    ],
)
def test_what_no_bench_of_the_page_printed_is_refused(
    tmp_path: Path, kept: Path, name: str, found: object, why: str
) -> None:
    with pytest.raises(SystemExit, match=why):
        page.keep(printed(tmp_path, name, found))
    assert not kept.exists()


def test_what_is_no_json_is_refused_with_its_name(tmp_path: Path) -> None:
    (tmp_path / "kernel.json").write_text("frames")
    with pytest.raises(SystemExit, match=r"kernel\.json: Expecting value"):
        page.keep(tmp_path / "kernel.json")


def test_the_goals_of_a_server_are_those_that_its_bench_judges() -> None:
    shown = {name for _, _, names in SERVED if not isinstance(names, str) for name in names}
    assert shown == {goal.name for goal in GOALS}


@pytest.mark.parametrize(
    ("value", "text"),
    [(86, "86"), (1068.0, "1068"), (27.0, "27.0"), (5.4, "5.4"), (1.894, "1.89")],
)
def test_a_figure_has_three_digits(value: float, text: str) -> None:
    assert three(value) == text
