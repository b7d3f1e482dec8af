"""How fast a client sends. Live audio comes no faster than one speaks; a file does."""

from typing import Final

from vau.audio import LIVE_PACE, SAMPLE_RATE_HZ

TOLD_S: Final = 0.5  # of less audio no pace can be told
EARLY_S: Final = 0.1  # an advised chunk, or what a network held back for so long
MOST_AHEAD_S: Final = 1.0  # is remembered: who sends live again is live ten seconds later
MOST_BEHIND_S: Final = 10.0  # what a client sends late may come all at once, and is live


class Pace:
    """The pace of one stream. It holds the same few numbers however long the stream lasts."""

    def __init__(self) -> None:
        """Begin before the first message."""
        self._first_s = self._last_s = 0.0
        self._samples = -1  # after the first message; before it there is no pace
        self._ahead_s = 0.0

    def heard(self, samples: int, read_s: float, held_s: float = 0.0) -> None:
        """Take note of a message with so much audio, read at ``read_s``.

        held_s: for so long nothing was read before it, because there was no room. What came
                late by that is the server's doing: it is live however much it is.
        """
        audio_s = samples / SAMPLE_RATE_HZ
        if self._samples < 0:
            self._samples = 0
            self._first_s = self._last_s = read_s
        else:
            self._samples += samples
        ahead_s = self._ahead_s + audio_s - LIVE_PACE * (read_s - self._last_s - held_s)
        least_s = min(self._ahead_s, -MOST_BEHIND_S)  # or what a stall of the server left
        self._ahead_s = max(least_s, min(ahead_s, MOST_AHEAD_S)) - LIVE_PACE * held_s
        self._last_s = read_s

    @property
    def is_ahead(self) -> bool:
        """Whether the last audio came sooner than anybody could have spoken it.

        How long it waited says nothing of the server: more of it came than one can hear live.
        """
        return self._ahead_s > EARLY_S

    @property
    def seconds_a_second(self) -> float:
        """Audio that came after the first message, by the time; 0 if that cannot be told."""
        audio_s, wall_s = self._samples / SAMPLE_RATE_HZ, self._last_s - self._first_s
        return audio_s / wall_s if audio_s >= TOLD_S and wall_s > 0.0 else 0.0
