"""The fast path equals the reference to the bit and to the event, over everything."""

from dataclasses import dataclass

import numpy as np
import pytest
from hypothesis import assume, given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vau_backends.muntaniala import cell, kernel
from vau_backends.muntaniala.array import Tiling
from vau_backends.muntaniala.cell import Answer, State
from vau_backends.muntaniala.fixedpoint import Sat16
from vau_backends.muntaniala.kernel import Kernel
from vau_backends.muntaniala.weights import LayerWeights, NetworkWeights

CLASSES = 3
SIDES = st.integers(1, 5)
STYLES = ("small", "large", "extreme")


@dataclass(frozen=True)
class Case:
    weights: NetworkWeights
    tilings: tuple[Tiling, ...]
    inputs: list[NDArray[np.int8]]
    states: list[State]

    def on(self, columns: int) -> "Case":
        tilings = tuple(
            Tiling(rows=columns, columns=columns, hidden=tiling.hidden, inputs=tiling.inputs)
            for tiling in self.tilings
        )
        return Case(self.weights, tilings, self.inputs, self.states)

    def reference(self) -> list[Answer]:
        return [
            cell.run(self.weights, self.tilings, x, state)
            for x, state in zip(self.inputs, self.states, strict=True)
        ]

    def fast(self) -> list[Answer]:
        return Kernel(self.weights, self.tilings).run(self.inputs, self.states)


def make(
    seed: int,
    *,
    layers: int = 2,
    hidden: int = 7,
    inputs: int = 5,
    rows: int = 2,
    columns: int = 2,
    style: str = "large",
    lengths: tuple[int, ...] = (4,),
) -> Case:
    rng = np.random.default_rng(seed)

    def s8(*shape: int, style: str = style) -> NDArray[np.int8]:
        if style == "extreme":
            return rng.choice(np.array([-128, 127], np.int8), shape)
        std = {"small": 2.0, "large": 80.0}[style]
        return np.rint(rng.normal(0, std, shape)).clip(-128, 127).astype(np.int8)

    widths = [inputs, *[hidden] * (layers - 1)]
    of_inputs = "extreme" if style == "extreme" else "large"
    return Case(
        NetworkWeights(
            tuple(
                LayerWeights(s8(4 * hidden, width), s8(4 * hidden, hidden), s8(4 * hidden))
                for width in widths
            ),
            s8(CLASSES, hidden),
            s8(CLASSES),
        ),
        tuple(
            Tiling(rows=rows, columns=columns, hidden=hidden, inputs=width) for width in widths
        ),
        [s8(length, inputs, style=of_inputs) for length in lengths],
        [
            State(
                s8(layers, hidden, style=of_inputs),
                rng.integers(-32_768, 32_768, (layers, hidden)).astype(np.int16),
            )
            for _ in lengths
        ],
    )


def assert_equal(found: list[Answer], expected: list[Answer]) -> None:
    assert len(found) == len(expected)
    for ours, theirs in zip(found, expected, strict=True):
        np.testing.assert_array_equal(ours.logits, theirs.logits)
        np.testing.assert_array_equal(ours.state.h, theirs.state.h)
        np.testing.assert_array_equal(ours.state.c, theirs.state.c)
        assert ours.saturations == theirs.saturations
        assert ours.logits.dtype == theirs.logits.dtype
        assert ours.state.h.dtype == theirs.state.h.dtype
        assert ours.state.c.dtype == theirs.state.c.dtype


@settings(max_examples=150, deadline=None)
@given(
    seed=st.integers(0, 2**32),
    layers=st.integers(1, 3),
    hidden=st.integers(1, 24),
    inputs=st.integers(1, 20),
    rows=SIDES,
    columns=SIDES,
    style=st.sampled_from(STYLES),
    lengths=st.lists(st.integers(0, 4), min_size=1, max_size=4).map(tuple),
)
def test_the_kernel_equals_the_reference(
    seed: int,
    layers: int,
    hidden: int,
    inputs: int,
    rows: int,
    columns: int,
    style: str,
    lengths: tuple[int, ...],
) -> None:
    case = make(
        seed,
        layers=layers,
        hidden=hidden,
        inputs=inputs,
        rows=rows,
        columns=columns,
        style=style,
        lengths=lengths,
    )
    assert_equal(case.fast(), case.reference())


@pytest.mark.parametrize("style", STYLES)
@pytest.mark.parametrize("columns", [1, 2, 3, 4, 5])
def test_they_agree_at_the_size_of_real_dies(columns: int, style: str) -> None:
    hidden = 96 if columns == 1 else 150
    case = make(columns, layers=1, hidden=hidden, inputs=123, columns=columns, style=style)
    assert_equal(case.fast(), case.reference())


def test_the_cases_reach_every_kind_of_event() -> None:
    """Saturation in MACs, in the row chain and in the cell, or the tests above prove less."""
    one_die = make(1, layers=1, columns=1, style="extreme", lengths=(1,))
    in_cell = make(1, layers=1, columns=1, style="small", lengths=(1,))
    full = State(np.zeros((1, 7), np.int8), np.full((1, 7), 32_767, np.int16))
    opened = LayerWeights(
        in_cell.weights.layers[0].w_x * 0,
        in_cell.weights.layers[0].w_h * 0,
        np.full(28, 127, np.int8),
    )
    in_cell = Case(
        NetworkWeights((opened,), in_cell.weights.w_out, in_cell.weights.b_out),
        in_cell.tilings,
        in_cell.inputs,
        [full],
    )
    in_chain = make(1, layers=1, hidden=2, inputs=2, columns=2, style="extreme", lengths=(1,))
    for case, least in ((one_die, 20), (in_cell, 7), (in_chain, 1)):
        assert case.reference()[0].saturations[0] >= least
        assert_equal(case.fast(), case.reference())


