"""Before engines are timed: do they run the same network?"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, Self

import numpy as np
from numpy.typing import NDArray

from tests.bench._engines import Engine, Floats
from tests.bench._speech import Recording
from vau.backend import BackendOptions, Work
from vau.model import Model
from vau_backends.float.backend import FACTORY
from vau_backends.host import log_posteriors

CALL_FRAMES: Final = 10
CALLS: Final = 30
FRAMES: Final = CALLS * CALL_FRAMES
STREAMS: Final = 4
TOLERANCE: Final = 1e-3  # of log-posteriors: float32, added up in another order, 3 layers deep
LEAST_AGREEMENT: Final = 0.9  # a network with one weight array misplaced agrees in far less

Engines = Mapping[str, Engine]


class NotTheSame(Exception):
    """What would be compared is not the same network: its times would say nothing."""


@dataclass(frozen=True, slots=True)
class Yardstick:
    """Some streams of speech, and what the float backend says to them."""

    model: Model
    calls: Floats
    """Normalised, shape (CALLS, STREAMS, CALL_FRAMES, features)."""

    log_prob: Floats
    """Shape (STREAMS, FRAMES, classes)."""

    @classmethod
    def of(cls, speech: Sequence[Recording], model: Model) -> Self:
        """Take parts from different places, of different recordings if there are.

        Raises NotTheSame if no recording is long enough to tell.
        """
        long = [each for each in speech if len(each.z) >= FRAMES]
        if not long:
            raise NotTheSame(f"no recording has {FRAMES} frames to compare; give longer ones")
        backend = FACTORY.open(model, BackendOptions(slot_count=STREAMS))
        work, z = [], []
        for n in range(STREAMS):
            recording = long[n % len(long)]
            start = (len(recording.z) - FRAMES) * n // STREAMS
            part = slice(start, start + FRAMES)
            work.append(Work(backend.open(), recording.features[part]))
            z.append(recording.z[part].reshape(CALLS, CALL_FRAMES, -1))
        said = [result.log_prob for result in backend.run(work)]
        return cls(model, np.stack(z, axis=1), np.stack(said))

    def check_bits(self, tiers: Engines) -> None:
        """Raise NotTheSame unless all give the same logits, to the bit."""
        logits = {name: tier.logits(self.calls) for name, tier in tiers.items()}
        first, *others = logits
        for other in others:
            if not np.array_equal(logits[first], logits[other]):
                raise NotTheSame(f"tier {other} gives other bits than {first}")

    def differences(self, engines: Engines) -> dict[str, float]:
        """Return the largest difference of a log-posterior, by name.

        Raises NotTheSame if one is over TOLERANCE, or no number.
        """
        found = {}
        for name, engine in engines.items():
            logits = engine.logits(self.calls).reshape(STREAMS * FRAMES, -1)
            said = log_posteriors(logits, self.model.temperature).reshape(self.log_prob.shape)
            found[name] = float(np.abs(said - self.log_prob).max())
            if not found[name] <= TOLERANCE:
                raise NotTheSame(
                    f"{name}: a log-posterior differs from the float backend's by "
                    f"{found[name]}, more than {TOLERANCE}"
                )
        return found

    def agreements(self, engines: Engines) -> dict[str, float]:
        """Return in what share of the frames the best phone is the same, by name.

        Raises NotTheSame if one is under LEAST_AGREEMENT.
        """
        found = {}
        for name, engine in engines.items():
            same = _best(engine.logits(self.calls)) == _best(self.log_prob)
            found[name] = round(float(same.mean()), 4)
            if found[name] < LEAST_AGREEMENT:
                raise NotTheSame(
                    f"{name}: the best phone is the float backend's in {found[name]:.1%} of "
                    f"the frames, less than {LEAST_AGREEMENT:.0%}"
                )
        return found


def _best(scores: NDArray[Any]) -> NDArray[np.intp]:
    best: NDArray[np.intp] = scores.argmax(axis=-1)
    return best
