"""A backend of somebody else: the example, installed beside our wheel, and broken copies."""

import json
import shutil
import wave
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.manifests import manifest
from tests.packaging import ROOT, add, attempt, build_wheel, install, run, wheel_of_tree

EXAMPLE: Final = ROOT / "examples/bfloat16"
MODULE: Final = "vau_bfloat16.py"
MODEL: Final = "munt-1x96-mfcc"  # the smallest that ships
SUITE: Final = ("-m", "vau.testing.contract", "bfloat16")


def copy_of_example(to: Path) -> Path:
    return shutil.copytree(
        EXAMPLE, to, ignore=shutil.ignore_patterns("__pycache__", "build", "*.egg-info")
    )


@pytest.fixture(scope="module")
def home(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Install our wheel and the example's, and nothing else of this tree."""
    made = install(wheel_of_tree(tmp_path_factory), tmp_path_factory.mktemp("third_party"))
    source = copy_of_example(tmp_path_factory.mktemp("example") / "bfloat16")
    add(build_wheel(source, tmp_path_factory.mktemp("wheels")), made)
    return made


@pytest.fixture
def noise(tmp_path: Path) -> Path:
    """Give a second of noise."""
    samples = np.random.default_rng(5).normal(0, 1000, 16_000).astype("<i2")
    with wave.open(str(tmp_path / "noise.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(samples.tobytes())
    return tmp_path / "noise.wav"


# --- the example ------------------------------------------------------------------------


def test_the_example_has_less_than_eighty_lines() -> None:
    assert len((EXAMPLE / MODULE).read_text(encoding="utf-8").splitlines()) < 80


def test_the_suite_passes_on_a_backend_that_it_finds_by_its_entry_point(
    home: Path, tmp_path: Path
) -> None:
    said = run(home / "bin/python", *SUITE, cwd=tmp_path)
    assert " passed" in said


def test_the_tests_of_the_example_pass_in_its_own_folder(home: Path, tmp_path: Path) -> None:
    folder = copy_of_example(tmp_path / "bfloat16")
    assert " passed" in run(home / "bin/python", "-m", "pytest", cwd=folder)


def test_an_installed_backend_is_listed_with_the_package_that_brought_it(home: Path) -> None:
    lines = run(home / "bin/vau", "backends", cwd=home).splitlines()
    (line,) = [line for line in lines if line.startswith("bfloat16 ")]
    assert line.split() == "bfloat16 available from vau-bfloat16 0.1.0".split()


def test_an_installed_backend_hears_what_float_hears_but_for_its_rounding(
    home: Path, noise: Path
) -> None:
    def log_posteriors(backend: str) -> NDArray[np.float32]:
        choice = ("--backend", backend, "--model", MODEL, "--format", "npz", "--out", backend)
        run(home / "bin/vau", "transcribe", noise, *choice, cwd=noise.parent)
        with np.load(noise.parent / backend / "noise.npz") as heard:
            found: NDArray[np.float32] = heard["log_posterior"]
        return found

    theirs, ours = log_posteriors("bfloat16"), log_posteriors("float")
    assert (theirs != ours).any()
    # A weight is off by 2**-9 of itself at most, and h by less than 1: no posterior moves far.
    assert np.abs(np.exp(theirs.astype(float)) - np.exp(ours.astype(float))).max() < 0.05


def test_an_installed_backend_can_be_evaluated_beside_float(home: Path, noise: Path) -> None:
    tsv = manifest(noise.parent, "a|noise.wav|AA B|test")
    choice = ("--backend", "bfloat16", "--model", MODEL, "--jobs", "1", "--json")
    said = run(home / "bin/vau", "evaluate", "--manifest", tsv, *choice, cwd=noise.parent)
    assert json.loads(said)["backend"] == "bfloat16"


# --- broken copies ----------------------------------------------------------------------

INPUTS: Final = "normalise(each.features, self._model)"
ROWS: Final = "rows = self._slots.rows("
BREAKS: Final = {
    "bits depend on the cut": (
        INPUTS,
        f"{INPUTS} * np.float32(1 + len(each.features) % 2)",
        "Backend.run: “Neither batch mates nor the cuts between calls change a bit",
    ),
    "bits depend on batch mates": (
        INPUTS,
        f"{INPUTS} * np.float32(max(1, len(work)))",
        "Backend.run: “Neither batch mates nor the cuts between calls change a bit",
    ),
    "frames are forgotten": (
        "self._h[row], self._c[row]",
        "self._h[row] * 0, self._c[row] * 0",
        "Work: “Frames of one utterance that follow those it has had.”",
    ),
    "not a number is a feature": (
        INPUTS,
        "(each.features - self._model.mean) * self._model.inv_std",
        "Backend.run: “for one that is not finite, before or after it is normalised”",
    ),
    "a call is refused half way": (
        f"inputs = [{INPUTS} for each in work]",
        f"inputs = ({INPUTS} for each in work)",
        "Backend.run: “Raises ValueError, with every state as before”",
    ),
    "it runs on the main thread alone": (
        ROWS,
        f"from signal import SIG_IGN, SIGHUP, signal; signal(SIGHUP, SIG_IGN); {ROWS}",
        "Backend: “Its calls all come from one thread, which need not be that of",
    ),
    "any network's snapshot will do": (
        "digest(network)",
        '"any"',
        "Backend.restore: “Raises BadSnapshot, and changes nothing, unless the same network",
    ),
    "posteriors do not sum to 1": (
        "log_posteriors(logits, self._model.temperature)",
        "logits",
        "Result.log_prob: “Log posteriors (natural), shape (frames, phonemes).”",
    ),
    "every call has its price": (
        "cycles = len(z) * ",
        "cycles = min(len(z), 1) * ",
        "Cost.unshared: “Unlike the rest of a cost it depends neither on batch mates nor",
    ),
    "a boundary is counted twice": (
        "(used,)",
        "(used, used)",
        "Cost.energies: “At most one per origin and boundary”",
    ),
    "what is discovered is refused": (
        '[] if model.network.peephole else ["bfloat16"]',
        '["bfloat16"]',
        "BackendFactory.discover: “List the ids that could be opened with ``model`` now",
    ),
}
"""What is broken: by which change of the example, and which promise the suite must name."""


@pytest.mark.parametrize("broken", BREAKS)
def test_the_suite_names_the_promise_that_a_copy_breaks(
    home: Path, tmp_path: Path, broken: str
) -> None:
    kept, instead, promise = BREAKS[broken]
    folder = copy_of_example(tmp_path / "broken")
    text = (folder / MODULE).read_text(encoding="utf-8")
    assert text.count(kept) == 1
    (folder / MODULE).write_text(text.replace(kept, instead), encoding="utf-8")
    done = attempt(home / "bin/python", *SUITE, cwd=tmp_path, PYTHONPATH=str(folder))
    assert done.returncode == 1, done.stdout + done.stderr
    assert f"This promise of vau.backend is broken. {promise}" in done.stdout
    assert_every_promise_is_listed_once(done.stdout)


def test_a_run_that_raises_is_blamed_on_no_promise_but_that_it_answers(
    home: Path, tmp_path: Path
) -> None:
    folder = copy_of_example(tmp_path / "broken")
    text = (folder / MODULE).read_text(encoding="utf-8")
    raising = text.replace(ROWS, f"raise KeyError('boom')\n        {ROWS}")
    (folder / MODULE).write_text(raising, encoding="utf-8")
    done = attempt(home / "bin/python", *SUITE, cwd=tmp_path, PYTHONPATH=str(folder))
    (promise,) = promises_listed(done.stdout)
    assert promise.startswith("Backend.run: “one result per work, in order”")
    assert "bfloat16  KeyError: 'boom'" in done.stdout


def promises_listed(said: str) -> list[str]:
    """Return what stands below the last headline but the count of tests, one per promise."""
    listed = said.partition("= broken promises of vau.backend =")[2]
    listed = listed.partition("= errors in which")[0]
    parts = listed.split("\nbfloat16  ")[1:]
    return [" ".join(part.partition(" failure")[0].split()) for part in parts]


def assert_every_promise_is_listed_once(said: str) -> None:
    promises = [each.rpartition("”")[0] for each in promises_listed(said)]
    assert promises
    assert len(promises) == len(set(promises))
