"""Verilator and a C++ compiler: where they are, and what to install if they are not."""

import os
import shlex
import shutil
import subprocess
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Final

from vau.errors import BackendFault

REMEDY: Final = "on Debian, as root: apt-get install verilator g++"
_TIMEOUT_S: Final = 60.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Toolchain:
    """The two tools, and what they say they are."""

    verilator: tuple[str, ...]
    compiler: tuple[str, ...]
    include: Path
    """The runtime of Verilator: headers and sources."""

    versions: str
    """Of both, for whoever caches what they made."""


@cache
def find() -> Toolchain:
    """Look for both, VERILATOR and CXX first. Raises BackendFault that says what to install."""
    verilator = _command("VERILATOR", "verilator")
    compiler = _command("CXX", "c++", "g++", "clang++")
    root = _said(verilator, "--getenv", "VERILATOR_ROOT").strip()
    include = Path(root) / "include"
    if not (include / "verilated.cpp").is_file():
        raise BackendFault(f"verilator has no runtime in {include}; {REMEDY}")
    versions = "\n".join(_said(tool, "--version") for tool in (verilator, compiler))
    return Toolchain(verilator=verilator, compiler=compiler, include=include, versions=versions)


def _command(variable: str, *names: str) -> tuple[str, ...]:
    asked = shlex.split(os.environ.get(variable, ""))
    for name in asked[:1] or names:
        found = shutil.which(name)
        if found is not None:
            return (found, *asked[1:])
    raise BackendFault(
        f"a virtual board needs {names[0]}, which is not on the PATH ({variable}="
        f"{os.environ.get(variable, '')!r} would name another); {REMEDY}"
    )


def _said(command: tuple[str, ...], *arguments: str) -> str:
    try:
        done = subprocess.run(
            [*command, *arguments],
            capture_output=True,
            text=True,
            check=True,
            timeout=_TIMEOUT_S,
            stdin=subprocess.DEVNULL,
        )
    except (OSError, subprocess.SubprocessError) as cause:
        raise BackendFault(
            f"{command[0]} {shlex.join(arguments)}: {cause}; {REMEDY}"
        ) from cause
    return done.stdout
