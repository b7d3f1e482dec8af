"""What is remarked on audio: what went wrong in its second, and nothing of what did not."""

from itertools import pairwise
from typing import Final

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.damage import DAMAGES, Damage, dithered, rounded, upsampled_from, with_noise
from tests.voice import voice
from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import read_recording
from vau.commands.clip import default_clip
from vau.errors import AudioError
from vau.honesty import Kind, Remark, Scrutiny
from vau.honesty.foreign import CONTAINERS
from vau.honesty.stretches import APART

SECOND: Final = SAMPLE_RATE_HZ
SOON: Final = SECOND + SECOND // 4
"""The first second of speech, and the pauses in it."""

Samples = NDArray[np.int16]
Wave = NDArray[np.float64]


def remarks(samples: Samples, chunk: int = 1600) -> list[Remark]:
    scrutiny = Scrutiny()
    pieces = (samples[at : at + chunk] for at in range(0, len(samples), chunk))
    return [remark for piece in pieces for remark in scrutiny.hear(piece)]


def kinds(samples: Samples) -> list[Kind]:
    return [remark.kind for remark in remarks(samples)]


def clip() -> Wave:
    try:
        file = default_clip()
    except AudioError as absent:
        pytest.skip(str(absent))
    return read_recording(file).samples.astype(np.float64)


def speakers() -> list[Wave]:
    return [voice(5.0, seed) for seed in range(6)]


# ------------------------------------------------------------------------------ what is well


@pytest.mark.parametrize("softer_db", [0, 20, 30, 40])
def test_of_healthy_speech_nothing_is_said(softer_db: int) -> None:
    rng = np.random.default_rng(softer_db)
    for wave in speakers():
        assert kinds(dithered(wave / 10 ** (softer_db / 20), rng)) == []


@pytest.mark.parametrize("snr_db", [20, 10, 0])
def test_of_noisy_speech_nothing_is_said(snr_db: int) -> None:
    rng = np.random.default_rng(snr_db)
    for wave in speakers():
        assert kinds(rounded(with_noise(wave, snr_db, rng))) == []


@pytest.mark.parametrize("softer_db", [0, 20, 40])
def test_of_a_real_recording_nothing_is_said(softer_db: int) -> None:
    rng = np.random.default_rng(0)
    assert kinds(dithered(clip() / 10 ** (softer_db / 20), rng)) == []
    assert kinds(rounded(with_noise(clip(), 10, rng))) == []


def tones(*hertz: float, peak: float = 8000.0) -> Samples:
    at = np.arange(4 * SECOND) / SAMPLE_RATE_HZ
    waves = [np.sin(2 * np.pi * each * at) for each in hertz]
    return rounded(peak * np.sum(waves, axis=0) / len(waves))


def chord() -> Samples:
    """Return three notes with overtones that fade, plucked once a second."""
    at = np.arange(4 * SECOND) / SAMPLE_RATE_HZ
    notes = [
        np.sin(2 * np.pi * note * over * at) / over**1.5
        for note in (220.0, 277.2, 329.6)
        for over in range(1, int(7900 / note))
    ]
    return rounded(3000 * np.sum(notes, axis=0) * np.exp(-3 * (at % 1.0)))


