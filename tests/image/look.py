"""``./run image``: the image, built here, looked into, started, and made to listen."""

import argparse
import json
import subprocess
import sys
import tomllib
from collections.abc import Mapping, Sequence
from pathlib import Path
from time import monotonic
from typing import Any, Final

from tests.commands import ROOT
from tests.image.base import make_base
from tests.image.building import build, laid_out, packed, revision
from tests.image.contents import (
    SBOM,
    Archive,
    labels,
    leaks,
    packages,
    unlisted,
    unpacked_bytes,
)
from tests.image.lent import Lent
from tests.image.running import VOLUME, at_work
from tests.image.store import NotDone, Store, say

FOLDER: Final = ROOT / ".cache/image"
HADOLINT: Final = str(Path(sys.executable).with_name("hadolint"))
LIMIT_BYTES: Final = 300_000_000
"""What the image may take beyond its base, unpacked."""
UID: Final = 10001


def linted() -> str:
    """Return ``clean``, or what hadolint has against the Dockerfile."""
    command = [HADOLINT, "--no-color", "Dockerfile"]
    ran = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    return "clean" if ran.returncode == 0 else (ran.stdout + ran.stderr).strip()


def contents(archive: Archive, lent: Lent) -> dict[str, Any]:
    """Return what an image holds, in figures and names."""
    base_bytes, *beyond_bytes = unpacked_bytes(archive)
    found = packages(archive)
    return {
        "base_bytes": base_bytes,
        "beyond_base_bytes": sum(beyond_bytes),
        "limit_bytes": LIMIT_BYTES,
        "labels": labels(archive),
        "sbom": {"packages": len(found), "missing": unlisted(archive), "path": f"/{SBOM}"},
        "has_torch": any("torch" in name for name in found),
        "leaks": leaks(archive, [*lent.hosts, str(ROOT)]),
    }


def expected_labels(commit: str) -> dict[str, str]:
    """Return the labels that the image of this folder has, at this commit."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["project"]
    return {
        "title": project["name"],
        "description": project["description"],
        "version": project["version"],
        "licenses": project["license"],
        "revision": commit,
    }


def broken_promises(done: Mapping[str, Any], commit: str) -> list[str]:
    """Return which promises of docs/image.md the image does not keep."""
    labelled = expected_labels(commit)
    kept = {
        f"less than {LIMIT_BYTES} bytes beyond the base": done["beyond_base_bytes"]
        < LIMIT_BYTES,
        f"labels {labelled}": done["labels"] == labelled,
        "a list of all that is in it": done["sbom"]["packages"] and not done["sbom"]["missing"],
        "no torch": not done["has_torch"],
        "nothing of its builder": not done["leaks"],
        f"runs as {UID} of group {UID}": (done["uid"], done["gid"]) == (UID, UID),
        "runs without capabilities": done["capabilities"] == 0 and done["no_new_privileges"],
        "runs without a place to write to": done["read_only_root"],
        f"a volume at /{VOLUME} is its user's": done["volume_uid"] == UID,
        "the live page, where VAU_WEB asks for it": done["has_page"],
        "compiled kernels": "numpy" not in done["tiers"],
        "the phones of vau transcribe": done["phones_equal"] and done["phones"],
        "the digests of vau transcribe": done["digests_equal"],
        "SIGTERM ends it well": done["exit_status"] == 0,
        "hadolint has nothing against it": done["hadolint"] == "clean",
    }
    return [promise for promise, is_kept in kept.items() if not is_kept]


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run image", description=__doc__)
    parser.add_argument("--clip", type=Path, required=True, help="the recording it hears")
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    asked = parser.parse_args(arguments)
    store = Store(FOLDER)
    try:
        lent = Lent.gather(FOLDER / "lent")
        make_base(store, lent)
        begun_s, commit = monotonic(), revision()
        build(store, lent, commit)
        build_s = monotonic() - begun_s
        archive = packed(store)
        with laid_out(store) as root:
            seen = at_work(root, archive.config, asked.clip)
    except NotDone as error:
        say(str(error))
        return 2
    done = contents(archive, lent) | seen | {"build_s": round(build_s, 1), "hadolint": linted()}
    broken = broken_promises(done, commit)
    done = {"ok": not broken, "broken": broken} | done
    print(json.dumps(done) if asked.json else json.dumps(done, indent=2))
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
