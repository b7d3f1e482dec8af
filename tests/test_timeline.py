"""Timelines: what they refuse, count and show, as text, trace and picture."""

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from vau.errors import ConfigInvalid
from vau.timeline import WAIT, Span, Timeline, draw, text, trace
from vau.timeline.picture import timeline_figure

CLOCK_HZ = 10e6

SMALL = (
    Span("core/phases", "multiply", 0, 60, frame=0),
    Span("core/phases", "add", 60, 40, frame=0),
    Span("core/lane 0", "multiply", 0, 60, "row 1", frame=0),
    Span("core/lane 0", WAIT, 60, 40, frame=0),
    Span("memory/port", "fetch", 100, 30),
)


def timeline(*spans: Span, title: str = "toy", clock_hz: float = CLOCK_HZ) -> Timeline:
    return Timeline(title=title, clock_hz=clock_hz, spans=spans or SMALL)


@st.composite
def timelines(draw_one: st.DrawFn) -> Timeline:
    """Any tracks and names; spans of a track follow each other, some after a gap."""
    names = st.text("abcdeµ/ 01_", min_size=1, max_size=9) | st.just(40 * "x" + "/" + 40 * "x")
    tracks = draw_one(st.lists(names, min_size=1, max_size=12, unique=True))
    lengths = st.tuples(st.integers(0, 500), st.integers(1, 100_000))
    spans = []
    for track in tracks:
        now = 0
        for gap, cycles in draw_one(st.lists(lengths, min_size=1, max_size=8)):
            frame = draw_one(st.none() | st.integers(0, 9))
            name = draw_one(st.just(WAIT) | names)
            spans.append(Span(track, name, now + gap, cycles, frame=frame))
            now += gap + cycles
    clock_hz = draw_one(st.sampled_from([7.3e6, 10e6, 159e6, 168e6, 1e9]))
    return timeline(*spans, title=draw_one(names), clock_hz=clock_hz)


@pytest.mark.parametrize(("start_cycle", "cycles"), [(-1, 5), (0, 0), (3, -1)])
def test_a_span_without_a_cycle_or_before_cycle_0_is_refused(
    start_cycle: int, cycles: int
) -> None:
    with pytest.raises(ValueError, match="core: add of"):
        Span("core", "add", start_cycle, cycles)


def test_a_track_cannot_do_two_things_at_once() -> None:
    with pytest.raises(ValueError, match="core: add starts in cycle 4, but multiply ends in"):
        timeline(Span("core", "add", 4, 2), Span("core", "multiply", 0, 5))


def test_two_tracks_can_do_two_things_at_once() -> None:
    assert timeline(Span("one", "add", 0, 5), Span("two", "add", 0, 5)).end_cycle == 5


def test_a_timeline_of_nothing_is_refused() -> None:
    with pytest.raises(ValueError, match="spans is empty"):
        Timeline(title="toy", clock_hz=CLOCK_HZ, spans=())


@pytest.mark.parametrize("clock_hz", [0.0, -1.0, float("nan"), float("inf")])
def test_a_clock_that_is_no_frequency_is_refused(clock_hz: float) -> None:
    with pytest.raises(ValueError, match="clock_hz"):
        timeline(clock_hz=clock_hz)


def test_tracks_stand_in_their_groups_in_the_order_of_appearance() -> None:
    spans = [Span(track, "add", 0, 1) for track in ("b/2", "a/1", "b/1", "alone")]
    assert timeline(*spans).groups == {"b": ["b/2", "b/1"], "a": ["a/1"], "alone": ["alone"]}


def test_names_of_work_on_frames_come_first_and_waiting_last() -> None:
    spans = [
        Span("core", WAIT, 0, 1, frame=0),
        Span("core", "load", 1, 1),
        Span("core", "multiply", 2, 1, frame=0),
        Span("core", "add", 3, 1, frame=0),
    ]
    assert timeline(*spans).names == ["multiply", "add", "load", WAIT]


def test_a_frame_lasts_from_its_first_cycle_to_its_last() -> None:
    spans = [
        Span("one", "add", 5, 10, frame=1),
        Span("one", "add", 0, 5, frame=0),
        Span("two", "add", 15, 7, frame=1),
        Span("two", "fetch", 0, 3),
    ]
    assert timeline(*spans).frames == {1: (5, 22), 0: (0, 5)}


def test_totals_of_a_track_count_each_name_and_waiting_too() -> None:
    assert timeline().totals("core/lane 0") == {"multiply": 60, WAIT: 40}


