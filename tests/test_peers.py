"""Other recognisers: their names, their phones, and that they hear where they are installed.

Where a peer is installed it hears something like syllables; how well it hears speech is for an
evaluation to say.
"""

import importlib.util
import sys
from pathlib import Path
from types import ModuleType, SimpleNamespace

import numpy as np
import pytest

from tests.audio import encoded, noise, recording
from vau.errors import AudioError, ConfigInvalid
from vau.evaluation.peers import ARPABET, HAMA_SAMPLES, PEERS, check_peer, hear
from vau.model import find_model, shipped_models

by_peer = pytest.mark.parametrize("peer", sorted(PEERS))


class Parrot(ModuleType):
    """A stand-in for the package ``hama`` that always says the same, and counts samples."""

    def __init__(self, *symbols: str) -> None:
        super().__init__("hama")
        self.symbols = list(symbols)
        self.given: list[int] = []
        self.loads = 0

    def ASRModel(self) -> "Parrot":  # noqa: N802
        self.loads += 1
        return self

    def transcribe_waveform(self, samples: np.ndarray, rate_hz: int) -> SimpleNamespace:
        assert samples.dtype == np.int16
        assert rate_hz == 16_000
        self.given.append(len(samples))
        return SimpleNamespace(phonemes=self.symbols)


def installed(peer: str) -> None:
    package = PEERS[peer].package
    if importlib.util.find_spec(package) is None:
        pytest.skip(f"the package {package} is not installed: pip install 'vau[peers]'")


def babble(seed: int, syllables: int = 4) -> bytes:
    """Return a WAV of syllables: a puff of noise, then a vowel of three formants."""
    rng = np.random.default_rng(seed)
    at_s = np.arange(2_400) / 16_000
    pieces = []
    for _ in range(syllables):
        puff = rng.normal(0.0, 450.0, 800) * np.hanning(800)
        harmonics_hz = rng.uniform(90, 160) * np.arange(1, 26)[:, np.newaxis]
        formants_hz = rng.uniform([300, 900, 2300], [800, 2200, 3000])
        strength = 1 / (1 + ((harmonics_hz - formants_hz) / 60) ** 2) @ [1.0, 0.5, 0.2]
        vowel = strength @ np.sin(2 * np.pi * harmonics_hz * at_s) * np.hanning(2_400)
        pieces += [np.zeros(300), puff, 1_500 * vowel / vowel.std()]
    return encoded(np.concatenate(pieces).astype(np.int16).reshape(-1, 1))


@pytest.fixture
def babbles(tmp_path: Path) -> list[Path]:
    files = [tmp_path / f"{seed}.wav" for seed in range(2)]
    for seed, file in enumerate(files):
        file.write_bytes(babble(seed))
    return files


def test_the_phones_are_those_of_the_shipped_models() -> None:
    for name in shipped_models():
        model = find_model(name)
        silences = {model.phonemes[class_id] for class_id in model.silence_ids}
        assert set(model.phonemes) - silences == ARPABET


@by_peer
def test_each_phone_can_be_heard_and_nothing_else(peer: str) -> None:
    assert set(PEERS[peer].phones.values()) == ARPABET


def test_an_unknown_peer_is_refused_at_once_with_those_there_are() -> None:
    for refuse in (check_peer, lambda peer: hear(peer, [])):
        with pytest.raises(ConfigInvalid, match=r"'vosk'.*: pocketsphinx, hama") as refused:
            refuse("vosk")
        assert refused.value.field == "peer"


@by_peer
def test_a_missing_package_is_refused_at_once_with_what_installs_it(
    peer: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(sys.modules, PEERS[peer].package, None)
    remedy = rf"{PEERS[peer].package} .* pip install 'vau\[peers\]'"
    for refuse in (check_peer, lambda peer: hear(peer, [])):
        with pytest.raises(ConfigInvalid, match=remedy) as refused:
            refuse(peer)
        assert refused.value.field == "peer"


def test_what_is_no_phone_of_english_counts_as_nothing(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    parrot = Parrot("ð", "ə", "<unk>", "k͈", "t͡ʃ", "̪", "aɪ", "ɝ", "e")
    monkeypatch.setitem(sys.modules, "hama", parrot)
    heard = list(hear("hama", [recording(tmp_path / "a.flac")]))
    assert heard == [(0, ("DH", "AH", "CH", "AY", "ER"))]


def test_nothing_of_a_long_recording_is_lost(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "hama", parrot := Parrot("s"))
    file = tmp_path / "long.wav"
    file.write_bytes(encoded(noise(2 * HAMA_SAMPLES + 1)))
    assert list(hear("hama", [file])) == [(0, ("S", "S", "S"))]
    assert sum(parrot.given) == 2 * HAMA_SAMPLES + 1
    assert max(parrot.given) <= HAMA_SAMPLES


def test_a_recogniser_is_loaded_once_and_not_to_be_checked(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    monkeypatch.setitem(sys.modules, "hama", parrot := Parrot("s"))
    check_peer("hama")
    assert parrot.loads == 0
    file = recording(tmp_path / "a.flac")
    assert [list(hear("hama", [file])) for _ in range(2)] == [[(0, ("S",))]] * 2
    assert parrot.loads == 1


@by_peer
def test_what_is_heard_does_not_depend_on_what_was_heard_before(
    peer: str, babbles: list[Path]
) -> None:
    installed(peer)
    forth, back = dict(hear(peer, babbles)), dict(hear(peer, babbles[::-1]))
    assert [forth[0], forth[1]] == [back[1], back[0]]
    assert forth[0] != forth[1]
    assert set(forth[0]) | set(forth[1]) <= ARPABET


@by_peer
def test_a_recording_too_short_for_a_phone_has_none(peer: str, tmp_path: Path) -> None:
    installed(peer)
    file = tmp_path / "click.wav"
    file.write_bytes(encoded(noise(1)))
    assert list(hear(peer, [file])) == [(0, ())]


@by_peer
def test_a_file_that_cannot_be_read_is_named(peer: str, tmp_path: Path) -> None:
    installed(peer)
    with pytest.raises(AudioError, match=r"absent\.wav"):
        list(hear(peer, [tmp_path / "absent.wav"]))
