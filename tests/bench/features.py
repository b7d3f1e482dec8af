"""The streaming front end, per chunk of 100 ms, against other ways to get the same features.

    ./run bench features [--json]

The baseline is python-speech-features, called on each chunk with the overlap that its frames
need, then its own deltas: the same 123 numbers a frame, except at the edges of each chunk,
which it cannot get right. kaldi-native-fbank streams in C++, by Kaldi's definitions, and gives
the 41 static ones alone. Several streams are one call of ours; the others, which know of one
stream only, are called for each in turn. Before anything is timed, ours must equal the
library's over the whole signal.
"""

from argparse import ArgumentParser
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
STEPS: Final = {1: 300, 8: 60, 32: 20}
"""By the number of streams, how many chunks of each make a round."""

TOLERANCE: Final = 1e-9  # of logarithms of about 10: the rounding of float64, and much room

Samples = NDArray[np.int16]
Step = Callable[[int], object]


def signal(chunks: int, seed: int) -> Samples:
    """Return noise of a speaking voice's level: the arithmetic does not mind what is said."""
    noise = np.random.default_rng(seed).normal(0, 2000, chunks * CHUNK_SAMPLES)
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


def ours(streams: list[Samples]) -> Step:
    frontend = Frontend(FBANK)
    heard = [(Utterance(), samples) for samples in streams]

    def step(at: int) -> object:
        chunk = slice(at * CHUNK_SAMPLES, (at + 1) * CHUNK_SAMPLES)
        return frontend.advance(
            [Piece(utterance, samples[chunk]) for utterance, samples in heard]
        )

    return step


def library(samples: Samples) -> Step:
    overlap = np.zeros(FRAME_SAMPLES - HOP_SAMPLES, np.int16)
    padded = np.concatenate([overlap, samples])

    def step(at: int) -> object:
        start = at * CHUNK_SAMPLES
        return library_features(padded[start : start + len(overlap) + CHUNK_SAMPLES])

    return step


def kaldi(samples: Samples) -> Step:
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


def in_turn(steps: list[Step]) -> Step:
    return lambda at: [step(at) for step in steps]


def largest_difference() -> float:
    """Return how far ours are from the library's over a whole signal; complain of too much."""
    samples = signal(STEPS[1], seed=0)
    whole = Frontend(FBANK).advance([Piece(Utterance(), samples, is_last=True)])[0]
    difference = float(np.abs(whole - library_features(samples)).max())
    if difference > TOLERANCE:
        raise SystemExit(
            f"ours differ from the library's by {difference}, more than {TOLERANCE}: "
            "what is not the same is not worth timing"
        )
    return difference


def measured(count: int) -> dict[str, object]:
    """Time a chunk of each of ``count`` streams, all three ways."""
    streams = [signal(STEPS[count], seed) for seed in range(count)]
    candidates = {
        "psf": in_turn([library(samples) for samples in streams]),
        "vau": ours(streams),
        "kaldi": in_turn([kaldi(samples) for samples in streams]),
    }
    took_us = take_turns(candidates, rounds=ROUNDS, steps=STEPS[count])
    found = summary(took_us, baseline="psf")
    return {
        "streams": count,
        "frames": CHUNK_FRAMES,
        "us": found["vau"]["median_us"],
        "p99_us": found["vau"]["p99_us"],
        "vs_psf": found["vau"]["speedup"],
        "vs_psf_spread": found["vau"]["speedup_spread"],
        "candidates": found,
    }


def main() -> None:
    """Check, take turns, report: one stream at the top, more of them among the rows."""
    parser = ArgumentParser(prog="./run bench features")
    parser.add_argument("--json", action="store_true", help="one JSON line, as without it")
    parser.parse_args()
    difference = largest_difference()
    rows = [measured(count) for count in STEPS]
    alone = rows[0]
    report(
        bench="features",
        us=alone["us"],
        p99_us=alone["p99_us"],
        vs_psf=alone["vs_psf"],
        vs_psf_spread=alone["vs_psf_spread"],
        max_abs_diff=difference,
        chunk_s=CHUNK_S,
        clock="wall",
        baseline="psf",
        rows=rows,
        host=host("numpy", "scipy", "python-speech-features", "kaldi-native-fbank"),
    )


if __name__ == "__main__":
    main()
