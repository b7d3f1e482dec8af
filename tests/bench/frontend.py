"""The streaming front end, per chunk of 100 ms, against other ways to get the same features.

    ./run bench frontend

The baseline is python-speech-features, called on each chunk with the overlap that its frames
need, then its own deltas: the same 123 numbers a frame, except at the edges of each chunk,
which it cannot get right. kaldi-native-fbank streams in C++, by Kaldi's definitions, and gives
the 41 static ones alone. Before anything is timed, ours must equal the library's over the whole
signal.
"""

from collections.abc import Callable
from typing import Final

import kaldi_native_fbank as knf
import numpy as np
import python_speech_features as psf
from numpy.typing import NDArray

from tests.bench._measure import host, report, summary, take_turns
from vau.audio import FRAME_SAMPLES, HOP_SAMPLES, SAMPLE_RATE_HZ
from vau.frontend import FBANK, Frontend, Piece, Utterance

CHUNK_FRAMES: Final = 10
CHUNK_SAMPLES: Final = CHUNK_FRAMES * HOP_SAMPLES
CHUNK_S: Final = CHUNK_SAMPLES / SAMPLE_RATE_HZ
ROUNDS: Final = 9
STEPS: Final = 300

Samples = NDArray[np.int16]


def signal(chunks: int) -> Samples:
    """Return noise of a speaking voice's level: the arithmetic does not mind what is said."""
    noise = np.random.default_rng(0).normal(0, 2000, chunks * CHUNK_SAMPLES)
    return noise.clip(-32768, 32767).astype(np.int16)


def library_features(samples: Samples) -> NDArray[np.float64]:
    power, energy = psf.fbank(
        samples,
        SAMPLE_RATE_HZ,
        nfilt=FBANK.mel_bands,
        nfft=FBANK.fft_points,
        winfunc=np.hamming,
    )
    statics = np.column_stack([np.log(power), np.log(energy)])
    deltas = psf.delta(statics, 2)
    return np.column_stack([statics, deltas, psf.delta(deltas, 2)])


def ours(samples: Samples) -> Callable[[int], object]:
    frontend, utterance = Frontend(FBANK), Utterance()

    def step(at: int) -> object:
        chunk = samples[at * CHUNK_SAMPLES : (at + 1) * CHUNK_SAMPLES]
        return frontend.advance([Piece(utterance, chunk)])

    return step


def library(samples: Samples) -> Callable[[int], object]:
    overlap = np.zeros(FRAME_SAMPLES - HOP_SAMPLES, np.int16)
    padded = np.concatenate([overlap, samples])

    def step(at: int) -> object:
        start = at * CHUNK_SAMPLES
        return library_features(padded[start : start + len(overlap) + CHUNK_SAMPLES])

    return step


def kaldi(samples: Samples) -> Callable[[int], object]:
    options = knf.FbankOptions()
    options.frame_opts.dither = 0.0
    options.frame_opts.window_type = "hamming"
    options.mel_opts.num_bins = FBANK.mel_bands
    options.use_energy = True
    stream, taken = knf.OnlineFbank(options), 0
    as_float = samples.astype(np.float32)

    def step(at: int) -> object:
        nonlocal taken
        stream.accept_waveform(
            SAMPLE_RATE_HZ, as_float[at * CHUNK_SAMPLES : (at + 1) * CHUNK_SAMPLES]
        )
        ready = stream.num_frames_ready
        rows = [stream.get_frame(frame) for frame in range(taken, ready)]
        stream.pop(ready - taken)
        taken = ready
        return np.stack(rows)

    return step


def main() -> None:
    """Check, take turns, report."""
    samples = signal(STEPS)
    whole = Frontend(FBANK).advance([Piece(Utterance(), samples, is_last=True)])[0]
    np.testing.assert_allclose(whole, library_features(samples), rtol=0, atol=1e-9)
    took_us = take_turns(
        {"psf": library(samples), "vau": ours(samples), "kaldi": kaldi(samples)},
        rounds=ROUNDS,
        steps=STEPS,
    )
    found = summary(took_us, baseline="psf")
    report(
        bench="frontend",
        chunk_s=CHUNK_S,
        clock="wall",
        baseline="psf",
        candidates=found,
        real_time_factor=round(float(np.median(took_us["vau"])) * 1e-6 / CHUNK_S, 5),
        host=host("numpy", "scipy", "python-speech-features", "kaldi-native-fbank"),
    )


if __name__ == "__main__":
    main()
