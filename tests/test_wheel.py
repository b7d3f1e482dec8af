"""The wheel, built from this tree and installed where nothing else of the project is."""

import wave
from pathlib import Path
from typing import Final

import pytest

from tests.packaging import (
    EXTENSIONS,
    PYPROJECT,
    ROOT,
    can_compile,
    install,
    names_in,
    names_of_tree,
    needs_compiler,
    run,
    wheel_of_tree,
)

PROJECT: Final = PYPROJECT["project"]


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return wheel_of_tree(tmp_path_factory)


@pytest.fixture(scope="module")
def installed(wheel: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    return install(wheel, tmp_path_factory.mktemp("installed"))


def test_the_wheel_holds_every_file_of_both_packages_and_no_c_but_what_was_made_of_it(
    wheel: Path,
) -> None:
    assert names_in(wheel) == names_of_tree() | (EXTENSIONS if can_compile() else set())


def test_one_wheel_is_for_python_3_11_and_every_later_one(wheel: Path) -> None:
    assert wheel.stem.split("-", 2)[2].startswith("cp311-abi3-")


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


@needs_compiler
def test_the_installed_wheel_has_the_tiers_in_c(installed: Path) -> None:
    probe = "from vau_backends.muntaniala.kernel import tiers; print(*tiers())"
    *compiled, last = run(installed / "bin/python", "-c", probe, cwd=installed).split()
    assert "portable" in compiled
    assert last == "numpy"


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
