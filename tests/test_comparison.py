"""Divergences of posteriors, against the definitions computed one number at a time."""

from dataclasses import astuple, fields
from math import exp, inf, log

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vau.comparison import (
    Divergence,
    Posteriors,
    diverge,
    first_logit,
    first_place,
    joined,
    spread,
)

CLASSES = 4
ROUNDING = 1e-12  # of float64, over a few sums

shares = st.lists(st.floats(1e-3, 1.0), min_size=CLASSES, max_size=CLASSES)
frames = st.lists(st.tuples(shares, shares), min_size=1, max_size=5)


def posteriors(rows: object, logits: object = None) -> Posteriors:
    """Return distributions in the proportions of ``rows``, as a backend answers them."""
    p = np.asarray(rows, np.float64)
    p = p / p.sum(axis=1, keepdims=True)
    return Posteriors(
        np.log(p).astype(np.float32), None if logits is None else np.asarray(logits, np.int32)
    )


def plain(log_prob: NDArray[np.float32]) -> list[float]:
    """Return the posteriors of one frame, made to sum to 1."""
    p = [exp(float(each)) for each in log_prob]
    return [each / sum(p) for each in p]


@given(frames)
def test_the_measures_are_those_of_their_definitions(
    rows: list[tuple[list[float], ...]],
) -> None:
    mine, its = (posteriors([row[side] for row in rows]) for side in (0, 1))
    found = diverge(mine, its, same_arithmetic=False)
    for at in range(len(rows)):
        p, q = plain(mine.log_prob[at]), plain(its.log_prob[at])
        apart = [abs(one - other) for one, other in zip(p, q, strict=True)]
        kl = sum(one * log(one / other) for one, other in zip(p, q, strict=True))
        assert found.total_variation[at] == pytest.approx(sum(apart) / 2, abs=ROUNDING)
        assert found.kl_nats[at] == pytest.approx(kl, abs=ROUNDING)
        assert found.largest_difference[at] == pytest.approx(max(apart), abs=ROUNDING)
        best = [
            row.index(max(row))
            for row in (mine.log_prob[at].tolist(), its.log_prob[at].tolist())
        ]
        assert found.is_other_best[at] == (best[0] != best[1])
        assert found.is_different[at] == any(mine.log_prob[at] != its.log_prob[at])


@given(frames)
def test_total_variation_is_symmetric_and_bounds_the_others(
    rows: list[tuple[list[float], ...]],
) -> None:
    mine, its = (posteriors([row[side] for row in rows]) for side in (0, 1))
    there = diverge(mine, its, same_arithmetic=False)
    back = diverge(its, mine, same_arithmetic=False)
    np.testing.assert_array_equal(there.total_variation, back.total_variation)
    assert (there.largest_difference <= there.total_variation + ROUNDING).all()
    # Pinsker's inequality.
    assert (there.total_variation <= np.sqrt(there.kl_nats / 2) + 1e-7).all()


@given(st.lists(shares, min_size=1, max_size=5))
def test_equal_posteriors_are_apart_by_exactly_nothing(rows: list[list[float]]) -> None:
    mine = posteriors(rows)
    found = diverge(mine, mine, same_arithmetic=True)
    assert not any(getattr(found, field.name).any() for field in fields(Divergence))


def test_what_the_other_rules_out_is_infinitely_far() -> None:
    with np.errstate(divide="ignore"):
        mine, its = posteriors([[1, 1, 0, 0]]), posteriors([[1, 0, 0, 0]])
    there = diverge(mine, its, same_arithmetic=False)
    assert there.kl_nats.tolist() == [inf]
    assert there.total_variation.tolist() == [0.5]
    back = diverge(its, mine, same_arithmetic=False)
    assert back.kl_nats[0] == pytest.approx(log(2), abs=1e-7)  # of float32 logs


