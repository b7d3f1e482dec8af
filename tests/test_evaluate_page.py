"""The page that an evaluation writes, and its drawings."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from vau.errors import ConfigInvalid
from vau.evaluation.condition import CLEAN, Condition
from vau.evaluation.edits import align
from vau.evaluation.frames import count_frames
from vau.evaluation.page import section, write_page
from vau.evaluation.plots import confusion_shares, draw
from vau.evaluation.report import Evaluation
from vau.evaluation.scores import Heard, Score


def heard(name: str, said: str, got: str, **more: str) -> Heard:
    found = Heard(
        utterance=name,
        speaker="7",
        model="munt",
        backend="muntaniala:4x4",
        pairs=tuple(align(said.split(), got.split())),
        frame_counts=count_frames(
            np.log([[0.8, 0.2]] * 4).astype(np.float32), np.zeros(4, int)
        ),
        frames=4,
    )
    return replace(found, **more)  # type: ignore[arg-type]


def evaluation(condition: Condition = CLEAN, **more: str) -> Evaluation:
    pairs = (("u", "AA B T", "AA P T"), ("v", "AA B", "S AA P"))
    ours = Score(tuple(heard(*each, **more) for each in pairs))
    yardstick = Score(tuple(replace(each, backend="float") for each in ours.heard))
    peer = Score((heard("u", "AA B T", "", backend="hama"), heard("v", "AA B", "AA B")))
    return Evaluation(
        condition=condition,
        score=ours,
        yardstick=yardstick,
        peers=(peer,),
        temperature=1.1,
    )


def rows(text: str) -> list[list[str]]:
    lines = [line for line in text.splitlines() if line.startswith("| ")]
    return [[cell.strip() for cell in line.strip("|").split("|")] for line in lines]


def test_the_section_holds_the_figures_the_command_and_the_drawings() -> None:
    found = [evaluation(), evaluation(Condition(noise_db=10.0))]
    text = section(found, "vau evaluate --matrix", ["evaluation/munt-confusions.png"])
    assert "```sh\nvau evaluate --matrix\n```" in text
    assert "](evaluation/munt-confusions.png)" in text
    cells = rows(text)
    assert ["temperature", "1.1"] in cells
    assert ["ECE of the frames", "20.00 %"] in cells
    assert ["B", "P", "2"] in cells
    assert ["nothing", "S", "1"] in cells
    (clean,) = [row for row in cells if row[0] == "clean"]
    assert clean[1].startswith("60.00 % (")
    assert clean[2:] == ["60.00 %", "1.00", "60.00 %"]
    assert any(row[0] == "white noise 10 dB" for row in cells)
    assert any(row[0] == "hama" for row in cells)


def test_a_table_has_as_many_cells_in_every_row() -> None:
    widths: list[set[int]] = [set()]
    text = section([evaluation(), evaluation(Condition(gain_db=-30.0))], "vau", [])
    for line in text.splitlines():
        if line.startswith("| "):
            widths[-1].add(line.count("|"))
        elif widths[-1]:
            widths.append(set())
    assert [len(each) for each in widths[:-1]] == [1] * (len(widths) - 1)
    assert len(widths) > 4


def test_what_is_not_known_is_left_out() -> None:
    found = evaluation()
    bare = Score(
        tuple(replace(each, frame_counts=None, speaker=None) for each in found.score.heard)
    )
    text = section([replace(found, score=bare, yardstick=None, peers=())], "vau", [])
    for absent in ("ECE", "speaker", "float", "shown", "Conditions", "recognisers", "None"):
        assert absent not in text


def test_a_run_writes_its_own_section_and_leaves_the_others(tmp_path: Path) -> None:
    page = tmp_path / "docs/evaluation.md"
    page.parent.mkdir()
    write_page(page, [evaluation()], "vau one", [tmp_path / "docs/evaluation/a.png"])
    write_page(page, [evaluation(model="other")], "vau two", [])
    before = page.read_text()
    assert "](evaluation/a.png)" in before
    assert [line for line in before.splitlines() if line.startswith("vau ")] == [
        "vau one",
        "vau two",
    ]
    write_page(page, [evaluation()], "vau three", [tmp_path / "docs/evaluation/a.png"])
    assert page.read_text() == before.replace("vau one", "vau three")


def test_another_text_is_not_overwritten(tmp_path: Path) -> None:
    page = tmp_path / "notes.md"
    page.write_text("# Notes\n")
    with pytest.raises(ConfigInvalid, match=r"notes\.md: was not written by this command"):
        write_page(page, [evaluation()], "vau", [])
    assert page.read_text() == "# Notes\n"


def test_a_page_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(ConfigInvalid, match=r"file/page\.md: "):
        write_page(tmp_path / "file/page.md", [evaluation()], "vau", [])


def test_rows_of_the_confusion_matrix_are_what_was_said() -> None:
    phones, shares = confusion_shares(evaluation().score)
    assert phones == ["AA", "S", "B", "P", "T"]  # what sounds alike is near

    def share(said: str, got: str) -> float:
        names = [*phones, "-"]
        return float(shares[names.index(said), names.index(got)])

    assert share("B", "P") == 1.0
    assert share("AA", "AA") == 1.0
    assert share("-", "S") == 1.0
    assert shares.sum(axis=1).tolist() == [1.0, 0.0, 1.0, 0.0, 1.0, 1.0]
    missed, shares = confusion_shares(Score((heard("u", "T", ""),)))
    assert (missed, shares.tolist()) == (["T"], [[0.0, 1.0], [0.0, 0.0]])


def names(files: Sequence[Path]) -> list[str]:
    return [file.name for file in files]


def test_drawings_are_named_after_the_model_and_the_same_each_time(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    first = draw(evaluation(), tmp_path / "one")
    assert names(first) == ["munt-confusions.png", "munt-calibration.png"]
    again = draw(evaluation(), tmp_path / "two")
    assert [file.read_bytes() for file in first] == [file.read_bytes() for file in again]
    assert first[0].read_bytes().startswith(b"\x89PNG")


def test_without_labels_no_calibration_is_drawn(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    found = evaluation()
    bare = Score(tuple(replace(each, frame_counts=None) for each in found.score.heard))
    assert names(draw(replace(found, score=bare), tmp_path)) == ["munt-confusions.png"]


def test_without_matplotlib_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigInvalid, match=r"pip install 'vau\[plots\]'"):
        draw(evaluation(), tmp_path)
