"""The distorted copies of training utterances."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile

from training.cache import Playback
from training.corpus import Utterance, read_audio
from training.distortion import Distortion
from vau.audio import SAMPLE_RATE_HZ
from vau.frontend import FBANK

ONLY = Distortion(noise=0, babble=0, room=0, narrow=0, clipped=0, quiet=0)


@pytest.fixture
def corpus(tmp_path: Path) -> list[Utterance]:
    rng = np.random.default_rng(0)
    utterances = []
    for name in ("one", "two", "three"):
        path = tmp_path / f"{name}.wav"
        soundfile.write(path, rng.normal(0, 0.05, 3200 + 160 * len(name)), SAMPLE_RATE_HZ)
        utterances.append(
            Utterance(name, path, "train", ("AA",), np.ones(20 + len(name), np.uint8))
        )
    return utterances


def distorted(
    corpus: list[Utterance], kind: Distortion, place: int = 0, speed: float = 1.0
) -> np.ndarray:
    samples = read_audio(corpus[place].path)
    return kind.apply(corpus[place], samples, corpus, speed)


def test_a_copy_is_the_same_every_time_and_another_for_each_utterance_and_speed(
    corpus: list[Utterance],
) -> None:
    noisy = replace(ONLY, noise=1.0)
    clean = read_audio(corpus[0].path)
    first = distorted(corpus, noisy) - clean
    np.testing.assert_array_equal(distorted(corpus, noisy) - clean, first)
    assert not np.allclose(distorted(corpus, noisy, speed=0.9) - clean, first)
    assert not np.allclose(distorted(corpus, replace(noisy, seed=2)) - clean, first)


@pytest.mark.parametrize(
    "kind",
    [
        replace(ONLY, noise=1.0),
        replace(ONLY, babble=1.0),
        replace(ONLY, room=1.0),
        replace(ONLY, narrow=1.0),
        replace(ONLY, clipped=1.0),
        replace(ONLY, quiet=1.0),
    ],
)
def test_each_kind_alone_changes_the_samples_and_keeps_their_number(
    kind: Distortion, corpus: list[Utterance]
) -> None:
    clean = read_audio(corpus[0].path)
    np.testing.assert_array_equal(distorted(corpus, ONLY), clean)
    changed = distorted(corpus, kind)
    assert changed.shape == clean.shape
    assert not np.allclose(changed, clean)


def test_the_room_does_not_move_what_is_said(corpus: list[Utterance]) -> None:
    click = np.zeros(4000)
    click[1000] = 0.5
    echoed = replace(ONLY, room=1.0).apply(corpus[0], click, corpus, 1.0)
    assert np.abs(echoed).argmax() == 1000
    assert np.abs(echoed[:1000]).max() < 1e-9
    assert np.abs(echoed[1001:]).max() > 0.01


def test_a_distorted_copy_has_other_features_and_its_own_name(corpus: list[Utterance]) -> None:
    clean, worse = Playback(), Playback(distortion=Distortion())
    assert len({clean.name, worse.name, Playback(distortion=Distortion(seed=2)).name}) == 3
    of_clean, of_worse = (each.features(corpus[0], corpus, FBANK) for each in (clean, worse))
    assert of_clean.shape == of_worse.shape
    assert not np.allclose(of_clean, of_worse)


def test_a_babble_is_never_the_utterance_itself(corpus: list[Utterance]) -> None:
    tones = []
    for place, utterance in enumerate(corpus):
        tone = 0.1 * np.sin(2 * np.pi * 500 * (place + 1) * np.arange(3200) / SAMPLE_RATE_HZ)
        soundfile.write(utterance.path, tone, SAMPLE_RATE_HZ)
        tones.append(tone)
    own = np.fft.rfft(tones[1])
    for seed in range(20):
        kind = replace(ONLY, babble=1.0, seed=seed, snr_db=(0.0, 0.0))
        added = kind.apply(corpus[1], tones[1], corpus, 1.0) - tones[1]
        assert np.abs(np.fft.rfft(added)[np.abs(own).argmax()]) < 0.2 * np.abs(own).max()
