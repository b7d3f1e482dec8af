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
OLDEST: Final = 255
NATIVE: Final = "vau.search._native"


def tables_of(
    rng: np.random.Generator, classes: int, min_frames: int, *, coarse: bool
) -> Tables:
    """Return tables in which a search has been going on; coarse scores are often equal."""
    followed = min(3, classes)
    nodes = (KEPT, classes, followed)

    def numbers(*of: int) -> NDArray[np.float64]:
        return rng.integers(-3, 3, of).astype(np.float64) if coarse else rng.normal(0, 5, of)

    young, grown = numbers(min_frames, classes, followed), numbers(classes, classes)
    follow = numbers(classes, classes, classes)
    for each, share in ((young, 0.5), (grown, 0.5), (follow, 0.2)):
        each[rng.random(each.shape) < share] = -np.inf
    endings = np.array([sorted(rng.permutation(classes)[:followed]) for _ in range(KEPT)])
    return Tables(
        follow=follow,
        beam=6.0,
        young=young,
        grown=grown,
        grown_age=rng.integers(200, 256, (classes, classes), np.uint8),
        endings=endings.astype(np.uint8),
        parent_age=rng.integers(1, 256, nodes, np.uint8),
        parent_before=rng.integers(0, classes, nodes, np.uint8),
        ends=numbers(min_frames, followed, classes),
        posterior_sums=rng.random((KEPT, classes)),
    )


def copy_of(tables: Tables) -> Tables:
    arrays = {name: getattr(tables, name) for name in Tables.__slots__ if name != "beam"}
    return replace(tables, **{name: each.copy() for name, each in arrays.items()})


def assert_equal(found: Tables, expected: Tables) -> None:
    for name in Tables.__slots__:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


def begun(classes: int, followed: int, kept: int = KEPT) -> Tables:
    """Return tables of a search at its first frame."""
    tables = search.empty_tables(
        np.zeros((classes,) * 3),
        min_frames=1,
        kept_frames=kept,
        beam=6.0,
        followed=followed,
    )
    tables.young[0] = np.random.default_rng(5).normal(size=(classes, followed))
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
    assert_equal(found, expected)