@pytest.mark.parametrize(
    ("last", "total", "events"),
    [(1, 32_767, 0), (2, 32_767, 1), (-1, 32_765, 0)],
)
@pytest.mark.parametrize("reverse", [False, True])
def test_a_sum_may_touch_the_rail_without_an_event(
    last: int, total: int, events: int, *, reverse: bool
) -> None:
    """127 * 127 * 2 + 127 * 4 + 1 is 32,767: one more is the first that clamps."""
    w = np.array([127, 127, 127, last], np.int8)
    x = np.array([127, 127, 4, 1], np.int8)
    if reverse:  # another order, another moment of the largest prefix
        w, x = w[::-1], x[::-1]
    layer = LayerWeights(
        np.stack([w, w, w, w]), np.zeros((4, 1), np.int8), np.zeros(4, np.int8)
    )
    case = Case(
        NetworkWeights((layer,), np.ones((1, 1), np.int8), np.zeros(1, np.int8)),
        (Tiling(rows=1, columns=1, hidden=1, inputs=4),),
        [x[np.newaxis]],
        [State(np.zeros((1, 1), np.int8), np.zeros((1, 1), np.int16))],
    )
    a = cell.pre_activations(
        layer, case.tilings[0], x.astype(np.int64), np.zeros(1, np.int64), Sat16()
    )
    assert a.tolist() == [total] * 4
    assert case.reference()[0].saturations == (4 * events,)
    assert_equal(case.fast(), case.reference())


def test_a_prefix_that_strays_and_comes_back_is_found() -> None:
    """The sum alone is 0; on the way it passes both rails."""
    w = np.array([127, 127, 127, -128, -128, -128], np.int8)
    x = np.array([127, 127, 127, 126, 126, 126], np.int8)
    layer = LayerWeights(np.stack([w] * 4), np.zeros((4, 1), np.int8), np.zeros(4, np.int8))
    case = Case(
        NetworkWeights((layer,), np.ones((1, 1), np.int8), np.zeros(1, np.int8)),
        (Tiling(rows=1, columns=1, hidden=1, inputs=6),),
        [x[np.newaxis]],
        [State(np.zeros((1, 1), np.int8), np.zeros((1, 1), np.int16))],
    )
    assert case.reference()[0].saturations == (4,)
    assert_equal(case.fast(), case.reference())


def test_a_call_longer_than_a_block_goes_on_from_block_to_block() -> None:
    longest = 2 * kernel.BLOCK_STEPS + 1
    lengths = (kernel.BLOCK_STEPS, 0, longest, 3, kernel.BLOCK_STEPS + 1)
    case = make(5, hidden=3, lengths=lengths)
    assert_equal(case.fast(), case.reference())


def test_more_doubtful_lanes_than_are_taken_at_a_time(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(kernel, "LANES_AT_A_TIME", 5)
    case = make(6, style="extreme", columns=1, lengths=(2, 3))
    assert_equal(case.fast(), case.reference())


@settings(max_examples=40, deadline=None)
@given(seed=st.integers(0, 2**32), columns=SIDES, cut=st.integers(0, 6))
def test_a_cut_changes_nothing(seed: int, columns: int, cut: int) -> None:
    case = make(seed, columns=columns, lengths=(6,))
    (whole,) = case.fast()
    fast = Kernel(case.weights, case.tilings)
    (first,) = fast.run([case.inputs[0][:cut]], case.states)
    (second,) = fast.run([case.inputs[0][cut:]], [first.state])
    np.testing.assert_array_equal(np.concatenate([first.logits, second.logits]), whole.logits)
    np.testing.assert_array_equal(second.state.c, whole.state.c)
    both = zip(first.saturations, second.saturations, strict=True)
    assert tuple(map(sum, both)) == whole.saturations


@settings(max_examples=60, deadline=None)
@given(seed=st.integers(0, 2**32), style=st.sampled_from(("small", "large")))
def test_tilings_without_saturation_agree(seed: int, style: str) -> None:
    case = make(seed, layers=2, hidden=4, inputs=3, style=style)
    one, four = case.on(1).fast(), case.on(2).fast()
    assume(not sum(one[0].saturations) and not sum(four[0].saturations))
    assert_equal(four, one)


def test_tilings_with_saturation_may_disagree() -> None:
    case = make(3, layers=1, hidden=12, inputs=12, style="extreme")
    assert (case.on(1).fast()[0].state.c != case.on(2).fast()[0].state.c).any()


def test_realistic_weights_leave_nothing_to_add_again(monkeypatch: pytest.MonkeyPatch) -> None:
    """The bound must clear ordinary lanes, or the fast path would be right but slow."""

    def never(*_: object) -> None:
        raise AssertionError("a lane was doubted")

    monkeypatch.setattr(kernel._Layer, "_add_in_order", never)  # noqa: SLF001
    case = make(4, layers=1, hidden=96, inputs=96, columns=2, style="small", lengths=(9,))
    case.fast()


def test_no_works_give_no_answers() -> None:
    case = make(1)
    assert Kernel(case.weights, case.tilings).run([], []) == []


def test_the_states_passed_in_are_left_as_they_were() -> None:
    case = make(8)
    before = [(state.h.copy(), state.c.copy()) for state in case.states]
    case.fast()
    for state, (h, c) in zip(case.states, before, strict=True):
        np.testing.assert_array_equal(state.h, h)
        np.testing.assert_array_equal(state.c, c)


def test_a_die_whose_sums_float32_would_round_is_refused() -> None:
    case = make(1, layers=1, hidden=4, inputs=300, columns=1)
    with pytest.raises(ValueError, match="too many for exact float32"):
        Kernel(case.weights, case.tilings)
    assert_equal(case.on(2).fast(), case.on(2).reference())
