"""One recording in one call: the numbers of a stream, from raw samples and from files."""

import io
from collections.abc import Iterator

import numpy as np
import pytest
import soundfile
from numpy.typing import NDArray

from tests.serving import (
    FREE,
    FULL,
    LINEAR16,
    Heard,
    Served,
    audio_format,
    hear,
    recognition,
    serving,
    speech,
    streaming,
)
from vau.client import posteriors_array
from vau.config import ServerConfig
from vau.errors import (
    AudioCorrupt,
    AudioMismatch,
    AudioTooLong,
    AudioUnsupported,
    ConfigInvalid,
)
from vau.v1 import speech_pb2 as pb

AUDIO = speech(20_000)
WAV, FLAC = pb.AudioFormat.ENCODING_WAV, pb.AudioFormat.ENCODING_FLAC


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    config = ServerConfig(listen=FREE, metrics_listen=FREE, max_unary_audio_s=2.0)
    with serving(config=config) as server:
        yield server


@pytest.fixture(scope="module")
def streamed(served: Served) -> Heard:
    return hear(served.client, [AUDIO], streaming())


def file(
    kind: str = "WAV",
    samples: NDArray[np.int16] | None = None,
    rate_hz: int = 16_000,
    subtype: str = "PCM_16",
) -> bytes:
    data = np.frombuffer(AUDIO, "<i2") if samples is None else samples
    target = io.BytesIO()
    soundfile.write(target, data, rate_hz, subtype=subtype, format=kind)
    return target.getvalue()


def declared(
    encoding: pb.AudioFormat.Encoding, rate_hz: int = 0, channels: int = 0
) -> pb.RecognitionConfig:
    return recognition(FULL, audio_format(encoding, rate_hz, channels))


@pytest.mark.parametrize(
    ("config", "audio"),
    [
        (recognition(), AUDIO),
        (
            recognition(FULL, audio_format(pb.AudioFormat.ENCODING_FLOAT32)),
            (np.frombuffer(AUDIO, "<i2") / 32_768).astype("<f4").tobytes(),
        ),
        (declared(WAV), file("WAV")),
        (declared(WAV, 16_000, 1), file("WAV")),
        (declared(FLAC), file("FLAC")),
    ],
    ids=["linear16", "float32", "wav", "wav as declared", "flac"],
)
def test_one_call_gives_the_numbers_of_a_stream(
    served: Served, streamed: Heard, config: pb.RecognitionConfig, audio: bytes
) -> None:
    answer = served.client.recognize(config, audio)
    np.testing.assert_array_equal(posteriors_array(answer.posteriors), streamed.values())
    assert answer.posteriors.first_frame == 0
    assert list(answer.results) == streamed.finals
    assert answer.finished.output_digest == streamed.finished.output_digest
    assert answer.finished.input_digest == streamed.finished.input_digest
    assert answer.finished.frames == streamed.finished.frames
    assert answer.finished.samples == 20_000
    assert answer.finished.utterances == 1
    np.testing.assert_allclose(
        answer.finished.energy[0].joules, streamed.finished.energy[0].joules, rtol=1e-12
    )


def test_a_call_describes_itself_like_a_stream(served: Served) -> None:
    started = served.client.recognize(declared(FLAC), file("FLAC")).started
    assert started.session_id
    assert started.resolved.audio_format == audio_format(FLAC)
    assert started.resolved.output == pb.OutputConfig(
        phonemes=True,
        posteriors=FULL.posteriors,
        encoding=FULL.encoding,
        every_n_frames=1,
        timing=True,
        energy=True,
    )
    assert started.limits.max_unary_audio.seconds == 2


def test_thinned_top_k_of_a_call_is_that_of_a_stream(served: Served) -> None:
    output = pb.OutputConfig(
        posteriors=pb.OutputConfig.POSTERIORS_TOP_K, top_k=2, every_n_frames=7
    )
    answer = served.client.recognize(recognition(output), AUDIO).posteriors
    heard = hear(served.client, [AUDIO], streaming(output))
    parts = [r.posteriors for r in heard.responses if r.HasField("posteriors")]
    assert answer.values == b"".join(part.values for part in parts)
    assert answer.class_ids == b"".join(part.class_ids for part in parts)
    assert answer.frame_count == sum(part.frame_count for part in parts)


def test_a_call_gives_its_slot_back(served: Served) -> None:
    served.client.recognize(recognition(), AUDIO)
    assert served.slots_in_use() == 0


STEREO = np.zeros((800, 2), np.int16)


@pytest.mark.parametrize(
    ("config", "audio", "field", "found"),
    [
        (declared(WAV, 8_000), file(), "sample_rate_hertz", "16000"),
        (declared(WAV, 16_000, 2), file(), "channel_count", "1"),
        (declared(WAV, 16_000, 1), file(samples=STEREO), "channel_count", "2"),
        (declared(WAV), file("FLAC"), "encoding", "flac"),
        (declared(FLAC), file("WAV"), "encoding", "wav"),
        (declared(FLAC), file("OGG", subtype="VORBIS"), "encoding", "ogg"),
    ],
    ids=["rate", "mono", "stereo", "flac as wav", "wav as flac", "ogg as flac"],
)
def test_a_header_that_disagrees_with_the_config_is_refused_with_both(
    served: Served, config: pb.RecognitionConfig, audio: bytes, field: str, found: str
) -> None:
    with pytest.raises(AudioMismatch) as refused:
        served.client.recognize(config, audio)
    assert refused.value.field == f"config.audio_format.{field}"
    assert refused.value.facts["found"] == found
    assert str(refused.value.facts["declared"]) in str(refused.value)