@needs_c
@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    classes=st.integers(1, 9),
    min_frames=st.integers(1, 4),
    frames=st.integers(1, 2 * KEPT),
    oldest=st.floats(0, 1),
)
def test_both_find_the_same_best_the_same_living_and_what_they_come_from(
    seed: int, classes: int, min_frames: int, frames: int, oldest: float
) -> None:
    rng = np.random.default_rng(seed)
    followed = min(3, classes)
    tables = search.empty_tables(
        tables_of(rng, classes, min_frames, coarse=True).follow,
        min_frames=min_frames,
        kept_frames=KEPT,
        beam=6.0,
        followed=followed,
    )
    tables.young[0] = rng.integers(-3, 3, (classes, followed))
    gains = rng.integers(-4, 1, (frames, classes)).astype(np.float64).cumsum(axis=0)
    search.advance(tables, 1, gains, gains)
    tables.grown_age[rng.random((classes, classes)) < oldest / 2] = tables.oldest
    root_start = max(0, frames - KEPT + 1)
    expected = numpy_search.best(tables, frames, gains[-1], root_start)
    assert search.best(tables, frames, gains[-1], root_start) == expected
    places, nodes = search.living(tables, frames, root_start)
    of_numpy = numpy_search.living(tables, frames, root_start)
    np.testing.assert_array_equal((places, nodes), of_numpy)
    for frame in range(root_start, frames + 1):
        there = nodes.copy()
        numpy_search.go_back(tables, there, frame, root_start)
        np.testing.assert_array_equal(search.ancestors(tables, nodes, frame, root_start), there)
        assert (there < (frame + 1) * classes**2).all()
        if frame == root_start or not len(nodes):
            continue
        before = search.ancestors(tables, nodes, frame - 1, root_start)
        node = int(rng.choice(before))
        passes = search.passing(tables, nodes, node, frame, root_start)
        left = (there // classes**2 == frame) & (before == node)
        np.testing.assert_array_equal(passes, left)
        left = numpy_search.passing(tables, nodes, node, frame, root_start)
        np.testing.assert_array_equal(passes, left)
    for wants_shared in (True, False):
        found = search.best_path(
            tables, frames, gains[-1], root_start, wants_shared=wants_shared
        )
        assert found == numpy_search.best_path(
            tables, frames, gains[-1], root_start, wants_shared=wants_shared
        )
    for node in nodes.tolist():
        path = search.path_to(tables, node, root_start)
        assert path == numpy_search.path_to(tables, node, root_start)
        assert path == sorted(path)
        assert path[-1] == node
        assert path[0] < (root_start + 1) * classes**2


both = pytest.mark.parametrize("why_not", [pytest.param("", marks=needs_c), "not built"])


def of_frame(tables: Tables, frame: int) -> NDArray[np.int64]:
    """Return the nodes of all runs that began there."""
    classes = len(tables.follow)
    runs = (frame * classes + np.arange(classes))[:, np.newaxis] * classes
    nodes: NDArray[np.int64] = (runs + tables.endings[frame % KEPT].astype(np.int64)).ravel()
    return nodes


@both
@pytest.mark.parametrize(
    ("age", "root_start"),
    [
        (0, 3),  # it follows itself
        (9, 3),  # what began before the first frame
        (OLDEST, 7),  # the root, which is not before it
    ],
)
def test_links_that_lead_nowhere_are_refused_instead_of_followed_for_ever(
    age: int, root_start: int, why_not: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WHY_NOT", why_not)
    tables = tables_of(np.random.default_rng(3), 4, 2, coarse=False)
    tables.parent_age[:] = age
    nodes = of_frame(tables, 7)
    assert_unsound(tables, nodes, root_start)
    tables.young[:] = tables.grown[:] = -np.inf
    tables.young[1, 0, 0] = 0.0  # began at 7
    if root_start < 7:
        with pytest.raises(ValueError, match="not before it"):
            search.best_path(tables, 8, np.zeros(4), root_start)
        with pytest.raises(ValueError, match="not before it"):
            search.path_to(tables, int(nodes[0]), root_start)


@both
def test_a_run_behind_a_phoneme_that_was_not_followed_is_refused(
    why_not: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WHY_NOT", why_not)
    tables = tables_of(np.random.default_rng(3), 4, 2, coarse=False)
    tables.parent_age[:] = 1
    known = of_frame(tables, 7).tolist()
    assert_unsound(tables, np.setdiff1d(np.arange(7 * 16, 8 * 16), known), 3)


def assert_unsound(tables: Tables, nodes: NDArray[np.int64], root_start: int) -> None:
    with pytest.raises(ValueError, match="not before it"):
        search.ancestors(tables, nodes, 3, root_start)
    with pytest.raises(ValueError, match="not before it"):
        search.passing(tables, nodes, 0, 3, root_start)


@both
def test_a_path_of_more_nodes_than_there_are_frames_is_refused(
    why_not: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WHY_NOT", why_not)
    tables = tables_of(np.random.default_rng(3), 1, 1, coarse=False)
    tables.parent_age[:], tables.parent_before[:] = 1, 0
    assert search.path_to(tables, 20, 20 - KEPT + 1) == list(range(20 - KEPT + 1, 21))
    with pytest.raises(ValueError, match="than frames are kept"):
        search.path_to(tables, 20, 20 - KEPT)


@needs_c
def test_tables_that_do_not_fit_each_other_are_refused() -> None:
    tables = tables_of(np.random.default_rng(1), 4, 2, coarse=False)
    gains = np.zeros((3, 4))
    for name in ("young", "grown", "grown_age", "endings", "parent_age", "parent_before"):
        shorter = replace(tables, **{name: getattr(tables, name)[..., 1:].copy()})
        with pytest.raises(ValueError, match="bytes where"):
            search.advance(shorter, 1, gains, gains)
    with pytest.raises(ValueError, match="bytes where"):
        search.advance(tables, 1, gains, gains[1:])
    five = np.zeros((KEPT, 5), np.uint8)
    with pytest.raises(ValueError, match="out of range"):
        search.advance(replace(tables, endings=five), 1, gains, gains)
    tables.endings[3, 1] = 4
    with pytest.raises(ValueError, match="a phoneme that there is not"):
        search.advance(tables, 1, gains, gains)


@needs_c
def test_sizes_that_only_a_product_beyond_64_bits_makes_fit_are_refused() -> None:
    native, nothing, places = import_module(NATIVE), np.zeros(0), np.zeros(0, np.int64)
    past = (nothing, nothing, nothing)
    for count in (2**61, -1, 2**31):
        with pytest.raises(ValueError, match="out of range"):
            native.go_back(1, 1, 2, 0, 0, count, places, *past)
        with pytest.raises(ValueError, match="out of range"):
            native.passing(1, 1, 2, 0, 0, 0, count, places, *past, nothing)
    for shape in (
        (257, 1, 1, 2),
        (2**31 - 1, 2**31 - 1, 1, 2),
        (4, -1, 1, 2),
        (4, 1, 1, 2**31 - 1),
    ):
        with pytest.raises(ValueError, match="out of range"):
            native.best(*shape, 1, 0, *past, nothing, nothing)
        with pytest.raises(ValueError, match="out of range"):
            native.living(*shape, 1, 0, *past, nothing, places, places)
    for sizes in ((257, 1, 2), (4, 5, 2), (4, 1, 255)):
        with pytest.raises(ValueError, match="out of range"):
            native.path_to(*sizes, 0, 0, *past, places)
    for frame in (-1, 2**41):
        with pytest.raises(ValueError, match="out of range"):
            native.go_back(1, 1, 2, frame, 0, 0, places, *past)
        with pytest.raises(ValueError, match="out of range"):
            native.path_to(1, 1, 2, frame, 0, *past, places)
    tables = tables_of(np.random.default_rng(1), 4, 2, coarse=False)
    for first, frames in ((1, 2**59), (1, -1), (-1, 1), (2**63 - 1, 1)):
        with pytest.raises(ValueError, match="out of range"):
            advance_natively(tables, first, frames)


def advance_natively(tables: Tables, first: int, frames: int) -> None:
    """Call the C for so many frames, of which it is given none."""
    shape = (len(tables.follow), len(tables.young), tables.followed, tables.kept_frames)
    state = [getattr(tables, name) for name in Tables.__slots__ if name != "beam"]
    none = np.zeros(0)
    import_module(NATIVE).advance(*shape, 6.0, first, frames, *state, none, none)


class Forbidden:
    """Stands where the C would, and must not be called."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the C was asked for {name}")


def assert_numpy_takes_over(tables: Tables, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the search go on in these tables, and see that numpy does all of it."""
    monkeypatch.setattr(search, "_native", Forbidden(), raising=False)
    classes, expected = len(tables.follow), copy_of(tables)
    gains = np.random.default_rng(6).normal(size=(4, classes))
    search.advance(tables, 6, gains, gains)
    for frame, gain in enumerate(gains, 6):
        numpy_search.advance(expected, frame, gain, gain)
    assert_equal(tables, expected)
    places, nodes = search.living(tables, 9, 5)
    assert len(places) == len(nodes) > 0
    assert search.best(tables, 9, gains[-1], 5) in nodes
    assert len(search.ancestors(tables, nodes, 8, 5)) == len(nodes)
    assert len(search.passing(tables, nodes, 0, 8, 5)) == len(nodes)
    assert search.path_to(tables, int(nodes[0]), 9) == [nodes[0]]


def test_without_the_c_numpy_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "WHY_NOT", "the C was not built")
    tables = tables_of(np.random.default_rng(2), 5, 2, coarse=False)
    assert_numpy_takes_over(tables, monkeypatch)


@pytest.mark.parametrize(
    ("classes", "followed", "kept"), [(257, 3, 9), (20, 17, 9), (9, 3, 255)]
)
def test_what_the_c_has_no_room_for_is_left_to_numpy(
    classes: int, followed: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables = begun(classes, followed, kept)
    monkeypatch.setattr(search, "WHY_NOT", "")
    assert_numpy_takes_over(tables, monkeypatch)


@needs_c
@pytest.mark.parametrize(
    ("classes", "followed", "kept"), [(256, 3, 9), (20, 16, 9), (9, 3, 254)]
)
def test_the_c_has_room_for_as_much_as_is_said_of_it(
    classes: int, followed: int, kept: int
) -> None:
    found = begun(classes, followed, kept)
    assert found.is_for_c
    expected = copy_of(found)
    gains = np.random.default_rng(6).normal(size=(2, classes))
    search.advance(found, 1, gains, gains)
    for frame, gain in enumerate(gains, 1):
        numpy_search.advance(expected, frame, gain, gain)
    assert_equal(found, expected)
    best = search.best(found, 2, gains[-1], 0)
    assert best == numpy_search.best(expected, 2, gains[-1], 0)
    assert search.path_to(found, best, 0) == numpy_search.path_to(expected, best, 0)


def test_a_run_that_would_be_forgotten_before_it_is_long_enough_is_refused() -> None:
    with pytest.raises(ValueError, match="kept_frames=3 is not more than min_frames=3"):
        search.empty_tables(
            np.zeros((4, 4, 4)), min_frames=3, kept_frames=3, beam=6.0, followed=2
        )


def test_an_operator_hears_that_the_search_is_slow_why_and_what_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "WHY_NOT", "")
    assert search.remark() == ""
    monkeypatch.setattr(search, "WHY_NOT", "the C was not built")
    assert "with numpy" in search.remark()
    assert "the C was not built; install a C compiler" in search.remark()
