"""What a stream heard, beside what an undisturbed one of the same audio is answered."""

from collections import Counter
from collections.abc import Iterable
from dataclasses import dataclass, fields
from typing import Self, TypeAlias

from tests.serving import Heard
from vau.client import posteriors_array

Frame: TypeAlias = tuple[int, int]
"""Utterance, and number in it."""


@dataclass(frozen=True, slots=True)
class Faults:
    """What must not be, counted over streams."""

    frames_lost: int = 0
    """Of which no posteriors came."""

    frames_repeated: int = 0
    """That came once more, or that the audio does not have."""

    frames_changed: int = 0
    """Whose logits are others, in any bit."""

    finals_changed: int = 0
    """Streams whose results are others."""

    digests_changed: int = 0
    """Streams that end with other digests, or another number of samples or frames."""

    @classmethod
    def of(cls, heard: Heard, uncut: Heard) -> Self:
        """Compare one stream with the one that was not disturbed."""
        frames, wanted = list(_frames(heard)), dict(_frames(uncut))
        times = Counter(frame for frame, _ in frames)
        return cls(
            frames_lost=len(wanted.keys() - times.keys()),
            frames_repeated=len(frames) - len(wanted.keys() & times.keys()),
            frames_changed=sum(
                frame in wanted and wanted[frame] != bits for frame, bits in frames
            ),
            finals_changed=int(heard.finals != uncut.finals),
            digests_changed=int(_ending(heard) != _ending(uncut)),
        )

    def __add__(self, other: "Faults") -> "Faults":
        names = [each.name for each in fields(self)]
        return Faults(**{name: getattr(self, name) + getattr(other, name) for name in names})

    @property
    def divergences(self) -> int:
        """All that is there and other than it should be."""
        return self.frames_changed + self.finals_changed + self.digests_changed


def _frames(heard: Heard) -> Iterable[tuple[Frame, bytes]]:
    for response in heard.responses:
        if response.HasField("posteriors"):
            first = (response.posteriors.utterance_index, response.posteriors.first_frame)
            for row, values in enumerate(posteriors_array(response.posteriors)):
                yield (first[0], first[1] + row), values.tobytes()


def _ending(heard: Heard) -> tuple[object, ...]:
    end = heard.finished
    return end.samples, end.frames, end.input_digest, end.output_digest
