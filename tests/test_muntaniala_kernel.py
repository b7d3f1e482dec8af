"""Every tier of the kernel equals the reference to the bit and to the event."""

import math
from dataclasses import replace
from functools import cache

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.lstm_cases import (
    ACCUMULATORS,
    CLASSES,
    STYLES,
    TIERS,
    Case,
    Outcome,
    Shape,
    assert_equal,
    make,
    stacked,
)
from vau_backends.muntaniala.array import Knobs, Tiling
from vau_backends.muntaniala.cell import Accumulator, pre_activations
from vau_backends.muntaniala.fixedpoint import Sat16
from vau_backends.muntaniala.kernel import Lanes, numpy_tier, open_kernel
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import LayerWeights, NetworkWeights

SIDES = st.integers(1, 5)
SHAPES = st.builds(
    Shape,
    layers=st.integers(1, 3),
    hidden=st.integers(1, 24),
    inputs=st.integers(1, 20),
    rows=SIDES,
    columns=SIDES,
    style=st.sampled_from(STYLES),
    acc=st.sampled_from(ACCUMULATORS),
    peephole=st.booleans(),
)
SEEDS = st.integers(0, 2**32)
every_tier = pytest.mark.parametrize("tier", TIERS)


@cache
def known(seed: int, lengths: tuple[int, ...], shape: Shape) -> tuple[Case, Outcome]:
    """Return a case and what the reference says to it, computed once for all tiers."""
    case = make(seed, lengths, shape)
    return case, case.reference()


# --- the reference's bits ---------------------------------------------------------------


@every_tier
@settings(max_examples=100, deadline=None)
@given(
    seed=SEEDS,
    shape=SHAPES,
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple),
)
def test_a_tier_equals_the_reference(
    tier: str, seed: int, shape: Shape, lengths: tuple[int, ...]
) -> None:
    case = make(seed, lengths, shape)
    assert_equal(case.on_tier(tier), case.reference())


@every_tier
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5])
def test_they_agree_at_the_size_of_real_dies(tier: str, columns: int, style: str) -> None:
    hidden = 96 if columns == 1 else 150
    shape = Shape(layers=1, hidden=hidden, inputs=123, columns=columns, style=style)  # type: ignore[arg-type]
    case, expected = known(columns, (3, 3), shape)
    assert_equal(case.on_tier(tier), expected)


@every_tier
@pytest.mark.parametrize("acc", ACCUMULATORS)
@pytest.mark.parametrize(
    ("frames", "streams"), [(1, 1), (1, 64), (64, 1), (64, 64), (3, 33), (33, 3), (17, 16)]
)
def test_they_agree_on_many_frames_of_many_streams(
    tier: str, frames: int, streams: int, acc: str
) -> None:
    shape = Shape(hidden=33, inputs=9, columns=3, acc=acc, peephole=True)  # type: ignore[arg-type]
    case, expected = known(frames, (frames,) * streams, shape)
    assert_equal(case.on_tier(tier), expected)


@every_tier
def test_works_of_unlike_lengths_share_a_call(tier: str) -> None:
    lengths = (32, 0, 65, 3, 33, 65, 1, 64)  # on both sides of what a tier takes at a time
    case, expected = known(5, lengths, Shape(hidden=3))
    assert_equal(case.on_tier(tier), expected)


@every_tier
def test_all_of_it_at_its_extremes(tier: str) -> None:
    """Every weight and input -128: the largest product, as often as a die can add it."""
    low, rng = np.int8(-128), np.random.default_rng(0)
    layer = LayerWeights(
        np.full((384, 123), low), np.full((384, 96), low), np.full(384, low), np.full(288, low)
    )
    case = Case(
        weights=NetworkWeights((layer,), np.full((2, 96), low), np.full(2, low)),
        tilings=(Tiling(rows=1, columns=1, hidden=96, inputs=123, peephole=True),),
        knobs=Knobs(peephole=True),
        inputs=[np.full((3, 123), low), np.full((3, 123), 127, np.int8)],
        states=States(
            np.full((2, 1, 96), low), rng.choice([-32_768, 32_767], (2, 1, 96)).astype(np.int16)
        ),
    )
    for acc in ACCUMULATORS:
        turned = replace(case, knobs=Knobs(acc=acc, peephole=True))
        assert_equal(turned.on_tier(tier), turned.reference())


