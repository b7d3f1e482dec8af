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

    with tempfile.TemporaryDirectory(prefix="vau-watched-") as name:
        played(Path(name), look)
    fired = fired_in_tests()
    total = len(alerts())
    done = {
        **found.to_json(),
        "alerts": {"total": total, "fired_in_tests": len(fired)},
        "seconds": round(monotonic() - begun_s, 1),
    }
    done = {"ok": found.is_well and len(fired) == total, **done}
    print(json.dumps(done) if asked.json else json.dumps(done, indent=2))
    return 0 if done["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
