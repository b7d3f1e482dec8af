"""What a person sees of a stream: phonemes with their times, posteriors, latency, energy.

Everything here makes text or something ``rich`` can draw; nothing here prints.
"""

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass
from math import ceil
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray
from rich.console import Console, ConsoleOptions, Group, RenderResult
from rich.live import Live
from rich.panel import Panel
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)
from rich.progress_bar import ProgressBar
from rich.table import Table
from rich.text import Text

from vau.audio import FRAME_BUDGET_S, HOP_S, SAMPLE_RATE_HZ
from vau.backend import Boundary, Energy
from vau.commands.monitor import Monitor
from vau.segments import Phone, Segment, SpeechEvent

SHADES: Final = " ░▒▓█"
ROWS: Final = 8  # of the posteriorgram
SILENCE: Final = "·"
HOP_MS: Final = HOP_S * 1e3
AUDIO: Final = "s of audio"  # the unit of progress that has a pace
SHORT_CHUNK_FRAMES: Final = 2  # of a message that a late stream may be advised to send
CELL: Final = 7  # columns of a phoneme with its time below

FASTER: Final = {
    "board": (
        "take one on a faster port (+baud=), hardware in place of a simulation, or a smaller "
        "model; muntaniala has the same bits"
    ),
}
"""What to do if a backend of a kind does not keep up with the audio."""

BOUNDARIES: Final[dict[Boundary, str]] = {
    "core": "the chip alone",
    "accelerator": "the chips and the links between them",
    "system": "the whole system, I/O and memory included",
    "board": "the board's supply",
}


def phone_line(phone: Phone, *, is_silence: bool) -> str:
    """Return one phoneme and when it began and ended, in seconds."""
    start_s, end_s = phone.start_sample / SAMPLE_RATE_HZ, phone.end_sample / SAMPLE_RATE_HZ
    return f"{start_s:9.2f} {end_s:9.2f}  {SILENCE if is_silence else phone.symbol}"


def turn_line(turn: SpeechEvent | Segment) -> str:
    """Return where speech began or ended, or a segment did and why."""
    if isinstance(turn, SpeechEvent):
        what = "speech begins" if turn.begins else "speech ends"
        return f"{turn.sample / SAMPLE_RATE_HZ:9.2f}            {what}"
    start_s, end_s = turn.start_sample / SAMPLE_RATE_HZ, turn.end_sample / SAMPLE_RATE_HZ
    reason = "" if turn.end_reason is None else turn.end_reason.value
    return f"{start_s:9.2f} {end_s:9.2f}  segment {turn.segment_index} ends: {reason}"


def summary_lines(monitor: Monitor, *, paced: bool, chunk_ms: int) -> list[str]:
    """Return the figures of a stream, a line each; what is not known is left out.

    chunk_ms: audio in each message that was sent.
    """
    lines = []
    finished, started = monitor.finished, monitor.started
    if started is not None:
        tier = f" (tier {started.tier})" if started.tier else ""
        first, *others = monitor.backends
        backends = ", then ".join([f"{first}{tier}", *others])
        lines.append(f"engine   {started.engine.model} on {backends}")
        if started.firmware:
            lines.append(f"board    {started.firmware}")
    if finished is not None:
        audio_s = finished.samples / SAMPLE_RATE_HZ
        heard = f"{finished.frames} frames; phonemes heard: {len(monitor.spoken())}"
        speed = f"{finished.compute_s / audio_s:.3f} s of computing per second of audio"
        lines += [f"audio    {audio_s:.2f} s, {heard}", f"speed    {speed}"]
    if paced or finished is None:  # else the frames waited for each other
        lines.append(f"latency  {_latency(monitor)}")
        if monitor.latencies.frames:
            lines.append(f"late     {_late(monitor, chunk_ms)}")
    lines.append(f"energy   {energy_text(monitor)}")
    return lines


def energy_text(monitor: Monitor) -> str:
    """Return energy per frame and in total, with its origin."""
    energy, per_frame_uj = monitor.energy, monitor.energy_per_frame_uj
    if energy is None or per_frame_uj is None:
        return "not stated by this backend"
    return f"{per_frame_uj:.3g} µJ per frame, {energy_in_total(energy)}"


def energy_in_total(energy: Energy) -> str:
    """Return an energy with its origin."""
    return f"{_joules(energy.joules)} in total, {_origin(energy)}"


def posteriorgram(
    recent: Sequence[NDArray[np.float32]], phonemes: Sequence[str], columns: int
) -> list[str]:
    """Draw the latest frames, time to the right: a row for each of the most active phonemes."""
    if not recent:
        return [""] * ROWS
    posteriors = np.exp(np.stack(recent[-columns:]))
    active = np.sort(np.argsort(posteriors.mean(axis=0), kind="stable")[-ROWS:])
    # A square root lifts what is faint: a posterior of 0.06 shows already.
    levels = np.ceil(np.sqrt(posteriors) * (len(SHADES) - 1) - 0.25).clip(0, len(SHADES) - 1)
    rows = [
        f"{phonemes[row]:>4} " + "".join(SHADES[int(level)] for level in levels[:, row])
        for row in active
    ]
    return [*rows, *[""] * (ROWS - len(rows))]


