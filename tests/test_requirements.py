"""What is installed is pinned, hashed, explained, and the same from any index."""

import re
import tomllib
from itertools import pairwise
from pathlib import Path
from typing import Final

import pytest
from packaging.requirements import Requirement
from packaging.utils import canonicalize_name
from packaging.version import Version

ROOT: Final = Path(__file__).resolve().parent.parent
FILES: Final = sorted((ROOT / "requirements").glob("*.txt"))
HASHED: Final = [path for path in FILES if path.name != "train.txt"]  # it says itself why
PIN: Final = re.compile(r"^([\w.-]+)==([\w.+!]+)", re.MULTILINE)
DEPENDENCY: Final = re.compile(r'^ *"(?P<name>[\w-]+)[^"]*",?(?P<comment> *#.+)?$')

by_name = pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)


def pins(path: Path) -> set[tuple[str, str]]:
    return set(PIN.findall(path.read_text()))


@by_name
def test_a_requirements_file_names_no_address(path: Path) -> None:
    options = re.findall(r"^--?\w[\w-]*.*$", path.read_text(), re.MULTILINE)
    assert "://" not in path.read_text()
    assert options == []


@pytest.mark.parametrize("path", HASHED, ids=lambda path: path.name)
def test_every_pin_has_a_hash(path: Path) -> None:
    entries = re.findall(PIN.pattern + r".*\n(.*)", path.read_text(), re.MULTILINE)
    assert entries
    assert [name for name, _, below in entries if "--hash=sha256:" not in below] == []


def test_torch_is_pinned_for_training_alone() -> None:
    assert [path.name for path in FILES if "torch" in dict(pins(path))] == ["train.txt"]


def test_ray_is_installed_by_its_own_verb_alone() -> None:
    assert [path.name for path in FILES if "ray" in dict(pins(path))] == ["ray.txt"]


@pytest.mark.parametrize(
    "name", ["av.txt", "dev.txt", "bench.txt", "peers.txt", "ray.txt", "web.txt"]
)
def test_what_is_added_keeps_what_runs(name: str) -> None:
    assert pins(ROOT / "requirements/run.txt") <= pins(ROOT / "requirements" / name)


def test_the_pins_fit_the_ranges_of_the_project() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    asked = {
        "run.txt": project["project"]["dependencies"],
        "train.txt": project["project"]["optional-dependencies"]["train"],
        "av.txt": project["project"]["optional-dependencies"]["av"],
        "web.txt": project["project"]["optional-dependencies"]["web"],
        "image.txt": project["dependency-groups"]["image"],
        "sbom.txt": project["dependency-groups"]["sbom"],
        "peers.txt": project["project"]["optional-dependencies"]["peers"],
        "dev.txt": [
            item for item in project["dependency-groups"]["dev"] if isinstance(item, str)
        ],
        "bench.txt": project["dependency-groups"]["bench"],
        "build.txt": project["dependency-groups"]["build"],
        "fpga.txt": project["dependency-groups"]["fpga"],
        "ray.txt": [
            *project["project"]["optional-dependencies"]["ray"],
            *project["dependency-groups"]["ray"],
        ],
    }
    for name, lines in asked.items():
        pinned = pins(ROOT / "requirements" / name)
        for wanted in map(Requirement, lines):
            versions = [at for found, at in pinned if found == canonicalize_name(wanted.name)]
            assert versions, f"{name} lacks {wanted}"
            assert all(wanted.specifier.contains(at) for at in versions), f"{name}: {wanted}"


def test_the_oldest_that_is_allowed_is_what_is_tried() -> None:
    """./run lowest installs these; a bound that is lower was never tried."""
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())
    lowest = {name: Version(at) for name, at in pins(ROOT / "requirements/lowest.txt")}
    for wanted in map(Requirement, project["project"]["dependencies"]):
        bounds = [Version(each.version) for each in wanted.specifier if each.operator != "<"]
        assert bounds == [lowest[canonicalize_name(wanted.name)]], wanted
    assert pins(ROOT / "requirements/lowest.txt") <= pins(ROOT / "requirements/lowest-dev.txt")


def test_every_dependency_says_what_it_is_for() -> None:
    lines = (ROOT / "pyproject.toml").read_text().splitlines()
    start = lines.index("dependencies = [")
    tables = lines[start : lines.index("[project.scripts]")]
    unexplained = [
        found["name"]
        for above, line in pairwise(tables)
        if (found := DEPENDENCY.match(line))
        and not (found["comment"] or above.lstrip().startswith("#"))
    ]
    assert unexplained == []
    assert any(DEPENDENCY.match(line) for line in tables)
