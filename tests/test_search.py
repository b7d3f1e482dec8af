"""The search in C gives the bits of the one in numpy, whatever ties and gaps scores have."""

from dataclasses import replace
from importlib import import_module
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vau import search
from vau.search import Tables, numpy_search

needs_c = pytest.mark.skipif(bool(search.WHY_NOT), reason="the C was not built")
KEPT: Final = 12
NATIVE: Final = "vau.search._native"


def tables_of(
    rng: np.random.Generator, classes: int, min_frames: int, *, coarse: bool
) -> Tables:
    """Return tables in which a search has been going on; coarse scores are often equal."""
    shape = (min_frames + 1, classes, classes)

    def numbers(*of: int) -> NDArray[np.float64]:
        return rng.integers(-3, 3, of).astype(np.float64) if coarse else rng.normal(0, 5, of)

    score, follow = numbers(*shape), numbers(classes, classes, classes)
    score[rng.random(shape) < 0.5] = -np.inf
    follow[rng.random(follow.shape) < 0.2] = -np.inf
    return Tables(
        follow=follow,
        beam=6.0,
        score=score,
        start=rng.integers(0, 5, shape),
        before=rng.integers(0, 99, (KEPT, classes, classes)),
        posterior_sums=rng.random((KEPT, classes)),
        endings=rng.integers(0, classes, (min_frames, min(3, classes))),
        ends=numbers(min_frames, min(3, classes), classes),
    )


def copy_of(tables: Tables) -> Tables:
    return replace(
        tables,
        score=tables.score.copy(),
        start=tables.start.copy(),
        before=tables.before.copy(),
        posterior_sums=tables.posterior_sums.copy(),
        endings=tables.endings.copy(),
        ends=tables.ends.copy(),
    )


def begun(classes: int, followed: int) -> Tables:
    """Return tables of a search at its first frame."""
    tables = search.empty_tables(
        np.zeros((classes,) * 3),
        min_frames=1,
        kept_frames=KEPT,
        beam=6.0,
        followed=followed,
    )
    tables.score[0] = np.random.default_rng(5).normal(size=(classes, classes))
    return tables


@needs_c
@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    classes=st.integers(1, 9),
    min_frames=st.integers(1, 4),
    frames=st.integers(0, 2 * KEPT),
    coarse=st.booleans(),
)
def test_both_leave_the_same_tables(
    seed: int, classes: int, min_frames: int, frames: int, *, coarse: bool
) -> None:
    rng = np.random.default_rng(seed)
    found = tables_of(rng, classes, min_frames, coarse=coarse)
    expected = copy_of(found)
    gains = rng.integers(-4, 1, (frames, classes)).astype(np.float64).cumsum(axis=0)
    sums = rng.random((frames, classes)).cumsum(axis=0)
    search.advance(found, 6, gains, sums)
    for frame, (gain, posterior_sum) in enumerate(zip(gains, sums, strict=True), 6):
        numpy_search.advance(expected, frame, gain, posterior_sum)
    np.testing.assert_array_equal(found.score, expected.score)
    np.testing.assert_array_equal(found.start, expected.start)
    np.testing.assert_array_equal(found.before, expected.before)
    np.testing.assert_array_equal(found.posterior_sums, expected.posterior_sums)
    np.testing.assert_array_equal(found.endings, expected.endings)
    np.testing.assert_array_equal(found.ends, expected.ends)


@needs_c
@settings(max_examples=200, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    classes=st.integers(1, 9),
    min_frames=st.integers(1, 4),
    frames=st.integers(1, 2 * KEPT),
)
def test_both_find_the_same_best_the_same_living_and_their_ancestors(
    seed: int, classes: int, min_frames: int, frames: int
) -> None:
    rng = np.random.default_rng(seed)
    tables = tables_of(rng, classes, min_frames, coarse=True)
    tables.start[:] = 0
    tables.before[:] = 0
    gains = rng.integers(-4, 1, (frames, classes)).astype(np.float64).cumsum(axis=0)
    search.advance(tables, 1, gains, gains)
    for frame in range(frames + 1):
        found = search.best(tables, frame, gains[-1])
        assert found == numpy_search.best(tables, frame, gains[-1])
    places = search.living(tables)
    np.testing.assert_array_equal(places, numpy_search.living(tables))
    for frame in range(max(0, frames - KEPT + 1), frames + 1):
        later = (frame + 1) * classes**2
        expected = tables.start.ravel()[places] * classes**2 + places % classes**2
        numpy_search.go_back(tables, expected, later)
        np.testing.assert_array_equal(search.ancestors(tables, places, frame), expected)


