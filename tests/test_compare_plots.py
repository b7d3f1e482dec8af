"""The picture of a comparison: its parts, and which file and stretch it shows."""

import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.audio import recording
from tests.commands import vau
from tests.lively import write_lively_bundle
from tests.manifests import manifest
from vau.commands.compare.file import most_divergent
from vau.commands.compare.plan import ComparePlan, compare, draw_and_write
from vau.commands.compare.plots import comparison_figure
from vau.commands.compare.plots.posteriors import overlay
from vau.commands.compare.plots.window import WINDOW_S, window_of
from vau.commands.compare.result import Comparison
from vau.errors import ConfigInvalid, VauError
from vau.evaluation.manifest import LABELS

BACKENDS = ("muntaniala:1x1", "muntaniala:1x1+acc=wide", "float")


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model, three recordings and labels of one of them."""
    folder = tmp_path_factory.mktemp("plots")
    write_lively_bundle(folder / "model")
    for seed, seconds in enumerate((0.5, 0.6, WINDOW_S + 2.0)):
        recording(folder / f"{seed}.flac", seconds, seed)
    manifest(folder, "u|0.flac|IY B T|test")
    (folder / LABELS).write_text("u\tSIL:10 IY:15 B:10 T:5 SIL:10\n")
    return folder


def compared(
    folder: Path, *names: str, backends: Sequence[str] = BACKENDS, **more: object
) -> Comparison:
    plan = ComparePlan(
        files=tuple(folder / name for name in names),
        backends=tuple(backends),
        model=str(folder / "model"),
        plot=folder / "x.png",
        decoder="greedy",
        **more,  # type: ignore[arg-type]
    )
    return compare(plan, lambda _done, _total: None, pytest.fail, never)


def never(error: VauError, _file: Path) -> None:
    pytest.fail(str(error))


def drawn(found: Comparison) -> Any:  # noqa: ANN401 - an extra's type
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    assert found.shown is not None
    return comparison_figure(found, found.shown)


def panel(figure: Any, label: str) -> Any:  # noqa: ANN401
    (found,) = (axes for axes in figure.axes if axes.get_label() == label)
    return found


def texts(axes: Any) -> list[str]:  # noqa: ANN401
    return [text.get_text().strip() for text in axes.texts]


def test_it_has_a_panel_for_everything(folder: Path) -> None:
    figure = drawn(compared(folder, "0.flac"))
    labels = [axes.get_label() for axes in figure.axes]
    posteriors = [f"posteriors {name}" for name in BACKENDS]
    for label in ("sound", *posteriors, "phones", "divergence", "figures", "time of a frame"):
        assert labels.count(label) == 1
    titles = [panel(figure, each).get_title(loc="left") for each in posteriors]
    assert all(title.startswith(name) for title, name in zip(titles, BACKENDS, strict=True))


def test_each_bar_says_boundary_and_origin_and_what_is_not_stated_has_none(
    folder: Path,
) -> None:
    figure = drawn(compared(folder, "0.flac"))
    energies = [text.partition(":")[0] for text in texts(panel(figure, "energy of a frame"))]
    assert (
        energies
        == ["system, estimated, extrapolated", "accelerator, estimated, extrapolated"] * 2
    )
    times = [text.partition(":")[0] for text in texts(panel(figure, "time of a frame"))]
    host = "this host, measured"
    stated = ["in the device, estimated", "device time of a call / frames, estimated", host]
    assert times == [*stated, *stated, host]


def test_phones_stand_in_a_row_for_each_backend_and_the_labels_above(folder: Path) -> None:
    labels = folder / "manifest.tsv"
    rows = panel(drawn(compared(folder, "0.flac", manifest=labels)), "phones")
    assert [each.get_text() for each in rows.get_yticklabels()] == ["labels", *BACKENDS]
    above = [text.get_text() for text in rows.texts if text.get_position()[1] == 0]
    assert above == ["IY", "B", "T"]
    middles = [text.get_position()[0] for text in rows.texts if text.get_position()[1] == 0]
    assert middles == pytest.approx([0.175, 0.3, 0.375])


def test_the_first_frames_that_part_are_marked_and_named(folder: Path) -> None:
    found = compared(folder, "0.flac", backends=("muntaniala", "float"))
    assert found.shown is not None
    result, (pair,) = found.shown.result, found.shown.result.pairs
    assert pair.first_different is not None
    first, other = (
        replace(pair.first_different, frame=4),
        replace(pair.first_different, frame=9),
    )
    pair = replace(pair, first_different=first, first_other_best=other)
    found = replace(found, shown=replace(found.shown, result=replace(result, pairs=(pair,))))
    axes = panel(drawn(found), "divergence")
    marks = {
        line.get_linestyle(): line.get_xdata()[0]
        for line in axes.lines
        if len(line.get_xdata()) == 2
    }
    assert marks[":"] == pytest.approx(0.045)
    assert marks["--"] == pytest.approx(0.095)
    (legend, _) = (text.get_text() for text in axes.get_legend().get_texts())
    assert legend == "float: first different at all at 0.04 s, in its best phone at 0.09 s"


def test_equal_backends_are_drawn_too(folder: Path) -> None:
    figure = drawn(compared(folder, "0.flac", backends=("muntaniala:1x1", "muntaniala:2x1")))
    (legend, _) = panel(figure, "divergence").get_legend().get_texts()
    assert legend.get_text() == (
        "muntaniala:2x1: first different at all nowhere, in its best phone nowhere"
    )


def test_of_several_files_the_one_furthest_apart_is_shown(folder: Path) -> None:
    found = compared(folder, "0.flac", "1.flac", "0.flac")
    furthest = max(found.files, key=lambda each: most_divergent(each.pairs))
    assert found.shown is not None
    assert found.shown.result is furthest


@pytest.mark.parametrize("name", ["0.flac", "1.flac"])
def test_a_file_can_be_named_to_be_shown(folder: Path, name: str) -> None:
    found = compared(folder, "0.flac", "1.flac", plot_file=folder / name)
    assert found.shown is not None
    assert found.shown.result.file == folder / name


def test_of_a_long_file_the_stretch_furthest_apart_is_shown(folder: Path) -> None:
    found = compared(folder, "2.flac", backends=("muntaniala", "float"))
    assert found.shown is not None
    result, (pair,) = found.shown.result, found.shown.result.pairs
    spike = np.zeros(len(pair.divergence))
    spike[-3] = 1.0
    pair = replace(pair, divergence=replace(pair.divergence, total_variation=spike))
    shown = replace(found.shown, result=replace(result, pairs=(pair,)))
    found = replace(found, shown=shown)
    window = window_of(shown)
    assert (window.first, window.end) == (len(spike) - WINDOW_S * 100, len(spike))
    figure = drawn(found)
    assert panel(figure, "divergence").get_xlim() == (window.start_s, window.end_s)
    assert f"of which {window.start_s:.1f} to {window.end_s:.1f} s" in figure.get_suptitle()


def test_what_both_hold_is_grey_and_the_rest_in_the_colour_of_who_does() -> None:
    mine, its = np.array([[1.0, 0.0, 1.0, 0.0]]), np.array([[1.0, 1.0, 0.0, 0.0]])
    ((both, other, reference, none),) = overlay(
        mine.astype(np.float32), its.astype(np.float32), ("#0000ff", "#ff0000")
    )
    assert len(set(both)) == 1
    assert both[0] < 0.5
    assert other.tolist() == [1.0, 0.0, 0.0]
    assert reference.tolist() == [0.0, 0.0, 1.0]
    assert none.tolist() == [1.0, 1.0, 1.0]


def test_the_command_writes_a_png_and_says_where(folder: Path, tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    command = ("compare", folder / "0.flac", "--model", folder / "model", "--plot")
    done = vau(*command, tmp_path / "x.png", "--backends", "muntaniala,float")
    assert (done.returncode, done.stderr) == (0, f"vau: written: {tmp_path / 'x.png'}\n")
    assert (tmp_path / "x.png").read_bytes().startswith(b"\x89PNG")


def test_a_picture_in_no_folder_is_refused_before_the_work(
    folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    command = ("compare", folder / "0.flac", "--model", folder / "model", "--plot")
    done = vau(*command, tmp_path / "no/x.png", "--backends", "muntaniala,float")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no folder" in done.stderr


def test_a_picture_of_another_format_than_png_is_refused_before_the_work(
    folder: Path, tmp_path: Path
) -> None:
    command = ("compare", folder / "0.flac", "--model", folder / "model", "--plot")
    done = vau(*command, tmp_path / "x.pdf", "--backends", "muntaniala,float")
    assert (done.returncode, done.stdout) == (2, "")
    assert "end it in .png" in done.stderr
    assert not (tmp_path / "x.pdf").exists()


def test_without_matplotlib_it_says_how_to_install_it_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    plan = ComparePlan(
        files=(folder / "0.flac",), backends=BACKENDS, model="none", plot=folder / "x.png"
    )
    with pytest.raises(ConfigInvalid, match=r"pip install 'vau\[plots\]'"):
        compare(plan, pytest.fail, pytest.fail, never)  # type: ignore[arg-type]


def test_without_a_place_for_it_nothing_is_kept_or_drawn(folder: Path) -> None:
    plan = ComparePlan(
        files=(folder / "0.flac",), backends=BACKENDS[:2], model=str(folder / "model")
    )
    found = compare(plan, lambda _done, _total: None, pytest.fail, never)
    assert found.shown is None
    assert draw_and_write(plan, found) == []
