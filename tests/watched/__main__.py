"""``python -m tests.watched``: live servers, every panel asked, every alert raised once."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from pathlib import Path
from time import monotonic

from deploy.dashboards.ask import Prometheus, Span
from deploy.dashboards.draw import draw
from deploy.dashboards.shelf import DASHBOARDS, file_of
from tests.rules import alerts
from tests.watched.alerted import fired_in_tests
from tests.watched.judged import Judged
from tests.watched.scene import played


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run e2e-metrics", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    parser.add_argument("--draw", type=Path, metavar="DIR", help="draw each dashboard there")
    asked = parser.parse_args(arguments)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # what goes wrong here is meant to
    begun_s = monotonic()
    found = Judged()

    def look(prometheus: Prometheus, span: Span) -> None:
        for dashboard in DASHBOARDS:
            found.look_at(dashboard.name, file_of(dashboard), prometheus, span)
            if asked.draw is not None:
                draw(prometheus, file_of(dashboard), asked.draw, span)

    failure = ""
    try:
        with tempfile.TemporaryDirectory(prefix="vau-watched-") as name:
            played(Path(name), look)
    except Exception as error:  # noqa: BLE001 - whatever it is, it is told as JSON
        failure = f"{type(error).__name__}: {error}"
    fired, passed = fired_in_tests()
    names = [*alerts()]
    done = {
        "ok": not failure and found.is_well and passed and sorted(fired) == sorted(names),
        **found.to_json(),
        "alerts": {"total": len(names), "fired_in_tests": len(fired)},
        "failure": failure,
        "seconds": round(monotonic() - begun_s, 1),
    }
    print(json.dumps(done) if asked.json else json.dumps(done, indent=2))
    return 0 if done["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
