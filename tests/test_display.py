import io
from dataclasses import replace

import numpy as np
import pytest
from rich.console import Console

from tests.test_monitor import ENGINE, FINISHED, STARTED, phone, segment, update
from vau.commands.display import (
    ROWS,
    LiveView,
    phone_line,
    posteriorgram,
    progress,
    summary_lines,
)
from vau.commands.monitor import Monitor


def watched() -> Monitor:
    monitor = Monitor(audio_s=1.0)
    monitor.take(STARTED)
    monitor.take(update(segment("SIL AA SIL", 3), frames=99))
    return monitor


def summed(monitor: Monitor, *, paced: bool = True, chunk_ms: int = 20) -> list[str]:
    return summary_lines(monitor, paced=paced, chunk_ms=chunk_ms)


def late_line(lines: list[str]) -> str:
    (line,) = (each for each in lines if each.startswith("late "))
    return line


def test_a_phoneme_stands_with_its_seconds_and_silence_is_a_dot() -> None:
    assert phone_line(phone("AA", 16_000), is_silence=False) == "     1.00      1.01  AA"
    assert phone_line(phone("SIL", 0), is_silence=True) == "     0.00      0.01  ·"


def test_the_summary_names_engine_latency_and_the_origin_of_energy() -> None:
    monitor = watched()
    monitor.take(FINISHED)
    assert summed(monitor) == [
        "engine   tiny on toy",
        "audio    1.00 s, 99 frames; phonemes heard: 1",
        "speed    0.250 s of computing per second of audio",
        "latency  p50 1.00 ms, p99 1.00 ms of all frames, to 1 %; the budget is 10 ms",
        "late     0 of 99 frames late",
        "energy   1 µJ per frame, 99 µJ in total, ESTIMATED by toy/1 for the chip alone",
    ]


def test_the_tier_that_computes_stands_beside_its_engine() -> None:
    monitor = Monitor()
    monitor.take(replace(STARTED, tier="numpy"))
    assert summed(monitor)[0] == "engine   tiny on toy (tier numpy)"


def test_the_summary_says_what_a_board_is() -> None:
    monitor = Monitor()
    monitor.take(replace(STARTED, firmware="vau-link/1 serial 5; RTL in simulation"))
    assert summed(monitor)[1] == "board    vau-link/1 serial 5; RTL in simulation"


def test_the_summary_names_each_backend_that_served_in_its_order() -> None:
    monitor = Monitor()
    monitor.take(replace(STARTED, tier="numpy"))
    for taken in (ENGINE.backend, "board:tcp:a:1", "board:tcp:b:1"):  # the first from the start
        monitor.take(replace(update(), taken_over_by=(taken,)))
    engine = "engine   tiny on toy (tier numpy), then board:tcp:a:1, then board:tcp:b:1"
    assert summed(monitor)[0] == engine


def test_frames_past_the_budget_are_counted_with_the_likely_reason() -> None:
    monitor = watched()
    monitor.take(update(frames=1, latency_s=0.010))  # just in time
    monitor.take(update(frames=7, latency_s=0.011))
    line = late_line(summed(monitor))
    assert line == "late     7 of 107 frames late: the server's host was busy, or is too slow"


def late_with(chunk_ms: int, frames: int) -> str:
    """Return what is said of messages so long if answers bring so many frames, late."""
    monitor = Monitor()
    for _ in range(3):
        monitor.take(update(frames=frames, latency_s=0.011))
    monitor.take(update(frames=30, latency_s=0.011))  # the last answers, when the audio ends
    return late_line(summed(monitor, chunk_ms=chunk_ms))


@pytest.mark.parametrize(
    ("chunk_ms", "frames", "is_advised"), [(20, 2, False), (30, 3, True), (100, 10, True)]
)
def test_late_frames_of_long_messages_come_with_the_advice_to_send_shorter_ones(
    chunk_ms: int, frames: int, is_advised: bool
) -> None:
    line = late_with(chunk_ms, frames)
    advice = f"a message of {chunk_ms} ms is {frames} frames of one call, "
    assert (advice in line, "--chunk-ms 20" in line) == (is_advised, is_advised)
    assert "the server's host was busy, or is too slow" in line


@pytest.mark.parametrize("chunk_ms", [15, 20, 60])
def test_messages_that_waited_for_each_other_are_not_advised_to_be_shorter(
    chunk_ms: int,
) -> None:
    assert late_with(chunk_ms, 10) == (
        f"late     60 of 60 frames late: messages of {chunk_ms} ms "
        "waited until 10 frames were answered at once: the backend or the server's host was "
        "busy, or is too slow"
    )


@pytest.mark.parametrize(
    ("backend", "remedy"),
    [
        ("toy", "take a faster backend, or a smaller model"),
        ("board:serial:/dev/ttyUSB0", "take one on a faster port (+baud=), "),
    ],
)
def test_a_stream_that_falls_behind_is_told_by_whom_and_what_helps(
    backend: str, remedy: str
) -> None:
    monitor = Monitor()
    monitor.take(replace(STARTED, engine=replace(ENGINE, backend=backend)))
    monitor.take(update(frames=10, latency_s=0.4))
    monitor.take(replace(FINISHED, compute_s=1.5))
    line = late_line(summed(monitor))
    told = f"late     10 of 10 frames late: {backend} takes 1.50 s for each second of audio: "
    assert line.startswith(told + remedy)


def test_frames_that_waited_for_each_other_have_no_latency_worth_showing() -> None:
    monitor = watched()
    monitor.take(FINISHED)
    assert not any(line.startswith("late") for line in summed(monitor, paced=False))


def test_energy_that_is_not_known_is_not_zero() -> None:
    assert "energy   not stated by this backend" in summed(Monitor())


def test_a_posteriorgram_shows_the_most_active_phonemes_over_time() -> None:
    phonemes = [f"P{n}" for n in range(20)]
    posteriors = np.full((5, 20), 1e-6, np.float32)
    for frame in range(5):
        posteriors[frame, 3 * frame] = 1.0
    drawn = posteriorgram(list(np.log(posteriors)), phonemes, columns=4)
    assert len(drawn) == ROWS
    bright = {row[:4].strip(): row[5:] for row in drawn if "█" in row}
    # Frame 0 is out of sight: only the last four columns are drawn.
    assert bright == {"P3": "█   ", "P6": " █  ", "P9": "  █ ", "P12": "   █"}


def test_before_the_first_frame_the_posteriorgram_is_empty() -> None:
    assert posteriorgram([], ENGINE.phonemes, 40) == [""] * ROWS


@pytest.mark.parametrize("width", [20, 80, 200])
def test_the_live_view_can_be_drawn_at_any_time_and_width(width: int) -> None:
    for monitor in (Monitor(), watched()):
        terminal = Console(file=io.StringIO(), force_terminal=True, width=width)
        with terminal.capture() as capture:
            terminal.print(LiveView(monitor, "a clip"))
        assert "latency" in capture.get()


def test_a_bar_is_for_terminals_only() -> None:
    elsewhere = io.StringIO()
    with progress(Console(file=elsewhere), "files") as show:
        show(1, 2)
    assert elsewhere.getvalue() == ""
    screen = io.StringIO()
    with progress(Console(file=screen, force_terminal=True), "files") as show:
        show(1, 2)
    assert "1 of 2 files" in screen.getvalue()
