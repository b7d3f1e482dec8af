"""What the features are: the one definition that a model's card carries."""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import python_speech_features as psf
from numpy.typing import NDArray

from vau.audio import FRAME_SAMPLES, SAMPLE_RATE_HZ

MOST_LIFTER: Final = 1_000  # coefficients that one arch of the lifter spans
MOST_FFT_POINTS: Final = 1 << 16  # four seconds; a frame is 25 ms

Kind = Literal["fbank", "mfcc"]
Rows = NDArray[np.float64]


@dataclass(frozen=True, slots=True, kw_only=True)
class FrontendConfig:
    """One definition of the features. A model's card carries the one it was trained on."""

    kind: Kind = "fbank"
    mel_bands: int = 40
    cepstra: int = 13  # mfcc only
    lifter: int = 22  # mfcc only
    fft_points: int = 512
    pre_emphasis: float = 0.97

    def __post_init__(self) -> None:
        for name in ("mel_bands", "cepstra", "lifter", "fft_points"):
            if type(getattr(self, name)) is not int:
                raise ValueError(f"{name}={getattr(self, name)!r} is not a whole number")
        if self.kind not in ("fbank", "mfcc"):
            raise ValueError(f"kind={self.kind!r} is neither 'fbank' nor 'mfcc'")
        if self.fft_points < FRAME_SAMPLES:
            raise ValueError(
                f"fft_points={self.fft_points} would cut a frame of {FRAME_SAMPLES} samples"
            )
        if self.fft_points > MOST_FFT_POINTS or self.mel_bands > self.fft_points:
            raise ValueError(
                f"mel_bands={self.mel_bands} of fft_points={self.fft_points}: take "
                f"{MOST_FFT_POINTS} points at most, and no more bands than points"
            )
        if not 0.0 <= self.pre_emphasis < 1.0:
            raise ValueError(f"pre_emphasis={self.pre_emphasis} must be in [0, 1)")
        if self.mel_bands < 1 or not self.filter_bank().any(axis=1).all():
            raise ValueError(
                f"mel_bands={self.mel_bands}: each needs a bin of the {self.fft_points}-point "
                "transform, and there must be one at least"
            )
        if self.kind == "mfcc" and not 1 <= self.cepstra <= self.mel_bands:
            raise ValueError(f"cepstra={self.cepstra} must be in 1..{self.mel_bands}")
        if self.kind == "mfcc" and not 1 <= self.lifter <= MOST_LIFTER:
            raise ValueError(f"lifter={self.lifter} must be in 1..{MOST_LIFTER}")

    @property
    def static_dim(self) -> int:
        """Features of a frame before deltas: log-mel and log energy, or cepstra."""
        return self.mel_bands + 1 if self.kind == "fbank" else self.cepstra

    @property
    def feature_dim(self) -> int:
        """Features of a frame: statics, their deltas, and the deltas of these."""
        return 3 * self.static_dim

    def filter_bank(self) -> Rows:
        """Return the triangular filters of the library, shape (mel_bands, bins)."""
        bank: Rows = psf.get_filterbanks(self.mel_bands, self.fft_points, SAMPLE_RATE_HZ)
        return bank


FBANK: Final = FrontendConfig(kind="fbank", mel_bands=40)
MFCC: Final = FrontendConfig(kind="mfcc", mel_bands=26)
