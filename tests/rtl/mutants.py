"""Defects put into the RTL one at a time: the comparison with the model must notice each.

    python -m tests.rtl.mutants [--json] [--only NAME]

A mutant is one edit of one file. It is built for small dies, loaded through the driver, and
stepped beside the reference. It is killed by a wrong bit, a wrong count of clamps or cycles, or
by a driver that refuses the board; failing these, by a broken promise of the link, by a pin
that is not as the model says, or by a fault within the dies that goes unnoticed. One of the
serial port is killed by the tests of that.
"""

import argparse
import json
import os
import shutil
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from pathlib import Path
from typing import Final

import vau_hardware
from tests.board_server import served
from tests.commands import ROOT
from tests.rtl.board import RtlBoard
from tests.rtl.defects import MUTANTS, PORT, Mutant
from tests.rtl.marks import REQUIRED, SOURCES
from tests.rtl.promises import broken
from tests.rtl.simulation import Shape, driven, network
from vau.errors import VauError
from vau_backends.board.device.upsets import Upset
from vau_backends.board.transport.urls import Url
from vau_backends.board.virtual.build import Build, build
from vau_backends.board.virtual.parameters import Parameters
from vau_backends.board.workbench.conformance.conformance import verdicts
from vau_backends.board.workbench.side_by_side import compared

STEPS: Final = 60
LOOK_S: Final = 5.0
LIMIT_S: Final = 900.0  # for tests that take a minute or two
SMALL: Final = Parameters(rows=2, columns=2, units=4, inputs=8, most_payload=256)
NETWORKS: Final = (
    ("full dies, weights of the whole range", network(Shape(hidden=8, inputs=14), seed=1)),
    ("short slices, small weights", network(Shape(hidden=7, inputs=11), seed=2, most=12)),
)


def noticed(rtl: Path, file: str = "") -> str:
    """Return how a board of these sources is wrong; empty if nothing shows it.

    file: the one that was changed, if one was.
    """
    if file == PORT:
        return failing("serial", rtl)
    return (
        differing(rtl)
        or unkept(rtl)
        or broken(rtl)
        or failing("pins", rtl)
        or failing("faults", rtl)
    )


def failing(what: str, rtl: Path) -> str:
    """Return which test of tests/test_rtl_*.py fails first on these sources, if one does."""
    tests = f"tests/test_rtl_{what}.py"
    words = ("-n0", "-x", "-q", "-p", "no:cacheprovider", tests)
    try:
        done = subprocess.run(
            [sys.executable, "-m", "pytest", *words],
            cwd=ROOT,
            env={**os.environ, REQUIRED: "1", SOURCES: str(rtl)},
            capture_output=True,
            text=True,
            check=False,
            timeout=LIMIT_S,
        )
    except subprocess.TimeoutExpired:
        return f"{tests} has not ended within {LIMIT_S:g} s"
    if done.returncode not in (0, 1):
        raise RuntimeError(f"pytest ended with {done.returncode}: {done.stdout}{done.stderr}")
    if done.returncode == 0:
        return ""
    lines = done.stdout.splitlines()
    told = (line for line in lines if line.startswith((f"FAILED {tests}", f"ERROR {tests}")))
    return next(told, lines[-1])


def differing(rtl: Path) -> str:
    """Return how a board of these sources differs from the model; empty if it does not."""
    library = build(SMALL, Build(rtl=rtl))
    for name, weights in NETWORKS:
        try:
            with driven(library, weights) as driver:
                found = compared(driver, weights, STEPS, 3, lambda _: None)
        except (VauError, Upset) as refusal:
            return f"{name}: refused: {refusal}"
        if found.mismatches:
            return f"{name}: {found.mismatches} of {found.steps} steps differ"
    return ""


def unkept(rtl: Path) -> str:
    """Return what a board of these sources does not keep of what ``vau board check`` tries."""
    with closing(RtlBoard(rtl=rtl)) as board, served(board) as server:
        try:
            with closing(Url.parse(server.url).open(LOOK_S)) as port:
                found = verdicts(port, lambda _: None)
        except VauError as refusal:
            return str(refusal)
    return next((each.line for each in found if each.broken), "")


def killed(mutant: Mutant) -> str:
    """Return how a mutant was noticed. Raises ValueError if its old text is not there once."""
    with tempfile.TemporaryDirectory() as folder:
        rtl = Path(folder) / "rtl"
        shutil.copytree(vau_hardware.RTL, rtl)
        source = rtl / mutant.file
        text = source.read_text()
        if text.count(mutant.old) != 1:
            raise ValueError(f"{mutant.name}: {mutant.file} does not have its text once")
        source.write_text(text.replace(mutant.old, mutant.new))
        return noticed(rtl, mutant.file)


def main(words: Sequence[str] | None = None) -> int:
    """Try each; 1 if one survives, or if the RTL as it is does not pass."""
    parser = argparse.ArgumentParser(prog="./run rtl-mutants")
    parser.add_argument("--json", action="store_true", help="one line for programs")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="those with this in the name"
    )
    asked = parser.parse_args(words)
    mutants = [each for each in MUTANTS if asked.only in each.name]
    if not mutants:
        parser.error(f"no mutant has {asked.only!r} in its name")
    healthy = noticed(vau_hardware.RTL) or noticed(vau_hardware.RTL, PORT)
    if healthy:
        print(f"the RTL itself does not pass: {healthy}", file=sys.stderr)
        return 1
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(mutants, pool.map(killed, mutants), strict=True))
    survivors = [mutant.name for mutant, how in found.items() if not how]
    if asked.json:
        figures = {
            "mutants": len(found),
            "killed": len(found) - len(survivors),
            "survivors": survivors,
            "how": {mutant.name: how for mutant, how in found.items()},
        }
        print(json.dumps(figures))
    else:
        for mutant, how in found.items():
            print(f"{'killed' if how else 'SURVIVED':8}  {mutant.file:18} {mutant.name}: {how}")
        print(f"{len(found) - len(survivors)} of {len(found)} killed")
    return int(bool(survivors))


if __name__ == "__main__":
    sys.exit(main())
