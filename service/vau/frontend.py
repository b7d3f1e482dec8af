"""PCM to features, frame by frame: log-mel energies or MFCC, with deltas.

Ref: python-speech-features 0.6 defines the numbers; over whole utterances ours equal
     its own to 1e-9. It cannot stream (each call restarts the pre-emphasis and builds the
     filter bank again), so the arithmetic here is our own and keeps state per utterance.

The law of this module: however an utterance is cut into chunks, and whatever other
utterances share the call, its features are the same to the bit. Hence no matrix product:
the order in which BLAS sums depends on the number of rows (docs/adr/0003).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Final, Literal

import numpy as np
import python_speech_features as psf
from numpy.lib.stride_tricks import sliding_window_view
from numpy.typing import NDArray

from vau.audio import FRAME_SAMPLES, HOP_SAMPLES, SAMPLE_RATE_HZ

Kind = Literal["fbank", "mfcc"]
Rows = NDArray[np.float64]

DELTA_SPAN: Final = 2  # frames to each side that one delta stage looks at
LOOK_AHEAD_FRAMES: Final = 2 * DELTA_SPAN  # deltas of deltas
FLOOR_POWER: Final = float(np.finfo(np.float64).eps)  # stands in for 0, whose log is -inf


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
        if self.kind not in ("fbank", "mfcc"):
            raise ValueError(f"kind={self.kind!r} is neither 'fbank' nor 'mfcc'")
        if self.fft_points < FRAME_SAMPLES:
            raise ValueError(
                f"fft_points={self.fft_points} would cut a frame of {FRAME_SAMPLES} samples"
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
        if self.kind == "mfcc" and self.lifter < 1:
            raise ValueError(f"lifter={self.lifter} must be 1 or more")

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


@dataclass(slots=True)
class _DeltaStage:
    """One delta stage of one utterance: rows in, their slopes out ``DELTA_SPAN`` later."""

    context: Rows | None = None

    def advance(self, rows: Rows, *, is_last: bool) -> Rows:
        """Return the slopes that ``rows`` complete; at the edges the outermost row repeats."""
        if self.context is None:
            if not len(rows):
                return rows
            self.context = rows[[0] * DELTA_SPAN]
        rows = np.concatenate([self.context, rows])
        if is_last:
            rows = np.concatenate([rows, rows[[-1] * DELTA_SPAN]])
        self.context = rows[-2 * DELTA_SPAN :]
        count = max(0, len(rows) - 2 * DELTA_SPAN)
        centre = np.arange(count) + DELTA_SPAN
        reach = range(1, DELTA_SPAN + 1)
        slope = np.zeros((count, rows.shape[1]))
        for n in reach:
            slope += n * (rows[centre + n] - rows[centre - n])
        return slope / (2 * sum(n * n for n in reach))


@dataclass(slots=True)
class Utterance:
    """What the front end remembers of one utterance between chunks."""

    last_sample: float = 0.0
    emphasised: NDArray[np.float64] = field(default_factory=lambda: np.zeros(0))
    """Pre-emphasised samples from the start of the next frame on."""

    frames_taken: int = 0
    statics: Rows | None = None
    deltas: Rows | None = None
    """Rows that wait for the stages behind them."""

    stages: tuple[_DeltaStage, _DeltaStage] = field(
        default_factory=lambda: (_DeltaStage(), _DeltaStage())
    )


@dataclass(frozen=True, slots=True)
class Piece:
    """The next samples of one utterance."""

    utterance: Utterance
    samples: NDArray[np.int16]
    is_last: bool = False
    """After it the last partial frame is zero-padded and the deltas' edges repeat."""