def test_a_single_frame_that_differs_is_found_at_its_place() -> None:
    rows = np.full((50, CLASSES), 1.0)
    rows[:, 2] = 5.0
    other = rows.copy()
    other[31] = [9.0, 1.0, 1.0, 1.0]
    mine, its = posteriors(rows), posteriors(other)
    found = diverge(mine, its, same_arithmetic=False)
    for marks in (found.is_different, found.is_other_best, found.is_beyond(0.5)):
        assert np.flatnonzero(marks).tolist() == [31]
    place = first_place(found.is_different, mine, its)
    assert place is not None
    assert (place.frame, place.reference_class, place.other_class) == (31, 2, 0)
    assert place.reference_posterior == pytest.approx(5 / 8, abs=1e-7)  # of float32 logs
    assert place.other_posterior == pytest.approx(9 / 12, abs=1e-7)
    assert place.total_variation == found.total_variation[31]


def test_the_first_of_several_marked_frames_is_described() -> None:
    mine = posteriors([[1, 2, 3, 4]] * 6)
    marks = np.isin(np.arange(6), [2, 3, 5])
    place = first_place(marks, mine, mine)
    assert place is not None
    assert place.frame == 2
    assert first_place(np.zeros(6, np.bool_), mine, mine) is None


def test_a_logit_counts_only_in_the_same_arithmetic() -> None:
    rows = [[1, 2, 3, 4]] * 3
    logits = np.arange(12).reshape(3, CLASSES)
    other = logits.copy()
    other[1, 2:] += 1
    mine, its = posteriors(rows, logits), posteriors(rows, other)
    assert diverge(mine, its, same_arithmetic=True).is_different.tolist() == [
        False,
        True,
        False,
    ]
    assert not diverge(mine, its, same_arithmetic=False).is_different.any()
    place = first_logit(mine, its)
    assert place is not None
    assert astuple(place) == (1, 2, 6, 7)
    assert first_logit(mine, mine) is None
    assert first_logit(mine, posteriors(rows)) is None


def test_a_tolerance_of_nothing_marks_what_rounds_to_nothing() -> None:
    rows, logits = [[1, 2, 3, 4]], np.zeros((1, CLASSES))
    mine, its = posteriors(rows, logits), posteriors(rows, logits + 1)
    found = diverge(mine, its, same_arithmetic=True)
    assert found.total_variation.tolist() == [0.0]
    assert found.is_beyond(0.0).tolist() == [True]
    assert found.is_beyond(0.01).tolist() == [False]


def test_a_frame_at_the_tolerance_is_not_beyond_it() -> None:
    mine, its = posteriors([[1, 0.5, 0.25, 0.25]]), posteriors([[0.25, 0.5, 0.25, 1]])
    found = diverge(mine, its, same_arithmetic=False)
    at = float(found.total_variation[0])
    assert not found.is_beyond(at).any()
    assert found.is_beyond(np.nextafter(at, 0.0)).all()


def test_percentiles_are_values_that_occurred() -> None:
    found = spread(np.arange(1.0, 101.0))
    assert found is not None
    assert astuple(found) == (50.5, 50.0, 99.0, 100.0)
    assert spread(np.zeros(0)) is None


def test_recordings_are_joined_frame_by_frame() -> None:
    mine, its = posteriors([[1, 2, 3, 4]] * 2), posteriors([[4, 3, 2, 1]] * 2)
    equal = diverge(mine, mine, same_arithmetic=False)
    apart = diverge(mine, its, same_arithmetic=False)
    assert joined([equal, apart]).is_other_best.tolist() == [False, False, True, True]
    assert len(joined([apart])) == 2


def test_posteriors_of_other_frames_are_refused() -> None:
    mine = posteriors([[1, 2, 3, 4]])
    with pytest.raises(ValueError, match=r"\(1, 4\) and \(2, 4\)"):
        diverge(mine, posteriors([[1, 2, 3, 4]] * 2), same_arithmetic=False)
