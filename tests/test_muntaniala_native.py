"""The C module itself: it refuses what its arrays could not bear, and touches nothing else."""

from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.lstm_cases import Shape, make
from tests.meeting import refusals_of_one_of_two
from vau_backends.muntaniala.array import Knobs
from vau_backends.muntaniala.kernel import open_kernel, tiers
from vau_backends.muntaniala.kernel.compiled import TIERS, CompiledKernel, amx_peak
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.tables import SIGMOID, TANH

native: Final = pytest.importorskip(
    "vau_backends.muntaniala.kernel._native", reason="the C kernel was not built"
)
HIDDEN, INPUTS, CLASSES = 3, 5, 4


def zeros(*shape: int) -> NDArray[np.int8]:
    return np.zeros(shape, np.int8)


def layer(hidden: int = HIDDEN, inputs: int = INPUTS, columns: int = 1) -> tuple[Any, ...]:
    weights = (zeros(4 * hidden, inputs), zeros(4 * hidden, hidden), zeros(4 * hidden))
    return (hidden, inputs, columns, *weights, None)


def network(**other: Any) -> Any:  # noqa: ANN401 - the C type has no name for mypy
    given: dict[str, Any] = {
        "tier": "portable",
        "acc": 0,
        "tanh": TANH,
        "sigmoid": SIGMOID,
        "layers": [layer()],
        "classes": CLASSES,
        "w_out": zeros(CLASSES, HIDDEN),
        "b_out": zeros(CLASSES),
    }
    return native.Network(*(given | other).values())


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        ({"tier": "gpu"}, "no tier gpu"),
        ({"acc": 7}, "accumulator 7"),
        ({"classes": 0, "w_out": b"", "b_out": b""}, "0 classes"),
        ({"layers": []}, "layers are empty"),
        ({"layers": [layer(columns=0)]}, "0 die columns"),
        ({"layers": [(2**20, *layer()[1:])]}, "bytes where"),  # says more than it brings
        ({"layers": [layer(), layer(inputs=INPUTS)]}, "do not fit"),
        ({"layers": [layer(), layer(hidden=HIDDEN + 1, inputs=HIDDEN)]}, "do not fit"),
        ({"w_out": zeros(CLASSES, HIDDEN + 1)}, "16 bytes where 12"),
        ({"tanh": TANH + np.int16(1)}, "not symmetric"),
    ],
)
def test_a_network_that_could_not_be_run_is_refused(
    other: dict[str, Any], complaint: str
) -> None:
    with pytest.raises(ValueError, match=complaint):
        network(**other)


@pytest.mark.parametrize(
    ("lengths", "rows", "complaint"),
    [
        ([2], [2], "do not fit"),
        ([3], [0], "do not fit"),
        ([-1], [0], "out of range"),
        ([2], [-1], "out of range"),
        ([2], [], "do not fit"),
        ([2**40], [0], "out of range"),
    ],
)
def test_a_call_that_would_leave_its_arrays_is_refused(
    lengths: list[int], rows: list[int], complaint: str
) -> None:
    states = States(zeros(2, 1, HIDDEN), np.zeros((2, 1, HIDDEN), np.int16))
    logits, events = np.zeros((2, CLASSES), np.int32), np.zeros((len(lengths), 1), np.int64)
    arrays = (zeros(2, INPUTS), states.h, states.c, logits, events)
    with pytest.raises(ValueError, match=complaint):
        network().run(2, 2, lengths, rows, *arrays)


@pytest.mark.parametrize(
    ("frames", "pool_rows"),
    [(1, 2**62), (2**62, 1), (2**63 - 1, 1), (-1, 1), (1, -1), (1, 2**31)],
)
def test_sizes_that_only_a_product_beyond_64_bits_makes_fit_are_refused(
    frames: int, pool_rows: int
) -> None:
    """2^62 rows come to no bytes at all if their product may wrap; the last one is far off."""
    nothing = zeros(0)
    logits, clamps = np.zeros(CLASSES, np.int32), np.zeros(1, np.int64)
    arrays = (zeros(INPUTS), nothing, nothing, logits, clamps)
    with pytest.raises(ValueError, match="out of range"):
        network(layers=[layer(hidden=4)], w_out=zeros(CLASSES, 4)).run(
            frames, pool_rows, [1], [2**31 - 1], *arrays
        )


def test_a_layer_of_the_largest_size_is_refused() -> None:
    huge = (2**31 - 1, 2**31 - 1, *layer()[2:])
    with pytest.raises(ValueError, match="do not fit"):
        network(layers=[huge])


def test_a_state_that_cannot_be_written_is_refused() -> None:
    case = make(1)
    case.states.h.flags.writeable = False
    kernel = open_kernel(case.weights, case.tilings, case.knobs, tier=TIERS[-1])
    with pytest.raises((BufferError, ValueError), match=r"read-only|writable"):
        kernel.run(case.inputs[0], [4], case.states, [0])


@pytest.mark.parametrize("tier", tiers())
def test_a_network_may_have_many_layers(tier: str) -> None:
    case = make(1, (2,), Shape(layers=25, peephole=True))
    found = open_kernel(case.weights, case.tilings, case.knobs, tier=tier)
    answer = found.run(case.inputs[0], [2], case.states, [0])
    expected = make(1, (2,), Shape(layers=25, peephole=True)).reference()
    np.testing.assert_array_equal(answer.logits, expected.logits[0])
    assert tuple(answer.saturations[0]) == expected.saturations[0]


def test_a_die_with_more_products_than_32_bits_hold_is_refused() -> None:
    case = make(1, (1,), Shape(layers=1, hidden=1, inputs=2**14, columns=1))
    with pytest.raises(ValueError, match="too many for 32-bit sums"):
        CompiledKernel(case.weights, case.tilings, Knobs(), TIERS[-1])


def test_what_a_machine_can_do_at_best_is_measured() -> None:
    case = make(1)
    assert CompiledKernel(case.weights, case.tilings, case.knobs, TIERS[-1]).read_s() > 0.0
    assert (amx_peak() > 0.0) == ("amx" in TIERS)


def test_a_second_thread_in_the_same_network_is_turned_away() -> None:
    """A network has memory for one call: its own lock keeps it so, as none of Python's does."""
    busy, frames = network(), 5_000

    def run() -> None:
        arrays = (
            zeros(frames, INPUTS),
            zeros(1, 1, HIDDEN),
            np.zeros((1, 1, HIDDEN), np.int16),
        )
        logits, clamps = np.zeros((frames, CLASSES), np.int32), np.zeros((1, 1), np.int64)
        busy.run(frames, 1, [frames], [0], *arrays, logits, clamps)

    (refusal, *_) = refusals_of_one_of_two(run)
    assert refusal == "another thread is running this network"
    run()  # and it is free again