@pytest.mark.parametrize(
    ("config", "audio", "field"),
    [
        (declared(WAV), file(rate_hz=44_100), "sample_rate_hertz"),
        (declared(WAV, 8_000), file(rate_hz=8_000), "sample_rate_hertz"),
        (declared(FLAC), file("FLAC", STEREO), "channel_count"),
        (recognition(FULL, audio_format(rate_hz=8_000)), AUDIO, "sample_rate_hertz"),
        (recognition(FULL, audio_format(channels=2)), AUDIO, "channel_count"),
        (recognition(FULL, pb.AudioFormat()), AUDIO, "encoding"),
    ],
    ids=["wav 44100", "wav 8000", "flac stereo", "raw 8000", "raw stereo", "nothing"],
)
def test_a_format_that_is_not_taken_is_named(
    served: Served, config: pb.RecognitionConfig, audio: bytes, field: str
) -> None:
    with pytest.raises(AudioUnsupported) as refused:
        served.client.recognize(config, audio)
    assert refused.value.field == f"config.audio_format.{field}"


@pytest.mark.parametrize(
    ("config", "audio"),
    [
        (declared(WAV), file()[:-1]),
        (declared(WAV), file()[:1000]),
        (declared(WAV), file()[:20]),
        (declared(FLAC), file("FLAC")[:-100]),
        (declared(FLAC), file("FLAC")[:8000]),
        (declared(FLAC), file("FLAC")[:30]),
        (declared(WAV), b"RIFF but nothing else"),
        (declared(WAV), file(samples=np.zeros(0, np.int16))),
        (declared(WAV), b""),
        (recognition(), b""),
        (recognition(), AUDIO[:1]),
    ],
    ids=[
        "wav short of a byte",
        "wav cut",
        "wav header cut",
        "flac end cut",
        "flac cut",
        "flac header cut",
        "no wav",
        "wav without samples",
        "empty file",
        "no samples",
        "half a sample alone",
    ],
)
def test_a_recording_that_is_broken_or_cut_short_is_refused(
    served: Served, config: pb.RecognitionConfig, audio: bytes
) -> None:
    with pytest.raises(AudioCorrupt):
        served.client.recognize(config, audio)


def test_a_float_that_is_no_number_is_named_by_its_sample(served: Served) -> None:
    samples = np.zeros(9000, "<f4")
    samples[8765] = np.nan
    config = recognition(FULL, audio_format(pb.AudioFormat.ENCODING_FLOAT32))
    with pytest.raises(AudioCorrupt) as refused:
        served.client.recognize(config, samples.tobytes())
    assert refused.value.facts["sample"] == "8765"


@pytest.mark.parametrize(
    ("config", "audio"),
    [
        (recognition(), bytes(2 * 32_001)),
        (declared(WAV), file(samples=np.zeros(32_001, np.int16))),
        (declared(FLAC), file("FLAC", np.zeros(16_000 * 3600, np.int16))),
    ],
    ids=["raw", "wav", "an hour of silence in a small flac"],
)
def test_a_recording_over_the_limit_is_refused_with_both_lengths(
    served: Served, config: pb.RecognitionConfig, audio: bytes
) -> None:
    with pytest.raises(AudioTooLong) as refused:
        served.client.recognize(config, audio)
    assert refused.value.facts["limit_s"] == "2.0"
    assert float(refused.value.facts["got_s"]) > 2.0


@pytest.mark.parametrize("kind", ["float32", "wav", "wav of 64 bits"])
def test_a_recording_over_the_default_limit_gets_our_refusal_not_the_transports(
    kind: str,
) -> None:
    samples = np.zeros(61 * 16_000)
    raw = recognition(FULL, audio_format(pb.AudioFormat.ENCODING_FLOAT32))
    config, audio = {
        "float32": lambda: (raw, samples.astype("<f4").tobytes()),
        "wav": lambda: (declared(WAV), file(samples=samples.astype(np.int16))),
        "wav of 64 bits": lambda: (
            declared(WAV),
            file(samples=samples, subtype="DOUBLE"),  # type: ignore[arg-type]
        ),
    }[kind]()
    with serving() as server, pytest.raises(AudioTooLong) as refused:
        server.client.recognize(config, audio)
    assert refused.value.facts["got_s"] == "61.0"


def test_a_recording_of_just_the_limit_is_taken(served: Served) -> None:
    assert served.client.recognize(recognition(), bytes(2 * 32_000)).finished.samples == 32_000


def test_what_a_call_does_not_know_is_refused_by_its_own_path(served: Served) -> None:
    config = pb.RecognitionConfig(audio_format=LINEAR16, decoder=9)  # type: ignore[arg-type]
    with pytest.raises(ConfigInvalid) as refused:
        served.client.recognize(config, AUDIO)
    assert refused.value.field == "config.decoder"
