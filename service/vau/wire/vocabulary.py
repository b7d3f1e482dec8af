"""The enums of the wire beside the words of the service, for both ends of it.

A server says what is meant by a word with ``TABLE[word]``; a client, which may be older than
the server, looks a number up in ``words_of(TABLE)`` and may find nothing.
"""

from collections.abc import Hashable, Mapping
from typing import Final, TypeVar

from vau.backend import Boundary, Origin
from vau.decode import DecoderName
from vau.endpoint import EndReason
from vau.v1 import speech_pb2 as pb

_W = TypeVar("_W", bound=Hashable)
_N = TypeVar("_N", bound=int)

DECODERS: Final[dict[DecoderName, pb.Decoder]] = {
    "viterbi": pb.DECODER_VITERBI,
    "greedy": pb.DECODER_GREEDY,
}
ORIGINS: Final[dict[Origin, pb.Origin]] = {
    "estimated": pb.ORIGIN_ESTIMATED,
    "measured": pb.ORIGIN_MEASURED,
}
BOUNDARIES: Final[dict[Boundary, pb.Energy.Boundary]] = {
    "core": pb.Energy.BOUNDARY_CORE,
    "accelerator": pb.Energy.BOUNDARY_ACCELERATOR,
    "system": pb.Energy.BOUNDARY_SYSTEM,
    "board": pb.Energy.BOUNDARY_BOARD,
}
END_REASONS: Final[dict[EndReason, pb.EndReason]] = {
    EndReason.HALF_CLOSE: pb.END_REASON_HALF_CLOSE,
    EndReason.END_UTTERANCE: pb.END_REASON_END_UTTERANCE,
    EndReason.SILENCE: pb.END_REASON_SILENCE,
    EndReason.MAX_SEGMENT: pb.END_REASON_MAX_SEGMENT,
    EndReason.NO_SPEECH: pb.END_REASON_NO_SPEECH,
}
BEGINS: Final[dict[bool, pb.SpeechEvent.Kind]] = {
    True: pb.SpeechEvent.KIND_SPEECH_BEGIN,
    False: pb.SpeechEvent.KIND_SPEECH_END,
}
"""Whether speech begins with an event, or ends."""


def words_of(table: Mapping[_W, _N]) -> dict[_N, _W]:
    """Return the table as a reader wants it: each word by its number."""
    return {number: word for word, number in table.items()}
