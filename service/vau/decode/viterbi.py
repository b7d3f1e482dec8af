"""A streaming Viterbi search with a trigram.

The search knows a phoneme together with the one before it. No run of a phoneme is shorter
than ``min_frames``. A frame adds ``log_prob - prior_weight * log_prior`` of its phoneme;
entering the next phoneme adds ``language_weight * log_trigram + insertion_bonus``. Runs
that all living hypotheses share are stable; so are those of the best one that ended
``look_back_frames`` ago. The answer is a function of the frames alone: how they were cut into
chunks, and who looked in between, changes nothing (docs/adr/0005).
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau import search
from vau.checkpoint.form import Reader, Writer
from vau.decode.runs import Run, Transcript
from vau.decode.saved import SavedForm
from vau.decode.scores import scores_of
from vau.model import Model

FOLLOWED: Final = 5  # phonemes that may be followed by another at a frame: those that end best
BEAM: Final = 20.0  # hypotheses whose score is this much below the best are given up
DECIDING_FRAMES: Final = 30  # an open run is decided, so much later than one that has ended
SETTLING_FRAMES: Final = 5  # the past is settled whenever the frame count passes a multiple


class Viterbi:
    """The search over one utterance.

    A hypothesis is known by its last run. A run in the context of what was before it is a
    *node*, the number ``(start_frame * phonemes + phoneme) * phonemes + phoneme_before``.

    The hypotheses stand in two tables: the young ones, whose runs began at one of the last
    ``min_frames`` frames, by that frame, and the best of all that began earlier: these alone
    may end. A score is counted up to the start of the last run, less the gains of its phoneme
    until then; with those until any later frame added, it is the score there. The tables, and
    what a *place* in them is, are ``vau.search.Tables``.
    """

    def __init__(self, model: Model) -> None:
        """Begin before the first frame, as if after silence."""
        tuned = model.decoder
        self._tables = search.empty_tables(
            tuned.follow,
            tuned.prior_weight * tuned.log_prior.astype(np.float64),
            min_frames=tuned.min_frames,
            look_back_frames=tuned.look_back_frames,
            decided_frames=tuned.look_back_frames + DECIDING_FRAMES,
            settling_frames=SETTLING_FRAMES,
            beam=BEAM,
            followed=FOLLOWED,
        )
        self._begin_behind(next(iter(model.silence_ids), 0))
        self._standing = search.first_standing(self._tables)
        self._saved_form = SavedForm(self._tables, self._standing)
        self._stable: list[Run] = []

    def push(self, log_prob: NDArray[np.float32]) -> None:
        """Take the next frames, shape (frames, phonemes)."""
        settled = search.push(self._tables, self._standing, *scores_of(log_prob))
        self._stable += [Run(*each) for each in settled]

    def transcript(self) -> Transcript:
        """Return the best hypothesis as of the last frame; its last run is still open."""
        if not self._standing.frame:
            return Transcript((), 0)
        told, shared = search.tell(self._tables, self._standing)
        runs = [Run(*each) for each in told]
        self._stable += runs[:shared]
        return Transcript((*self._stable, *runs[shared:]), len(self._stable))

    def finish(self) -> Transcript:
        """Return the final answer: the best hypothesis whose last run is long enough."""
        if np.isfinite(self._tables.grown).any():
            self._tables.young.fill(-np.inf)
        runs = self.transcript().runs
        return Transcript(runs, len(runs))

    def save(self, out: Writer) -> None:
        """Write down what is alive, and what it comes from: 2 to 3 kB for forty phonemes."""
        self._saved_form.save(self._stable, out)

    def restore(self, saved: Reader) -> None:
        """Go on from there. Raises ResumeInvalid for what ``save`` never writes."""
        self._stable = self._saved_form.restore(saved)

    def _begin_behind(self, phoneme: int) -> None:
        """Let every run begin before the first frame, behind this phoneme."""
        rank = min(phoneme, self._tables.followed - 1)
        self._tables.endings[0, rank] = phoneme
        self._tables.young[0, :, rank] = 0.0
