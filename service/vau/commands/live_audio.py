"""Where live audio comes from: a file at the pace of speech, a pipe, a microphone.

Each yields 16 kHz mono chunks for ``vau.client.recognition.converse``, which takes them on
a thread of its own: they may wait for the clock, for the pipe or for sound.
"""

import hashlib
import importlib
import os
import queue
import select
import threading
from collections.abc import Callable, Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from itertools import takewhile
from pathlib import Path
from time import perf_counter
from types import ModuleType
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import LIVE_PACE, SAMPLE_RATE_HZ, PcmReader
from vau.audiofile import Channel, Converter, read_recording
from vau.client.recognition import chunks_of
from vau.errors import AudioError, ConfigInvalid

MIC_INSTALL: Final = "pip install 'vau[mic]'"
MIC_QUEUE_S: Final = 10.0  # of sound that waits while the server does not take it
PIPE_S: Final = 0.5  # of audio that a pipe may have held before anybody read it
STOP_CHECK_S: Final = 0.2  # how often a source that waits looks whether it is to stop

Chunk = NDArray[np.int16]
"""Samples, shape (samples,)."""


@dataclass(frozen=True, slots=True)
class Source:
    """Audio to stream."""

    name: str
    chunks: Iterator[Chunk | bytes]
    """Bytes are what a pipe left behind its last whole sample."""

    sha256: Callable[[], str]
    """Hex digest: of the file, or of the little-endian samples so far."""

    audio_s: float | None = None
    """Duration; None if nobody knows before it ends."""

    is_live: Callable[[], bool] = lambda: True
    """Whether it has come no faster than speech so far."""


def from_file(
    file: Path,
    chunk_size: int,
    *,
    pace: bool,
    channel: Channel = "mix",
    stop: threading.Event | None = None,
) -> Source:
    """Open a file; with ``pace`` it takes as long as it lasts. Raises AudioError.

    stop: ends it early once it is set.
    """
    audio = read_recording(file, channel)
    stop = stop or threading.Event()
    chunks = (
        paced(audio.samples, chunk_size, stop)
        if pace
        else takewhile(lambda _: not stop.is_set(), chunks_of(audio.samples, chunk_size))
    )
    audio_s = len(audio.samples) / SAMPLE_RATE_HZ
    return Source(str(file), chunks, lambda: audio.sha256, audio_s, lambda: pace)


def from_pipe(descriptor: int, chunk_size: int, stop: threading.Event) -> Source:
    """Open a pipe of raw s16le samples, 16 kHz mono."""
    arrivals = _Arrivals()
    source = _hashed("stdin", arrivals.timed(raw_input(descriptor, chunk_size, stop)))
    return replace(source, is_live=arrivals.is_live)


class _Arrivals:
    """Tells from when they came whether chunks came as someone speaks."""

    def __init__(self) -> None:
        self._began_s = self._last_s = 0.0
        self._samples = 0  # after the first chunk, before which there is no pace

    def timed(self, chunks: Iterator[Chunk | bytes]) -> Iterator[Chunk | bytes]:
        """Yield the chunks, and look at the clock."""
        for number, chunk in enumerate(chunks):
            self._last_s = perf_counter()
            if not number:
                self._began_s = self._last_s
            elif not isinstance(chunk, bytes):
                self._samples += len(chunk)
            yield chunk

    def is_live(self) -> bool:
        """Tell whether they came no faster than speech."""
        audio_s = self._samples / SAMPLE_RATE_HZ
        return audio_s <= LIVE_PACE * (self._last_s - self._began_s) + PIPE_S


def from_microphone(device: str, chunk_size: int, stop: threading.Event) -> Source:
    """Open a microphone, heard until ``stop`` is set.

    device: number or part of a name; empty takes the system's default.
    Raises  ConfigInvalid without the package ``sounddevice``, AudioError without a device.
    """
    return _hashed("mic", _Microphone(device, chunk_size).chunks(stop))


def _hashed(name: str, chunks: Iterator[Chunk | bytes]) -> Source:
    """Return a source that takes the digest of what passes."""
    digest = hashlib.sha256()

    def passing() -> Iterator[Chunk | bytes]:
        for chunk in chunks:
            digest.update(chunk if isinstance(chunk, bytes) else chunk.astype("<i2").tobytes())
            yield chunk

    return Source(name, passing(), digest.hexdigest)


