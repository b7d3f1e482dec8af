"""Pictures as PNGs: the only module of the service that knows how matplotlib is had."""

import os
from pathlib import Path
from typing import Any, Final

from vau.errors import ConfigInvalid
from vau.wholefile import Unwritable

DOTS_PER_INCH: Final = 110


def new_figure(width_in: float, height_in: float) -> Any:  # noqa: ANN401 - an extra's type
    """Return an empty figure. Raises ConfigInvalid if matplotlib is not installed."""
    try:
        from matplotlib.figure import Figure  # noqa: PLC0415 - an extra
    except ImportError as cause:
        raise ConfigInvalid(
            f"drawing needs matplotlib, which cannot be used ({cause}); "
            "install it: pip install 'vau[plots]'"
        ) from cause
    return Figure(figsize=(width_in, height_in), layout="constrained")


def title(figure: Any, text: str, **look: object) -> None:  # noqa: ANN401
    """Write a title over all of a figure, in which the name of a file may stand.

    What is no UTF-8 in it is shown as its bytes, and a dollar begins no formula.
    look: what else matplotlib takes for a text.
    """
    shown = os.fsencode(text).decode("utf-8", "backslashreplace")
    figure.suptitle(shown, parse_math=False, **look)


def check_png(file: Path, field: str) -> None:
    """Refuse now what could not be written, or under a name of another format, in the end.

    field:  what asked for the picture; an error names it.
    Raises  ConfigInvalid unless the file ends in .png and its folder exists.
    """
    if file.suffix.lower() != ".png":
        raise ConfigInvalid(
            f"{field}={file}: pictures are PNGs alone; end it in .png", field=field
        )
    if not file.absolute().parent.is_dir():
        raise ConfigInvalid(
            f"{field}={file}: there is no folder {file.parent}; make it, or choose another",
            field=field,
        )


def save(figure: Any, file: Path, field: str) -> None:  # noqa: ANN401
    """Write a figure as a PNG, whatever the file's name ends in; see ``check_png``.

    field:  what asked for it; an error names it.
    Raises  Unwritable if the file cannot be written.
    """
    try:
        # Without the name of the library's release the same figure gives the same bytes.
        figure.savefig(file, dpi=DOTS_PER_INCH, format="png", metadata={"Software": None})
    except OSError as cause:
        raise Unwritable(
            f"{field}={file}: cannot be written: {cause.strerror or cause}; "
            "choose another place",
            field=field,
        ) from cause
