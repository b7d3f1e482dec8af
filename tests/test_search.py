"""The search in C gives the bits of the one in numpy, whatever ties and gaps scores have."""

from dataclasses import fields, replace
from functools import partial
from importlib import import_module
from typing import Final

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vau import search
from vau.search import Floats, Standing, Tables, Told, numpy_search

needs_c = pytest.mark.skipif(bool(search.WHY_NOT), reason="the C was not built")
KEPT: Final = 12
NATIVE: Final = "vau.search._native"
ARRAYS: Final = [
    each.name for each in fields(Tables) if each.init and each.type not in {float, int}
]


def tables_of(
    rng: np.random.Generator, classes: int, min_frames: int, *, coarse: bool
) -> Tables:
    """Return tables in which a search has been going on; coarse scores are often equal."""
    followed = min(3, classes)
    nodes = (KEPT, classes, followed)

    def numbers(*of: int) -> Floats:
        return rng.integers(-3, 3, of).astype(np.float64) if coarse else rng.normal(0, 5, of)

    young, grown = numbers(min_frames, classes, followed), numbers(classes, classes)
    follow = numbers(classes, classes, classes)
    for each, share in ((young, 0.5), (grown, 0.5), (follow, 0.2)):
        each[rng.random(each.shape) < share] = -np.inf
    endings = np.array([sorted(rng.permutation(classes)[:followed]) for _ in range(KEPT)])
    return Tables(
        follow=follow,
        prior=numbers(classes),
        beam=6.0,
        settling_frames=2,
        look_back_frames=4,
        decided_frames=KEPT - 3,
        young=young,
        grown=grown,
        grown_age=rng.integers(200, 256, (classes, classes), np.uint8),
        endings=endings.astype(np.uint8),
        parent_age=rng.integers(1, 256, nodes, np.uint8),
        parent_before=rng.integers(0, classes, nodes, np.uint8),
        ends=numbers(min_frames, followed, classes),
        posterior_sums=rng.random((KEPT, classes)),
    )


def standing_of(tables: Tables, frame: int, root_start: int = 0) -> Standing:
    standing = search.first_standing(tables)
    standing.frame, standing.root_start = frame, root_start
    return standing


def begun(
    classes: int,
    followed: int,
    *,
    min_frames: int = 1,
    kept: int = KEPT,
    follow: Floats | None = None,
    seed: int = 5,
) -> tuple[Tables, Standing]:
    """Return the tables of a search at its first frame, and where that is."""
    tables = search.empty_tables(
        np.zeros((classes,) * 3) if follow is None else follow,
        np.zeros(classes),
        min_frames=min_frames,
        look_back_frames=min(4, kept - 3),
        decided_frames=kept - 3,
        settling_frames=2,
        beam=6.0,
        followed=followed,
    )
    rng = np.random.default_rng(seed)
    tables.young[0] = rng.integers(-3, 3, tables.young[0].shape)
    return tables, search.first_standing(tables)


def copy_of(tables: Tables) -> Tables:
    arrays = {name: getattr(tables, name).copy() for name in ARRAYS}
    return replace(tables, **arrays)


def standing_copy(standing: Standing) -> Standing:
    return replace(
        standing,
        gains=standing.gains.copy(),
        rows=standing.rows.copy(),
        root_posterior_sums=standing.root_posterior_sums.copy(),
    )


def assert_equal(found: Tables | Standing, expected: Tables | Standing) -> None:
    for name in type(found).__slots__:
        np.testing.assert_array_equal(getattr(found, name), getattr(expected, name), name)


def scores(
    rng: np.random.Generator, frames: int, classes: int, *, coarse: bool = True
) -> tuple[Floats, Floats]:
    """Return rows, and something for posteriors; of coarse ones many hypotheses are equal."""
    rows = rng.integers(-4, 1, (frames, classes)).astype(np.float64)
    if not coarse:
        rows += rng.normal(size=rows.shape)
    return rows, rng.random((frames, classes))


