"""``python -m tests.web``: the live page in Chromium, and what was seen."""

import argparse
import json
import os
import sys
from collections import Counter
from collections.abc import Sequence
from contextlib import redirect_stdout
from pathlib import Path
from time import monotonic

import pytest

from tests.commands import ROOT
from tests.web.test_page_pictures import FOLDER

BITS = "grpc"  # in the name of each test that compares digests with gRPC's


class Seen:
    """What pytest says of each test."""

    def __init__(self) -> None:
        self.outcomes: dict[str, str] = {}

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Keep the worst of a test's phases."""
        if report.when == "call" or not report.passed:
            self.outcomes[report.nodeid] = report.outcome


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run e2e-web", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one object on the standard output")
    parser.add_argument(
        "--screenshots", type=Path, default=ROOT / ".cache/live-page", metavar="DIR"
    )
    options, others = parser.parse_known_args(arguments)
    folder = Path(options.screenshots).resolve()
    folder.mkdir(parents=True, exist_ok=True)
    os.environ[FOLDER] = str(folder)
    seen, began_s = Seen(), monotonic()
    asked = ["-m", "web", "-n", "0", *(others or ["tests/web"])]
    with redirect_stdout(sys.stderr if options.json else sys.stdout):
        status = int(pytest.main(asked, plugins=[seen]))
    if options.json:
        counted = Counter(seen.outcomes.values())
        bits = [kind for name, kind in seen.outcomes.items() if BITS in name]
        summary = {
            "passed": counted["passed"],
            "failed": counted["failed"],
            "skipped": counted["skipped"],
            "bit_equal_with_grpc": bool(bits) and set(bits) == {"passed"},
            "screenshots": sorted(str(each) for each in folder.glob("*.png")),
            "seconds": round(monotonic() - began_s, 1),
        }
        print(json.dumps(summary))
    return status


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
