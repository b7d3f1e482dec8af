"""The verb as a user has it."""

import json
from pathlib import Path

import pytest

from tests.audio import recording
from tests.commands import vau
from tests.lively import write_lively_bundle


@pytest.fixture(scope="module")
def command(tmp_path_factory: pytest.TempPathFactory) -> tuple[object, ...]:
    """Return a command that evaluates a folder of FLAC with a manifest of three columns."""
    folder = tmp_path_factory.mktemp("corpus")
    write_lively_bundle(folder / "model")
    recording(folder / "a.flac", 0.3)
    manifest = folder / "manifest.tsv"
    manifest.write_text("utterance\tpath\tphones\nu\ta.flac\tAA1 B\n")
    return "evaluate", "--manifest", manifest, "--model", folder / "model", "--jobs", 1


def test_a_split_that_the_manifest_does_not_tell_is_all_of_it(
    command: tuple[object, ...],
) -> None:
    done = vau(*command, "--split", "test", "--noise-db", 10, "--noise", "pink", "--json")
    assert done.stderr.startswith("vau: notice: ")
    assert "no column split" in done.stderr
    figures = json.loads(done.stdout)
    assert (figures["utterances"], figures["phone_count"]) == (1, 2)
    assert figures["condition"] == "pink noise 10 dB"
    assert figures["per_ci95"] is None


def test_the_matrix_is_a_list(command: tuple[object, ...]) -> None:
    figures = json.loads(vau(*command, "--matrix", "--json").stdout)
    assert [each["condition"] for each in figures] == [
        "clean",
        "white noise 20 dB",
        "white noise 10 dB",
        "white noise 5 dB",
        "sampled at 8000 Hz",
        "clipped 10 %",
        "gain -30 dB",
    ]


@pytest.mark.parametrize(
    ("flags", "message"),
    [
        (
            ("--matrix", "--noise-db", "10"),
            "and --noise-db 10 is another; leave out one of the two",
        ),
        (("--noise", "pink"), "add --noise-db"),
        (("--noise", "white"), "add --noise-db"),
        (("--noise-db", "nan"), "noise-db: nan dB cannot be tried; choose from -100 to 100"),
        (("--band", "11025"), "choose 8000"),
        (("--clip", "1.5"), "clip: 1.5 is not a share"),
        (("--peer", "nobody"), "no recogniser 'nobody' is known; there are: pocketsphinx"),
    ],
)
def test_flags_that_cannot_be_meant_are_refused(
    command: tuple[object, ...], flags: tuple[str, ...], message: str
) -> None:
    done = vau(*command, *flags)
    assert (done.returncode, done.stdout) == (2, "")
    assert message in done.stderr


def test_the_page_names_the_command_without_folders(
    command: tuple[object, ...], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    page = tmp_path / "evaluation.md"
    done = vau(*command, "--page", page, "--clip", 0.1)
    assert done.returncode == 0
    assert f"vau: written: {page}\n" in done.stderr
    (line,) = (line for line in page.read_text().splitlines() if line.startswith("vau "))
    assert line == (
        "vau evaluate --manifest CORPUS/manifest.tsv --model model --backend muntaniala "
        "--clip 0.1"
    )
    assert (tmp_path / "evaluation/tiny-confusions.png").is_file()


def test_a_page_in_no_folder_is_refused_before_the_work(
    command: tuple[object, ...], tmp_path: Path
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    done = vau(*command, "--page", tmp_path / "no/page.md")
    assert (done.returncode, done.stdout) == (2, "")
    assert "there is no folder" in done.stderr
    assert not (tmp_path / "no").exists()
