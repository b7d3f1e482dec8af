"""Rates and their intervals, groups, and what is not known of all."""

from dataclasses import replace
from typing import Final

import numpy as np
import pytest

from vau.errors import ConfigInvalid
from vau.evaluation.edits import Edits, align
from vau.evaluation.emission import Delays
from vau.evaluation.frames import count_frames
from vau.evaluation.scores import (
    RESAMPLES,
    SEED,
    Heard,
    Score,
    gap,
    gap_ci95,
    is_float,
    percentile,
    scores,
    share_near,
)

SAID: Final = "abcdefghij"


def heard(name: str, got: str = SAID, said: str = SAID, **more: object) -> Heard:
    found = Heard(
        utterance=name,
        model="m",
        backend="muntaniala:4x4",
        pairs=tuple(align(list(said), list(got))),
    )
    return replace(found, **more)  # type: ignore[arg-type]


def erring(errors: int) -> str:
    return "x" * errors + SAID[errors:]


def score(*errors: int) -> Score:
    """Score utterances of ten phones each, with so many errors."""
    return Score(tuple(heard(f"u{n}", erring(each)) for n, each in enumerate(errors)))


def test_a_rate_is_over_all_phones_and_not_a_mean_of_rates() -> None:
    found = Score((heard("u", "", "ab"), heard("v")))
    assert found.edits == Edits(0, 0, 2)
    assert (found.phone_count, found.per) == (12, 2 / 12)


def test_the_interval_holds_the_rate_and_is_the_same_each_time() -> None:
    found = score(*range(8))
    low, high = found.per_ci95 or (1.0, 0.0)
    assert low < found.per < high
    assert score(*range(8)).per_ci95 == (low, high)


def test_the_interval_is_that_of_the_normal_approximation_for_many_utterances() -> None:
    errors = np.random.default_rng(1).integers(0, 6, 400)
    low, high = score(*errors).per_ci95 or (0.0, 0.0)
    half = 1.96 * errors.std() / 10 / np.sqrt(400)
    assert (high - low) / 2 == pytest.approx(half, rel=0.1)


def test_the_interval_is_that_of_all_draws_at_once() -> None:
    errors = [7, 0, 3, 1, 9]
    drawn = np.random.default_rng(SEED).integers(5, size=(RESAMPLES, 5))
    rates = np.array(errors)[drawn].sum(axis=1) / 50
    assert score(*errors).per_ci95 == tuple(np.percentile(rates, [2.5, 97.5]))


def test_one_utterance_has_no_interval() -> None:
    assert score(3).per_ci95 is None
    assert gap_ci95(score(3), score(2)) is None


def test_the_gap_is_paired() -> None:
    # Utterances differ much, but each has one error more than the yardstick's.
    ours, yardstick = score(1, 4, 8, 2), score(0, 3, 7, 1)
    assert gap(ours, yardstick) == pytest.approx(0.1)
    assert gap_ci95(ours, yardstick) == pytest.approx((0.1, 0.1))
    low, high = gap_ci95(score(0, 3, 9, 1), yardstick) or (0.0, 0.0)
    assert low < 0.05 < high


def test_what_each_backend_heard_is_gathered_in_the_order_of_the_manifest() -> None:
    other = [replace(heard(name), backend="float") for name in ("u", "v")]
    found = scores([heard("v"), other[1], heard("u"), other[0]], ["u", "v"])
    assert [each.backend for each in found] == ["muntaniala:4x4", "float"]
    assert [each.utterance for each in found[0].heard] == ["u", "v"]


def test_a_backend_whose_name_begins_like_the_yardsticks_is_another() -> None:
    assert is_float("float")
    assert is_float("float:x")
    assert not is_float("floaty:1")


def test_groups_are_scored_apart_and_only_if_all_utterances_have_one() -> None:
    parts = [
        heard("u", erring(2), speaker="7", gender="F"),
        heard("v", erring(4), speaker="5", gender="F"),
        heard("w", erring(6), speaker="7"),
    ]
    found = Score(tuple(parts))
    by_speaker = found.grouped(lambda each: each.speaker)
    assert by_speaker is not None
    assert {name: each.per for name, each in by_speaker.items()} == {"5": 0.4, "7": 0.4}
    assert [len(each.heard) for each in by_speaker.values()] == [1, 2]
    assert found.grouped(lambda each: each.gender) is None


def test_what_one_utterance_lacks_is_not_known_of_all() -> None:
    whole = heard(
        "u",
        frames=5,
        saturations=2,
        frame_counts=count_frames(np.zeros((5, 1), np.float32), np.zeros(5, int)),
        boundary_errors_ms=(10.0,),
        delays=Delays((1.0,), (2.0,)),
    )
    found = Score((whole, replace(whole, utterance="v")))
    assert (found.frames, found.saturations) == (10, 4)
    assert found.frame_counts is not None
    assert sum(found.frame_counts.frames) == 10
    assert found.shown_ms is not None
    assert found.stable_ms is not None
    assert (found.shown_ms.tolist(), found.stable_ms.tolist()) == ([1.0, 1.0], [2.0, 2.0])
    lacking = Score((whole, heard("v")))
    assert (lacking.frames, lacking.saturations, lacking.frame_counts) == (None,) * 3
    assert (lacking.boundary_errors_ms, lacking.shown_ms, lacking.stable_ms) == (None,) * 3


def test_confusions_count_what_was_heard_for_what_was_said() -> None:
    found = Score((heard("u", "axc", "abc"), heard("v", "axcd", "abc")))
    assert found.confusions["b", "x"] == 2
    assert found.confusions["a", "a"] == 2
    assert found.confusions[None, "d"] == 1


def test_percentiles_and_shares_of_nothing_are_not_known() -> None:
    values = np.array([0.0, 10.0, 20.0, 30.0])
    assert percentile(values, 50) == 15.0
    assert share_near(values) == 0.75
    for nothing in (None, values[:0]):
        assert percentile(nothing, 50) is None
        assert share_near(nothing) is None


def test_silence_alone_has_no_error_rate() -> None:
    with pytest.raises(ConfigInvalid, match="no reference phones besides silence"):
        Score((heard("u", "", ""),))
