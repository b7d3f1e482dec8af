"""What ``vau doctor`` says of the installation, models, microphones and boards."""

import re
import shutil
import socket
import sys
from collections.abc import Callable
from importlib.metadata import Distribution, distribution
from pathlib import Path
from typing import Any

import pytest

from tests.board_server import served
from tests.serving import eventually
from tests.software_board import SoftwareBoard, board_info
from vau.commands.doctor import audio, boards, installed, models
from vau.commands.doctor.check import Asked, Check
from vau.model import SHIPPED, shipped_models

ASKED = Asked(
    listen="127.0.0.1:0",
    metrics_listen="off",
    models=("munt-3x384",),
    backends=("muntaniala",),
    max_streams=None,
)
OURS = distribution("vau")


def installation(folder: Path, *requires: str) -> Distribution:
    """Return an installed Vau of this folder, with these requirements."""
    info = folder / "vau-1.0.dist-info"
    info.mkdir()
    lines = ["Metadata-Version: 2.1", "Name: vau", "Version: 1.0"]
    lines += [f"Requires-Dist: {each}" for each in requires]
    (info / "METADATA").write_text("\n".join(lines) + "\n")
    return Distribution.at(info)


# --- the installation ----------------------------------------------------------------------


def test_this_installation_is_well() -> None:
    checks = {check.name: check for check in installed.examine(ASKED)}
    assert checks["installed.vau"].found.startswith(f"vau {OURS.version}, from ")
    assert checks["installed.packages"].status == "ok"
    assert "numpy" in checks["installed.packages"].found


@pytest.mark.parametrize(
    ("version", "status"),
    [((3, 10), "problem"), ((3, 11), "ok"), ((3, 13), "ok"), ((3, 99), "note")],
)
def test_a_python_is_judged_by_its_version(version: tuple[int, int], status: str) -> None:
    assert installed.python(version).status == status


@pytest.mark.parametrize(
    ("requirement", "status", "says"),
    [
        ("numpy<99,>=2", "ok", "numpy"),
        ("numpy>=99", "problem", "where >=99 is needed"),
        ("numpy<2", "problem", "where <2 is needed"),
        ("no-such-package>=1", "problem", "no-such-package missing"),
    ],
)
def test_packages_are_held_against_what_is_needed(
    tmp_path: Path, requirement: str, status: str, says: str
) -> None:
    check = installed.packages(installation(tmp_path, requirement))
    assert check.status == status
    assert says in check.found


@pytest.mark.parametrize(
    ("requirement", "status"),
    [
        ('numpy>=2; extra == "align"', "ok"),
        ('numpy>=99; extra == "align"', "warning"),
        ('no-such-package; extra == "align"', "note"),
    ],
)
def test_extras_are_installed_or_told_with_what_they_would_bring(
    tmp_path: Path, requirement: str, status: str
) -> None:
    (check,) = installed.extras(installation(tmp_path, requirement))
    assert (check.name, check.status) == ("extras.align", status)
    assert "CMUdict" in check.meaning
    assert bool(check.remedy) == (status != "ok")


def test_every_extra_is_explained() -> None:
    assert {check.name for check in installed.extras(OURS)} == {
        f"extras.{extra}" for extra in installed.BRINGS
    }


def test_our_limits_are_of_the_kinds_that_are_understood() -> None:
    signs = {sign for text in OURS.requires or [] for sign in re.findall("[<>=~!]+", text)}
    assert signs - {"=="} == {">=", "<"}


@pytest.mark.parametrize(
    ("version", "limits", "suits"),
    [
        ("1.85.1", ">=1.85.1,<2", True),
        ("1.85", ">=1.85.1", False),
        ("2.0", "<2", False),
        ("2", "==2.0", True),
        ("2.0.0rc1", ">=2", True),
        ("0.6", "==0.6", True),
        ("", "", False),
        ("1", "", True),
    ],
)
def test_a_version_is_within_limits_or_not(version: str, limits: str, suits: bool) -> None:
    assert installed.suits(version, limits) == suits


@pytest.mark.parametrize(
    ("direct", "says"),
    [
        ("", "from a wheel"),
        ('{"url": "file:///a/vau.whl", "archive_info": {}}', "from a wheel made of /a/vau.whl"),
        ('{"url": "file:///a", "dir_info": {"editable": true}}', "from the tree in /a"),
    ],
)
def test_it_is_told_where_vau_was_installed_from(
    tmp_path: Path, direct: str, says: str
) -> None:
    ours = installation(tmp_path)
    if direct:
        (tmp_path / "vau-1.0.dist-info/direct_url.json").write_text(direct)
    assert installed.origin(ours) == says