@needs_c
@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    classes=st.integers(1, 9),
    min_frames=st.integers(1, 4),
    coarse=st.booleans(),
)
def test_a_frame_leaves_the_same_tables_whatever_was_there(
    seed: int, classes: int, min_frames: int, *, coarse: bool
) -> None:
    rng = np.random.default_rng(seed)
    found = replace(tables_of(rng, classes, min_frames, coarse=coarse), settling_frames=100)
    expected, standing = copy_of(found), standing_of(found, 6)
    at = standing_copy(standing)
    for _ in range(2 * KEPT):
        rows = scores(rng, 1, classes)
        assert search.push(found, standing, *rows) == []
        assert numpy_search.push(expected, at, *rows) == []
        assert_equal(found, expected)
        assert_equal(standing, at)


@needs_c
@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    classes=st.integers(1, 9),
    min_frames=st.integers(1, 4),
    cuts=st.lists(st.tuples(st.integers(0, 7), st.booleans()), max_size=9),
    follows=st.floats(0.3, 1),
    coarse=st.booleans(),
)
def test_both_tell_and_settle_the_same_runs(
    seed: int,
    classes: int,
    min_frames: int,
    cuts: list[tuple[int, bool]],
    follows: float,
    *,
    coarse: bool,
) -> None:
    rng = np.random.default_rng(seed)
    follow = rng.integers(-3, 3, (classes,) * 3).astype(np.float64)
    follow[rng.random(follow.shape) > follows] = -np.inf
    found, standing = begun(
        classes, 3, min_frames=min_frames, follow=follow, seed=int(rng.integers(99))
    )
    expected, at = copy_of(found), standing_copy(standing)
    settled = 0
    for frames, looks in cuts:
        rows = scores(rng, frames, classes, coarse=coarse)
        told = search.push(found, standing, *rows)
        assert told == numpy_search.push(expected, at, *rows)
        settled = ends_of(told, settled)
        if looks and standing.frame:
            runs, shared = search.tell(found, standing)
            assert (runs, shared) == numpy_search.tell(expected, at)
            assert ends_of(runs, settled) == standing.frame
            settled = ends_of(runs[:shared], settled)
        assert settled == standing.root_start
        assert_equal(found, expected)
        assert_equal(standing, at)
    assert_same_past(found, standing)


@needs_c
@settings(max_examples=300, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    classes=st.integers(3, 9),
    min_frames=st.integers(1, 4),
    frames=st.integers(3, 9),
    left=st.integers(1, 4),
)
def test_a_few_that_disagree_are_heard(
    seed: int, classes: int, min_frames: int, frames: int, left: int
) -> None:
    rng = np.random.default_rng(seed)
    follow = rng.normal(0, 3, (classes,) * 3)
    found, standing = begun(classes, 3, min_frames=min_frames, follow=follow, seed=seed)
    search.push(found, standing, *scores(rng, frames, classes, coarse=False))
    at = standing_copy(standing)
    places, _ = search.living(found, standing)
    dropped = rng.permutation(places)[left:]
    flat = np.concatenate([found.young, found.grown], axis=None)
    flat[dropped] = -np.inf
    found.young.ravel()[:], found.grown.ravel()[:] = np.split(flat, [found.young.size])
    best = numpy_search.best(found, frames, standing.gains[-1], standing.root_start)
    assume(best >= 0)  # or the last frame began them all
    assert search.tell(found, standing) == numpy_search.tell(found, at)
    assert_equal(standing, at)


def ends_of(runs: list[Told], start: int) -> int:
    """Return where a row of runs ends that begins at a frame, without a gap."""
    for _, begins, ends, _ in runs:
        assert start == begins < ends
        start = ends
    return start


def assert_same_past(tables: Tables, standing: Standing) -> None:
    """Let both say what lives, and what that comes from."""
    places, nodes = search.living(tables, standing)
    of_numpy = numpy_search.living(tables, standing.frame, standing.root_start)
    np.testing.assert_array_equal((places, nodes), of_numpy)
    for node in nodes.tolist():
        path = search.path_to(tables, standing, node)
        assert path == numpy_search.path_to(tables, node, standing.root_start)
        assert path == sorted(path)
        assert path[-1] == node
        assert path[0] < (standing.root_start + 1) * len(tables.follow) ** 2


