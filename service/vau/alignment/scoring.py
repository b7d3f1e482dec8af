"""How well each phone was spoken where it was found: goodness of pronunciation (GOP).

With P(c|t) the posterior of class c at frame t, and T the frames of a phone p,

    score(c) = mean over T of ln P(c|t)
    GOP(p)   = score(p) - max over c other than p of score(c)

in nats: above 0 the network hears p there, below 0 it would rather hear the *rival*, the class
with that maximum. The GOP of a word is the mean over its phones, that of a script over all.

Ref: Witt, Young, "Phone-level pronunciation scoring and assessment for interactive language
     learning", Speech Communication 30, 2000: the ratio of likelihoods, over the frames.
     Hu, Qian, Soong, Wang, "Improved mispronunciation detection with deep neural network
     trained acoustic models and transfer learning based logistic regression classifiers",
     Speech Communication 67, 2015: the same of posteriors, without a second search.
Theirs lets p be its own rival, and so is never above 0.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import groupby, pairwise
from statistics import fmean

import numpy as np
from numpy.typing import NDArray

from vau.alignment.graph import SILENT, Graph, graph_of
from vau.alignment.script import Script
from vau.alignment.search import Floats, best_way
from vau.audio import HOP_SAMPLES
from vau.decode.scores import scores_of
from vau.endpoint import EndReason
from vau.segments import Phone, Segment
from vau.transcripts import Transcription


@dataclass(frozen=True, slots=True)
class Scored:
    """A phone where it was found, and how well it was spoken."""

    phone: Phone
    """Its confidence is the mean posterior."""

    gop_nats: float
    rival: str
    """The class that fits best of all others."""

    said: int
    """The part of the script that it belongs to."""


@dataclass(frozen=True, slots=True)
class Word:
    """A word where it was found."""

    text: str
    said: int
    phones: tuple[Scored, ...]

    @property
    def start_sample(self) -> int:
        """Where it begins."""
        return self.phones[0].phone.start_sample

    @property
    def end_sample(self) -> int:
        """Where it has ended."""
        return self.phones[-1].phone.end_sample

    @property
    def gop_nats(self) -> float:
        """The mean over its phones."""
        return fmean(each.gop_nats for each in self.phones)


@dataclass(frozen=True, slots=True)
class Alignment:
    """What was said in a recording, where, and how well."""

    done: Transcription
    """What was heard without knowing it. Its posteriors may have been let go."""

    script: Script
    phones: tuple[Scored, ...]

    @property
    def words(self) -> tuple[Word, ...]:
        """The words of the script, if it has any."""
        parts = groupby(self.phones, key=lambda each: each.said)
        return tuple(
            Word(text, said, tuple(phones))
            for said, phones in parts
            if (text := self.script.said[said].word) is not None
        )

    @property
    def gop_nats(self) -> float:
        """The mean over all phones."""
        return fmean(each.gop_nats for each in self.phones)

    def transcription(self) -> Transcription:
        """Return the recording as if these phones had been heard, without posteriors."""
        segment = Segment(
            utterance_index=0,
            segment_index=0,
            phones=tuple(each.phone for each in self.phones),
            stable_count=len(self.phones),
            start_sample=0,
            end_sample=self.done.samples,
            end_reason=EndReason.HALF_CLOSE,
        )
        return replace(self.done, segments=(segment,), posteriors=None)


def align(script: Script, done: Transcription) -> Alignment:
    """Find a script in the posteriors of a recording.

    done:   with its log posteriors.
    Raises  ConfigInvalid if it cannot be all that is said in it, ValueError without log
            posteriors.
    """
    if done.posteriors is None or done.posteriors.dtype != np.float32:
        raise ValueError(f"{done.file}: its log posteriors were not kept")
    rows, posteriors = scores_of(done.posteriors.astype(np.float32, copy=False))
    silences = sorted(done.engine.silence_ids)
    graph = graph_of(script, has_silence=bool(silences))
    silent = rows[:, silences].max(axis=1) if silences else np.zeros(len(rows))
    path = best_way(graph, np.column_stack([rows, silent]))
    phones = tuple(
        _scored(graph, state, (start, end), done, (rows, posteriors))
        for state, start, end in _stretches(path)
        if graph.said[state] != SILENT
    )
    return Alignment(replace(done, posteriors=None), script, phones)


def _stretches(path: NDArray[np.intp]) -> Iterator[tuple[int, int, int]]:
    """Yield each state of a path with its first frame and the one behind its last."""
    edges = [0, *(np.flatnonzero(np.diff(path)) + 1).tolist(), len(path)]
    for start, end in pairwise(edges):
        yield int(path[start]), start, end


def _scored(
    graph: Graph,
    state: int,
    frames: tuple[int, int],
    done: Transcription,
    heard: Sequence[Floats],
) -> Scored:
    (start, end), class_id = frames, graph.class_ids[state]
    rows, posteriors = heard
    means = rows[start:end].mean(axis=0)
    others = means.copy()
    others[class_id] = -np.inf
    rival = int(others.argmax())
    return Scored(
        phone=Phone(
            symbol=done.engine.phonemes[class_id],
            class_id=class_id,
            start_sample=start * HOP_SAMPLES,
            end_sample=min(end * HOP_SAMPLES, done.samples),
            confidence=float(posteriors[start:end, class_id].mean()),
        ),
        gop_nats=float(means[class_id] - others[rival]),
        rival=done.engine.phonemes[rival],
        said=graph.said[state],
    )