# --- events -----------------------------------------------------------------------------


def one_layer(layer: LayerWeights, x: NDArray[np.int8], c: int = 0) -> Case:
    """Return one frame of one stream on one die."""
    hidden = layer.w_h.shape[1]
    return Case(
        weights=NetworkWeights((layer,), np.ones((1, hidden), np.int8), np.zeros(1, np.int8)),
        tilings=(Tiling(rows=1, columns=1, hidden=hidden, inputs=len(x)),),
        knobs=Knobs(peephole=layer.peephole is not None),
        inputs=[x[np.newaxis]],
        states=States(np.zeros((1, 1, hidden), np.int8), np.full((1, 1, hidden), c, np.int16)),
    )


def four_gates(
    w_x: NDArray[np.int8], bias: int = 0, peephole: int | None = None
) -> LayerWeights:
    """Return a layer of one unit whose gates have the same weights; it does not hear h."""
    return LayerWeights(
        np.stack([w_x] * 4),
        np.zeros((4, 1), np.int8),
        np.full(4, bias, np.int8),
        None if peephole is None else np.full(3, peephole, np.int8),
    )


QUIET = np.zeros(1, np.int8)
IN_THE_DIES = make(1, (1,), Shape(layers=1, columns=1, style="extreme"))
IN_THE_ROW = make(1, (1,), Shape(layers=1, hidden=2, inputs=2, style="extreme"))
IN_THE_CELL = one_layer(four_gates(QUIET, bias=127), QUIET, c=32_767)
BY_PEEPHOLES = one_layer(four_gates(QUIET, bias=127, peephole=127), QUIET, c=32_767)


@every_tier
@pytest.mark.parametrize(
    ("case", "least"),
    [(IN_THE_DIES, 20), (IN_THE_ROW, 1), (IN_THE_CELL, 1), (BY_PEEPHOLES, 4)],
    ids=["in the dies", "in the row", "in the cell", "by peepholes"],
)
def test_every_kind_of_event_is_counted(tier: str, case: Case, least: int) -> None:
    expected = case.reference()
    assert sum(expected.saturations[0]) >= least
    assert_equal(case.on_tier(tier), expected)


@every_tier
@pytest.mark.parametrize(
    ("last", "total", "events"),
    [(1, 32_767, 0), (2, 32_767, 1), (-1, 32_765, 0)],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_a_sum_may_touch_the_rail_without_an_event(
    tier: str, last: int, total: int, events: int, *, reverse: bool
) -> None:
    """127 * 127 * 2 + 127 * 4 + 1 is 32,767: one more is the first that clamps."""
    w = np.array([127, 127, 127, last], np.int8)
    x = np.array([127, 127, 4, 1], np.int8)
    if reverse:  # another order, another moment of the largest prefix
        w, x = w[::-1], x[::-1]
    case, sat16 = one_layer(four_gates(w), x), Sat16()
    kept = Accumulator.of(Knobs(), sat16)
    zero = np.zeros(1, np.int64)
    a = pre_activations(case.weights.layers[0], case.tilings[0], x.astype(np.int64), zero, kept)
    assert a.tolist() == [total] * 4
    assert sat16.events == 4 * events
    assert_equal(case.on_tier(tier), case.reference())


@every_tier
def test_a_prefix_that_strays_and_comes_back_is_found(tier: str) -> None:
    """The sum alone is 0; on the way it passes both rails."""
    w = np.array([127, 127, 127, -128, -128, -128], np.int8)
    x = np.array([127, 127, 127, 126, 126, 126], np.int8)
    case = one_layer(four_gates(w), x)
    expected = case.reference()
    assert expected.saturations == [(4,)]
    assert_equal(case.on_tier(tier), expected)


# --- whose bits depend on what ----------------------------------------------------------


@every_tier
@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, shape=SHAPES, cut=st.integers(0, 6))
def test_a_cut_changes_nothing(tier: str, seed: int, shape: Shape, cut: int) -> None:
    case = make(seed, (6, 6), shape)
    whole = case.on_tier(tier)
    first = replace(case, inputs=[x[:cut] for x in case.inputs]).on_tier(tier)
    rest = replace(case, inputs=[x[cut:] for x in case.inputs], states=first.states)
    second = rest.on_tier(tier)
    joined = Outcome(
        logits=[
            np.concatenate(parts) for parts in zip(first.logits, second.logits, strict=True)
        ],
        states=second.states,
        saturations=[
            tuple(one + other for one, other in zip(*parts, strict=True))
            for parts in zip(first.saturations, second.saturations, strict=True)
        ],
    )
    assert_equal(joined, whole)


