"""``./run release``: builds what is released into dist/, and tries it.

Without --check the version of pyproject.toml must stand in CHANGELOG.md with its day, and
nothing may be uncommitted. Nothing is published: docs/releasing.md says what is left to do.
"""

import argparse
import hashlib
import json
import os
import shutil
import subprocess
import sys
import tempfile
import tomllib
from pathlib import Path
from time import perf_counter
from typing import Any, Final

from releasing.archives import ROOT, Failed, build, build_wheel, for_many_linuxes, run
from releasing.changelog import faults, releases
from releasing.contents import faults_of_source, faults_of_wheel
from releasing.smoke import environment, fetch, sbom, try_it

DIST: Final = ROOT / "dist"
SUMS: Final = "SHA256SUMS"
NO_GIT: Final = (
    "git is not installed, or does not know this tree; install it, and release from a clone"
)
UNDATED: Final = 1_767_225_600  # 2026-01-01, for trials of a tree without git


def main() -> int:
    """Build, check, try; return 0 if all of it is well."""
    options = argparse.ArgumentParser(prog="./run release", description=__doc__)
    options.add_argument(
        "--check", action="store_true", help="do all of it for a tree that is not released yet"
    )
    options.add_argument("--json", action="store_true", help="write one JSON object to stdout")
    asked = options.parse_args()
    os.umask(0o022)
    began_s = perf_counter()
    done: dict[str, Any] = {"passed": False}
    try:
        version = version_of_tree()
        epoch = epoch_of_tree(is_trial=asked.check)
        if not asked.check:
            may_be_released(version, (ROOT / "CHANGELOG.md").read_text(encoding="utf-8"))
            is_committed()
        with tempfile.TemporaryDirectory(prefix="vau-release-") as folder:
            done |= released(Path(folder), version, epoch)
        done["passed"] = True
    except Failed as failed:
        done["failed"] = str(failed)
        say(f"FAILED: {failed}")
    done["took_s"] = round(perf_counter() - began_s, 1)
    if asked.json:
        print(json.dumps(done))
    elif done["passed"]:
        for name, facts in done["files"].items():
            print(f"dist/{name}  {facts['bytes']} bytes")
    return 0 if done["passed"] else 1


def say(text: str) -> None:
    """Say how far it is."""
    print(f"release: {text}", file=sys.stderr, flush=True)


def released(work: Path, version: str, epoch: int) -> dict[str, Any]:
    """Build into dist/, and try what was built. Raises Failed at the first thing wrong."""
    say(f"building vau {version} twice, dated {epoch}")
    (work / "one").mkdir()
    (work / "two").mkdir()
    source, wheel = build(work / "one", epoch)
    for first, second in zip((source, wheel), build(work / "two", epoch), strict=True):
        if sha256(first) != sha256(second):
            raise Failed(f"{first.name}: two builds of one tree are not the same bytes")
    wheel = for_many_linuxes(wheel, work / "repaired", epoch)
    say("looking into them")
    wrong = [*faults_of_source(source), *faults_of_wheel(wheel)]
    if wrong:
        raise Failed("\n".join(wrong))
    run(
        sys.executable,
        "-m",
        "twine",
        "--no-color",
        "check",
        "--strict",
        source,
        wheel,
        cwd=work,
    )
    say("trying the wheel in an environment of its own")
    wheels = fetch(work / "wheels")
    home = environment(work / "home", wheels, wheel)
    heard = try_it(home, version, compiled=True)
    say("trying the source archive where there is no compiler")
    bare = build_wheel(source, work / "bare", epoch, CC="false")
    if try_it(environment(work / "slow", wheels, bare), version, compiled=False) != heard:
        raise Failed("without a compiler other bits are heard than with one")
    DIST.mkdir(exist_ok=True)
    for old in (*DIST.glob("vau-*"), DIST / SUMS):
        old.unlink(missing_ok=True)
    files = [Path(shutil.copy(each, DIST)) for each in (source, wheel)]
    files.append(sbom(home, DIST / f"vau-{version}.cdx.json", epoch))
    (DIST / SUMS).write_text("".join(f"{sha256(each)}  {each.name}\n" for each in files))
    return {
        "version": version,
        "epoch": epoch,
        "reproducible": True,
        "output_digest": heard,
        "files": {
            each.name: {"bytes": each.stat().st_size, "sha256": sha256(each)} for each in files
        },
    }


def sha256(file: Path) -> str:
    """Return the digest of a file in hex."""
    return hashlib.sha256(file.read_bytes()).hexdigest()


def version_of_tree() -> str:
    """Return the version, which pyproject.toml alone says."""
    return str(
        tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]["version"]
    )


def may_be_released(version: str, changelog: str) -> None:
    """Raise Failed unless the changelog is in order, and its newest version is this one."""
    if wrong := faults(changelog):
        raise Failed("\n".join(f"CHANGELOG.md: {each}" for each in wrong))
    _, *dated = releases(changelog)
    newest = ".".join(map(str, dated[0].version or ())) if dated else "none"
    if newest != version:
        raise Failed(
            f"CHANGELOG.md: its newest version is {newest}, and pyproject.toml says {version}; "
            f"rename what is released to '## [{version}] - YYYY-MM-DD' below an empty "
            "[Unreleased]"
        )


def is_committed() -> None:
    """Raise Failed if there is something that git has not."""
    changed = git("status", "--porcelain")
    if changed is None:
        raise Failed(NO_GIT)
    if changed:
        raise Failed(f"not committed:\n{changed}")


def epoch_of_tree(*, is_trial: bool) -> int:
    """Return the time that the files have: SOURCE_DATE_EPOCH, or that of the last commit."""
    given = os.environ.get("SOURCE_DATE_EPOCH") or git("log", "-1", "--format=%ct")
    if given and given.isascii() and given.isdecimal():
        return int(given)
    if given is None and is_trial:
        return UNDATED
    if given is None:
        raise Failed(NO_GIT)
    raise Failed(f"SOURCE_DATE_EPOCH={given!r} is no number of seconds; unset it in a clone")


def git(*arguments: str) -> str | None:
    """Return what git says; None where it is not installed, or does not know this tree."""
    try:
        done = subprocess.run(
            ["git", *arguments], cwd=ROOT, capture_output=True, text=True, check=False
        )
    except OSError:
        return None
    return done.stdout.strip() if done.returncode == 0 else None


if __name__ == "__main__":
    sys.exit(main())