def clicks() -> Samples:
    wave = np.random.default_rng(0).normal(0, 20, 4 * SECOND)
    wave[:: SECOND // 7] = 32_767
    return rounded(wave)


def gaussian(size: float) -> Samples:
    return rounded(np.random.default_rng(0).normal(0, size, 4 * SECOND))


def eight_bit() -> Samples:
    """Return speech whose low bytes are empty: quiet, it looks byte-swapped at first sight."""
    return (np.floor(voice(4.0) / 4 / 256) * 256).astype(np.int16)


@pytest.mark.parametrize(
    "samples",
    [
        pytest.param(tones(440.0), id="a tone"),
        pytest.param(tones(50.0, peak=600.0), id="a low hum"),
        pytest.param(tones(20.0, peak=20_000.0), id="a very low one"),
        pytest.param(tones(4000.0), id="a tone at a quarter of the rate"),
        pytest.param(tones(5000.0), id="a whistle"),
        pytest.param(tones(60.0, 5300.0), id="a hum and a whistle"),
        pytest.param(tones(440.0, 1000.0, 2500.0, 3100.0), id="four tones"),
        pytest.param(chord(), id="music"),
        pytest.param(clicks(), id="clicks"),
        pytest.param(gaussian(3000), id="loud noise"),
        pytest.param(gaussian(12_000), id="very loud noise"),
        pytest.param(gaussian(30), id="soft noise"),
        pytest.param(dithered(np.zeros(4 * SECOND), np.random.default_rng(0)), id="silence"),
        pytest.param(eight_bit(), id="eight bits"),
    ],
)
def test_of_other_sound_nothing_is_said(samples: Samples) -> None:
    assert kinds(samples) == []


# ----------------------------------------------------------------------------- what is wrong


def found_in(damage: Damage, wave: Wave) -> bool:
    samples = damage.apply(wave, np.random.default_rng(1))
    return damage.kind in kinds(samples[: SOON * damage.longer])


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.name)
def test_what_went_wrong_is_told_in_the_first_second(damage: Damage) -> None:
    missed = [seed for seed, wave in enumerate(speakers()) if not found_in(damage, wave)]
    assert missed == []


@pytest.mark.parametrize("damage", DAMAGES, ids=lambda each: each.name)
def test_what_went_wrong_with_a_real_recording_is_told(damage: Damage) -> None:
    assert found_in(damage, clip())


GARBLING: Final = [
    damage
    for damage in DAMAGES
    if damage.kind in (Kind.BYTE_ORDER, Kind.MISALIGNED, Kind.NOT_PCM)
]


@pytest.mark.parametrize("damage", GARBLING, ids=lambda each: each.name)
def test_of_bytes_that_are_no_sound_nothing_else_is_told(damage: Damage) -> None:
    for wave in speakers():
        samples = damage.apply(wave, np.random.default_rng(1))
        assert kinds(samples) == [damage.kind]


def test_another_order_of_the_bytes_is_told_of_soft_speech_too() -> None:
    for damage in DAMAGES[:2]:
        samples = damage.apply(voice(3.0) / 100, np.random.default_rng(1))
        assert kinds(samples) == [damage.kind]


@pytest.mark.parametrize(("start", "name"), list(CONTAINERS.items()))
def test_a_file_sent_header_and_all_is_told_by_its_first_bytes(start: bytes, name: str) -> None:
    header = np.frombuffer(start + bytes(60), "<i2")
    (remark,) = remarks(np.concatenate([header, rounded(voice(3.0))]))
    assert remark.kind is Kind.NOT_PCM
    assert remark.facts["looks_like"] == name


def test_the_limit_of_a_band_is_named() -> None:
    (damage,) = (each for each in DAMAGES if each.name == "upsampled from 8 kHz")
    (remark,) = remarks(damage.apply(voice(3.0), np.random.default_rng(0)))
    assert remark.kind is Kind.BAND_LIMITED
    assert 3700 <= int(remark.facts["hertz"]) <= 4100


@pytest.mark.parametrize(("rate_hz", "told"), [(11_025, [Kind.BAND_LIMITED]), (12_000, [])])
def test_a_band_is_told_up_to_half_of_11_025_khz_however_loud_its_edge(
    rate_hz: int, told: list[Kind]
) -> None:
    noise = np.random.default_rng(1).normal(0, 1000, 2 * SECOND)
    assert kinds(upsampled_from(rate_hz)(noise, np.random.default_rng(0))) == told


def test_sound_that_only_begins_after_a_minute_of_rustling_is_looked_at() -> None:
    rustling = np.random.default_rng(0).normal(0, 20, 60 * SECOND)
    damage = DAMAGES[6]
    samples = damage.apply(np.concatenate([rustling, voice(2.0)]), np.random.default_rng(0))
    told = remarks(samples)
    assert [remark.kind for remark in told] == [damage.kind]


