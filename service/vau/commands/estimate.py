"""What a network would cost on an accelerator: one answer, or a sweep of what might be."""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from decimal import Decimal
from pathlib import Path
from typing import Any, Final

from vau import timeline
from vau.commands.estimate_constants import constants_report, constants_table
from vau.commands.estimate_plots import Point, draw
from vau.commands.estimate_report import report, rounded, table
from vau.errors import ConfigInvalid
from vau.estimate import Ask, Estimate, Estimator
from vau.model import Network, find_model
from vau.transcript import write_whole

SWEPT_HIDDEN: Final = (96, 192, 288, 384)
"""Full rows of dies, from one to the four of the published network."""

INPUTS: Final = 123  # of the published network, and of the command line if it names none
MOST_FRAMES: Final = 100  # of a timeline; it takes a second and 30 MB where there are 48 dies
CLASSES: Final = 40  # of the output layer, which the host computes: it changes no figure
TIMELINE_FORMS: Final = (".txt", ".json", ".png")


@dataclass(frozen=True, slots=True, kw_only=True)
class Outputs:
    """In which forms an estimate is given.

    Raises ConfigInvalid at once for files that could not be written in the end.
    """

    sweep: Path | None = None
    """A picture of the sweep around it; None is without a sweep."""

    timeline: Path | None = None
    """What each die does when; its end says in which form."""

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
        for name, file in (("sweep", self.sweep), ("timeline", self.timeline)):
            if file is not None and not file.absolute().parent.is_dir():
                raise ConfigInvalid(
                    f"{name}={file}: there is no folder {file.parent}; make it, or choose "
                    "another file",
                    field=name,
                )

    @property
    def files(self) -> list[Path]:
        """What is written beside the answer."""
        return [file for file in (self.sweep, self.timeline) if file is not None]


def constants_text(estimator: Estimator, *, as_json: bool) -> str:
    """Return every number behind an estimator's figures, for a program or a person."""
    known = estimator.constants(), estimator.operating_points()
    return (
        json.dumps(constants_report(*known)) if as_json else "\n".join(constants_table(*known))
    )


def answer(
    estimator: Estimator, ask: Ask, outputs: Outputs, tell: Callable[[str], None]
) -> None:
    """Estimate, write the files that ``outputs`` names, and tell the answer.

    Raises what the estimator raises, and ConfigInvalid if a file cannot be written.
    """
    found = estimator.estimate(ask)
    points = swept(estimator, ask) if outputs.sweep else []
    if outputs.sweep:
        draw(points, found, outputs.sweep)
    if outputs.timeline:
        write_timeline(estimator, ask, outputs.frames, outputs.timeline)
    if outputs.as_json:
        extra = {"sweep": [point_report(each) for each in points]} if outputs.sweep else {}
        tell(json.dumps({**report(found), **extra}))
    else:
        tell("\n".join(table(found)))


def hertz(clock_mhz: float | None) -> float | None:
    """Return a clock as it was typed: 32.01 MHz are 32,010,000 Hz, and not a little less."""
    return None if clock_mhz is None else float(Decimal(str(clock_mhz)).scaleb(6))


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


def swept(estimator: Estimator, ask: Ask) -> list[Point]:
    """Estimate a grid around an ask: hidden sizes, forms of the accelerator and clocks.

    Of the points of one network and clock, those on the front are not beaten: no other
    has less or as much latency, energy and dies, and less of one. A clock is no choice
    among them, because energy is taken as independent of it: the fastest would always win.
    """
    estimates = [estimator.estimate(each) for each in _grid(estimator, ask)]
    found = []
    for each in estimates:
        rivals = [other for other in estimates if _contest(other) == _contest(each)]
        is_front = not any(_beats(other, each) for other in rivals)
        found.append(Point(estimate=each, is_front=is_front))
    return found


def _grid(estimator: Estimator, ask: Ask) -> Iterator[Ask]:
    own = estimator.estimate(ask).clock_hz
    points = estimator.operating_points()
    clocks = {point.clock_hz for point in points if not point.for_comparison} | {own}
    for hidden in sorted({*SWEPT_HIDDEN, ask.network.hidden}):
        network = replace(ask.network, hidden=hidden)
        for instance in estimator.instances(network):
            for clock_hz in sorted(clock for clock in clocks if clock is not None):
                yield Ask(
                    network=network,
                    instance=instance,
                    clock_hz=clock_hz,
                    streams=ask.streams,
                    frame_hz=ask.frame_hz,
                )


def _contest(found: Estimate) -> tuple[int, float]:
    return found.ask.network.hidden, found.clock_hz


def _beats(one: Estimate, other: Estimate) -> bool:
    ours, theirs = _prices(one), _prices(other)
    return ours != theirs and all(a <= b for a, b in zip(ours, theirs, strict=True))


def _prices(found: Estimate) -> tuple[float, float, float]:
    return found.latency_s, found.joules, found.dies


def point_report(point: Point) -> dict[str, Any]:
    """Return a point of a sweep for a program."""
    found = point.estimate
    return {
        "layers": found.ask.network.layers,
        "hidden": found.ask.network.hidden,
        "inputs": found.ask.network.inputs,
        "accelerator": found.accelerator,
        "clock_mhz": rounded(found.clock_hz / 1e6),
        "dies": found.dies,
        "cycles": found.cycles,
        "interval_cycles": found.interval_cycles,
        "latency_us": rounded(found.latency_s * 1e6),
        "energy_uj": rounded(found.joules * 1e6),
        "streams_in_time": found.streams_in_time,
        "in_front": point.is_front,
        "status": found.time_status,
    }


def write_timeline(estimator: Estimator, ask: Ask, frames: int, file: Path) -> None:
    """Write what each die does when: as text, as a trace for Perfetto, or as a picture.

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
            write_whole(file, lambda opened: opened.write(text.encode()))
        case _:
            text = timeline.text(found)
            write_whole(file, lambda opened: opened.write(text.encode()))
