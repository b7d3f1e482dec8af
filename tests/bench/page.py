"""Tables of README.md and docs/, from what the benches print.

    ./run bench kernel --json > kernel.json && ./run bench page kernel.json

The line of JSON that a bench prints is kept in docs/figures/ under the name of its file: that
of the bench (kernel, rpu, features, batch, honesty), and for serve and
shadow (bench serve --shadow) with a number and a label (serve-3-evening). Tables stand
between marks, and a test holds the pages to what the kept figures make of them. The words
around them are people's.
"""

import json
import os
import re
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any, Final

from tests.bench import _tables

ROOT: Final = Path(__file__).resolve().parents[2]
PAGES: Final = tuple(
    ROOT / path for path in ("README.md", "docs/audio-honesty.md", "docs/performance.md")
)
FIGURES: Final = ROOT / "docs/figures"
NAME: Final = re.compile(r"(?P<bench>[a-z]+)(?:-(?P<label>[a-z0-9-]+))?")
TABLE: Final = re.compile(
    r"(?P<begin><!-- table: (?P<name>[a-z-]+) -->\n).*?(?P<end><!-- end of table -->\n)",
    re.DOTALL,
)

ONE: Final[Mapping[str, Callable[[_tables.Figures], str]]] = {
    "kernel": _tables.kernel,
    "kernel-in-short": _tables.kernel_in_short,
    "kernel-tiers": _tables.kernel_tiers,
    "rpu": _tables.rpu,
    "features": _tables.features,
    "batch": _tables.batch,
    "honesty": _tables.honesty,
}
"""Tables of one bench; its name is what stands before the dash."""

SEVERAL: Final[Mapping[str, Callable[[Mapping[str, _tables.Figures]], str]]] = {
    "serve": _tables.serve,
    "shadow": _tables.shadow,
}
"""Tables of each bench that was kept, by its label."""


def keep(file: Path) -> None:
    """Keep what a bench printed. Raises SystemExit for what no bench of the page printed."""
    named = NAME.fullmatch(file.stem)
    try:
        found = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as cause:
        raise SystemExit(f"bench page: {file}: {cause}") from cause
    if not named or named["bench"] not in {*ONE, *SEVERAL}:
        benches = sorted({*SEVERAL, *(name.partition("-")[0] for name in ONE)})
        raise SystemExit(
            f"bench page: {file}: is to be called BENCH.json or BENCH-LABEL.json; "
            f"BENCH is one of {', '.join(benches)}"
        )
    printed_by = "no bench"
    if isinstance(found, dict):
        printed_by = found.get("bench", "shadow" if "shadow" in found else "serve")
    if printed_by != named["bench"]:
        raise SystemExit(f"bench page: {file}: was printed by {printed_by}")
    try:
        for name, one in ONE.items():
            if name.partition("-")[0] == printed_by:
                one(found)
        if printed_by in SEVERAL:
            SEVERAL[printed_by]({"": found})
    except (KeyError, TypeError) as cause:
        raise SystemExit(f"bench page: {file}: lacks a figure of its table: {cause}") from cause
    FIGURES.mkdir(exist_ok=True)
    if "file" in found:
        found["file"] = Path(found["file"]).name  # where it lay is nobody's
    kept = FIGURES / f"{file.stem}.json"
    kept.write_text(json.dumps(found, indent=1) + "\n", encoding="utf-8")


def written(page: Path) -> str:
    """Return a page with its tables as the kept figures make them."""

    def anew(block: "re.Match[str]") -> str:
        made, files = made_of(block["name"])
        addresses = (os.path.relpath(file, page.parent) for file in files)
        links = ", ".join(f"[{Path(to).name}]({to})" for to in addresses)
        return f"{block['begin']}\n{made}\nFigures: {links}.\n{block['end']}"

    return TABLE.sub(anew, page.read_text(encoding="utf-8"))


def made_of(name: str) -> tuple[str, Sequence[Path]]:
    """Return a table, and the files whose figures it shows."""
    if name in ONE:
        file = FIGURES / f"{name.partition('-')[0]}.json"
        return ONE[name](_read(file)), [file]
    files = sorted(FIGURES.glob(f"{name}-*.json"))
    labels = [re.sub(rf"^{name}-(?:[0-9]+-)?", "", file.stem) for file in files]
    return SEVERAL[name](dict(zip(labels, map(_read, files), strict=True))), files


def _read(file: Path) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(file.read_text(encoding="utf-8"))
    return found


def main() -> None:
    """Keep what is given, and write the pages again."""
    parser = ArgumentParser(prog="./run bench page", description=__doc__)
    parser.add_argument("files", nargs="*", type=Path, help="what benches printed with --json")
    for file in parser.parse_args().files:
        keep(file)
    for page in PAGES:
        page.write_text(written(page), encoding="utf-8")


if __name__ == "__main__":
    main()
