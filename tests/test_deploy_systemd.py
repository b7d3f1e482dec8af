"""systemd understands deploy/vau.service, all of it."""

import re
import subprocess
from pathlib import Path
from typing import Final

import pytest

from tests.commands import PATIENCE_S, ROOT

UNIT: Final = (ROOT / "deploy/vau.service").read_text()

pytestmark = pytest.mark.tools


def complaints(unit: str, folder: Path) -> str:
    """Return what systemd has against a unit, whose commands need not be there.

    It also complains of others, which this unit wants and this machine has.
    """
    path = folder / "vau.service"
    path.write_text(re.sub(r"^(Exec\w+)=\S+", r"\1=/bin/true", unit, flags=re.MULTILINE))
    ran = subprocess.run(
        ["systemd-analyze", "verify", "--man=no", path],
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    lines = (ran.stdout + ran.stderr).splitlines()
    return "\n".join(line for line in lines if path.name in line)


def test_systemd_has_nothing_against_the_unit(tmp_path: Path) -> None:
    assert complaints(UNIT, tmp_path) == ""


def test_what_is_wrong_with_another_unit_is_none_of_ours(tmp_path: Path) -> None:
    (tmp_path / "neighbour.service").write_text("[Service]\nExecStart=/bin/true\nOdd=yes\n")
    unit = UNIT.replace("[Unit]\n", "[Unit]\nWants=neighbour.service\n")
    assert complaints(unit, tmp_path) == ""


@pytest.mark.parametrize(
    ("right", "wrong"),
    [
        ("NoNewPrivileges=yes", "NoNewPrivilege=yes"),
        ("ProtectHome=yes", "ProtectHome=yess"),
        ("RestartPreventExitStatus=2 3", "RestartPreventExitStatus=two"),
        ("TimeoutStopSec=45", "TimeoutStopSec=45 streams"),
    ],
)
def test_systemd_tells_of_what_is_wrong_with_one(
    tmp_path: Path, right: str, wrong: str
) -> None:
    assert right in UNIT
    line = UNIT.splitlines().index(right) + 1
    assert f"vau.service:{line}: " in complaints(UNIT.replace(right, wrong), tmp_path)