@pytest.mark.parametrize("why_not", [pytest.param("", marks=needs_c), "not built"])
def test_links_that_lead_nowhere_are_refused_instead_of_followed_for_ever(
    why_not: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WHY_NOT", why_not)
    tables = tables_of(np.random.default_rng(3), 3, 2, coarse=False)
    tables.start[:], tables.before[:] = 7, 99
    with pytest.raises(ValueError, match="not before it"):
        search.ancestors(tables, np.arange(4), 2)


@needs_c
def test_tables_that_do_not_fit_each_other_are_refused() -> None:
    tables = tables_of(np.random.default_rng(1), 4, 2, coarse=False)
    gains = np.zeros((3, 4))
    with pytest.raises(ValueError, match="bytes where"):
        search.advance(replace(tables, start=tables.start[1:]), 1, gains, gains)
    with pytest.raises(ValueError, match="bytes where"):
        search.advance(tables, 1, gains, gains[1:])
    five = np.zeros((2, 5), np.int64)
    with pytest.raises(ValueError, match="out of range"):
        search.advance(replace(tables, endings=five), 1, gains, gains)


@needs_c
def test_sizes_that_only_a_product_beyond_64_bits_makes_fit_are_refused() -> None:
    native, nothing, places = import_module(NATIVE), np.zeros(0), np.zeros(0, np.int64)
    for count in (2**61, -1, 2**31):
        with pytest.raises(ValueError, match="out of range"):
            native.living(count, nothing, places)
        with pytest.raises(ValueError, match="out of range"):
            native.go_back(count, 0, 1, places, np.zeros(1, np.int64))
        with pytest.raises(ValueError, match="out of range"):
            native.go_back(1, 0, count, np.ones(1, np.int64), places)
    for classes, layers in ((search.MOST_CLASSES + 1, 1), (2**31 - 1, 2**31 - 1), (4, -1)):
        with pytest.raises(ValueError, match="out of range"):
            native.best(classes, layers, 1, nothing, places, nothing)
    tables = tables_of(np.random.default_rng(1), 4, 2, coarse=False)
    for first, frames in ((1, 2**59), (1, -1), (-1, 1), (2**63 - 1, 1)):
        with pytest.raises(ValueError, match="out of range"):
            advance_natively(tables, first, frames)


def advance_natively(tables: Tables, first: int, frames: int) -> None:
    """Call the C for so many frames, of which it is given none."""
    shape = (len(tables.follow), len(tables.score) - 1, tables.followed, len(tables.before))
    state = (tables.score, tables.start, tables.before, tables.posterior_sums)
    ends, none = (tables.endings, tables.ends), np.zeros(0)
    native = import_module(NATIVE)
    native.advance(*shape, 6.0, first, frames, tables.follow, *state, *ends, none, none)


class Forbidden:
    """Stands where the C would, and must not be called."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the C was asked for {name}")


def assert_numpy_takes_over(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the search go on in these tables, and see that numpy does all of it."""
    monkeypatch.setattr(search, "_native", Forbidden(), raising=False)
    classes, expected = len(tables.follow), copy_of(tables)
    tables.before[:] = expected.before[:] = -1
    gains = np.random.default_rng(6).normal(size=(4, classes))
    search.advance(tables, 6, gains, gains)
    for frame, gain in enumerate(gains, 6):
        numpy_search.advance(expected, frame, gain, gain)
    np.testing.assert_array_equal(tables.score, expected.score)
    np.testing.assert_array_equal(tables.before, expected.before)
    places = search.living(tables)
    assert places.tolist() == numpy_search.living(expected).tolist()
    assert search.best(tables, 10, gains[-1]) in places
    assert len(search.ancestors(tables, places, 9)) == len(places)


def test_without_the_c_numpy_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "WHY_NOT", "the C was not built")
    tables = tables_of(np.random.default_rng(2), 5, 2, coarse=False)
    assert_numpy_takes_over(tables, monkeypatch)


@pytest.mark.parametrize(("classes", "followed"), [(257, 3), (20, 17)])
def test_what_the_c_has_no_room_for_is_left_to_numpy(
    classes: int, followed: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = begun(classes, followed)
    monkeypatch.setattr(search, "WHY_NOT", "")
    assert_numpy_takes_over(tables, monkeypatch)


@needs_c
@pytest.mark.parametrize(("classes", "followed"), [(256, 3), (20, 16)])
def test_the_c_has_room_for_as_much_as_is_said_of_it(classes: int, followed: int) -> None:
    found = begun(classes, followed)
    assert found.is_for_c
    expected = copy_of(found)
    gains = np.random.default_rng(6).normal(size=(2, classes))
    search.advance(found, 1, gains, gains)
    for frame, gain in enumerate(gains, 1):
        numpy_search.advance(expected, frame, gain, gain)
    np.testing.assert_array_equal(found.score, expected.score)
    np.testing.assert_array_equal(found.before, expected.before)
    assert search.best(found, 2, gains[-1]) == numpy_search.best(expected, 2, gains[-1])


def test_an_operator_hears_that_the_search_is_slow_why_and_what_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "WHY_NOT", "")
    assert search.remark() == ""
    monkeypatch.setattr(search, "WHY_NOT", "the C was not built")
    assert "with numpy" in search.remark()
    assert "the C was not built; install a C compiler" in search.remark()