both = pytest.mark.parametrize("why_not", [pytest.param("", marks=needs_c), "not built"])


def of_frame(tables: Tables, frame: int) -> NDArray[np.int64]:
    """Return the nodes of all runs that began there."""
    classes = len(tables.follow)
    runs = (frame * classes + np.arange(classes))[:, np.newaxis] * classes
    nodes: NDArray[np.int64] = (runs + tables.endings[frame % KEPT].astype(np.int64)).ravel()
    return nodes


@both
@pytest.mark.parametrize("age", [0, 9])  # it follows itself, or what began before the first
def test_links_that_lead_nowhere_are_refused_instead_of_followed_for_ever(
    age: int, why_not: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WHY_NOT", why_not)
    tables = tables_of(np.random.default_rng(3), 4, 2, coarse=False)
    tables.parent_age[:] = age
    tables.young[:] = tables.grown[:] = -np.inf
    tables.young[1, 0, 0] = 0.0  # began at 7
    standing = standing_of(tables, 8, 3)
    with pytest.raises(ValueError, match="not before it"):
        search.tell(tables, standing)
    with pytest.raises(ValueError, match="not before it"):
        search.path_to(tables, standing, int(of_frame(tables, 7)[0]))
    with pytest.raises(ValueError, match="not before it"):
        search.push(tables, standing, *scores(np.random.default_rng(1), 2, 4))


@both
def test_a_run_behind_a_phoneme_that_was_not_followed_is_refused(
    why_not: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WHY_NOT", why_not)
    tables = tables_of(np.random.default_rng(3), 4, 2, coarse=False)
    tables.parent_age[:] = 1
    known = of_frame(tables, 7).tolist()
    standing = standing_of(tables, 8, 3)
    for node in np.setdiff1d(np.arange(7 * 16, 8 * 16), known):
        with pytest.raises(ValueError, match="not before it"):
            search.path_to(tables, standing, int(node))


@both
def test_a_path_of_more_nodes_than_there_are_frames_is_refused(
    why_not: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WHY_NOT", why_not)
    tables = tables_of(np.random.default_rng(3), 1, 1, coarse=False)
    tables.parent_age[:], tables.parent_before[:] = 1, 0
    expected = list(range(20 - KEPT + 1, 21))
    assert search.path_to(tables, standing_of(tables, 20, expected[0]), 20) == expected
    with pytest.raises(ValueError, match="than frames are kept"):
        search.path_to(tables, standing_of(tables, 20, 20 - KEPT), 20)


@both
def test_a_search_in_which_nothing_lives_has_nothing_to_tell(
    why_not: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WHY_NOT", why_not)
    tables, standing = begun(4, 2)
    tables.young[:] = -np.inf
    with pytest.raises(ValueError, match="no hypothesis is alive"):
        search.push(tables, standing, *scores(np.random.default_rng(1), 2, 4))
    with pytest.raises(ValueError, match="no hypothesis is alive"):
        search.tell(tables, standing)


@needs_c
def test_tables_that_do_not_fit_each_other_are_refused() -> None:
    tables = tables_of(np.random.default_rng(1), 4, 2, coarse=False)
    standing, rows = standing_of(tables, 0), np.zeros((3, 4))
    for name in ("young", "grown", "grown_age", "endings", "parent_age", "parent_before"):
        shorter = replace(tables, **{name: getattr(tables, name)[..., 1:].copy()})
        for call in (partial(search.push, rows=rows, posteriors=rows), search.tell):
            with pytest.raises(ValueError, match=r"bytes where|out of range"):
                call(shorter, standing)
    with pytest.raises(ValueError, match="bytes where"):
        search.push(tables, standing, rows, rows[1:])
    for name in ("gains", "rows", "root_posterior_sums"):
        narrow = replace(standing, **{name: getattr(standing, name)[..., 1:].copy()})
        with pytest.raises(ValueError, match="bytes where"):
            search.push(tables, narrow, rows, rows)
    five = np.zeros((KEPT, 5), np.uint8)
    with pytest.raises(ValueError, match="out of range"):
        search.push(replace(tables, endings=five), standing, rows, rows)
    tables.endings[3, 1] = 4
    with pytest.raises(ValueError, match="a phoneme that there is not"):
        search.push(tables, standing, rows, rows)


@needs_c
@pytest.mark.parametrize(
    "sizes",
    [
        (257, 1, 1, 2),
        (2**31 - 1, 2**31 - 1, 1, 2),
        (4, -1, 1, 2),
        (4, 1, 5, 2),
        (4, 1, 1, 2**31 - 1),
        (4, 1, 1, 255),
        (4, 2, 1, 2),
    ],
)
def test_sizes_that_only_a_product_beyond_64_bits_makes_fit_are_refused(
    sizes: tuple[int, ...],
) -> None:
    native, nothing, nodes = import_module(NATIVE), np.zeros(0), np.zeros(0, np.int64)
    past, summed, told = (nothing,) * 6, (nothing,) * 3, (0, nodes, nothing)
    sizes = (*sizes, 1, 0, 1)
    pushed = (6.0, 0, 0, 0, nothing, nothing, past, nothing, summed)
    with pytest.raises(ValueError, match="out of range"):
        native.push(sizes, *pushed, nothing, nothing, nothing, told)
    with pytest.raises(ValueError, match="out of range"):
        native.tell(sizes, 0, 0, past, summed, told)
    with pytest.raises(ValueError, match="out of range"):
        native.living(sizes, 1, 0, past, nodes, nodes)
    with pytest.raises(ValueError, match="out of range"):
        native.path_to(sizes, 0, 0, past, nodes)


@needs_c
@pytest.mark.parametrize("settling", [(0, 4, 9), (2, -1, 9), (2, 9, 4), (2, 4, KEPT)])
def test_settling_that_the_kept_frames_cannot_serve_is_refused(
    settling: tuple[int, int, int],
) -> None:
    tables = tables_of(np.random.default_rng(1), 4, 2, coarse=False)
    every, look_back, decided = settling
    wrong = replace(
        tables, settling_frames=every, look_back_frames=look_back, decided_frames=decided
    )
    with pytest.raises(ValueError, match="out of range"):
        search.tell(wrong, standing_of(tables, 3))


@needs_c
@pytest.mark.parametrize("frame", [-1, 2**41])
def test_frames_beyond_what_64_bits_can_number_are_refused(frame: int) -> None:
    tables = tables_of(np.random.default_rng(1), 4, 2, coarse=False)
    rows = np.zeros((1, 4))
    for standing in (standing_of(tables, frame), standing_of(tables, 3, frame)):
        with pytest.raises(ValueError, match="out of range"):
            search.push(tables, standing, rows, rows)
        with pytest.raises(ValueError, match="out of range"):
            search.tell(tables, standing)
        with pytest.raises(ValueError, match="out of range"):
            search.living(tables, standing)
    with pytest.raises(ValueError, match="out of range"):
        search.path_to(tables, standing_of(tables, 3, frame), 0)


@needs_c
@pytest.mark.parametrize(("frames", "room"), [(2**59, 0), (-1, 0), (0, -1), (0, 2**31 - 1)])
def test_counts_that_no_array_has_are_refused(frames: int, room: int) -> None:
    tables = tables_of(np.random.default_rng(1), 4, 2, coarse=False)
    standing, nothing = standing_of(tables, 0), np.zeros(0)
    remembered = (
        tables.young,
        tables.grown,
        tables.grown_age,
        tables.endings,
        tables.parent_age,
        tables.parent_before,
    )
    summed = (tables.posterior_sums, standing.gains, standing.root_posterior_sums)
    with pytest.raises(ValueError, match=r"out of range|bytes where"):
        import_module(NATIVE).push(
            *(tables.sizes, 6.0, 0, 0, frames),
            *(tables.follow, tables.prior, remembered, tables.ends, summed),
            *(standing.rows, nothing, nothing, (room, nothing, nothing)),
        )


@needs_c
@pytest.mark.parametrize("sizes", [None, [4, 2, 3, KEPT, 2, 4, 9], (4, 2, 3), ("4",) * 7])
def test_what_is_no_tuple_of_such_things_is_refused(sizes: object) -> None:
    with pytest.raises(TypeError):
        import_module(NATIVE).path_to(sizes, 0, 0, (np.zeros(0),) * 6, np.zeros(0, np.int64))


@needs_c
def test_more_runs_than_there_is_room_for_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    tables, standing = begun(4, 2)
    search.push(tables, standing, *scores(np.random.default_rng(1), 8, 4))
    monkeypatch.setattr(search, "_room", lambda *_: (np.empty((0, 3), np.int64), np.empty(0)))
    with pytest.raises(ValueError, match="than frames are kept"):
        search.tell(tables, standing)


class Forbidden:
    """Stands where the C would, and must not be called."""

    def __getattr__(self, name: str) -> object:
        raise AssertionError(f"the C was asked for {name}")


def assert_numpy_takes_over(
    tables: Tables, standing: Standing, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Let the search go on in these tables, and see that numpy does all of it."""
    monkeypatch.setattr(search, "_native", Forbidden(), raising=False)
    expected, at = copy_of(tables), standing_copy(standing)
    rows = scores(np.random.default_rng(6), 4, len(tables.follow))
    assert search.push(tables, standing, *rows) == numpy_search.push(expected, at, *rows)
    assert_equal(tables, expected)
    assert_equal(standing, at)
    places, nodes = search.living(tables, standing)
    assert len(places) == len(nodes) > 0
    assert search.path_to(tables, standing, int(nodes[0]))[-1] == nodes[0]
    assert search.tell(tables, standing) == numpy_search.tell(expected, at)


def test_without_the_c_numpy_takes_its_place(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(search, "WHY_NOT", "the C was not built")
    assert_numpy_takes_over(*begun(5, 3, min_frames=2), monkeypatch)


@pytest.mark.parametrize(
    ("classes", "followed", "kept"), [(257, 3, 9), (20, 17, 9), (9, 3, 255)]
)
def test_what_the_c_has_no_room_for_is_left_to_numpy(
    classes: int, followed: int, kept: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tables, standing = begun(classes, followed, kept=kept)
    assert tables.kept_frames == kept
    monkeypatch.setattr(search, "WHY_NOT", "")
    assert_numpy_takes_over(tables, standing, monkeypatch)


@needs_c
@pytest.mark.parametrize(
    ("classes", "followed", "kept"), [(256, 3, 9), (20, 16, 9), (9, 3, 254)]
)
def test_the_c_has_room_for_as_much_as_is_said_of_it(
    classes: int, followed: int, kept: int
) -> None:
    found, standing = begun(classes, followed, kept=kept)
    assert found.is_small
    expected, at = copy_of(found), standing_copy(standing)
    rows = scores(np.random.default_rng(6), 2, classes)
    assert search.push(found, standing, *rows) == numpy_search.push(expected, at, *rows)
    assert_equal(found, expected)
    assert search.tell(found, standing) == numpy_search.tell(expected, at)
    assert_same_past(found, standing)


def test_frames_are_kept_for_as_long_as_they_may_be_asked_for() -> None:
    tables, _ = begun(4, 2, min_frames=20)
    assert tables.kept_frames == 21  # the runs that are not long enough
    tables, _ = begun(4, 2)
    assert tables.kept_frames == tables.decided_frames + tables.settling_frames + 1


def test_an_operator_hears_that_the_search_is_slow_why_and_what_helps(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(search, "WHY_NOT", "")
    assert search.remark() == ""
    monkeypatch.setattr(search, "WHY_NOT", "the C was not built")
    assert "with numpy" in search.remark()
    assert "the C was not built; install a C compiler" in search.remark()