def chunk_samples(chunk_ms: int) -> int:
    """Return the samples of a chunk. Raises ConfigInvalid unless it is 1 ms to 2 s."""
    if not 1 <= chunk_ms <= 2000:
        raise ConfigInvalid(f"chunk-ms: {chunk_ms} is outside 1..2000", field="chunk-ms")
    return chunk_ms * SAMPLE_RATE_HZ // 1000


def paced(samples: Chunk, chunk_size: int, stop: threading.Event) -> Iterator[Chunk]:
    """Cut samples into chunks, each when a speaker would have come to its end.

    stop: ends them early once it is set.
    """
    started_s = perf_counter()
    sent = 0
    for chunk in chunks_of(samples, chunk_size):
        sent += len(chunk)
        if stop.wait(max(0.0, started_s + sent / SAMPLE_RATE_HZ - perf_counter())):
            return
        yield chunk


def raw_input(
    descriptor: int, chunk_size: int, stop: threading.Event
) -> Iterator[Chunk | bytes]:
    """Yield raw s16le samples of 16 kHz mono as they arrive in a pipe, until it ends.

    If it ends inside a sample, what there is of that comes last, as bytes.
    """
    reader = PcmReader("linear16")
    while not stop.is_set():
        ready, _, _ = select.select([descriptor], [], [], STOP_CHECK_S)
        if not ready:
            continue
        data = os.read(descriptor, 2 * chunk_size)
        if not data:
            if rest := reader.rest:
                yield rest
            return
        yield reader.read(data)


class _Microphone:
    """An open sound device, heard on a thread of the system's."""

    def __init__(self, device: str, chunk_size: int) -> None:
        sounddevice = _sounddevice()
        chosen = int(device) if device.isdigit() else device or None
        self._heard: queue.Queue[bytes] = queue.Queue(_queue_length(chunk_size))
        self._overrun = threading.Event()
        try:
            described = sounddevice.query_devices(chosen, "input")
            rate_hz = int(described["default_samplerate"])
            self._stream = sounddevice.RawInputStream(
                samplerate=rate_hz,
                blocksize=chunk_size * rate_hz // SAMPLE_RATE_HZ,
                device=chosen,
                channels=1,
                dtype="int16",
                callback=self._take,
            )
        except (sounddevice.PortAudioError, ValueError) as cause:
            raise AudioError(
                f"device: {cause}; see --list-devices for those there are", field="device"
            ) from cause
        self._converter = Converter(rate_hz, 1)

    def chunks(self, stop: threading.Event) -> Iterator[Chunk]:
        """Yield what is heard until ``stop`` is set. Raises AudioError if too much waits."""
        with self._stream:
            while not stop.is_set():
                if self._overrun.is_set():
                    raise AudioError(
                        f"mic: {MIC_QUEUE_S:g} s of sound wait and nobody takes them, so more "
                        "would be lost; the server is too slow, or has been away for too long",
                        field="mic",
                    )
                with suppress(queue.Empty):
                    yield self._converted(self._heard.get(timeout=STOP_CHECK_S))
        while not self._heard.empty():
            yield self._converted(self._heard.get())
        yield self._converter.finish()

    def _take(self, data: bytearray, _frames: int, _time: object, _status: object) -> None:
        try:
            self._heard.put_nowait(bytes(data))
        except queue.Full:
            self._overrun.set()

    def _converted(self, data: bytes) -> Chunk:
        return self._converter.push(np.frombuffer(data, np.int16)[:, np.newaxis])


def microphones() -> str:
    """List the sound devices, one a line, as the system names them."""
    return str(_sounddevice().query_devices())


def _queue_length(chunk_size: int) -> int:
    return max(2, round(MIC_QUEUE_S * SAMPLE_RATE_HZ / chunk_size))


def _sounddevice() -> ModuleType:
    try:
        return importlib.import_module("sounddevice")  # an extra, which few installations have
    except (ImportError, OSError) as cause:  # OSError: PortAudio itself is missing
        raise ConfigInvalid(
            f"mic: the package sounddevice cannot be used ({cause}); "
            f"{MIC_INSTALL} (and the system's PortAudio: libportaudio2)",
            field="mic",
        ) from cause
