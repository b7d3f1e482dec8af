"""The C module itself: it refuses what its arrays could not bear, and touches nothing else."""

from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.meeting import refusals_of_one_of_two
from tests.rpu_cases import Shape, make
from vau_backends.rpu.kernel import open_kernel, tiers
from vau_backends.rpu.kernel.compiled import TIERS

native: Final = pytest.importorskip(
    "vau_backends.rpu.kernel._native", reason="the C kernel was not built"
)
pytestmark = pytest.mark.skipif(not TIERS, reason="this processor has none of its tiers")
HIDDEN, INPUTS, CLASSES, ENTRIES = 3, 5, 4, 2048


def s16(*shape: int) -> NDArray[np.int16]:
    return np.zeros(shape, np.int16)


def layer(hidden: int = HIDDEN, inputs: int = INPUTS) -> tuple[Any, ...]:
    weights = (s16(4 * hidden, inputs), s16(4 * hidden, hidden), np.zeros(4 * hidden))
    return (hidden, inputs, *weights, 1.0, 1.0)


def network(**other: Any) -> Any:  # noqa: ANN401 - the C type has no name for mypy
    given: dict[str, Any] = {
        "tier": TIERS[0],
        "sigmoid": np.zeros(ENTRIES, np.int32),
        "tanh": np.zeros(ENTRIES, np.int32),
        "layers": [layer()],
        "classes": CLASSES,
        "w_out": s16(CLASSES, HIDDEN),
        "b_out": np.zeros(CLASSES),
        "out_scale": 1.0,
    }
    return native.Network(*(given | other).values())


@pytest.mark.parametrize(
    ("other", "complaint"),
    [
        ({"tier": "gpu"}, "no tier gpu"),
        ({"classes": 0, "w_out": b"", "b_out": b""}, "0 classes"),
        ({"layers": []}, "layers are empty"),
        ({"layers": [(2**20, *layer()[1:])]}, "bytes where"),  # says more than it brings
        ({"layers": [layer(), layer(inputs=INPUTS)]}, "do not fit"),
        ({"layers": [layer(), layer(hidden=HIDDEN + 1, inputs=HIDDEN)]}, "do not fit"),
        ({"w_out": s16(CLASSES, HIDDEN + 1)}, "32 bytes where 24"),
        ({"b_out": np.zeros(CLASSES - 1)}, "24 bytes where 32"),
        ({"tanh": np.zeros(ENTRIES - 1, np.int32)}, "bytes where 8192"),
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
    states = (s16(2, 1, HIDDEN), s16(2, 1, HIDDEN))
    logits, clamps = np.zeros((2, CLASSES), np.int32), np.zeros((len(lengths), 1), np.int64)
    with pytest.raises(ValueError, match=complaint):
        network().run(2, 2, lengths, rows, s16(2, INPUTS), *states, logits, clamps)


@pytest.mark.parametrize(
    ("frames", "pool_rows"),
    [(1, 2**62), (2**62, 1), (2**63 - 1, 1), (-1, 1), (1, -1), (1, 2**31)],
)
def test_sizes_that_only_a_product_beyond_64_bits_makes_fit_are_refused(
    frames: int, pool_rows: int
) -> None:
    """2^62 rows come to no bytes at all if their product may wrap; the last one is far off."""
    nothing = s16(0)
    logits, clamps = np.zeros(CLASSES, np.int32), np.zeros(1, np.int64)
    arrays = (s16(INPUTS), nothing, nothing, logits, clamps)
    with pytest.raises(ValueError, match="out of range"):
        network(layers=[layer(hidden=4)], w_out=s16(CLASSES, 4)).run(
            frames, pool_rows, [1], [2**31 - 1], *arrays
        )


def test_a_layer_of_the_largest_size_is_refused() -> None:
    huge = (2**31 - 1, 2**31 - 1, *layer()[2:])
    with pytest.raises(ValueError, match="do not fit"):
        network(layers=[huge])


def test_a_state_that_cannot_be_written_is_refused() -> None:
    case = make(1, (4,), Shape())
    case.states.h.flags.writeable = False
    with pytest.raises((BufferError, ValueError), match=r"read-only|writable"):
        open_kernel(case.weights, TIERS[0]).run(case.inputs[0], [4], case.states, [0])


@pytest.mark.parametrize("tier", tiers())
def test_a_network_may_have_many_layers(tier: str) -> None:
    case = make(1, (2,), Shape(layers=25))
    found, expected = case.run(tier)[0], case.run("reference")[0]
    np.testing.assert_array_equal(found.logits, expected.logits)
    np.testing.assert_array_equal(found.saturations, expected.saturations)


def test_a_second_thread_in_the_same_network_is_turned_away() -> None:
    """A network has memory for one call: its own lock keeps it so, as none of Python's does."""
    busy, frames = network(), 5_000

    def run() -> None:
        arrays = (s16(frames, INPUTS), s16(1, 1, HIDDEN), s16(1, 1, HIDDEN))
        logits, clamps = np.zeros((frames, CLASSES), np.int32), np.zeros((1, 1), np.int64)
        busy.run(frames, 1, [frames], [0], *arrays, logits, clamps)

    (refusal, *_) = refusals_of_one_of_two(run)
    assert refusal == "another thread is running this network"
    run()  # and it is free again