def test_waiting_is_no_work() -> None:
    assert timeline().working() == {"core/phases": 100, "core/lane 0": 60, "memory/port": 30}
    assert timeline().occupancy() == {
        "core/phases": 100 / 130,
        "core/lane 0": 60 / 130,
        "memory/port": 30 / 130,
    }


def test_the_text_has_totals_of_each_group_and_a_bar_for_each_track() -> None:
    lines = [line.rstrip() for line in text(timeline()).splitlines()]
    assert lines == [
        "toy",
        "130 cycles at 10 MHz, 13 µs, estimated",
        "",
        "cycles                         core     memory",
        "m multiply                       60          0",
        "a add                            40          0",
        "f fetch                           0         30",
        "  sum                           100         30",
        "",
        "core                    busy",
        f"  phases                 77% |{30 * 'm'}{20 * 'a'}{15 * ' '}|",
        f"  lane 0                 46% |{30 * 'm'}{20 * '.'}{15 * ' '}|",
        "",
        "memory                  busy",
        f"  port                   23% |{50 * ' '}{15 * 'f'}|",
    ]


@given(timelines())
def test_the_text_is_never_wider_than_96_columns(any_timeline: Timeline) -> None:
    assert max(map(len, text(any_timeline).split("\n"))) <= 96


def test_names_with_the_same_first_letter_get_different_characters() -> None:
    spans = [Span("core", name, at, 1) for at, name in enumerate(["add", "adder", "ad", "a"])]
    bar = text(timeline(*spans)).splitlines()[-1].partition("|")[2]
    assert sorted(set(bar) - {"|"}) == ["0", "A", "a", "d"]


def test_a_letter_is_an_initial_of_its_name_where_one_is_free_in_either_case() -> None:
    names = ["sum and bias", "new c", "new h", "exposed", "stall", "W x", "_weights"]
    spans = [Span("core", name, at, 1) for at, name in enumerate(names)]
    lines = [line for line in text(timeline(*spans)).splitlines() if line]
    letters = {line[2:].split("  ")[0]: line[0] for line in lines}
    assert [letters[name] for name in names] == ["s", "n", "h", "e", "S", "W", "w"]


def test_a_letter_that_stands_in_no_total_is_explained_beside_them() -> None:
    spans = Span("core/all", "add", 0, 5), Span("core/lane", "multiply", 0, 5)
    assert "also m multiply" in text(timeline(*spans)).splitlines()


def test_a_part_that_works_too_little_for_a_per_cent_does_not_work_none() -> None:
    spans = (
        Span("core/all", "add", 0, 1000),
        Span("core/busy", "add", 0, 5),
        Span("core/rare", "add", 0, 4),
        Span("core/never", WAIT, 0, 5),
    )
    shares = {line[2:7].strip(): line[24:28] for line in text(timeline(*spans)).split("\n")}
    assert [shares[part] for part in ("busy", "rare", "never")] == ["  0%", " <1%", "  0%"]


@pytest.mark.parametrize(
    ("cycles", "length"),
    [(1, "0.1 µs"), (9_996, "1 ms"), (12_340, "1.23 ms"), (25_000_000, "2.5 s")],
)
def test_the_length_is_given_in_a_unit_that_suits(cycles: int, length: str) -> None:
    found = timeline(Span("core", "add", 0, cycles)).length
    assert found == f"{cycles:,} cycles at 10 MHz, {length}, estimated"


def test_a_trace_names_groups_as_processes_and_parts_as_threads() -> None:
    named = [
        (event["name"], event["pid"], event["tid"], event["args"]["name"])
        for event in trace(timeline())["traceEvents"]
        if event["name"] in {"process_name", "thread_name"}
    ]
    assert named == [
        ("process_name", 1, 0, "core"),
        ("thread_name", 1, 1, "phases"),
        ("thread_name", 1, 2, "lane 0"),
        ("process_name", 2, 0, "memory"),
        ("thread_name", 2, 1, "port"),
    ]


def test_a_trace_has_each_span_in_microseconds_and_in_cycles() -> None:
    events = [event for event in trace(timeline())["traceEvents"] if event["ph"] == "X"]
    assert len(events) == len(SMALL)
    multiply, fetch = events[2], events[4]
    assert multiply == {
        "ph": "X",
        "pid": 1,
        "tid": 2,
        "name": "multiply",
        "cat": "estimated",
        "ts": 0.0,
        "dur": pytest.approx(6.0),
        "args": {"start_cycle": 0, "cycles": 60, "detail": "row 1", "frame": 0},
    }
    assert (fetch["ts"], fetch["dur"]) == (pytest.approx(10.0), pytest.approx(3.0))
    assert fetch["args"] == {"start_cycle": 100, "cycles": 30}