@dataclass(slots=True)
class LiveView:
    """The terminal while a stream runs; it draws what ``monitor`` holds at that moment."""

    monitor: Monitor
    title: str

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Draw one picture. ``rich`` calls this from its own thread."""
        width = max(40, options.max_width) - 4
        yield Panel(
            Group(
                self._progress(width),
                Text(),
                *self._phones(width // CELL),
                Text(),
                *self._posteriors(width - 5),
                Text(),
                self._figures(),
            ),
            title=self.title,
            title_align="left",
            width=width + 4,
        )

    def _progress(self, width: int) -> Table:
        total_s, now_s = self.monitor.audio_s or 0.0, self.monitor.received_s
        line = Table.grid(padding=(0, 1))
        bar = ProgressBar(total=total_s or None, completed=now_s, width=max(10, width - 22))
        line.add_row(bar, f"{now_s:6.1f} of {total_s:.1f} s" if total_s else f"{now_s:6.1f} s")
        return line

    def _phones(self, cells: int) -> list[Text]:
        """Draw the latest phonemes, and below each when it began."""
        symbols, times = Text(), Text(style="dim")
        for phone in self.monitor.phones[-cells:]:
            if self.monitor.is_silence(phone):
                symbols.append(SILENCE.ljust(CELL), style="dim")
                times.append(" " * CELL)
            else:
                symbols.append(phone.symbol.ljust(CELL), style="bold")
                times.append(f"{phone.start_sample / SAMPLE_RATE_HZ:.2f}".ljust(CELL))
        return [symbols, times]

    def _posteriors(self, columns: int) -> list[Text]:
        started = self.monitor.started
        phonemes = started.engine.phonemes if started else ()
        drawn = posteriorgram(list(self.monitor.recent), phonemes, columns)
        return [Text(row, no_wrap=True) for row in drawn]

    def _figures(self) -> Table:
        figures = Table.grid(padding=(0, 2))
        figures.add_column(no_wrap=True)
        figures.add_row("latency", _latency(self.monitor))
        figures.add_row("energy", energy_text(self.monitor))
        return figures


@contextmanager
def progress(console: Console, unit: str) -> Iterator[Callable[[float, float], None]]:
    """Yield what takes (done, total) and draws a bar, if ``console`` is a terminal."""
    if not console.is_terminal:
        yield lambda _done, _total: None
        return
    count = TextColumn(f"{{task.completed:.0f}} of {{task.total:.0f}} {unit}")
    # What goes to stdout may pass through this console only if it would end there anyway.
    bar = Progress(
        BarColumn(),
        count,
        TextColumn("{task.fields[pace]}"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
        console=console,
        transient=True,
        redirect_stdout=sys.stdout.isatty(),
    )
    with bar:
        task = bar.add_task("", total=1.0, pace="")
        started_s = perf_counter()

        def show(done: float, total: float) -> None:
            pace_of_audio = f"{done / (perf_counter() - started_s):.1f} x real time"
            pace = pace_of_audio if unit == AUDIO else ""
            bar.update(task, completed=done, total=total, pace=pace)

        yield show


@contextmanager
def drawn(monitor: Monitor, title: str, console: Console) -> Iterator[None]:
    """Draw a stream while the block lasts, if ``console`` is a terminal."""
    if not console.is_terminal:
        yield
        return
    with Live(LiveView(monitor, title), console=console, refresh_per_second=10):
        yield


def _latency(monitor: Monitor) -> str:
    p50, p99 = monitor.latencies_ms().values()
    if p50 is None or p99 is None:
        return "no frame answered yet"
    budget_ms = FRAME_BUDGET_S * 1e3
    return (
        f"p50 {p50:.2f} ms, p99 {p99:.2f} ms of all frames, to 1 %; the budget is "
        f"{budget_ms:g} ms"
    )


def _late(monitor: Monitor, chunk_ms: int) -> str:
    late, frames = monitor.latencies.late, monitor.latencies.frames
    if not late:
        return f"0 of {frames} frames late"
    at_once, of_message = monitor.frames_at_once, ceil(chunk_ms / HOP_MS)
    reason = "the server's host was busy, or is too slow"
    if behind := _behind(monitor):
        reason = behind
    elif at_once > of_message:
        reason = (
            f"messages of {chunk_ms} ms waited until {at_once} frames were answered at once: "
            f"the backend or {reason}"
        )
    elif of_message > SHORT_CHUNK_FRAMES:
        reason = (
            f"a message of {chunk_ms} ms is {of_message} frames of one call, and each waits "
            f"for all; --chunk-ms {SHORT_CHUNK_FRAMES * HOP_MS:g} would shorten it, unless "
            f"{reason}"
        )
    return f"{late} of {frames} frames late: {reason}"


def _behind(monitor: Monitor) -> str:
    """Say why a stream cannot be live, and what would make it so; nothing if it can be."""
    finished = monitor.finished
    if finished is None or not monitor.backends:
        return ""
    pace = finished.compute_s * SAMPLE_RATE_HZ / finished.samples
    if pace <= 1.0:
        return ""
    backend = monitor.backends[-1]
    kind = backend.partition(":")[0]
    remedy = FASTER.get(kind, "take a faster backend, or a smaller model")
    return f"{backend} takes {pace:.2f} s for each second of audio: {remedy}"


def _joules(joules: float) -> str:
    scale, unit = (1e3, "mJ") if joules >= 1e-3 else (1e6, "µJ")
    return f"{joules * scale:.4g} {unit}"


def _origin(energy: Energy) -> str:
    verb = "ESTIMATED" if energy.origin == "estimated" else "MEASURED"
    away = ", away from its published operating points" * energy.extrapolated
    return f"{verb} by {energy.method} for {BOUNDARIES[energy.boundary]}{away}"
