"""The features of a file, as a model would get them: for anyone who wants them elsewhere."""

from pathlib import Path
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES, SAMPLE_RATE_HZ
from vau.audiofile import Channel, read_recording
from vau.frontend import FBANK, MFCC, Frontend, FrontendConfig, Kind, Piece, Rows, Utterance
from vau.wholefile import write_whole

CONFIGS: Final[dict[Kind, FrontendConfig]] = {"fbank": FBANK, "mfcc": MFCC}
PIECE_SAMPLES: Final = 10 * SAMPLE_RATE_HZ  # bounds memory; changes no bit


def features_of(samples: NDArray[np.int16], config: FrontendConfig) -> Rows:
    """Return the features of a whole utterance, shape (frames, feature_dim)."""
    frontend, utterance = Frontend(config), Utterance()
    rows: list[Rows] = []
    for at in range(0, len(samples), PIECE_SAMPLES):
        piece = samples[at : at + PIECE_SAMPLES]
        is_last = at + PIECE_SAMPLES >= len(samples)
        rows += frontend.advance([Piece(utterance, piece, is_last)])
    return np.concatenate(rows)


def feature_names(config: FrontendConfig) -> list[str]:
    """Name the columns: the statics, their deltas (d_), and the deltas of these (dd_)."""
    if config.kind == "fbank":
        statics = [*(f"log_mel_{band}" for band in range(config.mel_bands)), "log_energy"]
    else:
        statics = ["log_energy", *(f"cepstrum_{n}" for n in range(1, config.cepstra))]
    return [prefix + name for prefix in ("", "d_", "dd_") for name in statics]


def write_features(
    file: Path, target: Path, kind: Kind, channel: Channel = "mix"
) -> tuple[int, int]:
    """Write the features of an audio file as npz; return their shape.

    Arrays: ``features`` float64 (frames, features), neither normalised nor quantised;
    ``names`` (features,); ``frame_start_sample`` int64 (frames,) at 16 kHz; ``kind``.
    """
    config = CONFIGS[kind]
    features = features_of(read_recording(file, channel).samples, config)
    arrays = {
        "features": features,
        "names": np.array(feature_names(config)),
        "frame_start_sample": np.arange(len(features), dtype=np.int64) * HOP_SAMPLES,
        "kind": np.array(kind),
    }
    write_whole(target, lambda opened: np.savez(opened, allow_pickle=False, **arrays))
    return len(features), config.feature_dim
