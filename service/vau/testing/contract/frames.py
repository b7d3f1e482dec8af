"""Features to try a backend with, and how its answers are compared."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from vau.backend import Backend, Result, Slot, Work

Features = NDArray[np.float32]
Number = TypeVar("Number", bound=np.generic)


def some_frames(backend: Backend, count: int = 20, seed: int = 3) -> Features:
    """Return noise, shape (count, feature_dim)."""
    shape = (count, backend.info.feature_dim)
    return np.random.default_rng(seed).normal(size=shape).astype(np.float32)


def run(backend: Backend, slot: Slot, features: Features) -> Result:
    """Take frames into a slot that nobody shares the call with."""
    return backend.run([Work(slot, features)])[0]


def joined(results: list[Result]) -> Result:
    """Put answers one after the other, without their costs."""
    return Result(
        log_prob=np.concatenate([result.log_prob for result in results]),
        logits=_along_time([result.logits for result in results]),
        inputs=_along_time([result.inputs for result in results]),
    )


def assert_same_bits(found: Result, expected: Result) -> None:
    """Compare all that two answers say, bit for bit, and name what differs where."""
    _assert_equal("log_prob", found.log_prob, expected.log_prob)
    _assert_equal("logits", found.logits, expected.logits)
    _assert_equal("inputs", found.inputs, expected.inputs)


def assert_other_answer(found: Result, expected: Result, because: str) -> None:
    """Check that two answers are not the same, and say why they should not be."""
    if np.array_equal(found.log_prob, expected.log_prob):
        raise AssertionError(f"log_prob are the same to the bit, though {because}")


def assert_same_state(found: bytes, expected: bytes) -> None:
    """Compare two snapshots of a slot without printing them."""
    if found != expected:
        raise AssertionError("the state of the slot is not what it was")


def _along_time(parts: list[NDArray[Number] | None]) -> NDArray[Number] | None:
    present = [part for part in parts if part is not None]
    return np.concatenate(present) if present else None


def _assert_equal(
    name: str, found: NDArray[Number] | None, expected: NDArray[Number] | None
) -> None:
    if found is None or expected is None:
        assert found is expected, f"{name}: one answer has them, the other has none"
        return
    assert found.shape == expected.shape, f"{name} differ in shape"
    different = np.argwhere(found != expected)
    if len(different):
        frame, column = different[0]
        # Raised, not asserted: pytest would print both arrays behind these words.
        raise AssertionError(
            f"{name} differ in {len(set(different[:, 0]))} of {len(found)} frames, first in "
            f"[{frame}, {column}]: {found[frame, column]} and not {expected[frame, column]}"
        )
