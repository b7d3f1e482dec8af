"""The front end itself: framing, statics and deltas, one after the other, for all streams."""

from collections.abc import Sequence

from vau.checkpoint.form import Reader
from vau.frontend.config import FrontendConfig, Rows
from vau.frontend.deltas import HISTORY_FRAMES, with_deltas
from vau.frontend.framing import Framer, completed_frames
from vau.frontend.statics import Analyser
from vau.frontend.utterance import Piece, Utterance


class Frontend:
    """One configuration with its tables: made once, shared by all utterances."""

    def __init__(self, config: FrontendConfig) -> None:
        """Build the tables. What changes from call to call is in the utterances."""
        self.config = config
        self._framer = Framer(config)
        self._analyser = Analyser(config)

    def advance(self, pieces: Sequence[Piece]) -> list[Rows]:
        """Take each piece; return the features it completes, shape (frames, feature_dim).

        A frame is complete once the look-ahead of the deltas has arrived, ``LOOK_AHEAD_FRAMES``
        later, or with the utterance's last piece. An utterance may appear once only. The
        answers of one call are parts of one array: copy what is to outlive the others.

        Raises ValueError, with every utterance as it was, if a piece is not one channel.
        """
        if not pieces:
            return []
        counts = [completed_frames(piece) for piece in pieces]
        frames = self._framer.cut(pieces, counts)
        return with_deltas(pieces, counts, self._analyser.statics(frames))


def restored_utterance(saved: Reader, config: FrontendConfig) -> Utterance:
    """Return an utterance that was written down. Raises ResumeInvalid if it was not."""
    return Utterance.restored(saved, (HISTORY_FRAMES, config.static_dim))
