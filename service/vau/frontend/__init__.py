"""PCM to features, for many streams at once: log-mel energies or MFCC, with deltas.

    Piece ─► framing ─► statics ─► deltas ─► features
    samples  frames     spectra    slopes    of each piece

Ref: python-speech-features 0.6 defines the numbers; over whole utterances ours equal
     its own to 1e-9. It cannot stream (each call restarts the pre-emphasis and builds the
     filter bank again), so the arithmetic here is our own and keeps state per utterance.

The law of this package: however an utterance is cut into chunks, and whatever other
utterances share the call, its features are the same to the bit. Hence every sum has one fixed
order, and no matrix product: the order in which BLAS sums depends on the number of rows
(docs/adr/0003).
"""

from vau.frontend.config import FBANK, MFCC, FrontendConfig, Kind, Rows
from vau.frontend.deltas import LOOK_AHEAD_FRAMES
from vau.frontend.pipeline import Frontend, restored_utterance
from vau.frontend.utterance import Piece, Utterance

__all__ = [
    "FBANK",
    "LOOK_AHEAD_FRAMES",
    "MFCC",
    "Frontend",
    "FrontendConfig",
    "Kind",
    "Piece",
    "Rows",
    "Utterance",
    "restored_utterance",
]