# -------------------------------------------------------------------------------- stretches


def silence(samples: int) -> Samples:
    return np.zeros(samples, np.int16)


SOUND: Final = gaussian(1000)


@pytest.mark.parametrize("lead", [0, 1, 777, 1600, 4000])
def test_a_silence_is_told_from_its_first_sample(lead: int) -> None:
    (remark,) = remarks(np.concatenate([SOUND[:lead], silence(2 * SECOND), SOUND]))
    assert remark.kind is Kind.ALL_ZERO
    assert remark.facts["from"] == lead
    assert SECOND <= int(remark.facts["to"]) - lead < SECOND + 1600


@pytest.mark.parametrize("lead", [0, 1, 777, 1600])
@pytest.mark.parametrize(("length", "told"), [(SECOND - 1, 0), (SECOND, 1)])
def test_a_second_of_silence_is_told_and_a_sample_less_is_not(
    lead: int, length: int, told: int
) -> None:
    loud = np.maximum(SOUND, 1)
    samples = np.concatenate([loud[:lead], silence(length), loud])
    assert kinds(samples).count(Kind.ALL_ZERO) == told


def test_a_long_silence_is_told_once_and_a_later_one_again() -> None:
    pause = silence(3 * SECOND)
    assert kinds(silence(30 * SECOND)) == [Kind.ALL_ZERO]
    assert kinds(np.concatenate([pause, SOUND[:1600], pause])) == [Kind.ALL_ZERO]
    late = np.tile(SOUND, APART // len(SOUND) + 1)
    assert kinds(np.concatenate([pause, late, pause])) == [Kind.ALL_ZERO] * 2


def test_an_offset_is_told_with_its_size() -> None:
    (remark,) = remarks(rounded(gaussian(500).astype(np.float64) + 1000))
    assert remark.kind is Kind.DC
    assert (remark.facts["from"], remark.facts["to"]) == (0, SECOND)
    assert int(remark.facts["offset"]) == pytest.approx(1000, abs=30)


def test_half_a_second_of_offset_is_not_told() -> None:
    wave = gaussian(100).astype(np.float64)
    wave[SECOND : SECOND + SECOND // 2] += 1200
    assert kinds(rounded(wave)) == []


# ------------------------------------------------------------------------------------- laws

TROUBLED: Final = np.concatenate(
    [
        silence(SECOND + 321),
        rounded(voice(2.0).clip(-2500, 2500) + 900),
        *(damage.apply(voice(1.5), np.random.default_rng(2)) for damage in DAMAGES[:8:3]),
    ]
)


@settings(max_examples=40, deadline=None)
@given(st.lists(st.integers(0, len(TROUBLED)), max_size=30))
def test_remarks_do_not_depend_on_how_the_audio_was_cut(cuts: list[int]) -> None:
    edges = [0, *sorted(cuts), len(TROUBLED)]
    scrutiny = Scrutiny()
    cut = [remark for a, b in pairwise(edges) for remark in scrutiny.hear(TROUBLED[a:b])]
    whole = Scrutiny().hear(TROUBLED)
    assert cut == whole
    assert len(whole) >= 3


@settings(max_examples=60, deadline=None)
@given(st.integers(0, 2**32 - 1), st.integers(0, 40_000), st.sampled_from([1, 3, 255]))
def test_no_bytes_whatsoever_are_too_much(seed: int, count: int, step: int) -> None:
    rng = np.random.default_rng(seed)
    octets = (rng.integers(0, 256, count, np.uint8) // step * step).tobytes()
    told = remarks(np.frombuffer(octets[: count // 2 * 2], "<i2"))
    assert all(0 <= int(each.facts["from"]) < int(each.facts["to"]) for each in told)


def test_it_reads_what_it_is_given_and_changes_nothing() -> None:
    samples = TROUBLED.copy()
    samples.flags.writeable = False
    remarks(samples)
    np.testing.assert_array_equal(samples, TROUBLED)
