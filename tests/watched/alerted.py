"""Which alerts promtool saw raised by their own trouble, and by it alone."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from deploy.dashboards.shelf import ROOT
from tests.commands import environment

TEST: Final = "test_a_trouble_raises_its_own_alert_and_no_other"


def fired_in_tests() -> list[str]:
    """Run the tests of the rules; return the alerts that fired in theirs.

    What fails is said on stderr. Raises CalledProcessError unless all pass.
    """
    with tempfile.TemporaryDirectory(prefix="vau-alerts-") as name:
        report = Path(name) / "report.xml"
        command = [
            "-m",
            "pytest",
            "-q",
            "-m",
            "tools",
            "tests/test_alerts.py",
            f"--junitxml={report}",
        ]
        subprocess.run(
            [sys.executable, *command],
            cwd=ROOT,
            env=environment(),
            stdout=sys.stderr,
            check=True,
        )
        cases = ET.parse(report).iter("testcase")
        named = [str(case.get("name")) for case in cases if not len(case)]
    return [each[len(TEST) + 1 : -1] for each in named if each.startswith(f"{TEST}[")]
