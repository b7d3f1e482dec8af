"""Builds wheels from a copy of this tree, and installs them where nothing else of it is."""

import fcntl
import os
import shutil
import subprocess
import sys
import sysconfig
import tempfile
import tomllib
import venv
import zipfile
from pathlib import Path
from typing import Any, Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
PACKAGES: Final = (
    ROOT / "service/vau",
    ROOT / "backends/vau_backends",
    ROOT / "backends/vau_hardware",
)
PYPROJECT: Final[dict[str, Any]] = tomllib.loads((ROOT / "pyproject.toml").read_text())
IN_C: Final = {
    "vau_backends/muntaniala/kernel": ROOT / "backends",
    "vau_backends/rpu/kernel": ROOT / "backends",
    "vau/search": ROOT / "service",
}
"""Folders with an extension of their own, and the source root of each."""

EXTENSIONS: Final = {f"{folder}/_native.abi3.so" for folder in IN_C}

OFFLINE: Final = ("--no-index", "--no-deps", "--disable-pip-version-check", "--quiet")
COMPILER: Final = (sysconfig.get_config_var("CC") or "cc").split()
"""What setuptools takes where no environment variable says otherwise."""

HEADERS: Final = sysconfig.get_path("include")


def can_compile() -> bool:
    """Tell whether C compiles here against Python; if not, wheels have no C kernel."""
    probe = [*COMPILER, "-I", HEADERS, "-x", "c", "-fsyntax-only", "-"]
    if not shutil.which(COMPILER[0]):
        return False
    done = subprocess.run(
        probe, input=b"#include <Python.h>\n", capture_output=True, check=False
    )
    return done.returncode == 0


needs_compiler = pytest.mark.skipif(
    not can_compile(), reason="there is no C compiler here, or no headers of Python"
)


def attempt(
    *command: str | Path, cwd: Path, **environment: str
) -> subprocess.CompletedProcess[str]:
    """Run a command with no variable of ours in its environment; it may fail."""
    clean = {"PATH": "/usr/bin:/bin", "HOME": str(cwd), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.run(
        command,
        cwd=cwd,
        env=clean | environment,
        capture_output=True,
        text=True,
        check=False,
    )


def run(*command: str | Path, cwd: Path, **environment: str) -> str:
    """Return what the command prints; its complaint becomes the failure's."""
    done = attempt(*command, cwd=cwd, **environment)
    assert done.returncode == 0, done.stdout[-4000:] + done.stderr
    return done.stdout


def copy_tree(to: Path) -> Path:
    """Copy what a build reads: it writes there too, and would find what another one left."""
    ignored = shutil.ignore_patterns("__pycache__", "*.egg-info", "*.so")
    for folder in ("service", "backends"):
        shutil.copytree(ROOT / folder, to / folder, ignore=ignored)
    for file in ("pyproject.toml", "README.md", "LICENSE"):
        shutil.copy(ROOT / file, to)
    return to


def build_wheel(source: Path, to: Path, **environment: str) -> Path:
    """Return the wheel made of a folder or a source archive."""
    pip = (sys.executable, "-m", "pip", "wheel", *OFFLINE, "--no-build-isolation")
    run(*pip, "--no-cache-dir", "--wheel-dir", to, source, cwd=to, **environment)
    return next(to.glob("*.whl"))


def wheel_of_tree(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel of this tree once, whichever worker asks first; the others wait."""
    ours = tmp_path_factory.getbasetemp()
    everybodys = ours.parent if "PYTEST_XDIST_WORKER" in os.environ else ours
    to = everybodys / "wheel_of_tree"
    to.mkdir(exist_ok=True)
    with (to / "lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        built = next(to.glob("*.whl"), None)
        return built or build_wheel(copy_tree(Path(tempfile.mkdtemp(dir=to))), to)


def install(wheel: Path, home: Path) -> Path:
    """Make an environment that has the wheel, and borrows our run-time libraries."""
    venv.create(home, with_pip=False, symlinks=True)
    add(wheel, home)
    site = next(home.glob("lib/python*/site-packages"))
    # A path file adds that folder alone: its own path file, which leads here, stays unread.
    (site / "borrowed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    return home


def add(wheel: Path, home: Path) -> None:
    """Install one more wheel into an environment."""
    pip = (sys.executable, "-m", "pip", "--python", home / "bin/python")
    run(*pip, "install", *OFFLINE, wheel, cwd=home)


def names_in(wheel: Path) -> set[str]:
    """Return the files of its packages."""
    with zipfile.ZipFile(wheel) as archive:
        return {name for name in archive.namelist() if ".dist-info/" not in name}


def names_of_tree() -> set[str]:
    """Return the files that belong into every wheel: those of the packages, but no C."""
    return {
        str(path.relative_to(package.parent))
        for package in PACKAGES
        for path in package.rglob("*")
        if path.is_file()
        and "__pycache__" not in path.parts
        and (path.suffix not in {".c", ".h", ".so"} or package.name == "vau_hardware")
    }
