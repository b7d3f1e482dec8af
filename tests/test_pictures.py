from pathlib import Path

import pytest

from vau.pictures import save
from vau.wholefile import Unwritable


class Figure:
    """What writes as one of matplotlib does."""

    def savefig(self, file: Path, **_: object) -> None:
        file.write_bytes(b"png")


def test_a_picture_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match=r"plot=.*x\.png: cannot be written: No such file"):
        save(Figure(), tmp_path / "absent/x.png", "plot")
