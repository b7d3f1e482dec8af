"""What each condition does to the samples, and which conditions there cannot be."""

from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.audio import noise, tone
from vau.audio import FULL_SCALE
from vau.errors import ConfigInvalid
from vau.evaluation.condition import CLEAN, COLOURS, MATRIX, MOST_DB, Condition

VOICE: Final = noise(16_000)[:, 0]


def power(samples: NDArray[np.int16] | NDArray[np.float64]) -> float:
    return float(np.mean(samples.astype(np.float64) ** 2))


def test_clean_is_what_was_recorded() -> None:
    np.testing.assert_array_equal(CLEAN.change("u", VOICE), VOICE)


@pytest.mark.parametrize("condition", MATRIX, ids=lambda condition: condition.name)
def test_every_condition_keeps_the_length_and_the_type(condition: Condition) -> None:
    for length in (1, 999, 16_000):
        changed = condition.change("u", VOICE[:length])
        assert changed.dtype == np.int16
        assert changed.shape == (length,)


@pytest.mark.parametrize("condition", MATRIX[1:], ids=lambda condition: condition.name)
def test_every_condition_changes_something(condition: Condition) -> None:
    assert (condition.change("u", VOICE) != VOICE).any()


def test_the_conditions_of_the_matrix_have_names_of_their_own() -> None:
    assert len({condition.name for condition in MATRIX}) == len(MATRIX)
    assert MATRIX[0] == CLEAN
    assert CLEAN.name == "clean"


@pytest.mark.parametrize(("share", "name"), [(0.004, "clipped 0.4 %"), (0.1, "clipped 10 %")])
def test_a_name_tells_how_much_is_clipped(share: float, name: str) -> None:
    assert Condition(clip=share).name == name


@pytest.mark.parametrize("colour", ["white", "pink"])
@pytest.mark.parametrize("snr_db", [20.0, 5.0])
def test_noise_has_the_power_that_was_asked_for(colour: str, snr_db: float) -> None:
    condition = Condition(noise_db=snr_db, noise=colour)  # type: ignore[arg-type]
    added = condition.change("u", VOICE) - VOICE.astype(np.float64)
    # Nothing clips at this loudness; rounding to 16 bits is 60 dB below the noise.
    assert 10 * np.log10(power(VOICE) / power(added)) == pytest.approx(snr_db, abs=0.01)


def test_white_and_pink_noise_differ() -> None:
    changed = [
        Condition(noise_db=10.0, noise=colour).change("u", VOICE)
        for colour in ("white", "pink")
    ]
    assert (changed[0] != changed[1]).any()


def test_noise_depends_on_the_name_of_the_utterance_alone() -> None:
    condition = Condition(noise_db=10.0)
    again = Condition(noise_db=10.0).change("u", VOICE)
    np.testing.assert_array_equal(condition.change("u", VOICE), again)
    assert (condition.change("v", VOICE) != again).any()


def test_the_share_that_is_clipped_meets_the_limit() -> None:
    clipped = Condition(clip=0.1).change("u", VOICE)
    at_limit = np.abs(clipped) == np.abs(clipped).max()
    assert at_limit.mean() == pytest.approx(0.1, abs=0.002)


def test_a_narrow_band_holds_nothing_above_its_half() -> None:
    high, low = tone(16_000, 16_000, 6_000.0)[:, 0], tone(16_000, 16_000, 1_000.0)[:, 0]
    narrow = Condition(rate_hz=8_000)
    assert power(narrow.change("u", high)) < 1e-4 * power(high)
    assert power(narrow.change("u", low)) == pytest.approx(power(low), rel=0.01)


def test_gain_is_in_decibels() -> None:
    quiet = Condition(gain_db=-20.0).change("u", VOICE)
    np.testing.assert_allclose(quiet, VOICE / 10, atol=0.5)
    loud = Condition(gain_db=60.0).change("u", VOICE)
    assert (loud.min(), loud.max()) == (-FULL_SCALE, FULL_SCALE - 1)


def test_conditions_may_come_together() -> None:
    both = Condition(noise_db=10.0, gain_db=-20.0)
    assert both.name == "white noise 10 dB, gain -20 dB"
    noisy = Condition(noise_db=10.0).change("u", VOICE)
    np.testing.assert_allclose(both.change("u", VOICE), noisy / 10, atol=1.0)


def test_what_cannot_be_tried_is_refused() -> None:
    with pytest.raises(ConfigInvalid, match="band: 11025 Hz cannot be tried; choose 8000"):
        Condition(rate_hz=11_025)
    for share in (-0.1, 1.0, float("nan")):
        with pytest.raises(ConfigInvalid, match=r"clip: .* is not a share"):
            Condition(clip=share)
    for colour in COLOURS:
        with pytest.raises(ConfigInvalid, match=f"noise: {colour} .* add --noise-db"):
            Condition(noise=colour)


@pytest.mark.parametrize("field", ["noise-db", "gain-db"])
@pytest.mark.parametrize(
    "level_db", [float("nan"), float("inf"), -float("inf"), 100.1, -5000.0]
)
def test_a_level_that_no_samples_can_have_is_refused(field: str, level_db: float) -> None:
    with pytest.raises(ConfigInvalid, match=f"{field}: .* choose from -100 to 100") as refused:
        Condition(**{field.replace("-", "_"): level_db})  # type: ignore[arg-type]
    assert refused.value.field == field


@pytest.mark.parametrize("level_db", [-MOST_DB, MOST_DB])
def test_the_extreme_levels_can_be_tried(level_db: float) -> None:
    for condition in (Condition(noise_db=level_db), Condition(gain_db=level_db)):
        assert len(condition.change("u", VOICE)) == len(VOICE)
