"""What belongs into the archives of a release, and what does not."""

import tarfile
import zipfile
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from releasing.archives import ROOT

EXTENSIONS: Final = (
    "vau_backends/muntaniala/kernel/_native.abi3.so",
    "vau_backends/rpu/kernel/_native.abi3.so",
    "vau/search/_native.abi3.so",
)
PACKAGES: Final = ("vau/", "vau_backends/", "vau_hardware/")
NEVER: Final = ("tests/", "training/", "examples/", ".git", "__pycache__", ".venv")
NEEDED_IN_SOURCE: Final = ("pyproject.toml", "README.md", "LICENSE", "CHANGELOG.md", "PKG-INFO")


def faults_of_wheel(wheel: Path) -> Iterator[str]:
    """Yield what is missing in a wheel, and what should not be there."""
    with zipfile.ZipFile(wheel) as archive:
        names = {name for name in archive.namelist() if not name.endswith("/")}
    inside = {name for name in names if ".dist-info/" not in name}
    for name in sorted(inside):
        if not name.startswith(PACKAGES):
            yield f"{wheel.name}: {name} belongs to none of its packages"
    yield from _unwanted(wheel, names)
    missing = {*EXTENSIONS, *data_of_tree()} - inside
    yield from (f"{wheel.name}: {name} is missing" for name in sorted(missing))


def faults_of_source(source: Path) -> Iterator[str]:
    """Yield the same of a source archive."""
    with tarfile.open(source) as archive:
        names = {
            member.name.partition("/")[2] for member in archive.getmembers() if member.isfile()
        }
    yield from _unwanted(source, names)
    in_c = {
        path.relative_to(ROOT).as_posix()
        for folder in ("service", "backends")
        for path in (ROOT / folder).rglob("native/*.[ch]")
    }
    missing = {*NEEDED_IN_SOURCE, *in_c} - names
    yield from (f"{source.name}: {name} is missing" for name in sorted(missing))


def data_of_tree() -> set[str]:
    """Return what packages hold beside Python: models, the page, types, RTL."""
    roots = {"vau": ROOT / "service", "vau_backends": ROOT / "backends"}
    roots["vau_hardware"] = ROOT / "backends"
    return {
        path.relative_to(root).as_posix()
        for package, root in roots.items()
        for path in (root / package).rglob("*")
        if path.is_file()
        and path.suffix not in {".py", ".pyc", ".c", ".h", ".so"}
        and "__pycache__" not in path.parts
    }


def _unwanted(archive: Path, names: set[str]) -> Iterator[str]:
    for name in sorted(names):
        if any(name.startswith(each) or f"/{each}" in f"/{name}" for each in NEVER):
            yield f"{archive.name}: {name} does not belong there"
