"""A recording, or a part of it, through a backend and into a PNG."""

from collections.abc import Callable
from contextlib import closing
from dataclasses import dataclass
from math import isfinite
from pathlib import Path
from typing import Final

from vau.audio import FRAMES_PER_S, SAMPLE_RATE_HZ, frame_count
from vau.audiofile import Channel, read_recording
from vau.backend import BackendOptions
from vau.commands.plot.drawing import Drawing
from vau.commands.plot.figure import figure_of
from vau.decode import DecoderName
from vau.errors import ConfigInvalid
from vau.frontend import Frontend
from vau.hearing import Engine
from vau.model import find_model
from vau.panels import Window
from vau.pictures import check_png, new_figure, save
from vau.registry import open_backend
from vau.selfcheck import self_check
from vau.session import Answer

SAMPLES_PER_MS: Final = SAMPLE_RATE_HZ // 1000
MOST_S: Final = 20
"""So much of a recording stays readable in one picture."""

SECOND_IN: Final = 2.0  # a phone of 40 ms has room for its name, upright


@dataclass(frozen=True, slots=True, kw_only=True)
class PlotPlan:
    """What to draw of which recording, and by what means it is heard."""

    file: Path
    out: Path
    model: str
    backend: str
    channel: Channel = "mix"
    decoder: DecoderName = "viterbi"
    chunk_ms: int = 100
    from_s: float = 0.0
    to_s: float | None = None
    """None is the end of the recording."""


def plot(plan: PlotPlan, on_progress: Callable[[float, float], None]) -> None:
    """Draw a recording: its sound, its posteriors and phones, and what it cost.

    All of it is heard, whatever is drawn: what a network says of a moment rests on what was
    before it, and the phones on what comes behind.

    on_progress: hears how many seconds of audio are done, and of how many.
    Raises       AudioError for the recording, ConfigInvalid for what cannot be drawn,
                 Unwritable for the picture, and what model and backend are wrong with.
    """
    check_png(plan.out, "out")
    new_figure(1, 1)  # now, and not after all else is done
    save(figure_of(heard(plan, on_progress)), plan.out, "out")


def window_of(plan: PlotPlan, samples: int) -> Window:
    """Return the frames to draw of a recording of so many samples at 16 kHz.

    Raises ConfigInvalid for none, and for more than a picture can show.
    """
    for name, value in (("from", plan.from_s), ("to", plan.to_s)):
        if value is not None and not isfinite(value):
            raise ConfigInvalid(f"{name}={value} is no number of seconds", field=name)
    frames = frame_count(samples)
    first = round(min(plan.from_s * FRAMES_PER_S, frames))
    end = frames if plan.to_s is None else round(min(plan.to_s * FRAMES_PER_S, frames))
    length = f"{plan.file} lasts {samples / SAMPLE_RATE_HZ:.2f} s"
    if first >= frames:
        raise ConfigInvalid(
            f"from: {length}, and {plan.from_s:g} s is behind its last frame; "
            "choose an earlier start",
            field="from",
        )
    if end <= first:
        raise ConfigInvalid(
            f"to: there is no frame from {plan.from_s:g} to {plan.to_s:g} s; choose a later "
            "end",
            field="to",
        )
    if end - first > MOST_S * FRAMES_PER_S:
        raise ConfigInvalid(
            f"to: {length}, and a picture stays readable up to {MOST_S} s; draw a part, for "
            f"example with --from {plan.from_s:g} --to {plan.from_s + MOST_S:g}",
            field="to",
        )
    return Window(first, end, SECOND_IN)


def heard(plan: PlotPlan, on_progress: Callable[[float, float], None]) -> Drawing:
    """Let the backend hear the recording, and return what is to be drawn; see ``plot``."""
    samples = read_recording(plan.file, plan.channel).samples
    window = window_of(plan, len(samples))
    total_s, done_s = len(samples) / SAMPLE_RATE_HZ, 0.0

    def on_samples(count: int) -> None:
        nonlocal done_s
        done_s += count / SAMPLE_RATE_HZ
        on_progress(done_s, total_s)

    answers: list[Answer] = []
    model = find_model(plan.model)
    with closing(open_backend(plan.backend, model, BackendOptions(slot_count=1))) as backend:
        self_check(backend, model)
        engine = Engine(
            model=model,
            backends=[backend],
            frontend=Frontend(model.frontend),
            decoder=plan.decoder,
            chunk_samples=plan.chunk_ms * SAMPLES_PER_MS,
        )
        engine.hear(samples, on_samples, answers.append)
        info = backend.info
    return Drawing(
        file=plan.file,
        samples=samples,
        window=window,
        model=model,
        backend=info,
        answers=tuple(answers),
    )
