import hashlib
import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from types import ModuleType
from typing import Self

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.audio import RATE_HZ, noise, recording
from vau.audiofile import Pcm, read_pcm, to_mono_16k
from vau.commands.doctor.audio import devices
from vau.commands.live_audio import (
    Source,
    chunk_samples,
    from_file,
    from_microphone,
    from_pipe,
    microphones,
    paced,
)
from vau.errors import AudioError, ConfigInvalid


def heard(source: Source) -> list[int]:
    return [int(sample) for chunk in source.chunks for sample in chunk]


@pytest.mark.parametrize("chunk_ms", [0, 2001])
def test_a_chunk_is_one_millisecond_to_two_seconds(chunk_ms: int) -> None:
    assert (chunk_samples(1), chunk_samples(2000)) == (16, 32_000)
    with pytest.raises(ConfigInvalid, match=r"outside 1\.\.2000"):
        chunk_samples(chunk_ms)


@pytest.mark.parametrize("pace", [True, False])
def test_a_file_arrives_whole_whatever_its_pace(tmp_path: Path, pace: bool) -> None:
    file = recording(tmp_path / "x.flac", 0.1)
    source = from_file(file, 160, pace=pace)
    assert (source.name, source.audio_s) == (str(file), 0.1)
    assert source.sha256() == hashlib.sha256(file.read_bytes()).hexdigest()
    assert heard(source) == read_pcm(file).samples[:, 0].tolist()


def test_a_paced_chunk_comes_no_sooner_than_it_could_be_spoken(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 100.0
    slept: list[float] = []

    class Stop(threading.Event):
        def wait(self, timeout: float | None = None) -> bool:
            nonlocal now_s
            assert timeout is not None
            slept.append(timeout)
            now_s += timeout
            return self.is_set()

    monkeypatch.setattr("vau.commands.live_audio.perf_counter", lambda: now_s)
    chunks = paced(noise(4_000)[:, 0], 1_600, Stop())
    next(chunks)
    now_s += 0.03  # the reader was busy: the next chunk must not come later for it
    assert [len(chunk) for chunk in chunks] == [1_600, 800]
    assert slept == pytest.approx([0.1, 0.07, 0.05])


@contextmanager
def pipe(content: bytes) -> Iterator[int]:
    """Yield the end of a pipe from which ``content`` can be read."""
    reader, writer = os.pipe()

    def write() -> None:
        with suppress(BrokenPipeError), os.fdopen(writer, "wb") as opened:
            opened.write(content)

    thread = threading.Thread(target=write)  # it may be more than a pipe holds
    thread.start()
    try:
        yield reader
    finally:
        os.close(reader)
        thread.join()


@given(st.binary(max_size=500).filter(lambda data: len(data) % 2 == 0), st.integers(1, 99))
@settings(max_examples=30)
def test_a_pipe_arrives_whole_in_any_chunks(content: bytes, chunk_size: int) -> None:
    with pipe(content) as reader:
        source = from_pipe(reader, chunk_size, threading.Event())
        assert heard(source) == np.frombuffer(content, "<i2").tolist()
        assert source.sha256() == hashlib.sha256(content).hexdigest()


def test_a_pipe_that_holds_more_than_was_spoken_is_not_live(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    now_s = 100.0
    monkeypatch.setattr("vau.commands.live_audio.perf_counter", lambda: now_s)
    for step_s, is_live in ((0.1, True), (0.01, False)):
        with pipe(bytes(40 * 3200)) as reader:
            source = from_pipe(reader, 1_600, threading.Event())
            assert source.is_live()
            for _ in source.chunks:
                now_s += step_s
        assert source.is_live() is is_live


def test_what_a_pipe_leaves_behind_its_last_sample_comes_as_it_is() -> None:
    with pipe(b"abc") as reader:
        source = from_pipe(reader, 100, threading.Event())
        samples, rest = source.chunks
    assert samples.tobytes() == b"ab"  # type: ignore[union-attr]
    assert rest == b"c"
    assert source.sha256() == hashlib.sha256(b"abc").hexdigest()


@pytest.mark.parametrize("pace", [True, False])
def test_a_file_can_be_left(tmp_path: Path, pace: bool) -> None:
    stop = threading.Event()
    source = from_file(recording(tmp_path / "x.flac", 0.1), 160, pace=pace, stop=stop)
    assert len(next(source.chunks)) == 160
    stop.set()
    assert heard(source) == []


def test_a_pipe_nobody_writes_to_can_be_left() -> None:
    reader, writer = os.pipe()
    stop = threading.Event()
    stop.set()
    assert heard(from_pipe(reader, 100, stop)) == []
    os.close(reader)
    os.close(writer)


class Card(ModuleType):
    """A sound card in the guise of the package ``sounddevice``: plays its blocks at once."""

    class PortAudioError(Exception):
        pass

    def __init__(self, rate_hz: int = 48_000, blocks: int = 3) -> None:
        super().__init__("sounddevice")
        self.rate_hz, self.blocks = rate_hz, blocks
        self.played: list[np.ndarray[tuple[int, int], np.dtype[np.int16]]] = []
        self.stop = threading.Event()

    def query_devices(self, device: object = None, kind: str = "") -> object:
        if device == "absent":
            raise ValueError("No input device matching 'absent'")
        return {"default_samplerate": float(self.rate_hz)} if kind else "0 Card, ALSA"

    def RawInputStream(  # noqa: N802 - the package calls it so
        self, *, blocksize: int, callback: Callable[..., None], **_options: object
    ) -> "Playing":
        return Playing(self, blocksize, callback)


class Playing:
    def __init__(self, card: Card, blocksize: int, callback: Callable[..., None]) -> None:
        self._card, self._blocksize, self._callback = card, blocksize, callback

    def __enter__(self) -> Self:
        for seed in range(self._card.blocks):
            block = noise(self._blocksize, seed=seed)
            self._card.played.append(block)
            self._callback(bytearray(block.tobytes()), self._blocksize, None, None)
        self._card.stop.set()
        return self

    def __exit__(self, *_: object) -> None:
        pass


def test_a_microphone_is_converted_to_16_khz_and_no_sound_is_lost(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = Card()
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    source = from_microphone("", 1_600, card.stop)
    assert source.audio_s is None
    samples = heard(source)
    whole = Pcm(np.concatenate(card.played), 48_000, "wav")
    assert samples == to_mono_16k(whole).tolist()
    assert len(samples) == 3 * 1_600


def test_a_microphone_ends_with_an_error_rather_than_lose_sound(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    card = Card(RATE_HZ, blocks=101)
    monkeypatch.setitem(sys.modules, "sounddevice", card)
    with pytest.raises(AudioError, match="more would be lost"):
        heard(from_microphone("", 1_600, threading.Event()))


def test_a_microphone_that_is_not_there_is_an_error_before_anything_is_sent(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", Card())
    with pytest.raises(AudioError, match="matching 'absent'; see --list-devices"):
        from_microphone("absent", 1_600, threading.Event())
    assert microphones() == "0 Card, ALSA"


def test_without_the_package_a_microphone_says_how_to_install_it(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setitem(sys.modules, "sounddevice", None)
    with pytest.raises(ConfigInvalid) as refused:
        from_microphone("", 1_600, threading.Event())
    remedy = devices("package", []).remedy
    assert remedy == "pip install 'vau[mic]' (and the system's PortAudio: libportaudio2)"
    assert str(refused.value).endswith(f"; {remedy}")
