"""Recordings made worse on purpose."""

import numpy as np
import pytest

from vau.audio import SAMPLE_RATE_HZ
from vau.conditions import BROWN, PINK, WHITE, clip, limit_band, mix, noise, scale

SECOND = SAMPLE_RATE_HZ


def power_of_band(samples: np.ndarray, low_hz: float, high_hz: float) -> float:
    power = np.abs(np.fft.rfft(samples)) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / SAMPLE_RATE_HZ)
    return float(power[(frequency >= low_hz) & (frequency < high_hz)].mean())


@pytest.mark.parametrize("colour", [WHITE, PINK, BROWN])
def test_noise_falls_with_its_colour(colour: float) -> None:
    samples = noise(60 * SECOND, colour, np.random.default_rng(0))
    low, high = power_of_band(samples, 400, 500), power_of_band(samples, 4000, 5000)
    assert np.log10(low / high) == pytest.approx(colour, abs=0.05)  # one decade apart


@pytest.mark.parametrize("snr_db", [20.0, 5.0, -3.0])
def test_the_ratio_of_mean_powers_is_what_was_asked_for(snr_db: float) -> None:
    rng = np.random.default_rng(0)
    speech = 0.1 * np.sin(np.arange(2 * SECOND) / 7)
    added = mix(speech, noise(len(speech), PINK, rng), snr_db) - speech
    found = 10 * np.log10(np.mean(speech**2) / np.mean(added**2))
    assert found == pytest.approx(snr_db)


def test_a_silent_disturbance_changes_nothing() -> None:
    speech = np.random.default_rng(0).normal(0, 0.1, 100)
    np.testing.assert_array_equal(mix(speech, np.zeros(100), 10.0), speech)


@pytest.mark.parametrize("count", [SECOND, SECOND + 1])
def test_nothing_is_left_above_4_khz_and_the_rest_stays(count: int) -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, count)
    limited = limit_band(samples)
    assert len(limited) == count
    before, after = (power_of_band(each, 4400, 8000) for each in (samples, limited))
    assert after < before / 1000
    before, after = (power_of_band(each, 100, 3500) for each in (samples, limited))
    assert after == pytest.approx(before, rel=0.05)


def test_clipping_cuts_the_share_that_was_asked_for() -> None:
    samples = np.random.default_rng(0).normal(0, 0.1, SECOND)
    clipped = clip(samples, 0.1)
    assert np.mean(clipped != samples) == pytest.approx(0.1, abs=0.001)
    assert np.abs(clipped).max() < np.quantile(np.abs(samples), 0.91)


def test_gain_is_in_decibels() -> None:
    np.testing.assert_allclose(scale(np.ones(3), -20.0), 0.1)
