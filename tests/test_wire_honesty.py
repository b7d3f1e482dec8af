"""Notices on doubtful audio, from a real server, and what the command line makes of them."""

from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pytest

from tests.audio import encoded
from tests.commands import vau
from tests.damage import byte_swapped, rounded
from tests.lively import write_lively_bundle
from tests.serving import (
    Served,
    Talk,
    audio_format,
    cut,
    hear,
    recognition,
    serving,
    streaming,
)
from tests.voice import voice
from vau.errors import AudioCorrupt
from vau.v1 import speech_pb2 as pb

HEALTHY = rounded(voice(2.0))
SWAPPED = byte_swapped(voice(2.0), np.random.default_rng(0))
FLOAT32 = audio_format(pb.AudioFormat.ENCODING_FLOAT32)


@pytest.fixture
def served() -> Iterator[Served]:
    with serving() as running:
        yield running


def notices(
    served: Served, *audio: bytes, config: pb.StreamingConfig | None = None
) -> list[pb.Notice]:
    heard = hear(served.client, audio, config or streaming())
    assert heard.responses[-1].HasField("finished")
    return [
        notice
        for response in heard.responses
        for notice in response.notices
        if notice.code != "LAGGING"  # whoever sends as fast as this hears that as well
    ]


def counted(served: Served, kind: str) -> float:
    return served.value("vau_audio_suspicious_total", kind=kind)


def test_healthy_audio_gets_no_notice(served: Served) -> None:
    assert notices(served, HEALTHY.tobytes()) == []


@pytest.mark.parametrize("chunk", [320, 3200, 64_000])
def test_a_stream_is_told_what_is_wrong_with_its_audio(served: Served, chunk: int) -> None:
    data = SWAPPED.tobytes()
    (notice,) = notices(served, *cut(data, *range(chunk, len(data), chunk)))
    assert notice.code == "AUDIO_BYTE_ORDER"
    assert notice.text.startswith("The audio looks byte-swapped")
    assert int(notice.metadata["from"]) == 0
    assert 8000 <= int(notice.metadata["to"]) <= 16_000
    assert counted(served, "byte_order") == 1


def test_a_notice_comes_with_the_answer_to_the_audio_that_it_is_about(served: Served) -> None:
    data = SWAPPED.tobytes()
    talk = Talk(served.client)
    said = [talk.say(piece) for piece in cut(data, *range(3200, len(data), 3200))]
    talk.half_close()
    (told,) = [response for response in said if response.notices]
    assert told.received_sample == int(told.notices[0].metadata["to"])


def test_audio_is_answered_as_it_came_notice_or_not(served: Served) -> None:
    whole = hear(served.client, [SWAPPED.tobytes()], streaming()).finished
    assert whole.samples == len(SWAPPED)
    unary = served.client.recognize(recognition(), SWAPPED.tobytes()).finished
    assert unary.output_digest == whole.output_digest


def test_float_audio_is_looked_at_as_the_network_hears_it(served: Served) -> None:
    loud = (HEALTHY / 32_768 * 40).astype("<f4").tobytes()  # as if full scale were 40
    (notice,) = notices(served, *cut(loud, 60_000, 120_000), config=streaming(audio=FLOAT32))
    assert notice.code == "AUDIO_CLIPPED"


def test_a_recording_in_one_call_is_looked_at_as_well(served: Served) -> None:
    response = served.client.recognize(recognition(), SWAPPED.tobytes())
    assert [notice.code for notice in response.notices] == ["AUDIO_BYTE_ORDER"]
    assert counted(served, "byte_order") == 1
    assert not served.client.recognize(recognition(), HEALTHY.tobytes()).notices


def test_silence_after_the_first_second_is_told_too(served: Served) -> None:
    later = np.concatenate([HEALTHY, np.zeros(20_000, np.int16)]).tobytes()
    (notice,) = notices(served, *cut(later, *range(3200, len(later), 3200)))
    assert notice.code == "AUDIO_ALL_ZERO"
    assert int(notice.metadata["from"]) == len(HEALTHY)


@pytest.mark.parametrize(
    ("config", "rest", "size"),
    [(streaming(), b"\x01", 2), (streaming(audio=FLOAT32), b"\x01\x02\x03", 4)],
)
def test_half_a_sample_at_the_end_of_a_stream_is_dropped_and_told(
    served: Served, config: pb.StreamingConfig, rest: bytes, size: int
) -> None:
    zeros = bytes(9000 * size)
    (notice,) = notices(served, zeros, rest, config=config)
    assert notice.code == "TRAILING_BYTES"
    assert dict(notice.metadata) == {"bytes": str(len(rest)), "sample": "9000"}
    assert counted(served, "trailing_bytes") == 1


def test_half_a_sample_at_the_end_of_a_recording_is_dropped_and_told(served: Served) -> None:
    whole = served.client.recognize(recognition(), HEALTHY.tobytes())
    response = served.client.recognize(recognition(), HEALTHY.tobytes() + b"\x01")
    assert [notice.code for notice in response.notices] == ["TRAILING_BYTES"]
    assert response.finished.output_digest == whole.finished.output_digest
    assert counted(served, "trailing_bytes") == 1


def test_half_a_sample_alone_is_no_audio(served: Served) -> None:
    with pytest.raises(AudioCorrupt):
        hear(served.client, [b"\x01"], streaming())


# --------------------------------------------------------------------------- command line


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model, and a recording whose bytes were swapped."""
    folder = tmp_path_factory.mktemp("honesty")
    write_lively_bundle(folder / "model")
    (folder / "swapped.wav").write_bytes(encoded(SWAPPED.astype(np.int16)))
    (folder / "healthy.wav").write_bytes(encoded(HEALTHY.astype(np.int16)))
    return folder


def test_transcribe_says_what_is_wrong_with_which_file(folder: Path) -> None:
    paths = (folder / "healthy.wav", folder / "swapped.wav")
    done = vau("transcribe", *paths, "--model", folder / "model", "--jobs", 1)
    assert done.returncode == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"vau: notice: {paths[1]}: The audio looks byte-swapped")


def test_transcribe_through_a_server_says_the_same(folder: Path, served: Served) -> None:
    done = vau("transcribe", folder / "swapped.wav", "--server", served.address)
    assert "swapped.wav: The audio looks byte-swapped" in done.stderr


def test_stream_says_what_the_server_noticed(folder: Path, served: Served) -> None:
    arguments = ("--server", served.address, "--no-pace")
    done = vau("stream", folder / "swapped.wav", *arguments)
    assert done.returncode == 0
    assert "vau: notice: The audio looks byte-swapped" in done.stderr


def test_demo_says_what_its_server_noticed(folder: Path) -> None:
    arguments = ("--model", folder / "model", "--no-pace", "--json")
    done = vau("demo", folder / "swapped.wav", *arguments)
    assert done.returncode == 0
    assert "vau: notice: The audio looks byte-swapped" in done.stderr
