"""How a release is built, and what keeps a wrong one from being one."""

import io
import os
import tarfile
import zipfile
from collections.abc import Iterable
from functools import partial
from pathlib import Path
from typing import Final

import pytest

from releasing import __main__ as release
from releasing.archives import Failed, copy_tree, normalised, run
from releasing.contents import EXTENSIONS, data_of_tree, faults_of_source, faults_of_wheel

DAY: Final = 1_790_000_000
CHANGELOG: Final = """# Changelog

## [Unreleased]

## [{}] - 2026-12-01

### Added

#### Service

- A thing.
"""


def archive(to: Path, names: Iterable[str], *, when: float = 1.5, user: str = "me") -> Path:
    with tarfile.open(to, "w:gz") as new:
        for name in names:
            member = tarfile.TarInfo(name)
            member.mtime, member.uname, member.uid, member.mode = when, user, len(user), 0o600
            member.size = len(name)
            new.addfile(member, io.BytesIO(name.encode()))
    return to


def wheel(to: Path, names: Iterable[str]) -> Path:
    with zipfile.ZipFile(to, "w") as new:
        for name in names:
            new.writestr(name, name)
    return to


def whole() -> set[str]:
    return {*data_of_tree(), *EXTENSIONS, "vau/cli.py", "vau-1.dist-info/METADATA"}


def test_a_source_archive_is_the_same_whoever_made_it_when_in_which_order(
    tmp_path: Path,
) -> None:
    first = archive(tmp_path / "a.tar.gz", ["vau-1/a", "vau-1/b"])
    second = archive(tmp_path / "b.tar.gz", ["vau-1/b", "vau-1/a"], when=9.25, user="you")
    ones = [
        normalised(each, tmp_path / f"{number}.tar.gz", DAY).read_bytes()
        for number, each in enumerate((first, second))
    ]
    assert ones[0] == ones[1]
    with tarfile.open(tmp_path / "0.tar.gz") as opened:
        content = opened.extractfile("vau-1/a")
        assert content is not None
        assert content.read() == b"vau-1/a"
        assert {(each.mtime, each.uname, each.mode) for each in opened} == {(DAY, "", 0o644)}


def test_a_copy_of_the_tree_has_modes_that_depend_on_nobody(tmp_path: Path) -> None:
    copied = copy_tree(tmp_path)
    modes = {path.stat().st_mode & 0o777 for path in copied.rglob("*") if path.is_file()}
    assert modes == {0o644}
    assert (copied / "backends/vau_hardware/rtl/die.sv").is_file()
    assert not list(copied.rglob("*.so"))


def test_a_wheel_with_all_that_belongs_into_it_has_no_fault(tmp_path: Path) -> None:
    assert list(faults_of_wheel(wheel(tmp_path / "a.whl", whole()))) == []


@pytest.mark.parametrize(
    "lost",
    [
        "vau/models/munt-3x384/master.npz",
        "vau/search/_native.abi3.so",
        "vau/py.typed",
        "vau_hardware/rtl/die.sv",
    ],
)
def test_a_wheel_that_lacks_something_is_told(tmp_path: Path, lost: str) -> None:
    (fault,) = faults_of_wheel(wheel(tmp_path / "a.whl", whole() - {lost}))
    assert fault == f"a.whl: {lost} is missing"


@pytest.mark.parametrize("more", ["tests/test_cli.py", "vau/__pycache__/a.pyc", "setup.py"])
def test_a_wheel_with_something_else_is_told(tmp_path: Path, more: str) -> None:
    found = list(faults_of_wheel(wheel(tmp_path / "a.whl", whole() | {more})))
    assert found
    assert all(more in fault for fault in found)


def test_a_source_archive_needs_its_c_and_no_tests(tmp_path: Path) -> None:
    names = ["vau-1/PKG-INFO", "vau-1/tests/test_cli.py"]
    found = list(faults_of_source(archive(tmp_path / "a.tar.gz", names)))
    assert "a.tar.gz: tests/test_cli.py does not belong there" in found
    assert "a.tar.gz: service/vau/search/native/search.h is missing" in found
    assert "a.tar.gz: PKG-INFO is missing" not in found


def test_a_version_with_its_day_may_be_released() -> None:
    release.may_be_released("1.2.3", CHANGELOG.format("1.2.3"))


@pytest.mark.parametrize(
    ("text", "why"),
    [
        (CHANGELOG.format("1.2.2"), "its newest version is 1.2.2"),
        (CHANGELOG.format("1.2.3").replace("#### Service\n", ""), "below no area"),
        ("# Changelog\n\n## [Unreleased]\n", "its newest version is none"),
    ],
)
def test_a_version_that_the_changelog_does_not_know_may_not(text: str, why: str) -> None:
    with pytest.raises(Failed, match=why.replace("[", r"\[")):
        release.may_be_released("1.2.3", text)


def test_files_have_the_time_that_is_given(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "12345")
    assert release.epoch_of_tree(is_trial=False) == 12345
    monkeypatch.setenv("SOURCE_DATE_EPOCH", "yesterday")
    with pytest.raises(Failed, match="is no number of seconds"):
        release.epoch_of_tree(is_trial=True)


def test_a_tree_without_git_can_be_tried_and_not_released(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.delenv("SOURCE_DATE_EPOCH", raising=False)
    monkeypatch.setattr(release, "ROOT", tmp_path)
    monkeypatch.setenv("GIT_CEILING_DIRECTORIES", str(tmp_path.parent))
    assert release.epoch_of_tree(is_trial=True) == release.UNDATED
    for path in (os.environ["PATH"], str(tmp_path)):  # with git, and without
        monkeypatch.setenv("PATH", path)
        for asks in (partial(release.epoch_of_tree, is_trial=False), release.is_committed):
            with pytest.raises(Failed, match=r"git is not installed.* from a clone"):
                asks()


def test_a_tool_that_fails_is_told_with_its_words(tmp_path: Path) -> None:
    with pytest.raises(Failed, match=r"(?s)exit status 3.*no room"):
        run("sh", "-c", "echo no room >&2; exit 3", cwd=tmp_path)


def test_a_tool_hears_of_no_setting_of_ours(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setenv("VAU_KERNEL", "numpy")
    monkeypatch.setenv("PYTHONPATH", os.getcwd())  # noqa: PTH109
    said = run("env", cwd=tmp_path, CC="false")
    assert "CC=false" in said
    assert "VAU_KERNEL" not in said
    assert "PYTHONPATH" not in said
