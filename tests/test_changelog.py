"""CHANGELOG.md has the form that its readers, and the release, rely on."""

import tomllib
from pathlib import Path

import pytest

from releasing.changelog import faults, releases

ROOT = Path(__file__).parents[1]
GOOD = """# Changelog

## [Unreleased]

### Highlights

- What matters.

### Added

#### Service

- A thing.

## [0.2.0] - 2026-12-02

### Changed

#### Boards

- Another.

## [0.1.0] - 2026-12-01
"""


def test_our_changelog_has_its_form() -> None:
    assert faults((ROOT / "CHANGELOG.md").read_text("utf-8")) == []


def test_what_is_built_is_not_older_than_what_was_released() -> None:
    project = tomllib.loads((ROOT / "pyproject.toml").read_text("utf-8"))["project"]
    version = tuple(int(part) for part in project["version"].split("."))
    released = [r.version for r in releases((ROOT / "CHANGELOG.md").read_text("utf-8"))[1:]]
    assert all(each is not None and each <= version for each in released)


def test_versions_and_days_are_read() -> None:
    assert [(r.version, r.day) for r in releases(GOOD)] == [
        (None, ""),
        ((0, 2, 0), "2026-12-02"),
        ((0, 1, 0), "2026-12-01"),
    ]
    assert faults(GOOD) == []


@pytest.mark.parametrize(
    ("was", "becomes", "fault"),
    [
        ("## [Unreleased]\n", "", "the first version is not [Unreleased]"),
        ("[0.2.0]", "[0.0.9]", "[0.1.0] - 2026-12-01 is not older than [0.0.9] - 2026-12-02"),
        ("[0.1.0]", "[0.2.0]", "is not older than"),
        ("2026-12-01", "2026-12-03", "has a later day than"),
        ("2026-12-02", "2026-13-02", "there is no day 2026-13-02"),
        ("- 2026-12-02", "", "'[0.2.0] ' is not [1.2.3] - 2026-12-31"),
        ("### Added", "### New", "'New' is no section"),
        ("### Highlights", "### Fixed", "'Added' comes twice or too late"),
        ("#### Service", "#### Server", "'Server' is no area"),
        ("- A thing.", "", "nothing stands below this heading"),
        ("#### Boards\n", "", "this entry stands below no area"),
        ("### Changed\n", "### Changed\n\n#### Service\n", "nothing stands below"),
    ],
)
def test_what_has_not_the_form_is_told(was: str, becomes: str, fault: str) -> None:
    assert was in GOOD
    assert any(fault in told for told in faults(GOOD.replace(was, becomes)))
