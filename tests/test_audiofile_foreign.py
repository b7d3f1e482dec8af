"""Recordings that take PyAV to decode, and what is said of them where it is not there."""

import io
import struct
import sys
from fractions import Fraction
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.audio import RATE_HZ, encoded, tone
from vau.audiofile import Blocks, Recording, foreign_s, format_of, read_recording
from vau.audiofile.foreign import FOREIGN_SUFFIXES, kind_of
from vau.audiofile.foreign_ends import ENDS
from vau.commands.transcribe.items import find_items
from vau.errors import AudioCorrupt, AudioUnsupported, ConfigInvalid

STARTS: Final = {
    "mov": b"\0\0\0\x1cftypM4A ",
    "matroska": b"\x1a\x45\xdf\xa3\x9f",
    "aac": b"\xff\xf1\x60\x40",
    "amr": b"#!AMR\n",
    "asf": b"\x30\x26\xb2\x75\x8e\x66\xcf\x11",
    "aiff": b"FORM\0\0\0\x2eAIFFCOMM",
}


@pytest.fixture
def without_av(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setitem(sys.modules, "av", None)


def demuxer(start: bytes) -> str | None:
    kind = kind_of(io.BytesIO(start))
    return None if kind is None else kind.demuxer


def test_a_format_is_told_by_its_first_bytes() -> None:
    assert {name: demuxer(start) for name, start in STARTS.items()} == {
        name: name for name in STARTS
    }


@pytest.mark.parametrize("container", ["WAV", "FLAC", "OGG", "MP3", "NIST"])
def test_what_is_read_without_pyav_is_none_of_them(container: str) -> None:
    coding = {"OGG": "VORBIS", "MP3": "MPEG_LAYER_III"}.get(container, "PCM_16")
    file = io.BytesIO(encoded(tone(8_000, RATE_HZ), container, coding))
    assert kind_of(file) is None
    assert format_of(file)


@pytest.mark.parametrize("start", STARTS.values(), ids=list(STARTS))
def test_a_server_that_is_sent_such_a_file_knows_none_of_them(start: bytes) -> None:
    with pytest.raises(AudioUnsupported, match="is not WAV, FLAC, OGG, Opus, MP3"):
        format_of(io.BytesIO(start))


@pytest.mark.parametrize("start", STARTS.values(), ids=list(STARTS))
def test_without_pyav_the_error_says_how_to_get_it(
    tmp_path: Path, without_av: None, start: bytes
) -> None:
    (tmp_path / "a").write_bytes(start)
    with pytest.raises(AudioUnsupported, match=r"/a: is [A-Z].*pip install 'vau\[av\]'"):
        read_recording(tmp_path / "a")


def test_a_folder_leaves_them_out_without_pyav_and_says_so(
    tmp_path: Path, without_av: None
) -> None:
    for name in ("a.wav", "b.m4a", "c/d.WEBM", "e.txt"):
        (tmp_path / name).parent.mkdir(exist_ok=True)
        (tmp_path / name).touch()
    said: list[str] = []
    assert [item.file.name for item in find_items([tmp_path], warn=said.append)] == ["a.wav"]
    (notice,) = said
    assert "2 files left out, the first is" in notice
    assert notice.endswith("b.m4a; to hear them too: pip install 'vau[av]'")
    with pytest.raises(ConfigInvalid, match="holds no audio file"):
        find_items([tmp_path / "c"], warn=said.append)


# --- ends ----------------------------------------------------------------------------------


def box(kind: bytes, size: int, *, wide: bool = False) -> bytes:
    """Return a box of MP4 that has, or states, so many bytes in all."""
    head = struct.pack(">I4s", size, kind)
    if wide:
        head = struct.pack(">I4sQ", 1, kind, size)
    return head + bytes(max(0, size - len(head)))


def asf(stated: int, flags: int = 0) -> bytes:
    properties = bytes.fromhex("a1dcab8c47a9cf118ee400c00c205365")
    properties += struct.pack("<24xQ40xI", stated, flags)
    return STARTS["asf"] + bytes(8) + struct.pack("<Q6x", 30 + len(properties)) + properties


SEGMENT: Final = b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x67"
WHOLE: Final = {
    "boxes": ("mov", box(b"ftyp", 24) + box(b"mdat", 40, wide=True) + box(b"moov", 32)),
    "a segment": ("matroska", SEGMENT + b"\x40\x05" + bytes(5)),
    "a chunk": ("aiff", b"FORM" + struct.pack(">I", 12) + bytes(12)),
    "an object": ("asf", asf(122)),
}
BROKEN: Final = {
    "a box without a size": ("mov", box(b"ftyp", 24) + b"\0\0\0\4mdat"),
    "no segment": ("matroska", b"\x1a\x45\xdf\xa3\x82ab\x18\x53\x80\x68\x81a"),
    "a segment without a size": ("matroska", SEGMENT),
    "no properties": ("asf", STARTS["asf"] + bytes(100)),
}


@pytest.mark.parametrize(("demuxer", "content"), WHOLE.values(), ids=list(WHOLE))
def test_of_what_states_its_length_no_byte_may_lack(demuxer: str, content: bytes) -> None:
    ENDS[demuxer](io.BytesIO(content), "a")
    with pytest.raises((AudioCorrupt, struct.error)):
        ENDS[demuxer](io.BytesIO(content[:-1]), "a")


@pytest.mark.parametrize(("demuxer", "content"), BROKEN.values(), ids=list(BROKEN))
def test_what_states_no_length_where_it_must_is_refused(demuxer: str, content: bytes) -> None:
    with pytest.raises((AudioCorrupt, struct.error)):
        ENDS[demuxer](io.BytesIO(content), "a")


def test_what_is_live_states_no_length_and_is_taken() -> None:
    ENDS["matroska"](io.BytesIO(SEGMENT + b"\x01" + b"\xff" * 7 + b"x"), "a")
    ENDS["asf"](io.BytesIO(asf(1 << 40, flags=1)), "a")
    ENDS["mov"](io.BytesIO(box(b"ftyp", 24) + struct.pack(">I4s", 0, b"mdat") + b"x"), "a")


# --- with PyAV -----------------------------------------------------------------------------

CODINGS: Final[dict[str, tuple[str, int, str]]] = {
    "a.m4a": ("aac", 44_100, "stereo"),
    "a.aac": ("aac", 16_000, "mono"),
    "a.webm": ("libopus", 48_000, "mono"),
    "a.mka": ("libopus", 48_000, "stereo"),
    "a.mov": ("pcm_s16le", 16_000, "mono"),
    "a.aiff": ("pcm_s16be", 22_050, "stereo"),
    "a.amr": ("libopencore_amrnb", 8_000, "mono"),
    "a.wma": ("wmav2", 44_100, "mono"),
}
SECONDS: Final = 2.0
with_pyav = pytest.mark.tools


def written(path: Path, samples: NDArray[np.int16] | None = None) -> Path:
    """Write a tone into a file of the format that its suffix names."""
    av = pytest.importorskip("av", reason="PyAV is not installed; of extra av")
    coding, rate_hz, layout = CODINGS[path.name]
    if samples is None:
        samples = tone(round(SECONDS * rate_hz), rate_hz)
    with av.open(str(path), "w") as out:
        stream = out.add_stream(coding, rate=rate_hz, layout=layout)
        if coding == "wmav2":
            stream.bit_rate = 64_000
        frame = av.AudioFrame.from_ndarray(samples.reshape(1, -1), "s16", "mono")
        frame.sample_rate, frame.pts, frame.time_base = rate_hz, 0, Fraction(1, rate_hz)
        form = {"pcm_s16le": "s16", "pcm_s16be": "s16", "libopus": "s16"}.get(coding, "fltp")
        form = "s16" if coding == "libopencore_amrnb" else form
        resampler = av.AudioResampler(form, layout, rate_hz)
        for each in resampler.resample(frame) + resampler.resample(None):
            out.mux(stream.encode(each))
        out.mux(stream.encode(None))
    return path


def heard_hz(samples: NDArray[np.int16]) -> float:
    """Return the loudest frequency of the middle of a recording."""
    middle = samples[len(samples) // 4 : len(samples) * 3 // 4].astype(np.float64)
    spectrum = np.abs(np.fft.rfft(middle * np.hanning(len(middle))))
    return float(spectrum.argmax() * RATE_HZ / len(middle))


@with_pyav
@pytest.mark.parametrize("name", CODINGS)
def test_what_was_written_is_heard(tmp_path: Path, name: str) -> None:
    recording = read_recording(written(tmp_path / name))
    assert len(recording.samples) == pytest.approx(SECONDS * RATE_HZ, abs=0.15 * RATE_HZ)
    assert heard_hz(recording.samples) == pytest.approx(440.0, abs=2.0)
    loudest = 16_384 / np.sqrt(2 if CODINGS[name][2] == "stereo" else 1)  # as libav spreads it
    assert np.abs(recording.samples).max() == pytest.approx(loudest, rel=0.15)


@with_pyav
def test_samples_of_16_bits_are_taken_as_they_are(tmp_path: Path) -> None:
    samples = np.random.default_rng(0).integers(-32_768, 32_768, 100_000).astype(np.int16)
    found = read_recording(written(tmp_path / "a.mov", samples)).samples
    np.testing.assert_array_equal(found, samples)


@with_pyav
@pytest.mark.parametrize("name", ["a.m4a", "a.webm", "a.mov"])
def test_what_an_encoder_put_before_the_first_sample_is_left_out(
    tmp_path: Path, name: str
) -> None:
    rate_hz = CODINGS[name][1]
    samples = tone(rate_hz, rate_hz)
    samples[: rate_hz // 2] = 0
    found = read_recording(written(tmp_path / name, samples)).samples
    loud = np.flatnonzero(np.abs(found) > 4_000)
    assert loud[0] / RATE_HZ == pytest.approx(0.5, abs=0.002)


@with_pyav
def test_how_long_a_file_lasts_is_known_without_decoding_it(tmp_path: Path) -> None:
    assert foreign_s(written(tmp_path / "a.m4a")) == pytest.approx(SECONDS, abs=0.05)
    (tmp_path / "a.txt").write_text("no audio")
    assert foreign_s(tmp_path / "a.txt") == foreign_s(tmp_path / "absent") == 0.0


@with_pyav
def test_they_come_in_blocks_and_from_the_channel_that_is_named(tmp_path: Path) -> None:
    file = written(tmp_path / "a.aiff", tone(22_050 * 20, 22_050))
    blocks = list(Blocks(file, 2))
    assert len(blocks) > 5
    assert heard_hz(np.concatenate(blocks)) == pytest.approx(440.0, abs=2.0)
    with pytest.raises(AudioUnsupported, match="the audio has 2 channels"):
        list(Blocks(file, 3))


@with_pyav
@pytest.mark.parametrize("share", [0.3, 0.9, 0.999])
@pytest.mark.parametrize("name", CODINGS)
def test_a_file_that_was_cut_short_is_an_error(tmp_path: Path, name: str, share: float) -> None:
    content = written(tmp_path / name).read_bytes()
    (tmp_path / name).write_bytes(content[: int(len(content) * share)])
    with pytest.raises(AudioCorrupt, match="export or copy it again"):
        read_recording(tmp_path / name)


@with_pyav
@pytest.mark.parametrize("name", CODINGS)
def test_damage_is_an_error_of_audio_or_is_heard(tmp_path: Path, name: str) -> None:
    content = written(tmp_path / name).read_bytes()
    random = np.random.default_rng(1)
    for _ in range(30):
        damaged = bytearray(content)
        for at in random.integers(0, len(content), 5):
            damaged[at] = random.integers(256)
        (tmp_path / "x").write_bytes(damaged)
        try:
            found: Any = read_recording(tmp_path / "x")
        except (AudioCorrupt, AudioUnsupported):
            continue
        assert isinstance(found, Recording)


@with_pyav
def test_a_video_without_sound_says_so(tmp_path: Path) -> None:
    av = pytest.importorskip("av", reason="PyAV is not installed; of extra av")
    with av.open(str(tmp_path / "a.mp4"), "w") as out:
        stream = out.add_stream("mpeg4", rate=25)
        stream.width = stream.height = 64
        stream.pix_fmt = "yuv420p"
        out.mux(stream.encode(av.VideoFrame(64, 64, "yuv420p")))
        out.mux(stream.encode(None))
    with pytest.raises(AudioUnsupported, match="holds no audio"):
        read_recording(tmp_path / "a.mp4")


@with_pyav
def test_a_rate_that_no_recording_has_is_refused_before_it_fills_the_memory(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(CODINGS, "a.mov", ("pcm_s16le", 7, "mono"))
    with pytest.raises(AudioUnsupported, match=r"states 7 Hz, which is outside 1000\.\."):
        read_recording(written(tmp_path / "a.mov"))


@with_pyav
def test_a_folder_takes_them_up(tmp_path: Path) -> None:
    pytest.importorskip("av", reason="PyAV is not installed; of extra av")
    for suffix in (*FOREIGN_SUFFIXES, ".txt"):
        (tmp_path / f"a{suffix}").touch()
    found = find_items([tmp_path], warn=pytest.fail)
    assert {item.file.suffix for item in found} == set(FOREIGN_SUFFIXES)
