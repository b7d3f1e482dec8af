"""The wheel, built from this tree and installed where nothing else of the project is."""

import shutil
import subprocess
import sys
import sysconfig
import tomllib
import venv
import wave
import zipfile
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = (ROOT / "service/vau", ROOT / "backends/vau_backends")
PROJECT: Final = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
OFFLINE: Final = ("--no-index", "--no-deps", "--disable-pip-version-check", "--quiet")


def run(*command: str | Path, cwd: Path) -> str:
    """Return what the command prints; its complaint becomes the failure's."""
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(
        command, cwd=cwd, env=clean, capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build from a copy: a build writes beside its sources, and would read old leftovers."""
    source = tmp_path_factory.mktemp("source")
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info")
    for folder in ("service", "backends"):
        shutil.copytree(ROOT / folder, source / folder, ignore=ignored)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, source)
    pip = (sys.executable, "-m", "pip", "wheel", *OFFLINE, "--no-build-isolation")
    run(*pip, "--wheel-dir", source / "wheels", source, cwd=source)
    return next((source / "wheels").glob("*.whl"))


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return an environment that has the wheel, and borrows our run-time libraries."""
    home = tmp_path_factory.mktemp("installed")
    venv.create(home, with_pip=False, symlinks=True)
    python = home / "bin/python"
    run(sys.executable, "-m", "pip", "--python", python, "install", *OFFLINE, wheel, cwd=home)
    site = next(home.glob("lib/python*/site-packages"))
    # A path file adds that folder alone: its own path file, which leads here, stays unread.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


def test_the_wheel_holds_every_file_of_both_packages_and_nothing_else(wheel: Path) -> None:
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if ".dist-info/" not in name}
    expected = {
        str(path.relative_to(package.parent))
        for package in PACKAGES
        for path in package.rglob("*")
        if path.is_file() and "__pycache__" not in path.parts
    }
    assert names == expected


def test_the_installed_package_is_the_wheel_and_not_this_tree(installed: Path) -> None:
    where = run(
        installed / "bin/python", "-c", "import vau; print(vau.__file__)", cwd=installed
    )
    assert Path(where).is_relative_to(installed)


def test_the_installed_wheel_has_the_messages_and_the_service(installed: Path) -> None:
    probe = "from vau.v1 import speech_pb2, speech_pb2_grpc as g; print(g.__name__)"
    assert (
        run(installed / "bin/python", "-c", probe, cwd=installed) == "vau.v1.speech_pb2_grpc\n"
    )


def test_the_installed_wheel_offers_its_backends_by_entry_point(installed: Path) -> None:
    probe = """
from importlib.metadata import entry_points
for found in sorted(entry_points(group="vau.backends")):
    print(found.name, callable(found.load().open))
"""
    assert run(installed / "bin/python", "-c", probe, cwd=installed).splitlines() == [
        f"{name} True" for name in sorted(PROJECT["entry-points"]["vau.backends"])
    ]


def test_the_installed_wheel_brings_the_models_of_this_tree(installed: Path) -> None:
    probe = """
from vau.model import find_model, shipped_models
for name in shipped_models():
    print(find_model(name).name)
"""
    shipped = sorted(card.parent.name for card in ROOT.glob("service/vau/models/*/card.json"))
    assert shipped
    assert sorted(run(installed / "bin/python", "-c", probe, cwd=installed).split()) == shipped


def test_the_installed_command_says_its_version(installed: Path) -> None:
    assert PROJECT["version"] in run(installed / "bin/vau", "--version", cwd=installed)


def test_the_installed_command_transcribes(installed: Path, tmp_path: Path) -> None:
    with wave.open(str(tmp_path / "hum.wav"), "wb") as file:
        file.setparams((1, 2, 16_000, 0, "NONE", ""))
        file.writeframes(bytes(2 * 1_600))
    out = run(installed / "bin/vau", "transcribe", "hum.wav", cwd=tmp_path)
    assert out.startswith("hum.wav\t")
    assert out.count("\n") == 1
