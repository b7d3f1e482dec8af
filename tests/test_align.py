"""What is said is found in posteriors: the best of all ways, its times, and its scores."""

from collections.abc import Iterator, Sequence
from dataclasses import replace
from itertools import combinations, pairwise, product
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from praatio import textgrid

from tests.transcriptions import PHONEMES, transcribed
from vau.alignment import Script, align, alignment_object, is_phones, phones_script, write
from vau.alignment.graph import SILENT, START, Graph, graph_of
from vau.alignment.script import Pronunciation, Said
from vau.alignment.search import MOST_STEPS, MOST_WAYS, best_way, check_size
from vau.audio import HOP_SAMPLES
from vau.errors import ConfigInvalid
from vau.evaluation.manifest import Inventory
from vau.transcripts import Transcription

INVENTORY: Final = Inventory(PHONEMES, frozenset({"SIL"}))
SIL, AA, B = 0, 1, 2
LIKELY, UNLIKELY = 0.9, 0.1 / (len(PHONEMES) - 1)


def heard(*classes: int, samples: int | None = None) -> Transcription:
    """Return a recording in each frame of which one class is nearly certain."""
    rows = np.full((len(classes), len(PHONEMES)), UNLIKELY)
    rows[range(len(classes)), classes] = LIKELY
    done = transcribed([[]], len(classes) * HOP_SAMPLES if samples is None else samples)
    return replace(done, posteriors=np.log(rows).astype(np.float32), frames=len(rows))


def words(*pronunciations: tuple[Pronunciation, ...]) -> Script:
    return Script(tuple(Said(each, f"w{at}") for at, each in enumerate(pronunciations)))


def frames_of(script: Script, done: Transcription) -> list[tuple[str, int, int]]:
    """Return each phone with its first frame and the one behind its last."""
    return [
        (
            each.phone.symbol,
            each.phone.start_sample // HOP_SAMPLES,
            each.phone.end_sample // HOP_SAMPLES,
        )
        for each in align(script, done).phones
    ]


# --- the search --------------------------------------------------------------------------


def readings(script: Script, *, has_silence: bool) -> Iterator[list[int]]:
    """Yield every sequence of classes that a script may be, SILENT where it pauses.

    Written without the graph, for what the graph is compared with.
    """
    gaps = product((False, True) if has_silence else (False,), repeat=len(script.said) + 1)
    for pauses in gaps:
        for ways in product(*(each.pronunciations for each in script.said)):
            reading = [SILENT] * pauses[0]
            for way, pause in zip(ways, pauses[1:], strict=True):
                reading += [*way, *([SILENT] * pause)]
            yield reading


def best_score(script: Script, scores: NDArray[np.float64], *, has_silence: bool) -> float:
    """Return the score of the best of all ways to say it in these frames, tried one by one."""
    frames = len(scores)
    best = -np.inf
    for reading in readings(script, has_silence=has_silence):
        for cuts in combinations(range(1, frames), len(reading) - 1):
            spans = pairwise([0, *cuts, frames])
            score = sum(
                scores[start:end, class_id].sum()
                for (start, end), class_id in zip(spans, reading, strict=True)
            )
            best = max(best, score)
    return best


PRONUNCIATIONS: Final = st.lists(
    st.lists(st.integers(0, 2), min_size=1, max_size=2).map(tuple),
    min_size=1,
    max_size=2,
    unique=True,
).map(tuple)


@given(
    said=st.lists(PRONUNCIATIONS, min_size=1, max_size=3),
    frames=st.integers(1, 7),
    has_silence=st.booleans(),
    seed=st.integers(0, 1 << 30),
)
def test_no_way_to_say_it_is_better(
    said: list[tuple[Pronunciation, ...]], frames: int, has_silence: bool, seed: int
) -> None:
    script = words(*said)
    scores = np.random.default_rng(seed).normal(size=(frames, 4))
    graph = graph_of(script, has_silence=has_silence)
    if sum(min(map(len, pronunciations)) for pronunciations in said) > frames:
        with pytest.raises(ConfigInvalid, match=f"more phones than .* {frames} of 10 ms"):
            best_way(graph, scores)
        return
    path = best_way(graph, scores)
    assert_is_a_way(graph, path.tolist())
    score = sum(scores[at, graph.class_ids[state]] for at, state in enumerate(path))
    assert score == pytest.approx(best_score(script, scores, has_silence=has_silence))


def assert_is_a_way(graph: Graph, path: Sequence[int]) -> None:
    """Check that a path begins, goes on and ends as the graph allows."""
    assert START in graph.before[path[0]]
    assert path[-1] in graph.last
    for one, other in pairwise(path):
        assert one == other or one in graph.before[other]


