import os
from pathlib import Path

import pytest

from vau.pictures import new_figure, save, title
from vau.wholefile import Unwritable


class Figure:
    """What writes as one of matplotlib does."""

    def savefig(self, file: Path, **_: object) -> None:
        file.write_bytes(b"png")


def test_a_picture_that_cannot_be_written_is_named(tmp_path: Path) -> None:
    with pytest.raises(Unwritable, match=r"plot=.*x\.png: cannot be written: No such file"):
        save(Figure(), tmp_path / "absent/x.png", "plot")


@pytest.mark.parametrize(
    ("name", "shown"), [(b"$a_{$.wav", "$a_{$.wav"), (b"\xe9.wav", "\\xe9.wav")]
)
def test_any_name_of_a_file_can_be_drawn_as_it_is(
    tmp_path: Path, name: bytes, shown: str
) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    figure = new_figure(1, 1)
    title(figure, os.fsdecode(name))
    save(figure, tmp_path / "x.png", "plot")
    assert figure.get_suptitle() == shown
