"""From the RTL to the report: copies the sources, runs yosys, then nextpnr.

All that they read and write stays in one folder, under names without a path: whoever wants to
go on by hand finds it there, and the tools that come as wheels see a /tmp of their own.
"""

import json
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from vau_hardware.fpga import script
from vau_hardware.fpga.chips import Trial
from vau_hardware.fpga.report import Placement, Report, of_netlist, of_placement

SEED: Final = 1
"""Of the placer. Another gives another clock by some per cent; one alone can be compared."""

FULL: Final = ("no BELs remaining", "design is probably at utilisation limit")
"""What nextpnr says when a chip has no room, and only then."""


class ToolFailed(Exception):
    """A tool is not there, or did not do what it was asked to: which, and its last words."""


@dataclass(frozen=True, slots=True)
class Workshop:
    """The tools, a folder for what they make, and somebody who is told what is going on."""

    tools: Path
    """The folder of yosys and nextpnr: as wheels name them, or as their authors do."""

    folder: Path
    say: Callable[[str], None]

    def examine(self, trial: Trial) -> Report:
        """Synthesize, place and route if that is to be tried, and report.

        Raises ToolFailed. That a chip has no room is no failure: the report says so.
        """
        self.lay_out(trial)
        self.say(f"synthesizing {trial.subject}")
        self.run("yosys", "synthesis.ys", log="yosys.log")
        statistics = self.read(script.STATISTICS)
        placement, refusal, version = None, None, None
        if trial.placed:
            version = version_in(self.run(trial.chip.family.router, "--version"))
            placement, refusal = self.place(trial)
        return Report(
            trial=trial,
            yosys=statistics["creator"].split()[1],
            nextpnr=version,
            synthesized=of_netlist(statistics, trial.chip),
            placement=placement,
            refusal=refusal,
        )

    def lay_out(self, trial: Trial) -> None:
        """Put the sources and the script of yosys into the folder, and nothing else."""
        shutil.rmtree(self.folder, ignore_errors=True)
        self.folder.mkdir(parents=True)
        files = script.sources(trial.top)
        for file in files:
            shutil.copyfile(file, self.folder / file.name)
        told = script.synthesis(trial, [file.name for file in files])
        (self.folder / "synthesis.ys").write_text(told, encoding="utf-8")

    def place(self, trial: Trial) -> tuple[Placement | None, str | None]:
        """Place and route the netlist: return what came of it, or else why there is no room.

        Raises ToolFailed if nextpnr failed for another reason.
        """
        self.say(f"placing and routing it on {trial.chip.name}")
        files = ["--json", script.NETLIST, "--report", "placed.json"]
        goal = ["--freq", f"{trial.chip.clock_hz / 1e6:g}", "--timing-allow-fail"]
        words = [*trial.chip.flags, *files, *goal, "--seed", str(SEED)]
        try:
            self.run(trial.chip.family.router, *words, log="nextpnr.log")
        except ToolFailed:
            refusal = refusal_in((self.folder / "nextpnr.log").read_text("utf-8"))
            if refusal is None:
                raise
            return None, refusal
        return of_placement(self.read("placed.json"), trial.chip), None

    def run(self, name: str, *words: str, log: str | None = None) -> str:
        """Run a tool in the folder and return all it printed. Raises ToolFailed."""
        finished = subprocess.run(
            [self.file_of(name), *words],
            cwd=self.folder,
            stdin=subprocess.DEVNULL,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            encoding="utf-8",
            errors="replace",
            check=False,
        )
        if log is not None:
            (self.folder / log).write_text(finished.stdout, encoding="utf-8")
        if finished.returncode != 0:
            last = "\n".join(finished.stdout.splitlines()[-5:])
            raise ToolFailed(f"{name} ended with status {finished.returncode}:\n{last}")
        return finished.stdout

    def file_of(self, name: str) -> Path:
        """Return the file of a tool. Raises ToolFailed if there is none."""
        for file in (self.tools / f"yowasp-{name}", self.tools / name):
            if file.is_file():
                return file.absolute()
        raise ToolFailed(f"there is no {name} in {self.tools}; `./run fpga` installs one")

    def read(self, name: str) -> dict[str, Any]:
        """Return what a tool has written as JSON."""
        found: dict[str, Any] = json.loads((self.folder / name).read_text("utf-8"))
        return found


def version_in(greeting: str) -> str:
    """Return the version in what nextpnr prints with ``--version``."""
    return (
        greeting.rpartition("(Version ")[2].strip().removesuffix(")").removeprefix("nextpnr-")
    )


def refusal_in(log: str) -> str | None:
    """Return how nextpnr says that a chip has no room, or None if it said nothing such."""
    said = (line.removeprefix("ERROR: ") for line in log.splitlines())
    found = next((line for line in said if any(words in line for words in FULL)), None)
    return found and re.sub(r"'([^']{40})[^']+'", r"'\1...'", found)  # names of cells are long
