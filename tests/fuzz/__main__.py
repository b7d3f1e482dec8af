"""``python -m tests.fuzz``: try inputs, or try again those that failed."""

import argparse
import json
import os
import sys
import tempfile
import traceback
from collections.abc import Sequence
from contextlib import closing
from math import inf
from pathlib import Path
from time import monotonic
from typing import Any, Final

from tests.commands import ROOT
from tests.fuzz.case import Failure, read_failures, write_failures
from tests.fuzz.targets import ALL, TARGETS
from tests.fuzz.watch import MOST_GROWTH_BYTES, Tally, run
from tests.fuzz.worker import Order
from vau.errors import VauError

COUNT: Final = 100_000
INPUT_S: Final = 20.0  # for one input; the slowest takes a hundredth of that
MOST_OF_A_WORKER: Final = 10_000  # inputs; several workers of one target share the cores
FAILURES: Final = ROOT / ".cache/fuzz-failures.jsonl"


def plan(
    count: int, targets: list[str], folder: Path, *, seed: int, stop_s: float, input_s: float
) -> list[Order]:
    """Share ``count`` inputs out among the targets, and each target's among its workers."""
    shares = sum(ALL[name].share for name in targets)
    orders: list[Order] = []
    left = count
    for at, name in enumerate(targets):
        is_last = at == len(targets) - 1
        inputs = left if is_last else round(count * ALL[name].share / shares)
        left -= inputs
        for first in range(0, inputs, MOST_OF_A_WORKER):
            place = folder / str(len(orders))
            order = Order(
                target=name,
                seed=seed,
                first=first,
                last=min(inputs, first + MOST_OF_A_WORKER),
                stop_s=stop_s,
                input_s=input_s,
                board=str(place.with_suffix(".board")),
                failures=str(place.with_suffix(".jsonl")),
            )
            orders.append(order)
    return orders


def report(tallies: dict[str, Tally], seed: int, seconds: float) -> dict[str, Any]:
    """Return the figures of a run."""
    failures = [failure for tally in tallies.values() for failure in tally.failures]
    grown = {
        name: tally.growth_bytes
        for name, tally in tallies.items()
        if tally.growth_bytes > MOST_GROWTH_BYTES
    }
    counted = dict.fromkeys(("crash", "hang", "untyped"), 0)
    for failure in failures:
        counted[failure.verdict] += 1
    return {
        "inputs": sum(tally.inputs for tally in tallies.values()),
        "by_target": {
            name: {
                "inputs": tally.inputs,
                "typed_errors": tally.typed_errors,
                "accepted": tally.accepted,
                "growth_mb": round(tally.growth_bytes / 1e6, 1),
            }
            for name, tally in tallies.items()
        },
        "crashes": counted["crash"],
        "hangs": counted["hang"],
        "untyped": counted["untyped"],
        "leaks": len(grown),
        "seed": seed,
        "seconds": round(seconds, 1),
    }


def is_clean(done: dict[str, Any]) -> bool:
    return not (done["crashes"] or done["hangs"] or done["untyped"] or done["leaks"])


def positive(text: str) -> int:
    """Read a count. Of no input nothing would be learnt."""
    if not (text.isascii() and text.isdecimal() and int(text)):
        raise argparse.ArgumentTypeError(f"{text!r} is not a number of 1 or more")
    return int(text)


def failures_in(text: str) -> list[Failure]:
    """Read the file of --replay."""
    try:
        return list(read_failures(Path(text)))
    except OSError as cause:
        raise argparse.ArgumentTypeError(f"{text}: {cause.strerror}") from cause
    except (ValueError, KeyError, TypeError) as cause:
        raise argparse.ArgumentTypeError(
            f"{text}: holds no inputs that --failures wrote"
        ) from cause


def replay(failures: list[Failure]) -> int:
    """Try the inputs again, in this process; return how many fail again."""
    failed = 0
    for failure in failures:
        print(f"{failure.target} {failure.number}, a {failure.verdict}:", flush=True)
        with (
            tempfile.TemporaryDirectory(prefix="vau-fuzz-") as folder,
            closing(ALL[failure.target].open(Path(folder))) as taker,
        ):
            try:
                print("  accepted" if taker.take(failure.parts) else "  a typed error")
                taker.check()
            except VauError as error:
                print(f"  a typed error: {error}")
            except Exception:  # noqa: BLE001 - showing these is what this is for
                failed += 1
                print(traceback.format_exc())
    return failed


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run fuzz", description=__doc__)
    parser.add_argument(
        "--count", type=positive, default=COUNT, help="inputs, over all targets"
    )
    parser.add_argument("--seed", type=int, default=0, help="of all inputs")
    parser.add_argument("--seconds", type=float, default=inf, help="begin none after so long")
    parser.add_argument(
        "--target",
        action="append",
        choices=list(ALL),
        metavar="TARGET",
        help=f"only this of {', '.join(TARGETS)}; repeatable",
    )
    parser.add_argument("--input-seconds", type=float, default=INPUT_S, help="for one input")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="workers at a time"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    parser.add_argument(
        "--failures", type=Path, default=FAILURES, help="where inputs go that fail"
    )
    parser.add_argument(
        "--replay", type=failures_in, metavar="FILE", help="try the inputs of such a file again"
    )
    asked = parser.parse_args(arguments)
    if asked.replay is not None:
        return 1 if replay(asked.replay) else 0
    begun_s = monotonic()
    with tempfile.TemporaryDirectory(prefix="vau-fuzz-") as folder:
        orders = plan(
            asked.count,
            asked.target or list(TARGETS),
            Path(folder),
            seed=asked.seed,
            stop_s=begun_s + min(asked.seconds, 1e9),
            input_s=asked.input_seconds,
        )
        tallies = run(orders, asked.jobs)
    done = report(tallies, asked.seed, monotonic() - begun_s)
    failures = [failure for tally in tallies.values() for failure in tally.failures]
    if failures:
        write_failures(asked.failures, failures)
        print(f"fuzz: {len(failures)} inputs failed: {asked.failures}", file=sys.stderr)
    print(json.dumps(done) if asked.json else json.dumps(done, indent=2))
    return 0 if is_clean(done) else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
