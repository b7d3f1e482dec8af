"""What a network would cost on accelerators: an answer for each, and a sweep of all."""

import json
import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Decimal
from pathlib import Path
from typing import Final, TypeVar

from vau import timeline
from vau.commands.estimate.constants import constants_report, constants_table
from vau.commands.estimate.plots import draw
from vau.commands.estimate.report import kernel_report, kernel_table, report, table
from vau.commands.estimate.sweep import Point, point_report, sweep
from vau.errors import ConfigInvalid
from vau.estimate import Ask, Estimate, Estimator, KernelAsk, Value, find_estimator
from vau.model import Network, find_model
from vau.pictures import check_png
from vau.wholefile import write_text_whole

INPUTS: Final = 123  # of the published network, and of the command line if it names none
MOST_FRAMES: Final = 100  # of a timeline; it takes a second and 30 MB where there are 48 dies
CLASSES: Final = 40  # of the output layer, which no figure of a frame includes
TIMELINE_FORMS: Final = (".txt", ".json", ".png")


Asked = TypeVar("Asked")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """In which forms an estimate is given.

    Raises ConfigInvalid at once for files that could not be written in the end.
    """

    sweep: Path | None = None
    """A picture of the sweep around it; None is without a sweep."""

    timeline: Path | None = None
    """What each part does when; its end says in which form."""

    frames: int = 1
    """Of the timeline."""

    as_json: bool = False

    def __post_init__(self) -> None:
        form = self.timeline and self.timeline.suffix.lower()
        if form is not None and form not in TIMELINE_FORMS:
            raise ConfigInvalid(
                f"timeline={self.timeline}: its end says what to write; end it in .txt for "
                "text, .json for Perfetto, or .png for a picture",
                field="timeline",
            )
        if self.sweep is not None:
            check_png(self.sweep, "sweep")
        if self.timeline is not None and not self.timeline.absolute().parent.is_dir():
            raise ConfigInvalid(
                f"timeline={self.timeline}: there is no folder {self.timeline.parent}; make "
                "it, or choose another",
                field="timeline",
            )

    @property
    def files(self) -> list[Path]:
        """What is written beside the answer."""
        return [file for file in (self.sweep, self.timeline) if file is not None]


def named(backend: str) -> tuple[Estimator, str]:
    """Return the estimator of ``kind:instance``, and the instance.

    Raises BackendNotFound if there is none of that kind.
    """
    kind, _, instance = backend.partition(":")
    return find_estimator(kind), instance


def only(asked: Sequence[Asked], name: str) -> Asked:
    """Return what is asked if it is one. Raises ConfigInvalid, naming the flag, for several."""
    if len(asked) > 1:
        raise ConfigInvalid(
            f"{name}: it is one accelerator's, and {len(asked)} are asked for; name one "
            "--backend",
            field=name,
        )
    return asked[0]


def constants_text(estimator: Estimator, *, as_json: bool) -> str:
    """Return every number behind an estimator's figures, for a program or a person."""
    known = estimator.constants(), estimator.operating_points()
    return (
        json.dumps(constants_report(*known)) if as_json else "\n".join(constants_table(*known))
    )


def kernel_text(estimator: Estimator, ask: KernelAsk, *, as_json: bool) -> str:
    """Return what a loop without an end does, for a program or a person.

    Raises ConfigInvalid if the accelerator has no such loop.
    """
    found = estimator.kernel(ask)
    return json.dumps(kernel_report(found)) if as_json else "\n".join(kernel_table(found))


def answer(
    asked: Sequence[tuple[Estimator, Ask]], outputs: Outputs, tell: Callable[[str], None]
) -> None:
    """Estimate, write the files that ``outputs`` names, and tell the answer.

    asked:  one or several estimators, each with what it is asked. Several share the picture
            of a sweep, and then all are asked for one network.
    Raises  what an estimator raises, and ConfigInvalid if a file cannot be written or would
            hold the timelines of several.
    """
    found = [estimator.estimate(ask) for estimator, ask in asked]
    points = sweep(asked) if outputs.sweep else []
    if outputs.sweep:
        draw(points, found, outputs.sweep)
    if outputs.timeline:
        write_timeline(*only(asked, "timeline"), outputs.frames, outputs.timeline)
    if outputs.as_json:
        tell(json.dumps(_reports(found, points)))
    else:
        tell("\n\n".join("\n".join(table(each)) for each in found))


def _reports(found: Sequence[Estimate], points: Sequence[Point]) -> dict[str, Value]:
    """Return one estimate as it is, or several in a list, and the points of a sweep."""
    reports = [report(each) for each in found]
    answered: dict[str, Value] = reports[0] if len(reports) == 1 else {"estimates": reports}
    swept = [point_report(each) for each in points]
    return {**answered, "sweep": swept} if points else answered


def unprefixed(value: float | None, power: int) -> float | None:
    """Return a rate without its prefix, as it was typed: 32.01 MHz are 32,010,000 Hz.

    power:  of the ten that the prefix stands for. In floating point 32.01 * 1e6 would be a
            little less.
    Raises  ConfigInvalid for a finite one that would be no number any more.
    """
    if value is None:
        return None
    rate = float(Decimal(str(value)).scaleb(power))
    if math.isinf(rate) and math.isfinite(value):
        raise ConfigInvalid(
            f"{value:g} with {power} zeros behind it is beyond all rates; ask for less"
        )
    return rate


def network_of(layers: int | None, hidden: int | None, inputs: int, model: str) -> Network:
    """Return the shape that is asked for: by its numbers, or that of a model.

    Raises ConfigInvalid for half a shape, or one without anything in it, and what
    ``find_model`` raises.
    """
    if layers is None and hidden is None:
        if inputs != INPUTS:
            raise ConfigInvalid(
                f"inputs={inputs}: a model has inputs of its own; give --layers and --hidden "
                "too, or leave --inputs out",
                field="inputs",
            )
        return find_model(model).network
    if layers is None or hidden is None:
        missing = "layers" if layers is None else "hidden"
        raise ConfigInvalid(
            f"{missing}: a network has layers and hidden units; give --layers and --hidden "
            "together, or --model",
            field=missing,
        )
    for name, value in (("layers", layers), ("hidden", hidden), ("inputs", inputs)):
        if value < 1:
            raise ConfigInvalid(f"{name}={value}: ask for 1 or more", field=name)
    return Network(layers=layers, hidden=hidden, inputs=inputs, classes=CLASSES)


def write_timeline(estimator: Estimator, ask: Ask, frames: int, file: Path) -> None:
    """Write what each part does when: as text, as a trace for Perfetto, or as a picture.

    Raises what the estimator raises, and ConfigInvalid if it cannot be drawn or written.
    """
    if frames > MOST_FRAMES:
        raise ConfigInvalid(
            f"frames={frames}: a timeline shows {MOST_FRAMES} at most; every later frame is "
            "like those before it",
            field="frames",
        )
    found = estimator.timeline(ask, frames)
    match file.suffix.lower():
        case ".png":
            timeline.draw(found, file)
        case ".json":
            text = json.dumps(timeline.trace(found))
            write_text_whole(file, text)
        case _:
            text = timeline.text(found)
            write_text_whole(file, text)