def test_what_is_as_good_stays_in_its_phone() -> None:
    path = best_way(graph_of(words(((AA,),), ((B,),)), has_silence=False), np.zeros((4, 6)))
    assert path.tolist() == [0, 1, 1, 1]


@pytest.mark.parametrize(
    ("frames", "states", "ways", "why"),
    [
        (MOST_STEPS // 8 + 1, 8, 2, "about twelve minutes of speech; cut the recording"),
        (10, 8, MOST_WAYS + 1, "more than 254 pronunciations"),
    ],
)
def test_what_memory_does_not_hold_is_refused(
    frames: int, states: int, ways: int, why: str
) -> None:
    check_size(MOST_STEPS // 8, 8, MOST_WAYS)
    with pytest.raises(ConfigInvalid, match=why):
        check_size(frames, states, ways)


# --- times -------------------------------------------------------------------------------


def test_silence_may_be_anywhere_and_need_not_be() -> None:
    script = words(((AA, B),), ((AA,),))
    pausing = heard(SIL, AA, AA, B, SIL, SIL, AA, SIL)
    assert frames_of(script, pausing) == [("AA", 1, 3), ("B", 3, 4), ("AA", 6, 7)]
    hasty = heard(AA, B, B, AA)
    assert frames_of(script, hasty) == [("AA", 0, 1), ("B", 1, 3), ("AA", 3, 4)]


def test_within_a_word_there_is_no_silence() -> None:
    assert frames_of(words(((AA, B),)), heard(AA, SIL, SIL, B)) in (
        [("AA", 0, split), ("B", split, 4)] for split in (1, 2, 3)
    )


def test_silence_that_is_written_down_is_a_phone() -> None:
    script = phones_script("AA SIL B", INVENTORY)
    assert frames_of(script, heard(AA, SIL, SIL, B)) == [
        ("AA", 0, 1),
        ("SIL", 1, 3),
        ("B", 3, 4),
    ]


def test_a_model_without_silence_says_phones_from_end_to_end() -> None:
    done = heard(SIL, AA, B, SIL)
    done = replace(done, engine=replace(done.engine, silence_ids=frozenset()))
    assert frames_of(words(((AA,),), ((B,),)), done) == [("AA", 0, 2), ("B", 2, 4)]


def test_the_audio_chooses_the_pronunciation() -> None:
    script = words(((AA,), (B, AA), (B,)))
    assert [phone for phone, *_ in frames_of(script, heard(B, B, AA, SIL))] == ["B", "AA"]
    assert [phone for phone, *_ in frames_of(script, heard(SIL, AA, AA, SIL))] == ["AA"]


def test_no_phone_ends_behind_the_audio() -> None:
    found = align(words(((AA,),)), heard(AA, AA, samples=HOP_SAMPLES + 7))
    assert found.phones[0].phone.end_sample == HOP_SAMPLES + 7


def test_more_phones_than_frames_are_refused() -> None:
    with pytest.raises(ConfigInvalid, match="has more phones than the recording has frames, 2"):
        align(words(((AA, B),), ((AA,),)), heard(AA, B))


def test_nothing_is_found_in_logits() -> None:
    with pytest.raises(ValueError, match="log posteriors were not kept"):
        align(words(((AA,),)), replace(heard(AA), posteriors=np.zeros((1, 5), np.int32)))


# --- scores ------------------------------------------------------------------------------


def test_a_score_is_the_mean_over_the_frames_less_that_of_the_best_rival() -> None:
    rows = np.log([[0.1, 0.5, 0.2, 0.1, 0.1], [0.1, 0.3, 0.4, 0.1, 0.1]])
    done = replace(heard(AA, AA), posteriors=rows.astype(np.float32))
    (found,) = align(words(((AA,),)), done).phones
    expected = (np.log(0.5) + np.log(0.3)) / 2 - (np.log(0.2) + np.log(0.4)) / 2
    assert found.gop_nats == pytest.approx(expected, rel=1e-6)
    assert found.rival == "B"
    assert found.phone.confidence == pytest.approx(0.4)


def test_what_was_not_said_scores_below_zero_and_names_what_was() -> None:
    done = heard(SIL, AA, AA, B, B, AA, SIL)
    assert done.posteriors is not None
    done.posteriors[3:5, PHONEMES.index('q"t')] = np.log(0.1)  # nearer to B than others are
    right = align(phones_script("AA B AA", INVENTORY), done).phones
    wrong = align(phones_script('AA q"t AA', INVENTORY), done).phones
    assert wrong[0] == right[0]
    assert wrong[2] == right[2]
    assert wrong[1].gop_nats == pytest.approx(np.log(0.1 / LIKELY), rel=1e-6)
    assert (right[1].gop_nats > 0, wrong[1].rival) == (True, "B")


def test_a_posterior_of_nothing_is_a_score_all_the_same() -> None:
    rows = np.full((1, 5), -np.inf, np.float32)
    rows[0, B] = 0.0
    (found,) = align(words(((AA,),)), replace(heard(AA), posteriors=rows)).phones
    assert found.gop_nats == -80.0


def test_a_word_scores_the_mean_of_its_phones() -> None:
    found = align(words(((AA, B),), ((B,),)), heard(AA, AA, AA, SIL, SIL))
    first, second = found.words
    assert first.gop_nats == pytest.approx(np.mean([each.gop_nats for each in first.phones]))
    assert found.gop_nats == pytest.approx(np.mean([each.gop_nats for each in found.phones]))
    assert (first.start_sample, second.text) == (0, "w1")


# --- what is phones ----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("AA B", True),
        ("AA1 B", True),
        ("aa b", False),
        ("AA b", False),
        ("A", False),
        ("", False),
    ],
)
def test_a_text_is_phones_if_every_word_of_it_is_one_in_upper_case(
    text: str, expected: bool
) -> None:
    assert is_phones(text, INVENTORY) is expected


