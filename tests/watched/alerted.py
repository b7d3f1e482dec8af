"""Which alerts promtool saw raised by their own trouble, and by it alone."""

import subprocess
import sys
import tempfile
from pathlib import Path
from typing import Final
from xml.etree import ElementTree as ET

from deploy.dashboards.shelf import ROOT
from tests.commands import environment

SUITE: Final = "tests/test_alerts.py"
TEST: Final = "test_a_trouble_raises_its_own_alert_and_no_other"


def fired_in_tests() -> tuple[list[str], bool]:
    """Run the tests of the rules; return the alerts that fired in theirs, and if all passed.

    What fails is said on stderr.
    """
    with tempfile.TemporaryDirectory(prefix="vau-alerts-") as name:
        report = Path(name) / "report.xml"
        done = subprocess.run(
            [sys.executable, "-m", "pytest", "-m", "tools", SUITE, f"--junitxml={report}"],
            cwd=ROOT,
            env=environment(),
            stdout=sys.stderr,
            check=False,
        )
        cases = ET.parse(report).iter("testcase") if report.exists() else []
        passed = [str(case.get("name")) for case in cases if not len(case)]
    fired = [each[len(TEST) + 1 : -1] for each in passed if each.startswith(f"{TEST}[")]
    return fired, done.returncode == 0
