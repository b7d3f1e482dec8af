"""Files that are read again when they change."""

import os
from pathlib import Path

import pytest

from vau.door.watched import Watched
from vau.errors import ConfigInvalid


def number(file: Path) -> int:
    try:
        return int(file.read_text())
    except (OSError, ValueError) as cause:
        raise ConfigInvalid(f"{file}: holds no number", field="file") from cause


@pytest.fixture
def file(tmp_path: Path) -> Path:
    file = tmp_path / "number"
    file.write_text("1")
    return file


def test_what_has_changed_is_read_again_and_only_then(file: Path) -> None:
    reads: list[Path] = []

    def read() -> int:
        reads.append(file)
        return number(file)

    watched = Watched([file], read)
    assert (watched.look(), watched.value, len(reads)) == ("same", 1, 1)
    file.write_text("22")
    assert (watched.look(), watched.value, len(reads)) == ("renewed", 22, 2)
    assert (watched.look(), len(reads)) == ("same", 2)


def test_a_file_of_the_same_size_and_time_that_took_its_place_is_seen(file: Path) -> None:
    watched = Watched([file], lambda: number(file))
    other = file.with_name("other")
    other.write_text("2")
    stat = file.stat()
    os.utime(other, ns=(stat.st_atime_ns, stat.st_mtime_ns))
    other.replace(file)
    assert (watched.look(), watched.value) == ("renewed", 2)


@pytest.mark.parametrize("ruin", [lambda file: file.write_text("x"), Path.unlink])
def test_what_cannot_be_read_leaves_the_value_and_is_told_once(
    file: Path, ruin: object
) -> None:
    watched = Watched([file], lambda: number(file))
    ruin(file)  # type: ignore[operator]
    assert (watched.look(), watched.value) == ("kept", 1)
    assert "holds no number" in str(watched.failure)
    assert watched.look() == "same"
    file.write_text("333")
    assert (watched.look(), watched.value, watched.failure) == ("renewed", 333, None)


def test_what_cannot_be_read_at_first_is_refused(tmp_path: Path) -> None:
    file = tmp_path / "nothing"
    with pytest.raises(ConfigInvalid):
        Watched([file], lambda: number(file))
