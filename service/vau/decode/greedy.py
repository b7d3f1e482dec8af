"""The best phoneme of each frame, without what is too short to be one."""

from collections.abc import Iterable

import numpy as np
from numpy.typing import NDArray

from vau.checkpoint.form import Reader, Writer
from vau.decode.runs import Run, Transcript, restore_runs, save_runs
from vau.model import Model


class Greedy:
    """The best phoneme of each frame, in runs; those shorter than ``min_frames`` are left out.

    Where one is left out between two runs of one phoneme, these two follow each other.
    """

    def __init__(self, model: Model) -> None:
        """Begin before the first frame."""
        self._min_frames = model.decoder.min_frames
        self._classes = model.network.classes
        self._closed: list[Run] = []
        self._class_id = self._start = self._frames = 0
        self._posterior_sum = 0.0

    def push(self, log_prob: NDArray[np.float32]) -> None:
        """Take the next frames, shape (frames, phonemes)."""
        best = log_prob.argmax(axis=1)
        posteriors = np.exp(log_prob.max(axis=1), dtype=np.float64)
        for class_id, posterior in zip(best.tolist(), posteriors.tolist(), strict=True):
            if class_id != self._class_id:
                self._closed += self._run()
                self._class_id, self._start, self._posterior_sum = class_id, self._frames, 0.0
            self._posterior_sum += posterior
            self._frames += 1

    def transcript(self) -> Transcript:
        """Return the runs so far; the last one may still grow."""
        return Transcript((*self._closed, *self._run()), len(self._closed))

    def finish(self) -> Transcript:
        """Return all runs."""
        runs = self.transcript().runs
        return Transcript(runs, len(runs))

    def save(self, out: Writer) -> None:
        """Write down the runs that are closed, and what is known of the last one."""
        out.count(self._frames)
        out.count(self._start)
        out.count(self._class_id)
        out.real(self._posterior_sum)
        save_runs(self._closed, out)

    def restore(self, saved: Reader) -> None:
        """Go on from there. Raises ResumeInvalid for what ``save`` never writes."""
        self._frames = saved.count()
        self._start = saved.count(most=self._frames)
        self._class_id = saved.count(most=self._classes - 1)
        self._posterior_sum = saved.real()
        self._closed = restore_runs(saved, self._classes, self._start)

    def _run(self) -> Iterable[Run]:
        """Yield the last run if it is long enough."""
        frames = self._frames - self._start
        if frames >= self._min_frames:
            confidence = self._posterior_sum / frames
            yield Run(self._class_id, self._start, self._frames, confidence)