@every_tier
@settings(max_examples=20, deadline=None)
@given(seed=SEEDS, shape=SHAPES, order=st.permutations(range(5)))
def test_batch_mates_change_nothing(
    tier: str, seed: int, shape: Shape, order: list[int]
) -> None:
    case = make(seed, (3, 0, 5, 5, 1), shape)
    together = case.on_tier(tier)
    kernel = open_kernel(case.weights, case.tilings, case.knobs, tier=tier)
    states = States(case.states.h.copy(), case.states.c.copy())
    for work in order:
        x = case.inputs[work]
        alone = kernel.run(x, [len(x)], states, [work])
        np.testing.assert_array_equal(alone.logits, together.logits[work])
        assert tuple(alone.saturations[0]) == together.saturations[work]
    np.testing.assert_array_equal(states.h, together.states.h)
    np.testing.assert_array_equal(states.c, together.states.c)


@every_tier
def test_only_the_rows_named_are_advanced_each_by_its_own_work(tier: str) -> None:
    case, expected = known(8, (2, 3, 4), Shape())
    shape = (6, *case.states.h.shape[1:])
    pool = States(np.full(shape, 77, np.int8), np.full(shape, 777, np.int16))
    rows = [4, 0, 3]
    pool.h[rows], pool.c[rows] = case.states.h, case.states.c
    kernel = open_kernel(case.weights, case.tilings, case.knobs, tier=tier)
    kernel.run(*stacked(case.inputs), pool, rows)
    np.testing.assert_array_equal(pool.h[rows], expected.states.h)
    np.testing.assert_array_equal(pool.c[rows], expected.states.c)
    assert (pool.h[[1, 2, 5]] == 77).all()
    assert (pool.c[[1, 2, 5]] == 777).all()


@every_tier
def test_no_works_give_no_answers(tier: str) -> None:
    case = make(1)
    kernel = open_kernel(case.weights, case.tilings, case.knobs, tier=tier)
    answer = kernel.run(case.inputs[0][:0], [], case.states, [])
    assert answer.logits.shape == (0, CLASSES)
    assert answer.saturations.shape == (0, 2)


# --- tilings and accumulators -----------------------------------------------------------


def accumulating(case: Case, acc: str) -> Case:
    return replace(case, knobs=replace(case.knobs, acc=acc))  # type: ignore[arg-type]


@every_tier
@settings(max_examples=40, deadline=None)
@given(seed=SEEDS, style=st.sampled_from(("small", "large")), peephole=st.booleans())
def test_without_saturation_one_die_and_four_agree_and_so_do_all_accumulators(
    tier: str, seed: int, style: str, *, peephole: bool
) -> None:
    shape = Shape(hidden=4, inputs=3, style=style, peephole=peephole)  # type: ignore[arg-type]
    case = make(seed, (4,), shape)
    one, four = case.on(1).on_tier(tier), case.on(2).on_tier(tier)
    assume(not sum(one.saturations[0]) and not sum(four.saturations[0]))
    assert_equal(four, one)
    for acc in ("wrap", "wide"):
        assert_equal(accumulating(case, acc).on_tier(tier), one)


@every_tier
def test_with_saturation_each_tiling_follows_its_own_order(tier: str) -> None:
    case = make(3, shape=Shape(layers=1, hidden=12, inputs=12, style="extreme"))
    found = {side: case.on(side).on_tier(tier) for side in (1, 2, 3)}
    for side, outcome in found.items():
        assert_equal(outcome, case.on(side).reference())
    assert len({outcome.states.c.tobytes() for outcome in found.values()}) == 3