def test_phones_that_a_model_writes_in_lower_case_are_text_until_a_flag_says_otherwise() -> (
    None
):
    assert not is_phones("aa b", Inventory(("sil", "aa", "b"), frozenset({"sil"})))


def test_phones_that_the_model_does_not_know_are_named() -> None:
    with pytest.raises(ConfigInvalid, match="does not know QQ, X; it knows SIL AA B"):
        phones_script("AA QQ X", INVENTORY)
    with pytest.raises(ConfigInvalid, match="there is no phone"):
        phones_script(" ", INVENTORY)


# --- files -------------------------------------------------------------------------------


def test_praatio_reads_words_phones_and_scores(tmp_path: Path) -> None:
    found = align(words(((AA, B),), ((AA,),)), heard(SIL, AA, B, SIL, AA))
    write(found, tmp_path / "x", ["textgrid"])
    grid = textgrid.openTextgrid(
        str(tmp_path / "x.TextGrid"), includeEmptyIntervals=True, reportingMode="error"
    )
    tiers = {
        name: [tuple(each) for each in grid.getTier(name).entries] for name in grid.tierNames
    }
    assert grid.maxTimestamp == 0.05
    gop = f"{np.log(LIKELY / UNLIKELY):.2f}"
    assert tiers == {
        "words": [(0, 0.01, ""), (0.01, 0.03, "w0"), (0.03, 0.04, ""), (0.04, 0.05, "w1")],
        "phones": [
            (0, 0.01, ""),
            (0.01, 0.02, "AA"),
            (0.02, 0.03, "B"),
            (0.03, 0.04, ""),
            (0.04, 0.05, "AA"),
        ],
        "gop": [
            (0, 0.01, ""),
            (0.01, 0.02, gop),
            (0.02, 0.03, gop),
            (0.03, 0.04, ""),
            (0.04, 0.05, gop),
        ],
    }


def test_phones_alone_have_no_tier_of_words(tmp_path: Path) -> None:
    write(align(phones_script("AA", INVENTORY), heard(AA)), tmp_path / "x", ["textgrid"])
    grid = textgrid.openTextgrid(str(tmp_path / "x.TextGrid"), includeEmptyIntervals=True)
    assert grid.tierNames == ("phones", "gop")


def test_an_alignment_as_json_says_which_word_a_phone_is_of() -> None:
    said = alignment_object(align(words(((AA, B),), ((AA,),)), heard(SIL, AA, B, SIL, AA)))
    assert said["schema"] == "vau.alignment/1"
    assert [(each["symbol"], each["word"]) for each in said["phones"]] == [
        ("AA", 0),
        ("B", 0),
        ("AA", 1),
    ]
    assert said["words"][1] == {
        "text": "w1",
        "start_sample": 640,
        "end_sample": 800,
        "gop_nats": round(float(np.log(LIKELY / UNLIKELY)), 6),
    }
    alone = alignment_object(align(phones_script("AA", INVENTORY), heard(AA)))
    assert (alone["words"], alone["phones"][0]["word"]) == ([], None)


def test_the_other_formats_are_those_of_transcripts(tmp_path: Path) -> None:
    found = align(phones_script("AA B", INVENTORY), heard(SIL, AA, B))
    write(found, tmp_path / "x", ["ctm", "audacity"])
    assert (
        tmp_path / "x.ctm"
    ).read_text() == "x 1 0.010 0.010 AA 0.900\nx 1 0.020 0.010 B 0.900\n"
    assert (tmp_path / "x.labels.txt").read_text() == (
        "0.010000\t0.020000\tAA\n0.020000\t0.030000\tB\n"
    )