class Frontend:
    """The fixed tables of one configuration: made once, shared by all utterances."""

    def __init__(self, config: FrontendConfig) -> None:
        """Build window, filter bank and, for MFCC, the cosine table."""
        self.config = config
        self._window = np.hamming(FRAME_SAMPLES)
        bank = config.filter_bank()
        band, self._bins = np.nonzero(bank)
        self._weights = bank[band, self._bins]
        self._band_starts = np.searchsorted(band, np.arange(config.mel_bands))
        if config.kind == "mfcc":
            self._cosines = _liftered_cosines(config)

    def advance(self, pieces: Sequence[Piece]) -> list[Rows]:
        """Take each piece; return the features it completes, shape (frames, feature_dim).

        A frame is complete once the look-ahead of the deltas has arrived, ``LOOK_AHEAD_FRAMES``
        later, or with the utterance's last piece. An utterance may appear once only.
        """
        if not pieces:
            return []
        windows = [self._windows(piece) for piece in pieces]
        statics = self._statics(np.concatenate(windows))
        ends = np.cumsum([len(rows) for rows in windows])
        return [
            _with_deltas(piece.utterance, rows, is_last=piece.is_last)
            for piece, rows in zip(pieces, np.split(statics, ends[:-1]), strict=True)
        ]

    def _windows(self, piece: Piece) -> Rows:
        """Cut the samples at hand into frames, shape (frames, 400), pre-emphasised."""
        utterance = piece.utterance
        if piece.samples.ndim != 1:
            raise ValueError(f"samples has shape {piece.samples.shape}; one channel only")
        samples = np.concatenate([[utterance.last_sample], piece.samples])
        emphasised = samples[1:] - self.config.pre_emphasis * samples[:-1]
        buffer = np.concatenate([utterance.emphasised, emphasised])
        if piece.is_last and _has_partial_frame(utterance, len(buffer)):
            missing = -(len(buffer) - FRAME_SAMPLES) % HOP_SAMPLES
            if len(buffer) < FRAME_SAMPLES:
                missing = FRAME_SAMPLES - len(buffer)
            buffer = np.concatenate([buffer, np.zeros(missing)])
        frames = max(0, 1 + (len(buffer) - FRAME_SAMPLES) // HOP_SAMPLES)
        utterance.last_sample = samples[-1]
        utterance.emphasised = buffer[frames * HOP_SAMPLES :]
        utterance.frames_taken += frames
        if not frames:
            return np.zeros((0, FRAME_SAMPLES))
        every_sample: Rows = sliding_window_view(buffer, FRAME_SAMPLES)
        windows: Rows = every_sample[::HOP_SAMPLES]
        return windows

    def _statics(self, windows: Rows) -> Rows:
        """Turn pre-emphasised frames, shape (frames, 400), into (frames, static_dim)."""
        spectrum = np.fft.rfft(windows * self._window, self.config.fft_points)
        power = (spectrum.real**2 + spectrum.imag**2) / self.config.fft_points
        energy = np.log(_floored(power.sum(axis=1)))
        products = power[:, self._bins] * self._weights
        bands = np.log(_floored(np.add.reduceat(products, self._band_starts, axis=1)))
        if self.config.kind == "fbank":
            return np.column_stack([bands, energy])
        cepstra: Rows = (bands[:, :, np.newaxis] * self._cosines).sum(axis=1)
        cepstra[:, 0] = energy
        return cepstra


def _floored(power: Rows) -> Rows:
    return np.where(power == 0.0, FLOOR_POWER, power)


def _has_partial_frame(utterance: Utterance, buffered: int) -> bool:
    """Tell whether samples are left that no frame has covered yet."""
    overlap = FRAME_SAMPLES - HOP_SAMPLES if utterance.frames_taken else 0
    return buffered > overlap


def _with_deltas(utterance: Utterance, statics: Rows, *, is_last: bool) -> Rows:
    """Queue new statics and return the rows whose deltas of deltas are now known."""
    first, second = utterance.stages
    deltas = first.advance(statics, is_last=is_last)
    if utterance.statics is not None and utterance.deltas is not None:
        waiting_deltas = np.concatenate([utterance.deltas, deltas])
        statics = np.concatenate([utterance.statics, statics])
    else:
        waiting_deltas = deltas
    accelerations = second.advance(deltas, is_last=is_last)
    count = len(accelerations)
    utterance.statics, utterance.deltas = statics[count:], waiting_deltas[count:]
    return np.column_stack([statics[:count], waiting_deltas[:count], accelerations])


def _liftered_cosines(config: FrontendConfig) -> Rows:
    """Return the orthonormal DCT-II of the bands, cepstra liftered, shape (bands, cepstra)."""
    band = np.arange(config.mel_bands)[:, np.newaxis]
    cepstrum = np.arange(config.cepstra)
    cosines = np.cos(np.pi * cepstrum * (2 * band + 1) / (2 * config.mel_bands))
    scale = np.where(cepstrum == 0, 1, 2) / config.mel_bands
    lift = 1 + config.lifter / 2 * np.sin(np.pi * cepstrum / config.lifter)
    return cosines * np.sqrt(scale) * lift
