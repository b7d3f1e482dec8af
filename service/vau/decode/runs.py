"""What decoders say, and what each of them can do."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Protocol

import numpy as np
from numpy.typing import NDArray

from vau.checkpoint.form import Reader, Writer

RUN_BYTES: Final = 11  # of one that was written down, at least


@dataclass(frozen=True, slots=True)
class Run:
    """One run of a phoneme within an utterance."""

    class_id: int
    start_frame: int
    end_frame: int
    """Exclusive."""

    confidence: float
    """Mean posterior over the run."""


@dataclass(frozen=True, slots=True)
class Transcript:
    """The best hypothesis so far."""

    runs: tuple[Run, ...]
    stable_count: int
    """So many leading runs are the same in every later transcript."""


class Decoder(Protocol):
    """What turns the frames of one utterance into phonemes, as they come."""

    def push(self, log_prob: NDArray[np.float32]) -> None:
        """Take the next frames, shape (frames, phonemes)."""

    def transcript(self) -> Transcript:
        """Return the best hypothesis as of the last frame.

        What is behind ``stable_count`` may still change.
        """

    def finish(self) -> Transcript:
        """Return the final answer, all of it stable; nothing may be pushed after it."""

    def save(self, out: Writer) -> None:
        """Write down all that what follows depends on."""

    def restore(self, saved: Reader) -> None:
        """Go on from what a decoder of the same kind and model wrote down.

        Only for one that nothing was pushed to. Raises ResumeInvalid for what none writes.
        """


def save_runs(runs: Sequence[Run], out: Writer) -> None:
    """Write down runs in the order of time."""
    out.count(len(runs))
    end = 0
    for run in runs:
        out.count(run.class_id)
        out.count(run.start_frame - end)
        out.count(run.end_frame - run.start_frame)
        out.real(run.confidence)
        end = run.end_frame


def restore_runs(saved: Reader, classes: int, frames: int) -> list[Run]:
    """Return runs of so many classes that end at ``frames`` or before."""
    runs: list[Run] = []
    end = 0
    for _ in range(saved.count(most=saved.left // RUN_BYTES)):
        class_id = saved.count(most=classes - 1)
        start = end + saved.count(most=frames - end)
        end = start + saved.count(most=frames - start, least=1)
        runs.append(Run(class_id, start, end, saved.real()))
    return runs
