"""Dashboards as pictures, drawn from any Prometheus, without Grafana.

``python -m deploy.dashboards.draw --prometheus URL --out DIR`` asks every query of every panel,
as Grafana would, and draws one PNG for each dashboard.
"""

import argparse
import json
import sys
from collections.abc import Mapping, Sequence
from datetime import UTC, datetime
from pathlib import Path
from time import time
from typing import Any, Final

from deploy.dashboards.ask import EVERYTHING, Prometheus, Span, ask, panels_of
from deploy.dashboards.draw_panel import FAINT, INK, draw_panel
from deploy.dashboards.shelf import DASHBOARDS, file_of
from vau.errors import VauError
from vau.pictures import new_figure, save

WIDTH_IN: Final = 14.0
LINE_IN: Final = 0.34
"""Of Grafana's grid, in which a panel of lines is 8 high."""

HEAD_IN, MARGIN_IN, GAP_IN = 0.85, 0.15, 0.06
COLUMNS: Final = 24
POINTS: Final = 240
COLOURS: Final = 128
CAPTION: Final = "drawn by us from a live Prometheus, not by Grafana"


def draw(
    prometheus: Prometheus,
    file: Path,
    folder: Path,
    span: Span,
    chosen: Mapping[str, str] = EVERYTHING,
) -> Path:
    """Draw one dashboard into ``folder``, named as its file; return where it lies.

    chosen: what the variables stand for, as regular expressions.
    Raises Unreachable if Prometheus does not answer, and Unwritable for the picture.
    """
    page = json.loads(file.read_text(encoding="utf-8"))
    panels = panels_of(file)
    lines = max(panel["gridPos"]["y"] + panel["gridPos"]["h"] for panel in panels)
    height_in = HEAD_IN + lines * LINE_IN + MARGIN_IN
    figure = new_figure(WIDTH_IN, height_in)
    figure.set_layout_engine("none")  # each panel has its place
    _write(figure, page, span, height_in)
    for panel in panels:
        place = _place(panel["gridPos"], height_in)
        if panel["type"] == "row":
            left, bottom, _, height = place
            bottom += height / 3
            figure.text(left, bottom, panel["title"], size=11, weight="bold", color=INK)
        else:
            draw_panel(figure, place, ask(prometheus, panel, span, chosen), span)
    picture = folder / f"{file.stem}.png"
    save(figure, picture, "--out")
    _shrink(picture)
    return picture


def _shrink(picture: Path) -> None:
    """Leave it a palette: lines on white need no more, and a third of the bytes."""
    from PIL import Image  # noqa: PLC0415 - matplotlib brings it

    with Image.open(picture) as drawn:
        small = drawn.convert("RGB").quantize(COLOURS)
    small.save(picture, optimize=True)


def _write(figure: Any, page: dict[str, Any], span: Span, height_in: float) -> None:  # noqa: ANN401
    first, last = (
        datetime.fromtimestamp(each, UTC).strftime("%H:%M:%S")
        for each in (span.start_s, span.end_s)
    )
    top = 1 - 0.34 / height_in
    left = MARGIN_IN / WIDTH_IN
    figure.text(left, top, page["title"], size=16, weight="bold", color=INK)
    told = f"{page['description']} This is {CAPTION}; {first} to {last} UTC."
    figure.text(left, top - 0.28 / height_in, told, size=9, color=FAINT)


def _place(grid: dict[str, int], height_in: float) -> tuple[float, float, float, float]:
    """Return left, bottom, width and height of a panel, as parts of the figure."""
    column_in = (WIDTH_IN - 2 * MARGIN_IN) / COLUMNS
    left_in = MARGIN_IN + grid.get("x", 0) * column_in + GAP_IN
    bottom_in = height_in - HEAD_IN - (grid["y"] + grid["h"]) * LINE_IN + GAP_IN
    return (
        left_in / WIDTH_IN,
        bottom_in / height_in,
        (grid["w"] * column_in - 2 * GAP_IN) / WIDTH_IN,
        (grid["h"] * LINE_IN - 2 * GAP_IN) / height_in,
    )


def main(arguments: Sequence[str]) -> int:
    """Draw all dashboards."""
    parser = argparse.ArgumentParser(
        prog="python -m deploy.dashboards.draw", description=__doc__
    )
    parser.add_argument("--prometheus", required=True, metavar="URL", help="http://host:9090")
    parser.add_argument("--out", required=True, type=Path, metavar="DIR", help="made if absent")
    parser.add_argument("--minutes", type=float, default=30.0, help="until now (30)")
    parser.add_argument("--instance", default=".*", help="a regular expression: which servers")
    parser.add_argument("--backend", default=".*", help="a regular expression: which backends")
    asked = parser.parse_args(arguments)
    end_s, step_s = time(), max(1.0, 60 * asked.minutes / POINTS)
    span = Span(end_s - 60 * asked.minutes, end_s, step_s, max(60.0, 4 * step_s))
    prometheus = Prometheus(asked.prometheus)
    chosen = {"instance": asked.instance, "backend": asked.backend}
    try:
        asked.out.mkdir(parents=True, exist_ok=True)
        for dashboard in DASHBOARDS:
            picture = draw(prometheus, file_of(dashboard), asked.out, span, chosen)
            sys.stdout.write(f"{picture}\n")
    except (VauError, OSError) as error:
        sys.stderr.write(f"{error}\n")
        return 2
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
