"""``python -m tests.soak``: all checks, or some, and what was seen."""

import argparse
import json
import os
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from time import monotonic
from typing import Final

from tests.soak import sessions, sustained
from tests.soak.check import Check, Mode, Outcome, Site, carry_out
from tests.soak.faults import backends, clients, ends, host, network, resumed

CHECKS: Final[tuple[Check, ...]] = (
    *sessions.CHECKS,
    *sustained.CHECKS,
    *clients.CHECKS,
    *network.CHECKS,
    *backends.CHECKS,
    *host.CHECKS,
    *ends.CHECKS,
    *resumed.CHECKS,
)
AT_ONCE: Final = 4
"""Faults are looked at side by side: most of the time they wait for a time-out."""


def soak(checks: Sequence[Check], mode: Mode) -> list[Outcome]:
    """Carry out ``checks``, those alone that need the machine for themselves."""
    with tempfile.TemporaryDirectory(prefix="vau-soak-") as name:

        def outcome_of(check: Check) -> Outcome:
            outcome = carry_out(check, Site(Path(name) / check.name, mode))
            told = "ok" if outcome.ok else f"NOT OK: {outcome.why_not}"
            print(f"soak: {check.name} ({outcome.seconds:.1f} s): {told}", file=sys.stderr)
            return outcome

        alone = [outcome_of(check) for check in checks if check.is_alone]
        with ThreadPoolExecutor(AT_ONCE) as pool:
            beside = list(pool.map(outcome_of, [each for each in checks if not each.is_alone]))
    return [*alone, *beside]


def main(arguments: Sequence[str]) -> int:
    names = [check.name for check in CHECKS]
    parser = argparse.ArgumentParser(prog="./run soak", description=__doc__)
    mode = parser.add_mutually_exclusive_group()
    mode.add_argument("--short", action="store_true", help="under two minutes (the default)")
    mode.add_argument("--long", action="store_true", help="about 40 minutes")
    parser.add_argument("--only", action="append", choices=names, help="this check, repeatable")
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    asked = parser.parse_args(arguments)
    # What gRPC would say of the faults between our lines, their statuses say as well.
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")
    begun_s = monotonic()
    chosen = [check for check in CHECKS if not asked.only or check.name in asked.only]
    outcomes = soak(chosen, "long" if asked.long else "short")
    done = {
        "mode": "long" if asked.long else "short",
        "ok": all(outcome.ok for outcome in outcomes),
        "seconds": round(monotonic() - begun_s, 1),
        "checks": [outcome.to_json() for outcome in outcomes],
    }
    print(json.dumps(done) if asked.json else json.dumps(done, indent=2))
    return 0 if done["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
