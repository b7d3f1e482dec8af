"""Build the site of the documents, strictly, and look at it: ``./run docs``.

Exit status: 0, or 1 if anything is wrong with it.
"""

import argparse
import json
import os
import re
import subprocess
import sys
from pathlib import Path
from typing import Final

from website.check import Verdict, look

ROOT: Final = Path(__file__).resolve().parent.parent
CONFIG: Final = ROOT / "website/mkdocs.yml"
SITE: Final = ROOT / ".cache/site"
MKDOCS: Final = (sys.executable, "-m", "mkdocs")
QUIET: Final = {"NO_MKDOCS_2_WARNING": "1"}  # the theme's word on its successor, at each call


def main() -> int:
    """Do what the command line says; return the exit status."""
    parser = argparse.ArgumentParser(prog="./run docs", description=__doc__)
    parser.add_argument(
        "--serve",
        nargs="?",
        const="127.0.0.1:8000",
        metavar="HOST:PORT",
        help="show the site at this address (%(const)s), and again whenever a document changes",
    )
    parser.add_argument(
        "--folder", type=Path, default=SITE, metavar="DIR", help="where it goes (%(default)s)"
    )
    parser.add_argument("--json", action="store_true", help="print one JSON object")
    asked = parser.parse_args()
    config = ("--strict", "--config-file", str(CONFIG))
    site = asked.folder.resolve()
    os.chdir(ROOT)  # from where the hooks find what they share with the tests
    if asked.serve:
        os.environ.update(QUIET)
        os.execv(sys.executable, (*MKDOCS, "serve", *config[1:], "--dev-addr", asked.serve))
    # Not --quiet: it silences the warnings before --strict counts them.
    built = subprocess.run(
        (*MKDOCS, "build", "--clean", *config, "--site-dir", str(site)),
        env=os.environ | QUIET,
        stdout=sys.stderr,
        stderr=subprocess.PIPE,
        text=True,
        check=False,
    )
    print(re.sub(r"^INFO .*\n", "", built.stderr, flags=re.MULTILINE), end="", file=sys.stderr)
    found = look(site) if built.returncode == 0 else Verdict(0, 0, {}, ["it was not built"])
    for problem in found.problems:
        print(f"docs: {problem}", file=sys.stderr)
    if asked.json:
        said = {
            "passed": not found.problems,
            "site": str(site),
            "pages": found.pages,
            "internal_links": found.internal_links,
            "outside_unvisited": [*found.outside],
            "problems": found.problems,
        }
        print(json.dumps(said))
    elif found.pages:
        print(
            f"{site}/index.html: {found.pages} pages, {found.internal_links} links between "
            f"them; {len(found.outside)} addresses elsewhere, whose form alone was looked at"
        )
    return int(bool(found.problems))


if __name__ == "__main__":
    sys.exit(main())
