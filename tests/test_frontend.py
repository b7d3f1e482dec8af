"""Features: equal to the library's over whole utterances, and blind to chunks and company."""

from collections.abc import Sequence
from random import Random

import numpy as np
import pytest
import python_speech_features as psf
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES, SAMPLE_RATE_HZ, frame_count
from vau.frontend import (
    FBANK,
    LOOK_AHEAD_FRAMES,
    MFCC,
    Frontend,
    FrontendConfig,
    Piece,
    Rows,
    Utterance,
)

CONFIGS = {"fbank": FBANK, "mfcc": MFCC}
LONG_SAMPLES = 25_000  # more frames than are transformed in one go
FRONTENDS = {kind: Frontend(config) for kind, config in CONFIGS.items()}
kinds = pytest.mark.parametrize("kind", ["fbank", "mfcc"])


def noise(samples: int, seed: int = 0, level: float = 3000.0) -> NDArray[np.int16]:
    floats = np.random.default_rng(seed).normal(0, level, samples)
    return floats.clip(-32768, 32767).astype(np.int16)


def whole(kind: str, pcm: NDArray[np.int16]) -> Rows:
    return FRONTENDS[kind].advance([Piece(Utterance(), pcm, is_last=True)])[0]


def streamed(kind: str, pieces: Sequence[NDArray[np.int16]]) -> Rows:
    utterance, rows = Utterance(), []
    for at, pcm in enumerate(pieces):
        piece = Piece(utterance, pcm, is_last=at == len(pieces) - 1)
        rows.append(FRONTENDS[kind].advance([piece])[0])
    return np.concatenate(rows)


def library(kind: str, pcm: NDArray[np.int16], fft_points: int = 512) -> Rows:
    """What python-speech-features makes of a whole utterance."""
    if kind == "fbank":
        bands, energy = psf.fbank(
            pcm, SAMPLE_RATE_HZ, nfilt=40, nfft=fft_points, winfunc=np.hamming
        )
        statics = np.column_stack([np.log(bands), np.log(energy)])
    else:
        statics = psf.mfcc(pcm, SAMPLE_RATE_HZ, nfft=fft_points, winfunc=np.hamming)
    deltas = psf.delta(statics, 2)
    return np.hstack([statics, deltas, psf.delta(deltas, 2)])


@kinds
@settings(max_examples=30, deadline=None)
@given(samples=st.integers(1, 9000), seed=st.integers(0, 99), level=st.floats(0, 20_000))
def test_features_of_a_whole_utterance_are_the_librarys(
    kind: str, samples: int, seed: int, level: float
) -> None:
    pcm = noise(samples, seed, level)
    np.testing.assert_allclose(whole(kind, pcm), library(kind, pcm), rtol=0, atol=1e-9)


@pytest.mark.parametrize("fft_points", [400, 600, 1024])
def test_a_transform_of_any_length_gives_the_librarys_features(fft_points: int) -> None:
    pcm, config = noise(2000), FrontendConfig(fft_points=fft_points, mel_bands=40)
    (features,) = Frontend(config).advance([Piece(Utterance(), pcm, is_last=True)])
    expected = library("fbank", pcm, fft_points)
    np.testing.assert_allclose(features, expected, rtol=0, atol=1e-9)


@kinds
@settings(max_examples=60, deadline=None)
@given(samples=st.integers(1, 6000), cuts=st.lists(st.integers(0, 6000), max_size=8))
def test_features_do_not_depend_on_how_the_audio_was_cut(
    kind: str, samples: int, cuts: list[int]
) -> None:
    pcm = noise(samples)
    pieces = np.split(pcm, sorted(min(cut, samples) for cut in cuts))
    np.testing.assert_array_equal(streamed(kind, pieces), whole(kind, pcm))


@kinds
@settings(max_examples=30, deadline=None)
@given(lengths=st.lists(st.integers(0, 4000), min_size=1, max_size=6))
def test_features_do_not_depend_on_who_shares_the_call(kind: str, lengths: list[int]) -> None:
    audio = [noise(samples, seed) for seed, samples in enumerate(lengths)]
    pieces = [Piece(Utterance(), pcm, is_last=True) for pcm in audio]
    for together, pcm in zip(FRONTENDS[kind].advance(pieces), audio, strict=True):
        np.testing.assert_array_equal(together, whole(kind, pcm))


@kinds
@settings(max_examples=60, deadline=None)
@given(
    lengths=st.lists(st.integers(0, 4000), min_size=2, max_size=5),
    draw=st.randoms(use_true_random=False),
)
def test_streams_may_come_go_and_pause_in_any_call(
    kind: str, lengths: list[int], draw: Random
) -> None:
    audio = [noise(samples, seed) for seed, samples in enumerate(lengths)]
    utterances = [Utterance() for _ in audio]
    heard = [0] * len(audio)
    rows: list[list[Rows]] = [[] for _ in audio]
    speaking = set(range(len(audio)))
    while speaking:
        present = [at for at in speaking if draw.random() < 0.7]
        pieces = []
        for at in present:
            start, heard[at] = heard[at], heard[at] + draw.choice([0, 1, 159, 160, 161, 900])
            is_last = heard[at] >= lengths[at] and draw.random() < 0.7
            pieces.append(Piece(utterances[at], audio[at][start : heard[at]], is_last))
        for at, piece, part in zip(
            present, pieces, FRONTENDS[kind].advance(pieces), strict=True
        ):
            rows[at].append(part)
            speaking -= {at} if piece.is_last else set()
    for parts, pcm in zip(rows, audio, strict=True):
        np.testing.assert_array_equal(np.concatenate(parts), whole(kind, pcm))


