"""Where speech begins and ends, and where that ends a segment: from the frames alone.

A frame is speech if the network's best class is none of silence. Speech *begins* with the first
of ``ONSET_FRAMES`` such frames in a row: what is shorter is a click. It has *ended* behind the
last frame of such a row when enough others have followed, so many as end a segment where
silence does that, else ``PAUSE_FRAMES``. A pause that is shorter belongs to the speech.

The rules look at one frame after the other. What they say is a function of the frames so far:
how these were cut into chunks changes nothing (docs/adr/0014).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from enum import Enum
from typing import Final

from vau.checkpoint.form import Reader, Writer, damaged

ONSET_FRAMES: Final = 5  # a phoneme of speech lasts longer, a click does not
PAUSE_FRAMES: Final = 50  # half a second: within a word nobody pauses for so long


class EndReason(Enum):
    """Why a segment ended: the first two end its utterance, too."""

    HALF_CLOSE = "half-close"
    END_UTTERANCE = "end-utterance"
    SILENCE = "silence"
    MAX_SEGMENT = "max-segment"
    NO_SPEECH = "no-speech"


@dataclass(frozen=True, slots=True, kw_only=True)
class Rules:
    """When a segment ends, in frames; 0 switches a rule off."""

    start_frames: int = 0
    """Of a segment in which no speech has begun."""

    silence_frames: int = 0
    """Of silence behind speech."""

    segment_frames: int = 0
    """Of a segment, whatever is in it."""

    resets: bool = False
    """Whether the network forgets what was before a segment."""

    def __post_init__(self) -> None:
        for name in ("start_frames", "silence_frames", "segment_frames"):
            if getattr(self, name) < 0:
                raise ValueError(f"{name}={getattr(self, name)} is less than 0")


@dataclass(frozen=True, slots=True)
class Turning:
    """Speech begins or ends."""

    begins: bool
    frame: int
    """The first frame of the speech, or the first behind it."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """What some frames said: all that were given, or those up to the end of a segment."""

    frames: int
    turnings: tuple[Turning, ...] = ()
    boundary: EndReason | None = None
    """Why the segment ends behind the last of them; None if it goes on."""


class Endpointer:
    """The rules at work on the frames of one stretch between two ends of an utterance."""

    def __init__(self, rules: Rules) -> None:
        """Begin before frame 0, in silence."""
        self._rules = rules
        self._pause_frames = rules.silence_frames or PAUSE_FRAMES
        self._frames = 0
        self._segment_frames = 0
        self._row_frames = 0
        """Of speech, up to now and in a row."""

        self._since_frames = 0
        """Behind the last frame of a row that is long enough; counts only within speech."""

        self._speaks = False

    def advance(self, is_speech: Sequence[bool]) -> Stretch:
        """Take the next frames, up to the first that ends a segment."""
        turnings: list[Turning] = []
        for count, speech in enumerate(is_speech, 1):
            boundary = self._take(speech, turnings)
            if boundary is not None:
                self._segment_frames = 0
                return Stretch(count, tuple(turnings), boundary)
        return Stretch(len(is_speech), tuple(turnings))

    def finish(self) -> tuple[Turning, ...]:
        """End the speech that is under way, if any: nothing follows."""
        if not self._speaks:
            return ()
        self._speaks = False
        return (Turning(False, self._frames - self._since_frames),)

    def save(self, out: Writer) -> None:
        """Write down where the rules stand."""
        for value in (self._frames, self._segment_frames, self._row_frames, self._since_frames):
            out.count(value)
        out.flag(self._speaks)

    def restore(self, saved: Reader) -> None:
        """Go on from there. Raises ResumeInvalid for what ``save`` never writes."""
        self._frames = saved.count()
        self._segment_frames = saved.count(most=self._frames)
        self._row_frames = saved.count(most=self._frames)
        self._since_frames = saved.count(most=self._frames)
        self._speaks = saved.flag()
        if self._speaks and self._since_frames >= self._pause_frames:
            raise damaged("a pause that ended long ago")

    def _take(self, speech: bool, turnings: list[Turning]) -> EndReason | None:
        """Take one frame; add to ``turnings``, and return why a segment ends behind it."""
        self._frames += 1
        self._segment_frames += 1
        self._row_frames = self._row_frames + 1 if speech else 0
        self._since_frames += 1
        if self._row_frames >= ONSET_FRAMES:
            self._since_frames = 0
            if not self._speaks:
                self._speaks = True
                turnings.append(Turning(True, self._frames - ONSET_FRAMES))
        elif self._speaks and self._since_frames >= self._pause_frames:
            self._speaks = False
            turnings.append(Turning(False, self._frames - self._since_frames))
            if self._rules.silence_frames:
                return EndReason.SILENCE
        return self._overdue()

    def _overdue(self) -> EndReason | None:
        """Return why a segment ends though nothing happened."""
        rules = self._rules
        is_silent = not self._speaks and not self._row_frames  # not even a beginning
        if is_silent and 0 < rules.start_frames <= self._segment_frames:
            return EndReason.NO_SPEECH
        if 0 < rules.segment_frames <= self._segment_frames:
            return EndReason.MAX_SEGMENT
        return None
