"""Posteriors to phonemes: a search over what usually follows what, or the best of each frame.

Either decoder is fed one utterance, frame by frame; it can be written down between two of
them, and another that reads this goes on as it would have.
"""

from typing import Literal

from vau.decode.greedy import Greedy
from vau.decode.runs import Decoder, Run, Transcript
from vau.decode.viterbi import DECIDING_FRAMES, SETTLING_FRAMES, Viterbi
from vau.model import Model

__all__ = [
    "DECIDING_FRAMES",
    "SETTLING_FRAMES",
    "Decoder",
    "DecoderName",
    "Greedy",
    "Run",
    "Transcript",
    "Viterbi",
    "decoder_of",
]

DecoderName = Literal["viterbi", "greedy"]


def decoder_of(model: Model, name: DecoderName) -> Decoder:
    """Begin to decode an utterance."""
    return Viterbi(model) if name == "viterbi" else Greedy(model)