@kinds
def test_features_do_not_depend_on_how_many_frames_a_call_has(kind: str) -> None:
    pcm = noise(LONG_SAMPLES)
    hops = np.split(pcm, range(HOP_SAMPLES, LONG_SAMPLES, HOP_SAMPLES))
    np.testing.assert_array_equal(streamed(kind, hops), whole(kind, pcm))


@kinds
def test_what_was_handed_out_stays_as_it_was(kind: str) -> None:
    utterance = Utterance()
    (early,) = FRONTENDS[kind].advance([Piece(utterance, noise(3200))])
    copy = early.copy()
    FRONTENDS[kind].advance([Piece(utterance, noise(3200, seed=1))])
    np.testing.assert_array_equal(early, copy)


def test_of_an_utterance_no_more_than_six_kilobytes_are_kept() -> None:
    utterance = Utterance()
    for samples in (399, 1, 159, LONG_SAMPLES, 160):
        FRONTENDS["fbank"].advance(
            [Piece(utterance, noise(samples)), Piece(Utterance(), noise(800))]
        )
        kept = [rows for rows in (utterance.samples, utterance.statics) if rows is not None]
        assert all(rows.base is None for rows in kept)  # a view would keep all that it views
        assert sum(rows.nbytes for rows in kept) <= 6_000


@kinds
def test_hop_by_hop_a_frame_comes_as_soon_as_its_look_ahead_is_there(kind: str) -> None:
    pcm, utterance, frames = noise(3200), Utterance(), 0
    for start in range(0, len(pcm), HOP_SAMPLES):
        piece = Piece(utterance, pcm[start : start + HOP_SAMPLES])
        frames += len(FRONTENDS[kind].advance([piece])[0])
        heard = start + HOP_SAMPLES
        whole_frames = 1 + (heard - 400) // HOP_SAMPLES if heard >= 400 else 0
        assert frames == max(0, whole_frames - LOOK_AHEAD_FRAMES)


@kinds
@pytest.mark.parametrize("samples", [0, 1, 399, 400, 401, 560, 561, 16_000])
def test_the_last_frame_is_padded_and_no_audio_gives_no_frame(kind: str, samples: int) -> None:
    assert len(whole(kind, noise(samples))) == frame_count(samples)


@kinds
def test_digital_silence_gives_finite_features(kind: str) -> None:
    assert np.isfinite(whole(kind, np.zeros(1600, np.int16))).all()


@kinds
def test_the_dimension_is_statics_deltas_and_their_deltas(kind: str) -> None:
    dimension = {"fbank": 123, "mfcc": 39}[kind]
    assert whole(kind, noise(800)).shape == (4, dimension)
    assert CONFIGS[kind].feature_dim == dimension


def test_stereo_is_refused_instead_of_being_read_as_one_channel() -> None:
    stereo = noise(800).reshape(-1, 2)
    with pytest.raises(ValueError, match=r"shape \(400, 2\)"):
        FRONTENDS["fbank"].advance([Piece(Utterance(), stereo)])


def test_a_piece_that_is_refused_leaves_those_beside_it_as_they_were() -> None:
    pcm, utterance = noise(3200), Utterance()
    first, second = np.split(pcm, 2)
    rows = FRONTENDS["fbank"].advance([Piece(utterance, first)])
    last = Piece(utterance, second, is_last=True)
    with pytest.raises(ValueError, match="one channel"):
        FRONTENDS["fbank"].advance([last, Piece(Utterance(), noise(800).reshape(-1, 2))])
    rows += FRONTENDS["fbank"].advance([last])
    np.testing.assert_array_equal(np.concatenate(rows), whole("fbank", pcm))


@pytest.mark.parametrize(
    "nonsense",
    [
        {"kind": "plp"},
        {"fft_points": 256},
        {"pre_emphasis": 1.0},
        {"mel_bands": 0},
        {"mel_bands": 80},  # the narrowest filters would cover no bin
        {"kind": "mfcc", "cepstra": 99},
        {"kind": "mfcc", "lifter": 0},
    ],
)
def test_a_configuration_refuses_nonsense_by_name(nonsense: dict[str, object]) -> None:
    field = list(nonsense)[-1]
    with pytest.raises(ValueError, match=field):
        FrontendConfig(**nonsense)  # type: ignore[arg-type]


def test_no_piece_gives_no_features() -> None:
    assert FRONTENDS["fbank"].advance([]) == []
