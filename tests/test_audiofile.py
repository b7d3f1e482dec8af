import hashlib
import io
import struct
from pathlib import Path
from typing import Final

import numpy as np
import pytest
import soundfile
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray

from tests.audio import RATE_HZ, encoded, noise, tone
from tests.timit import sphere
from vau.audio import to_int16
from vau.audiofile import (
    Blocks,
    Converter,
    Pcm,
    Pieces,
    read_pcm,
    read_recording,
    to_mono_16k,
)
from vau.errors import AudioCorrupt, AudioError, AudioUnsupported

LOSSLESS: Final = [("WAV", "wav"), ("FLAC", "flac"), ("NIST", "sphere")]
LOSSY: Final = [
    ("OGG", "VORBIS", "ogg"),
    ("OGG", "OPUS", "ogg"),
    ("MP3", "MPEG_LAYER_III", "mp3"),
]
QUIET: Final = (tone(8_000, RATE_HZ) // 4).astype(np.int16)
CUTTABLE: Final = {
    "wav": encoded(QUIET),
    "flac": encoded(QUIET, "FLAC"),
    "sphere": encoded(QUIET, "NIST"),
    "vorbis": encoded(QUIET, "OGG", "VORBIS"),
    "opus": encoded(QUIET, "OGG", "OPUS"),
}


def read(content: bytes) -> Pcm:
    return read_pcm(io.BytesIO(content))


def with_sizes(wav: bytes, riff_bytes: int, data_bytes: int) -> bytes:
    at = wav.index(b"data") + 4
    data = struct.pack("<I", data_bytes)
    return wav[:4] + struct.pack("<I", riff_bytes) + wav[8:at] + data + wav[at + 4 :]


@pytest.mark.parametrize("channels", [1, 2, 5])
@pytest.mark.parametrize(("container", "name"), LOSSLESS)
def test_16_bit_samples_are_read_as_they_were_written(
    container: str, name: str, channels: int
) -> None:
    samples = noise(1_000, channels)
    pcm = read(encoded(samples, container, rate_hz=44_100))
    assert (pcm.rate_hz, pcm.format) == (44_100, name)
    assert pcm.samples.dtype == np.int16
    np.testing.assert_array_equal(pcm.samples, samples)


def test_a_file_longer_than_a_block_is_read_whole() -> None:
    samples = noise(200_001)
    np.testing.assert_array_equal(read(encoded(samples, "FLAC")).samples, samples)


def test_an_mp3_read_in_blocks_is_the_one_read_at_once() -> None:
    mp3 = encoded(noise(200_001), "MP3", "MPEG_LAYER_III")
    with soundfile.SoundFile(io.BytesIO(mp3)) as decoder:
        once = to_int16(decoder.read(-1, always_2d=True))
    np.testing.assert_array_equal(read(mp3).samples, once)


@pytest.mark.parametrize(("container", "subtype", "name"), LOSSY)
def test_lossy_formats_keep_duration_and_loudness(
    container: str, subtype: str, name: str
) -> None:
    pcm = read(encoded(tone(32_000, RATE_HZ), container, subtype))
    assert (pcm.rate_hz, pcm.format, pcm.samples.shape) == (RATE_HZ, name, (32_000, 1))
    loudness = np.sqrt(np.mean(pcm.samples[4_000:-4_000].astype(float) ** 2))
    assert loudness == pytest.approx(16_384 / np.sqrt(2), rel=0.05)  # lossy, but not deaf


def test_other_widths_are_scaled_rounded_half_to_even_and_clipped() -> None:
    halves = np.array([0.0, 0.5, 1.5, 2.5, -0.5, -1.5, 65_536.0, -65_536.0]) / 32_768
    pcm = read(encoded(halves[:, np.newaxis], "WAV", "DOUBLE"))
    assert pcm.samples[:, 0].tolist() == [0, 0, 2, 2, 0, -2, 32_767, -32_768]


@pytest.mark.parametrize("subtype", ["PCM_U8", "PCM_24", "PCM_32", "FLOAT"])
def test_what_fits_16_bits_is_exact_in_any_width(subtype: str) -> None:
    samples = (noise(500) // 256 * 256).astype(np.int16)
    content = encoded(samples / 32_768, "WAV", subtype)
    np.testing.assert_array_equal(read(content).samples, samples)


@given(st.data(), st.sampled_from(sorted(CUTTABLE)))
@settings(max_examples=60, deadline=None)
def test_a_file_cut_short_anywhere_is_refused(data: st.DataObject, name: str) -> None:
    whole = CUTTABLE[name]
    kept = data.draw(st.integers(0, len(whole) - 1))
    with pytest.raises(AudioError):
        read(whole[:kept])


def test_a_file_cut_short_is_named_with_the_remedy(tmp_path: Path) -> None:
    file = tmp_path / "half.wav"
    file.write_bytes(CUTTABLE["wav"][:9_000])
    expected = "half.wav: is cut short.*16000 bytes of audio, 8956 are there; export or copy"
    with pytest.raises(AudioCorrupt, match=expected):
        read_pcm(file)


@pytest.mark.parametrize("chunk", [b"fmt \x10\0\0\0", b"ds64\x1c\0\0\0\0\0\0\0"])
def test_a_wav_that_ends_within_its_header_is_cut_short(chunk: bytes) -> None:
    with pytest.raises(AudioCorrupt, match="is cut short or damaged: it ends within a header;"):
        read(b"RIFF\0\0\0\0WAVE" + chunk)


def test_an_mp3_that_states_its_length_is_refused_if_it_lacks_frames() -> None:
    whole = encoded(tone(32_000, RATE_HZ), "MP3", "MPEG_LAYER_III")
    with pytest.raises(AudioCorrupt, match="samples could be decoded"):
        read(whole[: len(whole) // 2])


@given(st.integers(200, len(CUTTABLE["flac"]) - 1), st.integers(1, 255))
@settings(max_examples=30, deadline=None)
def test_a_flac_with_a_damaged_byte_is_refused_or_unharmed(at: int, flip: int) -> None:
    content = bytearray(CUTTABLE["flac"])
    content[at] ^= flip
    try:
        samples = read(bytes(content)).samples
    except AudioCorrupt:
        return
    np.testing.assert_array_equal(samples, QUIET)


@pytest.mark.parametrize(
    ("riff_bytes", "data_bytes"),
    [(0xFFFFFFFF, 0xFFFFFFFF), (0, 0), (36, 0), (0x7FFFF024, 0x7FFFF000)],
    ids=["ffmpeg", "zeros", "crashed recorder", "sox"],
)
def test_a_wav_written_into_a_pipe_is_read_to_its_end(riff_bytes: int, data_bytes: int) -> None:
    samples = noise(1_000)
    content = with_sizes(encoded(samples), riff_bytes, data_bytes)
    np.testing.assert_array_equal(read(content).samples, samples)


def test_a_wav_that_ends_inside_a_sample_is_refused() -> None:
    wav = encoded(noise(100))
    with pytest.raises(AudioCorrupt, match="199 bytes are not whole samples of 2"):
        read(with_sizes(wav, 235, 199))


@pytest.mark.parametrize("coding", ["ULAW", "ALAW"])
def test_a_sphere_of_a_telephone_is_read(coding: str) -> None:
    samples = tone(2_000, 8_000)
    pcm = read(encoded(samples, "NIST", coding, rate_hz=8_000))
    assert (pcm.rate_hz, pcm.format) == (8_000, "sphere")
    assert np.abs(pcm.samples - samples.astype(int)).max() <= 512  # half a step, when loud


@pytest.mark.parametrize(
    ("field", "other", "why"),
    [
        (b"sample_count -i 100", b"sample_count -i 101", "states 202 bytes of audio, 200 are"),
        (b"sample_count -i 100", b"sample_count -i 099", "states 198 bytes of audio, 200 are"),
        (b"sample_count -i 100", b"sample_count -i -10", "does not state sample_count"),
        (b"sample_count -i", b"sample_sount -i", "does not state sample_count"),
        (b"   1024", b"   none", "does not state sample_count"),
    ],
    ids=["too few", "too many", "minus", "none", "no header"],
)
def test_a_sphere_that_is_not_as_long_as_it_states_is_refused(
    field: bytes, other: bytes, why: str
) -> None:
    content = encoded(noise(100), "NIST")
    assert content.count(field) == 1
    with pytest.raises(AudioCorrupt, match=why):
        read(content.replace(field, other))


def test_a_packed_sphere_is_refused_with_the_tool_that_unpacks_it() -> None:
    packed = sphere(noise(100)[:, 0], coding="pcm,embedded-shorten-v2.00")
    with pytest.raises(AudioUnsupported, match=r"shorten-v2\.00\); unpack it with sph2pipe"):
        read(packed)
    assert len(read(sphere(noise(100)[:, 0])).samples) == 100


def test_a_file_without_a_sample_is_refused() -> None:
    with pytest.raises(AudioCorrupt, match="holds no sample"):
        read(encoded(noise(0)))


def test_an_empty_file_is_refused() -> None:
    with pytest.raises(AudioCorrupt, match="is empty"):
        read(b"")


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_named_with_its_place(bad: float) -> None:
    samples = np.zeros((70_000, 2))
    samples[65_540, 1] = bad
    with pytest.raises(AudioCorrupt, match="sample 65540 of channel 2") as caught:
        read(encoded(samples, "WAV", "DOUBLE"))
    assert caught.value.facts["sample"] == 65_540


def test_other_formats_are_refused_by_their_content(tmp_path: Path) -> None:
    file = tmp_path / "letter.wav"
    file.write_text("Dear Sir or Madam,")
    with pytest.raises(AudioUnsupported, match=r"letter\.wav: is not WAV, FLAC,.*with ffmpeg"):
        read_pcm(file)


def test_a_name_does_not_decide_the_format(tmp_path: Path) -> None:
    file = tmp_path / "really.wav.mp3"
    file.write_bytes(encoded(noise(100)))
    assert read_pcm(file).format == "wav"


@pytest.mark.parametrize("name", ["", "absent.wav"])
def test_what_cannot_be_opened_is_named(tmp_path: Path, name: str) -> None:
    with pytest.raises(AudioError, match="check the path"):
        read_pcm(tmp_path / name)


def test_16_khz_mono_passes_unchanged() -> None:
    samples = noise(999)
    pcm = Pcm(samples, RATE_HZ, "wav")
    np.testing.assert_array_equal(to_mono_16k(pcm, 1), samples[:, 0])
    np.testing.assert_array_equal(to_mono_16k(pcm, "mix"), samples[:, 0])


def test_a_channel_is_taken_by_its_number_from_1() -> None:
    samples = noise(999, channels=3)
    np.testing.assert_array_equal(to_mono_16k(Pcm(samples, RATE_HZ, "wav"), 3), samples[:, 2])


def test_a_mix_is_the_mean_rounded_half_to_even() -> None:
    samples = np.array([[1, 2], [2, 3], [-1, 0], [32_767, 32_767]], np.int16)
    assert to_mono_16k(Pcm(samples, RATE_HZ, "wav")).tolist() == [2, 2, 0, 32_767]


@pytest.mark.parametrize("channel", [0, 3])
def test_a_channel_that_is_not_there_is_refused(channel: int) -> None:
    with pytest.raises(AudioUnsupported, match=rf"{channel} was asked for.*has 2 channels"):
        to_mono_16k(Pcm(noise(10, channels=2), RATE_HZ, "wav"), channel)


@pytest.mark.parametrize("rate_hz", [8_000, 22_050, 44_100, 48_000])
def test_resampling_keeps_a_tone_and_its_duration(rate_hz: int) -> None:
    mono = to_mono_16k(Pcm(tone(rate_hz, rate_hz), rate_hz, "wav"))
    assert len(mono) == RATE_HZ
    inside = slice(1_000, -1_000)  # a filter rings where the sound begins and ends
    difference = mono[inside].astype(int) - tone(RATE_HZ, RATE_HZ)[inside, 0]
    assert np.abs(difference).max() <= 2


@given(st.lists(st.integers(0, 3_000), max_size=6), st.sampled_from([8_000, 44_100, 16_000]))
@settings(max_examples=30, deadline=None)
def test_conversion_does_not_depend_on_how_the_sound_was_cut(
    cuts: list[int], rate_hz: int
) -> None:
    samples = noise(3_000, channels=2)
    pieces = np.split(samples, sorted(cuts))
    whole = to_mono_16k(Pcm(samples, rate_hz, "wav"))
    np.testing.assert_array_equal(converted(pieces, rate_hz), whole)


def converted(pieces: list[NDArray[np.int16]], rate_hz: int) -> NDArray[np.int16]:
    converter = Converter(rate_hz, 2)
    return np.concatenate([*(converter.push(piece) for piece in pieces), converter.finish()])


def test_a_recording_has_the_digest_of_the_bytes_that_were_read(tmp_path: Path) -> None:
    content = encoded(noise(), "FLAC")
    (tmp_path / "x.flac").write_bytes(content)
    recording = read_recording(tmp_path / "x.flac")
    np.testing.assert_array_equal(recording.samples, noise()[:, 0])
    assert recording.sha256 == hashlib.sha256(content).hexdigest()


@pytest.mark.parametrize("rate_hz", [16_000, 44_100])
@pytest.mark.parametrize("channels", [1, 3])
def test_blocks_are_a_recording_and_no_longer_however_long_it_is(
    tmp_path: Path, rate_hz: int, channels: int
) -> None:
    file = tmp_path / "x.flac"
    file.write_bytes(encoded(noise(200_001, channels), "FLAC", rate_hz=rate_hz))
    blocks = Blocks(file)
    read = list(blocks)
    assert max(map(len, read)) <= 1 << 16
    np.testing.assert_array_equal(np.concatenate(read), read_recording(file).samples)
    assert blocks.sha256 == hashlib.sha256(file.read_bytes()).hexdigest()


@given(st.lists(st.integers(0, 40), max_size=8), st.integers(1, 50))
def test_pieces_have_one_length_whatever_the_blocks_have(sizes: list[int], count: int) -> None:
    samples = noise(sum(sizes))[:, 0]
    pieces = Pieces(np.split(samples, np.cumsum(sizes)))
    taken: list[NDArray[np.int16]] = []
    is_last = False
    while not is_last:
        piece, is_last = pieces.take(count)
        assert len(piece) == count or is_last
        taken.append(piece)
    np.testing.assert_array_equal(np.concatenate(taken), samples)
    assert len(taken[-1]) or not len(samples)


def test_what_is_wrong_with_the_end_of_a_flac_is_an_error_behind_its_last_block(
    tmp_path: Path,
) -> None:
    content = bytearray(encoded(noise(200_001), "FLAC"))
    content[4 + 4 + 18] ^= 1  # of the MD5
    file = tmp_path / "x.flac"
    file.write_bytes(content)
    blocks = Blocks(file)
    heard: list[NDArray[np.int16]] = []
    with pytest.raises(AudioCorrupt, match=r"x\.flac: the MD5 of its samples is"):
        heard.extend(blocks)
    assert sum(map(len, heard)) == 200_001


def test_a_file_of_which_nothing_is_left_at_16_khz_is_an_error_that_names_it(
    tmp_path: Path,
) -> None:
    file = tmp_path / "short.wav"
    file.write_bytes(encoded(noise(1), rate_hz=48_000))
    with pytest.raises(AudioCorrupt, match=r"short\.wav: its length of 1 at 48000 Hz"):
        read_recording(file)


def test_an_mp3_that_states_more_than_its_bytes_can_hold_is_refused() -> None:
    data = bytearray(encoded(noise(), "MP3", "MPEG_LAYER_III"))
    frames = next(data.find(name) for name in (b"Xing", b"Info") if name in data) + 8
    data[frames : frames + 4] = b"\x7f\xff\xff\xff"
    with pytest.raises(AudioCorrupt, match="samples are stated in"):
        read_pcm(io.BytesIO(data))


@pytest.mark.parametrize("rate_hz", [1, 2, 999, 1_000_001])
def test_a_rate_that_no_recording_has_is_refused(rate_hz: int) -> None:
    with pytest.raises(AudioUnsupported, match=f"states {rate_hz} Hz"):
        read_pcm(io.BytesIO(encoded(noise(100), rate_hz=rate_hz)))