@every_tier
@settings(max_examples=20, deadline=None)
@given(
    seed=SEEDS, side=SIDES, acc=st.sampled_from(("wrap", "wide")), style=st.sampled_from(STYLES)
)
def test_sums_that_wrap_or_are_wide_are_those_of_any_tiling(
    tier: str, seed: int, side: int, acc: str, style: str
) -> None:
    case = make(seed, shape=Shape(acc=acc, style=style))  # type: ignore[arg-type]
    assert_equal(case.on(side).on_tier(tier), case.on(1).on_tier(tier))


# --- lanes ------------------------------------------------------------------------------


def doubtful_lanes(case: Case) -> int:
    """Count by the definition, in integers: the lanes of a one-frame, one-layer case.

    Prefixes lie around the middle of where they start and end, at most half the norms away;
    first those of x, from the bias to x_sum, then those of h, from x_sum to sum.
    """
    (layer,), (tiling,) = case.weights.layers, case.tilings
    doubtful = 0
    for x, h in zip(case.inputs, case.states.h, strict=True):
        for column in range(tiling.columns):
            of_x, of_h = tiling.x_slice(column), tiling.h_slice(column)
            for w_x, w_h, bias in zip(layer.w_x, layer.w_h, layer.bias, strict=True):
                start = (int(bias) << 7) if column == 0 else 0
                x_sum = start + dot(w_x[of_x], x[0, of_x])
                total = x_sum + dot(w_h[of_h], h[0, of_h])
                n_x = norm(w_x[of_x]) * norm(x[0, of_x])
                n_h = norm(w_h[of_h]) * norm(h[0, of_h])
                doubtful += (
                    abs(x_sum) + abs(start) + n_x > 65_534 or abs(x_sum + total) + n_h > 65_534
                )
    return doubtful


def dot(w: NDArray[np.int8], x: NDArray[np.int8]) -> int:
    return int(w.astype(int) @ x.astype(int))


def norm(values: NDArray[np.int8]) -> int:
    return math.isqrt(dot(values, values)) + 1


@every_tier
@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("columns", [1, 2, 5])
def test_a_lane_is_doubtful_if_its_norms_do_not_clear_it(
    tier: str, columns: int, style: str
) -> None:
    shape = Shape(layers=1, hidden=13, inputs=11, columns=columns, style=style)  # type: ignore[arg-type]
    case = make(columns, (1, 1, 1), shape)
    assert case.on_tier(tier).lanes == Lanes(3 * columns * 4 * 13, doubtful_lanes(case))


@every_tier
@settings(max_examples=30, deadline=None)
@given(seed=SEEDS, shape=SHAPES)
def test_all_tiers_doubt_the_same_lanes(tier: str, seed: int, shape: Shape) -> None:
    case = make(seed, (5, 2), shape)
    assert case.on_tier(tier).lanes == case.on_tier("numpy").lanes


@every_tier
@pytest.mark.parametrize("acc", ["wrap", "wide"])
def test_where_order_does_not_matter_no_lane_is_doubtful(tier: str, acc: str) -> None:
    case = make(2, (2,), Shape(layers=1, style="extreme", acc=acc))  # type: ignore[arg-type]
    assert case.on_tier(tier).lanes == Lanes(total=2 * 2 * 4 * 7, doubtful=0)


@every_tier
def test_realistic_weights_leave_nothing_to_add_again(tier: str) -> None:
    """The bound must clear ordinary lanes, or the fast path would be right but slow."""
    shape = Shape(layers=1, hidden=96, inputs=96, columns=2, style="small")
    assert make(4, (9,), shape).on_tier(tier).lanes.doubtful == 0


# --- the numpy tier alone ---------------------------------------------------------------


def test_more_doubtful_lanes_than_are_taken_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(numpy_tier, "LANES_AT_A_TIME", 5)
    case = make(6, (2, 3), Shape(style="extreme", columns=1))
    assert_equal(case.on_tier("numpy"), case.reference())


def test_a_die_whose_sums_float32_would_round_is_refused() -> None:
    case = make(1, shape=Shape(layers=1, hidden=4, inputs=300, columns=1))
    with pytest.raises(ValueError, match="too many for exact float32"):
        case.on_tier("numpy")
    assert_equal(case.on(2).on_tier("numpy"), case.on(2).reference())
