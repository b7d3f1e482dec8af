"""``python -m vau_hardware.fpga``: a die or its board in a chip, and what the tools found."""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

from vau_hardware.fpga.chips import TRIALS
from vau_hardware.fpga.flow import ToolFailed, Workshop
from vau_hardware.fpga.report import HONESTLY, as_json, as_text

SIZES = ", ".join(f"{trial.units} ({trial.chip.name})" for trial in TRIALS.values())


def main(arguments: Sequence[str]) -> int:
    """Print the report. Return 1 if there is no room or the nominal clock is missed."""
    parser = argparse.ArgumentParser(
        prog="./run fpga", description=f"Put a board into a chip, on paper: {HONESTLY}."
    )
    parser.add_argument(
        "--size", type=int, choices=list(TRIALS), required=True, help=f"units: {SIZES}"
    )
    parser.add_argument(
        "--die", action="store_true", help="the die alone: no host, no serial port"
    )
    parser.add_argument(
        "--place", action="store_true", help="place and route the largest too: ten minutes"
    )
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    parser.add_argument("--tools", type=Path, required=True, help="the folder of the tools")
    parser.add_argument("--folder", type=Path, required=True, help="for all that is made")
    asked = parser.parse_args(arguments)
    trial = TRIALS[asked.size]
    trial = replace(trial, is_board=not asked.die, placed=trial.placed or asked.place)
    folder = asked.folder / f"{'die' if asked.die else 'board'}-{asked.size}"
    try:
        report = Workshop(asked.tools, folder, _say).examine(trial)
    except ToolFailed as failure:
        _say(str(failure))
        return 2
    sys.stdout.write(json.dumps(as_json(report)) + "\n" if asked.json else as_text(report))
    return 0 if report.fits and report.is_fast_enough is not False else 1


def _say(line: str) -> None:
    sys.stderr.write(f"fpga: {line}\n")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