# --- models ----------------------------------------------------------------------------------


def test_shipped_models_and_those_asked_for_are_loaded() -> None:
    names = {check.name: check.status for check in models.examine(ASKED)}
    assert names == {f"models.{name}": "ok" for name in shipped_models()}


def test_a_model_whose_files_were_changed_is_a_problem(tmp_path: Path) -> None:
    bundle = tmp_path / "changed"
    shutil.copytree(SHIPPED / "munt-1x96-mfcc", bundle)
    assert models.model(str(bundle)).status == "ok"
    weights = bytearray((bundle / "master.npz").read_bytes())
    weights[1000] ^= 1
    (bundle / "master.npz").write_bytes(weights)
    check = models.model(str(bundle))
    assert (check.name, check.status) == ("models.changed", "problem")
    assert "SHA-256" in check.found
    assert "export the model again" in check.remedy


def test_a_model_that_is_not_there_is_a_problem() -> None:
    assert models.model("no-such-model").status == "problem"


# --- microphones -----------------------------------------------------------------------------


@pytest.fixture
def portaudio(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Callable[[str], Any]:
    """Return what puts a package sounddevice in place and asks it; no machine has both."""

    def ask(source: str) -> Any:  # noqa: ANN401
        (tmp_path / "sounddevice.py").write_text(source)
        monkeypatch.syspath_prepend(tmp_path)
        monkeypatch.delitem(sys.modules, "sounddevice", raising=False)
        try:
            return audio.devices(**audio.work())
        finally:
            sys.modules.pop("sounddevice", None)

    return ask


def test_without_the_package_it_is_told_what_to_install() -> None:
    check = audio.devices("package", [])
    told = "pip install 'vau[mic]' (and the system's PortAudio: libportaudio2)"
    assert (check.status, check.remedy) == ("note", told)


def test_without_portaudio_it_is_told_what_to_install(portaudio: Callable[[str], Any]) -> None:
    check = portaudio("raise OSError('PortAudio library not found')\n")
    assert check.status == "note"
    assert "libportaudio2" in check.remedy


def test_microphones_are_listed_with_their_rates(portaudio: Callable[[str], Any]) -> None:
    check = portaudio(
        "def query_devices():\n"
        "    out = {'name': 'out', 'max_input_channels': 0, 'default_samplerate': 48000.0}\n"
        "    return [out, out | {'name': 'desk', 'max_input_channels': 2}]\n"
    )
    assert check.status == "ok"
    assert check.found == "1 microphone: desk, 48000 Hz"
    assert check.meaning == "resampled to 16000 Hz"


def test_no_microphone_is_a_note(portaudio: Callable[[str], Any]) -> None:
    assert portaudio("def query_devices():\n    return []\n").found == "no microphone"


# --- boards ----------------------------------------------------------------------------------


def test_a_board_that_answers_is_well_and_another_is_a_warning(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    with socket.create_server(("127.0.0.1", 0)) as gone:
        absent = f"tcp:127.0.0.1:{gone.getsockname()[1]}"
    with served(SoftwareBoard(board_info())) as there:
        url = there.url
        monkeypatch.setenv("VAU_BOARDS", f"{url} {absent} virtual:2x2")
        seen: list[Check] = []

        def answers() -> bool:  # on a busy machine not within the half second of a look
            seen[:] = map(boards.board, boards.work())
            return seen[0].status == "ok"

        eventually(answers)
    first, second, third = seen
    assert (first.name, first.status) == (f"boards.{url}", "ok")
    assert first.found.startswith("answers: ")
    assert (second.name, second.status) == (f"boards.{absent}", "warning")
    assert "refused" in second.found
    assert third.status == "ok"


def test_serial_ports_are_found_and_what_is_missing_for_them_is_told(tmp_path: Path) -> None:
    assert boards.serial(boards.serial_ports(tmp_path), has_pyserial=False).status == "ok"
    (tmp_path / "ttyUSB0").touch()
    (tmp_path / "ttyS0").touch()
    found = boards.serial_ports(tmp_path)
    assert [each.name for each in found] == ["ttyUSB0"]
    assert boards.serial(found, has_pyserial=True).status == "ok"
    assert "vau[serial]" in boards.serial(found, has_pyserial=False).remedy


def test_a_serial_port_that_may_not_be_opened_is_a_warning(tmp_path: Path) -> None:
    shut = boards.serial([tmp_path / "ttyUSB9"], has_pyserial=True)  # root may open any other
    assert shut.status == "warning"
    assert "dialout" in shut.remedy
