"""Where speech begins, ends and ends a segment: rules on frames, however these were cut."""

from collections.abc import Sequence
from itertools import groupby, pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.checkpoint.form import Reader, Writer
from vau.endpoint import ONSET_FRAMES, PAUSE_FRAMES, Endpointer, EndReason, Rules, Turning
from vau.errors import ResumeInvalid

RULES = st.builds(
    Rules,
    start_frames=st.sampled_from([0, 10, 23]),
    silence_frames=st.sampled_from([0, 10, 17]),
    segment_frames=st.sampled_from([0, 10, 31]),
)
RUNS = st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=14)
"""So many frames of speech, or of none, in a row: drawn one by one they would rarely be one."""

Said = tuple[list[Turning], list[tuple[int, EndReason]]]


def frames_of(runs: Sequence[tuple[bool, int]]) -> list[bool]:
    return [speech for speech, count in runs for _ in range(count)]


def pattern(text: str) -> list[bool]:
    """Read ``#5 .10`` as five frames of speech and ten of none."""
    return frames_of([(part[0] == "#", int(part[1:])) for part in text.split()])


def say(endpointer: Endpointer, frames: Sequence[bool], first: int = 0) -> Said:
    """Return what some frames say: turnings, and behind which frame a segment ends and why."""
    turnings: list[Turning] = []
    boundaries: list[tuple[int, EndReason]] = []
    rest, at = list(frames), first
    while rest:
        stretch = endpointer.advance(rest)
        turnings += stretch.turnings
        at += stretch.frames
        del rest[: stretch.frames]
        if stretch.boundary is not None:
            boundaries.append((at, stretch.boundary))
    return turnings, boundaries


def whole(rules: Rules, frames: Sequence[bool]) -> Said:
    endpointer = Endpointer(rules)
    turnings, boundaries = say(endpointer, frames)
    return [*turnings, *endpointer.finish()], boundaries


@given(rules=RULES, runs=RUNS, cuts=st.lists(st.integers(0, 300), max_size=8))
def test_what_is_said_does_not_depend_on_how_the_frames_were_cut(
    rules: Rules, runs: list[tuple[bool, int]], cuts: list[int]
) -> None:
    frames = frames_of(runs)
    edges = sorted({0, len(frames), *(min(cut, len(frames)) for cut in cuts)})
    endpointer, turnings, boundaries = Endpointer(rules), list[Turning](), []
    for first, last in pairwise(edges):
        turned, ended = say(endpointer, frames[first:last], first)
        turnings += turned
        boundaries += ended
    assert ([*turnings, *endpointer.finish()], boundaries) == whole(rules, frames)


@given(rules=RULES, runs=RUNS, cut=st.integers(0, 300))
def test_a_saved_endpointer_goes_on_as_if_it_had_not_been(
    rules: Rules, runs: list[tuple[bool, int]], cut: int
) -> None:
    frames = frames_of(runs)
    before, after = Endpointer(rules), Endpointer(rules)
    say(before, frames[:cut])
    out = Writer()
    before.save(out)
    after.restore(Reader(out.bytes()))
    expected = say(before, frames[cut:]), before.finish()
    assert (say(after, frames[cut:]), after.finish()) == expected


@given(runs=RUNS, silence=st.sampled_from([0, 10, 17]))
def test_speech_is_where_rows_of_it_are_with_no_longer_pause_between(
    runs: list[tuple[bool, int]], silence: int
) -> None:
    """The definition, read the other way round: from all the frames at once."""
    frames = frames_of(runs)
    pause = silence or PAUSE_FRAMES
    spans: list[list[int]] = []
    for speech, row in groupby(enumerate(frames), key=lambda each: each[1]):
        places = [place for place, _ in row]
        if not speech or len(places) < ONSET_FRAMES:
            continue
        # A row counts from its fifth frame on; by then the pause before it may be over.
        if spans and places[0] + ONSET_FRAMES - 1 - spans[-1][1] < pause:
            spans[-1][1] = places[-1] + 1
        else:
            spans.append([places[0], places[-1] + 1])
    turnings, boundaries = whole(Rules(silence_frames=silence), frames)
    assert turnings == [
        Turning(begins, frame)
        for span in spans
        for begins, frame in zip((True, False), span, strict=True)
    ]
    ended = [end + pause for _, end in spans if silence and end + pause <= len(frames)]
    assert boundaries == [(frame, EndReason.SILENCE) for frame in ended]


@given(runs=RUNS, most=st.integers(10, 40), rules=RULES)
def test_no_segment_is_longer_than_it_may_be(
    runs: list[tuple[bool, int]], most: int, rules: Rules
) -> None:
    frames = frames_of(runs)
    rules = Rules(silence_frames=rules.silence_frames, segment_frames=most)
    ends = [0, *(frame for frame, _ in whole(rules, frames)[1])]
    assert all(last - first <= most for first, last in pairwise(ends))
    assert len(frames) - ends[-1] < most


@pytest.mark.parametrize(
    ("rules", "heard", "said"),
    [
        (Rules(silence_frames=10), "#5 .10", [(15, EndReason.SILENCE)]),
        (Rules(silence_frames=10), "#5 .9 #1", [(15, EndReason.SILENCE)]),
        (Rules(silence_frames=10), "#5 .5 #5 .9", []),
        (Rules(silence_frames=10), "#4 .30", []),
        (Rules(start_frames=10), ".10", [(10, EndReason.NO_SPEECH)]),
        (Rules(start_frames=10), ".25", [(10, EndReason.NO_SPEECH), (20, EndReason.NO_SPEECH)]),
        (Rules(start_frames=10), ".8 #5 .40", []),
        (Rules(start_frames=10), ".8 #3 .1", [(12, EndReason.NO_SPEECH)]),
        (
            Rules(segment_frames=10),
            "#25",
            [(10, EndReason.MAX_SEGMENT), (20, EndReason.MAX_SEGMENT)],
        ),
        (
            Rules(silence_frames=10, segment_frames=15),
            "#5 .10",
            [(15, EndReason.SILENCE)],
        ),
    ],
)
def test_rules_by_example(rules: Rules, heard: str, said: list[tuple[int, EndReason]]) -> None:
    assert whole(rules, pattern(heard))[1] == said


def test_a_segment_that_ends_amid_speech_leaves_the_speech_alone() -> None:
    turnings, boundaries = whole(Rules(segment_frames=10, start_frames=10), pattern("#35"))
    assert turnings == [Turning(True, 0), Turning(False, 35)]
    assert {reason for _, reason in boundaries} == {EndReason.MAX_SEGMENT}


def test_a_rule_of_less_than_no_frames_is_refused() -> None:
    with pytest.raises(ValueError, match="silence_frames=-1"):
        Rules(silence_frames=-1)


def test_a_state_that_none_writes_is_refused() -> None:
    out = Writer()
    for value in (20, 20, 0, 10):
        out.count(value)
    out.flag(True)
    with pytest.raises(ResumeInvalid):
        Endpointer(Rules(silence_frames=10)).restore(Reader(out.bytes()))
