"""What the engines that a bench compares have in common, and ours among them."""

from collections.abc import Callable
from contextlib import AbstractContextManager, nullcontext
from dataclasses import dataclass
from itertools import cycle
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from tests.bench._measure import Side
from vau.model import Model
from vau_backends.muntaniala.array import DieArray
from vau_backends.muntaniala.fixedpoint import (
    ACTIVATION_FRACTION_BITS,
    INPUT_SHIFT,
    to_s8,
)
from vau_backends.muntaniala.kernel import Kernel, open_kernel
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import from_model

Floats = NDArray[np.float32]
Advance = Callable[[Any], Any]
"""Takes the next frames of all streams and answers; what they left is remembered in it."""

INPUT_FRACTION_BITS: Final = ACTIVATION_FRACTION_BITS - INPUT_SHIFT  # as the backend quantises


@dataclass(frozen=True, slots=True, kw_only=True)
class Engine:
    """One way to run the network, timed from an array in memory to an array in memory."""

    start: Callable[[int], Advance]
    """Begin so many streams in the zero state."""

    arrange: Callable[[Floats], NDArray[Any]]
    """Put a tape, (calls, streams, frames, features), into the order its calls want."""

    read: Callable[[Any], NDArray[Any]]
    """Take the logits, (streams, frames, classes), out of an answer."""

    during: Callable[[], AbstractContextManager[object]] = nullcontext
    """What must be entered around its calls, untimed."""

    every: int = 1
    """It takes a turn in each so manieth round only."""

    def side(self, tape: Floats) -> Side:
        """Return it going round and round a tape."""
        advance, calls = self.start(tape.shape[1]), cycle(list(self.arrange(tape)))
        return Side(step=lambda: advance(next(calls)), during=self.during, every=self.every)

    def logits(self, tape: Floats) -> NDArray[Any]:
        """Return what it says to a whole tape, shape (streams, frames, classes)."""
        advance = self.start(tape.shape[1])
        with self.during():
            said = [self.read(advance(call)) for call in self.arrange(tape)]
        return np.concatenate(said, axis=1)


def streams_first(tape: Floats) -> Floats:
    """Leave a tape as it is."""
    return tape


def frames_first(tape: Floats) -> Floats:
    """Put a tape's memory into the order (calls, frames, streams, features)."""
    return np.ascontiguousarray(tape.swapaxes(1, 2))


def quantised(tape: Floats) -> NDArray[np.int8]:
    """Round a tape to the 8 bits that the network sees, as the backend does."""
    return to_s8(tape, INPUT_FRACTION_BITS)


def kernel_on(tier: str, model: Model) -> Kernel:
    """Lay a network out for a tier, on the array that the backend takes by itself."""
    array = DieArray.square_for(model.network.hidden)
    return open_kernel(from_model(model), array.tile(model.network), array.knobs, tier)


def ours(kernel: Kernel, model: Model, *, every: int = 1) -> Engine:
    """Return a kernel whose calls are float32 and rounded to 8 bits within the call."""
    bare = without_quantising(kernel, model)

    def start(streams: int) -> Advance:
        advance = bare.start(streams)
        return lambda z: advance(quantised(z))

    return Engine(start=start, arrange=streams_first, read=bare.read, every=every)


def without_quantising(kernel: Kernel, model: Model) -> Engine:
    """Return a kernel whose calls were rounded beforehand."""

    def start(streams: int) -> Advance:
        states, rows = States.zero(streams, model.network), range(streams)

        def advance(x: NDArray[np.int8]) -> NDArray[np.int32]:
            _, frames, inputs = x.shape
            works = x.reshape(streams * frames, inputs)
            answer = kernel.run(works, [frames] * streams, states, rows)
            return answer.logits.reshape(streams, frames, -1)

        return advance

    return Engine(start=start, arrange=quantised, read=lambda logits: logits)
