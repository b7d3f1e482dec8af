"""The picture of a recording: its panels, which part it shows, and the command."""

import math
import sys
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.audio import recording
from tests.commands import vau
from tests.lively import write_lively_bundle
from vau.audio import HOP_SAMPLES
from vau.backend import Cost, Energy
from vau.commands.plot.drawing import Drawing
from vau.commands.plot.energy import kind_of
from vau.commands.plot.figure import figure_of
from vau.commands.plot.plan import MOST_S, PlotPlan, heard, plot, window_of
from vau.errors import ConfigInvalid
from vau.pictures import DOTS_PER_INCH
from vau.segments import Phone

SECONDS = 0.6
BACKEND = "muntaniala:1x1"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model and a recording."""
    folder = tmp_path_factory.mktemp("plot")
    write_lively_bundle(folder / "model")
    recording(folder / "a.flac", SECONDS)
    return folder


def planned(folder: Path) -> PlotPlan:
    return PlotPlan(
        file=folder / "a.flac",
        out=folder / "x.png",
        model=str(folder / "model"),
        backend=BACKEND,
    )


def progress(_done_s: float, _total_s: float) -> None:
    """Hear how far it is, and never mind."""


HEARD = (("SIL", 0, 10), ("IY", 10, 20), ("B", 20, 23), ("T", 23, 50), ("SIL", 50, 60))
"""Phones with their first frame, and that behind their last."""


@pytest.fixture(scope="module")
def drawing(folder: Path) -> Drawing:
    """Return what is drawn of the recording, as if it had been heard like that."""
    drawn = heard(planned(folder), progress)
    *before, last = drawn.answers
    phones = tuple(
        Phone(
            symbol=symbol,
            class_id=drawn.model.phonemes.index(symbol),
            start_sample=start * HOP_SAMPLES,
            end_sample=end * HOP_SAMPLES,
            confidence=1.0,
        )
        for symbol, start, end in HEARD
    )
    segments = (replace(last.segments[-1], phones=phones),)
    return replace(drawn, answers=(*before, replace(last, segments=segments)))


def panels(drawing: Drawing) -> dict[str, Any]:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    return {axes.get_label(): axes for axes in figure_of(drawing).axes}


def texts(axes: Any) -> list[str]:  # noqa: ANN401
    return [text.get_text() for text in axes.texts]


def boxes(axes: Any) -> Iterator[tuple[float, float]]:  # noqa: ANN401
    """Yield where each box begins and ends."""
    for each in axes.collections:
        edges = each.get_paths()[0].vertices[:, 0]
        yield edges.min(), edges.max()


def test_sound_posteriors_phones_and_energy_share_their_axis_in_seconds(
    drawing: Drawing,
) -> None:
    found = panels(drawing)
    assert list(found) == ["sound", "posteriors", "phones", "energy"]
    frames = len(drawing.log_prob)
    assert {axes.get_xlim() for axes in found.values()} == {(0.0, frames / 100)}
    assert found["sound"].figure.get_size_inches()[0] == 9.0  # as narrow as it may be
    assert found["energy"].get_xlabel() == "seconds"


def test_a_row_of_posteriors_is_that_of_the_phone_beside_it(drawing: Drawing) -> None:
    axes = panels(drawing)["posteriors"]
    names = [label.get_text() for label in axes.get_yticklabels()]
    rows = [drawing.model.phonemes.index(name) for name in names]
    (image,) = axes.images
    np.testing.assert_allclose(
        np.square(image.get_array()), np.exp(drawing.log_prob[:, rows].T), rtol=1e-6
    )


def test_the_path_runs_through_the_rows_of_its_phones_silence_too(drawing: Drawing) -> None:
    axes = panels(drawing)["posteriors"]
    names = [label.get_text() for label in axes.get_yticklabels()]
    (lines,) = axes.collections
    drawn = [
        (names[round(start[1])], start[0] * 100, end[0] * 100)
        for start, end in lines.get_segments()
    ]
    assert [symbol for symbol, _, _ in drawn] == [symbol for symbol, _, _ in HEARD]
    assert [times for _, *times in drawn] == pytest.approx(
        np.array([times for _, *times in HEARD])
    )


def test_each_phone_but_silence_is_a_box_over_its_time_with_its_name(drawing: Drawing) -> None:
    axes = panels(drawing)["phones"]
    found = np.array(list(boxes(axes))) * 100
    np.testing.assert_allclose(found, [[10, 20], [20, 23], [23, 50]])
    assert texts(axes) == ["IY", "B", "T"]
    middles = [text.get_position()[0] for text in axes.texts]
    assert middles == pytest.approx([0.15, 0.215, 0.365])
    assert axes.get_title(loc="left") == "phones"


def test_a_name_stands_upright_or_not_at_all_where_it_lacks_room_and_the_title_counts_it(
    drawing: Drawing,
) -> None:
    wide = replace(drawing.window, end=1000, second_in=1.2)  # of which 60 frames were heard
    axes = panels(replace(drawing, window=wide))["phones"]
    turned = {text.get_text(): text.get_rotation() for text in axes.texts}
    assert turned == {"IY": 90.0, "T": 0.0}
    assert axes.get_title(loc="left") == "phones; 1 of 3 are too short here for their names"


def test_a_recording_without_a_phone_says_so(drawing: Drawing) -> None:
    silent = tuple(replace(each, segments=()) for each in drawing.answers)
    axes = panels(replace(drawing, answers=silent))["phones"]
    assert axes.get_title(loc="left") == "phones: none was heard"


def test_energy_is_that_of_each_call_over_its_frames_with_origin_and_boundary(
    drawing: Drawing,
) -> None:
    axes = panels(drawing)["energy"]
    stated = [text.get_text() for text in axes.get_legend().get_texts()]
    assert stated == ["system, estimated, extrapolated", "accelerator, estimated, extrapolated"]
    for place, line in enumerate(axes.patches):
        values, edges, _ = line.get_data()
        assert values == pytest.approx(
            [each.cost.energies[place].joules / each.steps * 1e6 for each in drawing.answers]
        )
        assert edges.tolist() == [0.0, 0.1, 0.2, 0.3, 0.4, 0.5, SECONDS]


def test_what_is_measured_is_no_line_of_what_is_estimated_and_its_gaps_stay_open(
    drawing: Drawing,
) -> None:
    energy = Energy(joules=2e-6, origin="measured", boundary="board", method="ina219")
    answers = list(drawing.answers)
    answers[2] = replace(answers[2], cost=Cost(energies=(energy,)))
    axes = panels(replace(drawing, answers=tuple(answers)))["energy"]
    lines = {line.get_label(): line.get_data().values for line in axes.patches}
    assert kind_of(energy) == "board, measured"
    assert np.flatnonzero(np.isfinite(lines["board, measured"])).tolist() == [2]
    estimated = lines["system, estimated, extrapolated"]
    assert np.flatnonzero(np.isnan(estimated)).tolist() == [2]


def test_a_backend_that_states_no_energy_has_a_panel_that_says_so(folder: Path) -> None:
    plan = replace(planned(folder), backend="float")
    axes = panels(heard(plan, progress))["energy"]
    assert axes.get_title(loc="left") == "energy of the accelerator: it states none"
    assert not axes.patches


def test_a_part_is_what_the_whole_has_there(folder: Path, drawing: Drawing) -> None:
    part = heard(replace(planned(folder), from_s=0.15, to_s=0.4), progress)
    np.testing.assert_array_equal(part.log_prob, drawing.log_prob[15:40])
    found = panels(replace(part, answers=drawing.answers))
    assert found["energy"].get_xlim() == (0.15, 0.4)
    np.testing.assert_allclose(
        list(boxes(found["phones"])), [[0.15, 0.2], [0.2, 0.23], [0.23, 0.4]]
    )
    (lines,) = found["posteriors"].collections
    assert len(lines.get_segments()) == 3  # the silences lie outside
    assert "of which 0.15 to 0.40 s" in found["sound"].figure.get_suptitle()


@pytest.mark.parametrize(
    ("seconds", "window", "words"),
    [
        (30.0, {}, rf"to: .*a\.flac lasts 30\.00 s.*--from 0 --to {MOST_S}$"),
        (30.0, {"from_s": 5.0}, rf"--from 5 --to {5 + MOST_S}$"),
        (0.6, {"from_s": 0.6}, r"from: .*a\.flac lasts 0\.60 s.*choose an earlier start"),
        (0.6, {"from_s": 0.3, "to_s": 0.3}, r"to: there is no frame from 0\.3 to 0\.3 s"),
        (0.6, {"from_s": 0.3, "to_s": 0.1}, r"to: there is no frame from 0\.3 to 0\.1 s"),
        (0.6, {"from_s": math.inf}, r"^from=inf is no number"),
        (0.6, {"to_s": math.inf}, r"^to=inf is no number"),
        (0.6, {"from_s": 1e308}, r"from: .*1e\+308 s is behind its last frame"),
    ],
)
def test_what_cannot_be_drawn_is_refused_with_the_remedy(
    folder: Path, seconds: float, window: dict[str, Any], words: str
) -> None:
    with pytest.raises(ConfigInvalid, match=words):
        window_of(replace(planned(folder), **window), round(seconds * 16_000))


def test_as_much_as_the_remedy_says_is_drawn(folder: Path) -> None:
    window = window_of(replace(planned(folder), from_s=5.0, to_s=5.0 + MOST_S), 30 * 16_000)
    assert (window.first, window.end, window.width_in) == (500, 2500, 40.0)


def test_without_matplotlib_it_says_how_to_install_it_before_the_work(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigInvalid, match=r"pip install 'vau\[plots\]'"):
        plot(replace(planned(folder), file=folder / "absent.wav"), progress)


def test_the_command_writes_a_png_of_its_size_and_says_where(
    folder: Path, tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    target = tmp_path / "x.png"
    command = ("plot", folder / "a.flac", "--model", folder / "model")
    done = vau(*command, "--backend", BACKEND, "--out", target)
    assert (done.returncode, done.stdout, done.stderr) == (0, "", f"vau: written: {target}\n")
    image = target.read_bytes()
    assert image.startswith(b"\x89PNG")
    size = [int.from_bytes(image[at : at + 4], "big") for at in (16, 20)]
    figure = figure_of(heard(planned(folder), progress))
    assert size == [int(inches * DOTS_PER_INCH) for inches in figure.get_size_inches()]


def test_a_picture_is_called_after_its_recording_unless_it_is_to_be_called_otherwise(
    folder: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    monkeypatch.chdir(tmp_path)
    done = vau("plot", folder / "a.flac", "--model", folder / "model")
    assert (done.returncode, done.stderr) == (0, "vau: written: a.flac.png\n")
    assert (tmp_path / "a.flac.png").is_file()


@pytest.mark.parametrize(
    ("arguments", "status", "words"),
    [
        (("absent.wav",), 4, "absent.wav: No such file"),
        (("a.flac", "--out", "x.pdf"), 2, "--out x.pdf: pictures are PNGs alone"),
        (("a.flac", "--out", "no/x.png"), 2, "--out no/x.png: there is no folder no"),
        (("a.flac", "--from", "9"), 2, "--from: a.flac lasts 0.60 s"),
    ],
)
def test_what_goes_wrong_is_said_in_a_line(
    folder: Path,
    monkeypatch: pytest.MonkeyPatch,
    arguments: tuple[str, ...],
    status: int,
    words: str,
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    here = recording(folder / "here/a.flac", SECONDS).parent
    monkeypatch.chdir(here)
    done = vau("plot", *arguments, "--model", folder / "model")
    assert (done.returncode, done.stdout) == (status, "")
    (line,) = done.stderr.splitlines()
    assert words in line
    assert [each.name for each in here.iterdir()] == ["a.flac"]
