"""What the events of one stream add up to."""

from collections.abc import Callable, Iterable
from dataclasses import replace
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vau.backend import Cost
from vau.client.recognition.answers import Finished, Started, Update
from vau.errors import Unreachable
from vau.segments import Segment
from vau.transcripts import Engine, Transcription


class Gathering:
    """One stream so far: a transcription once it has ended, and a part of one before."""

    def __init__(
        self, name: str, sha256: Callable[[], str], *, keep_posteriors: bool = True
    ) -> None:
        """Begin with nothing heard.

        sha256: asked at the end.
        """
        self._name, self._sha256 = name, sha256
        self._keep_posteriors = keep_posteriors
        self._engine: Engine | None = None
        self._finished: Finished | None = None
        self._posteriors: list[NDArray[Any]] = []
        self._finals: list[Segment] = []
        self._open: dict[int, Segment] = {}
        self._notices: list[str] = []
        self._fraction_bits = self._frames = self._samples = 0
        self._cost = Cost()

    def add(self, event: Started | Update | Finished) -> None:
        """Take note of what the server just said."""
        if isinstance(event, Started):
            self._engine = event.engine
        elif isinstance(event, Finished):
            self._finished = event
        else:
            self._update(event)

    def whole(self) -> Transcription:
        """Return all of it. Raises Unreachable if it has not come to its end."""
        if self._engine is None or self._finished is None:
            raise Unreachable(f"{self._name}: the server ended the stream without beginning it")
        end = self._finished
        return Transcription(
            file=self._name,
            sha256=self._sha256(),
            samples=end.samples,
            segments=tuple(self._finals),
            posteriors=self._rows(),
            fraction_bits=self._fraction_bits,
            frames=end.frames,
            energies=end.energies,
            input_digest=end.input_digest,
            output_digest=end.output_digest,
            engine=self._engine,
            notices=tuple(self._notices),
        )

    def broken_off(self, why: str) -> Transcription | None:
        """Return what was heard of a stream that does not come to its end; None if nothing was.

        Of a segment that has not ended it has those phonemes that could not change any more.
        """
        if self._engine is None or not self._frames:
            return None
        certain = (
            replace(each, phones=phones, end_sample=phones[-1].end_sample)
            for each in self._open.values()
            if (phones := each.phones[: each.stable_count])
        )
        return Transcription(
            file=self._name,
            sha256=self._sha256(),
            samples=self._samples,
            segments=(*self._finals, *certain),
            posteriors=self._rows(),
            fraction_bits=self._fraction_bits,
            frames=self._frames,
            energies=self._cost.energies,
            input_digest=b"",
            output_digest=b"",
            engine=self._engine,
            notices=tuple(self._notices),
            incomplete=why,
            has_ended=False,
        )

    def _update(self, update: Update) -> None:
        if update.posteriors is not None:
            self._frames += len(update.posteriors)
            if self._keep_posteriors:
                self._posteriors.append(update.posteriors)
                self._fraction_bits = update.fraction_bits
        self._samples = update.received_sample
        self._cost += Cost(energies=update.energies)
        self._notices += update.notices
        for segment in update.segments:
            if segment.end_reason is None:
                self._open[segment.segment_index] = segment
            else:
                self._open.pop(segment.segment_index, None)
                self._finals.append(segment)

    def _rows(self) -> NDArray[Any] | None:
        return np.concatenate(self._posteriors) if self._posteriors else None


def transcription(
    name: str,
    sha256: Callable[[], str],
    events: Iterable[Started | Update | Finished],
    *,
    keep_posteriors: bool = True,
) -> Transcription:
    """Gather the events of one stream into what ``vau.batch`` yields for a file.

    sha256: asked at the end.
    """
    gathering = Gathering(name, sha256, keep_posteriors=keep_posteriors)
    for event in events:
        gathering.add(event)
    return gathering.whole()