def test_a_trace_is_json_that_says_it_is_an_estimate() -> None:
    found = json.loads(json.dumps(trace(timeline()), allow_nan=False))
    assert found["otherData"]["origin"] == "estimated"
    assert found["displayTimeUnit"] == "ns"


# 2.4 and 29.9 µs are 32.3 µs, but 32.3 * 1000 is a little less than 32300 in floating point.
ROUNDED_DOWN = (Span("core", "add", 24, 299), Span("core", "multiply", 323, 1))


@given(timelines())
@example(timeline(*ROUNDED_DOWN))
def test_no_slice_begins_before_the_last_one_ended_when_cut_to_nanoseconds(
    any_timeline: Timeline,
) -> None:
    ends_ns: dict[tuple[int, int], int] = {}
    events = [event for event in trace(any_timeline)["traceEvents"] if event["ph"] == "X"]
    for event in sorted(events, key=lambda event: event["args"]["start_cycle"]):
        thread, start_ns = (event["pid"], event["tid"]), int(event["ts"] * 1000)
        assert start_ns >= ends_ns.get(thread, 0)
        ends_ns[thread] = start_ns + int(event["dur"] * 1000)


def test_the_same_spans_are_drawn_to_the_same_bytes(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    files = [tmp_path / "one.png", tmp_path / "two.png"]
    for file in files:
        draw(timeline(), file)
    assert files[0].read_bytes().startswith(b"\x89PNG")
    assert files[0].read_bytes() == files[1].read_bytes()


def test_odd_frames_are_drawn_otherwise_than_even_ones(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    for frame in (0, 1):
        spans = Span("core/all", "add", 0, 5), Span("core/one", "add", 0, 5, frame=frame)
        draw(timeline(*spans), tmp_path / f"{frame}.png")
    assert (tmp_path / "0.png").read_bytes() != (tmp_path / "1.png").read_bytes()


def bars(any_timeline: Timeline) -> list[Any]:
    """Return what is drawn of each track, name and shade, an empty one per name behind them."""
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    return list(timeline_figure(any_timeline).axes[0].collections)


def test_every_track_is_drawn_within_the_picture_to_its_whole_height() -> None:
    alone = Span("core/phases", "add", 0, 5), Span("memory/port", "fetch", 0, 5)
    lowest = max(
        path.vertices[:, 1].max() for bar in bars(timeline(*alone)) for path in bar.get_paths()
    )
    (axes,) = timeline_figure(timeline(*alone)).axes[:1]
    assert lowest < axes.get_ylim()[0]


def test_thirty_names_are_told_apart_by_colour_or_hatch() -> None:
    spans = [Span("core", f"name {at}", at, 1) for at in range(30)]
    drawn = bars(timeline(*spans, Span("core", WAIT, 30, 1)))[:31]
    looks = {(tuple(bar.get_facecolor()[0]), bar.get_hatch()) for bar in drawn}
    assert len(looks) == 31


def test_ten_names_have_colours_of_their_own() -> None:
    drawn = bars(timeline(*(Span("core", f"name {at}", at, 1) for at in range(10))))[:10]
    assert len({tuple(bar.get_facecolor()[0]) for bar in drawn}) == 10


def test_a_span_too_short_to_be_seen_is_drawn_longer_but_over_no_neighbour() -> None:
    spans = (
        Span("core", "rare", 0, 1),
        Span("core", "add", 100_000, 1),
        Span("core", "fill", 100_002, 900_000),
    )
    widths = [bar.get_paths()[0].get_extents().width for bar in bars(timeline(*spans))[:3]]
    assert widths == pytest.approx([1_000_002 / 700, 2, 900_000])


def test_the_axis_says_that_short_work_is_drawn_longer_only_if_it_is() -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    short = timeline_figure(timeline(Span("core", "add", 0, 1), Span("core", "add", 700, 700)))
    assert "work of less than 2 is drawn so long" in short.axes[0].get_xlabel()
    assert timeline_figure(timeline()).axes[0].get_xlabel() == "cycles"


def test_a_picture_that_cannot_be_written_says_where_and_what_to_do(tmp_path: Path) -> None:
    pytest.importorskip("matplotlib", reason="matplotlib is not installed; of extra plots")
    with pytest.raises(ConfigInvalid, match=r"nowhere.*choose another place"):
        draw(timeline(), tmp_path / "nowhere" / "x.png")


def test_without_matplotlib_it_says_how_to_install_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, "matplotlib.figure", None)
    with pytest.raises(ConfigInvalid, match=r"pip install 'vau\[plots\]'"):
        draw(timeline(), tmp_path / "x.png")
