"""Reading goes on beside answering, and what waits is bounded."""

import asyncio
import threading
from collections.abc import Awaitable, Callable, Coroutine, Iterator, Sequence
from typing import Any

import numpy as np
import pytest

from tests.serving import (
    END_UTTERANCE,
    MODEL,
    PATIENCE_S,
    Heard,
    Held,
    Served,
    cut,
    hear,
    muntaniala,
    serving,
    speech,
    streaming,
)
from tests.streams import FLUSH, KEEP_ALIVE, Request, Streaming, settled, streamed
from vau.backend import Result, Work
from vau.errors import AudioCorrupt, ConfigRepeated, StreamLagging
from vau.v1 import speech_pb2 as pb
from vau.wire.stream.inbox import MOST_MESSAGES

AUDIO = speech(16_000)
CHUNK = 3200  # bytes of 100 ms
LOOK_AHEAD = 400 + 160 * MODEL.look_ahead_frames
CHUNKS = cut(AUDIO, *range(CHUNK, len(AUDIO), CHUNK))


def lagging(
    max_lag_ms: int, overflow: pb.FlowControl.Overflow = pb.FlowControl.OVERFLOW_BLOCK
) -> pb.StreamingConfig:
    config = streaming()
    config.flow_control.max_lag.FromMilliseconds(max_lag_ms)
    config.flow_control.overflow = overflow
    return config


def held() -> Held:
    return Held(muntaniala())


async def computing(backend: Held) -> None:
    """Wait until the backend has work in hand, which it keeps there."""
    assert await asyncio.to_thread(backend.entered.wait, PATIENCE_S)
    await settled()


Script = Callable[[Streaming, Held], Awaitable[None]]


def play(script: Script, config: pb.StreamingConfig | None = None) -> None:
    """Run ``script`` on a stream whose backend is held from the first audio on."""

    async def played() -> None:
        backend = held()
        async with streamed((MODEL, backend), config=config) as now:  # type: ignore[arg-type]
            backend.entered.clear()
            backend.may_run.clear()
            try:
                await script(now, backend)
            finally:
                backend.may_run.set()

    run(played())


def run(work: Coroutine[Any, Any, None]) -> None:
    asyncio.run(work)


def test_messages_are_read_while_an_earlier_one_is_computed() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        now.line.send(CHUNKS[0])
        await computing(backend)
        now.line.send(*CHUNKS[1:4])
        await settled()
        assert now.line.reads == 1 + 4  # the config, too
        backend.may_run.set()
        first = await now.line.hear()
        assert (first.received_sample, first.answered_sample) == (6400, 160 * frames_of(1600))

    play(script)


def frames_of(samples: int) -> int:
    return 1 + (samples - 400) // 160 - MODEL.look_ahead_frames


def test_what_waits_is_bounded_and_the_rest_is_not_even_read() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        now.line.send(CHUNKS[0])
        await computing(backend)
        now.line.send(*CHUNKS[1:])
        await settled()
        # Five fit into half a second; the sixth is in the reader's hand and was not accepted.
        assert now.line.reads == 1 + 6
        backend.may_run.set()
        lags = []
        for _ in CHUNKS:
            response = await now.line.hear()
            lags.append(response.received_sample - response.answered_sample)
        assert lags[0] == 8000 - 160 * frames_of(1600)
        assert max(lags) <= 8000 + LOOK_AHEAD  # which waits for nothing

    play(script, lagging(500))


def test_messages_without_a_sample_are_bounded_by_their_number() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        now.line.send(CHUNKS[0])
        await computing(backend)
        now.line.send(*[KEEP_ALIVE] * (2 * MOST_MESSAGES))
        await settled()
        assert now.line.reads == 1 + 1 + MOST_MESSAGES + 1
        backend.may_run.set()
        for _ in range(1 + 2 * MOST_MESSAGES):
            await now.line.hear()

    play(script)


def test_a_stream_that_would_not_wait_is_ended_with_its_lag() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        now.line.send(CHUNKS[0])
        await computing(backend)
        now.line.send(*CHUNKS[1:])
        await settled()
        backend.may_run.set()
        error = await now.failure()
        assert type(error) is StreamLagging
        assert (error.facts["lag_samples"], error.facts["limit_samples"]) == (9600, 8000)
        assert error.facts["acked_sample"] == 0
        assert [response.answered_sample for response in now.line.heard()] == [
            160 * frames_of(1600)
        ]

    play(script, lagging(500, pb.FlowControl.OVERFLOW_FAIL))


def test_who_sends_just_what_may_wait_is_not_cut_off() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        now.line.send(CHUNKS[0])
        await computing(backend)
        now.line.send(*CHUNKS[1:5])
        await settled()
        now.line.half_close()
        backend.may_run.set()
        assert (await now.ended())[-1].finished.samples == 8000

    play(script, lagging(500, pb.FlowControl.OVERFLOW_FAIL))


def test_one_message_of_all_that_may_wait_is_taken_even_then() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        backend.may_run.set()
        for _ in range(3):
            await now.say(AUDIO[:16_000])

    play(script, lagging(500, pb.FlowControl.OVERFLOW_FAIL))


def test_short_messages_that_wait_are_computed_together_and_answered_each() -> None:
    pieces = cut(AUDIO[: 4 * CHUNK], *range(320, 4 * CHUNK, 320))

    async def script(now: Streaming, backend: Held) -> None:
        now.line.send(pieces[0])
        await computing(backend)
        marked = enumerate(pieces[1:], 2)
        now.line.send(*(Request(audio=each, client_mark=mark) for mark, each in marked))
        await settled()
        backend.may_run.set()
        heard = [await now.line.hear() for _ in pieces]
        frames = [response.posteriors.frame_count for response in heard]
        assert max(frames) == 10  # of a message as long as one ought to be
        assert sum(frames) == frames_of(2 * CHUNK)
        marks = [response.client_mark for response in heard]
        assert marks == sorted(marks)
        assert marks[-1] == frames_of(2 * CHUNK)  # a message is as long as a hop
        await settled()
        assert now.line.heard() == []

    play(script)


def test_a_message_of_a_good_length_is_never_joined_with_another() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        now.line.send(CHUNKS[0])
        await computing(backend)
        now.line.send(*CHUNKS[1:])
        await settled()
        backend.may_run.set()
        heard = [await now.line.hear() for _ in CHUNKS]
        assert [response.posteriors.frame_count for response in heard[1:]] == [10] * 9

    play(script)


def rounds_of(backend: Held) -> list[int]:
    """Return where the sizes of the rounds will be written, in frames."""
    frames, run = list[int](), backend.run

    def counted(work: Sequence[Work]) -> list[Result]:
        frames.append(sum(len(each.features) for each in work))
        return run(work)

    backend.run = counted  # type: ignore[method-assign]
    return frames


def assert_ends_with_its_last_audio(heard: list[pb.StreamingRecognizeResponse]) -> None:
    """The audio is still answered by a response of its own, before that of the end."""
    of_audio, last = heard
    assert (of_audio.posteriors.frame_count, len(of_audio.results)) == (0, 0)
    assert not of_audio.HasField("finished")
    assert last.answered_sample > of_audio.answered_sample
    assert [result.is_final for result in last.results] == [True]
    assert last.finished.samples == last.answered_sample == last.received_sample


def test_an_end_behind_audio_that_waits_is_answered_in_its_round() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        rounds = rounds_of(backend)
        now.line.send(CHUNKS[0])
        await computing(backend)
        now.line.send(CHUNKS[1])
        now.line.half_close()
        await settled()
        backend.may_run.set()
        heard = await now.ended()
        assert_ends_with_its_last_audio(heard[1:])
        assert len(rounds) == 2
        assert heard[-1].finished.frames == sum(r.posteriors.frame_count for r in heard)

    play(script)


def test_an_end_catches_up_with_audio_that_is_in_line_with_the_backend() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        rounds = rounds_of(backend)
        backend.may_run.set()
        is_free = threading.Event()
        (lane,) = now.server.host.lanes
        busy = asyncio.create_task(lane.ask(lambda _: is_free.wait(PATIENCE_S)))
        now.line.send(CHUNKS[0])
        await settled()
        now.line.half_close()
        await settled()
        is_free.set()
        assert await busy
        assert_ends_with_its_last_audio(await now.ended())
        assert len(rounds) == 1

    play(script)


def test_an_end_that_comes_while_its_last_audio_is_computed_has_a_round_of_its_own() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        rounds = rounds_of(backend)
        now.line.send(CHUNKS[0])
        await computing(backend)
        now.line.half_close()
        await settled()
        backend.may_run.set()
        of_audio, last = await now.ended()
        assert of_audio.posteriors.frame_count == frames_of(1600)
        assert last.finished.frames == frames_of(1600) + last.posteriors.frame_count
        assert len(rounds) == 2

    play(script)


def test_a_checkpoint_that_is_due_is_of_the_stream_before_its_end() -> None:
    config = streaming()
    config.checkpoint_interval.FromMilliseconds(200)

    async def script(now: Streaming, backend: Held) -> None:
        now.line.send(CHUNKS[0])
        await computing(backend)
        now.line.send(CHUNKS[1])
        now.line.half_close()
        await settled()
        backend.may_run.set()
        *_, of_audio, last = await now.ended()
        assert of_audio.checkpoint.next_sample == 3200
        assert of_audio.posteriors.frame_count == 10
        assert last.HasField("finished")

    play(script, config)


def test_controls_act_at_their_place_in_what_waits() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        now.line.send(CHUNKS[0])
        await computing(backend)
        now.line.send(CHUNKS[1], FLUSH, END_UTTERANCE, CHUNKS[2], KEEP_ALIVE)
        now.line.half_close()
        await settled()
        backend.may_run.set()
        heard = Heard(await now.ended())
        done = [control for response in heard.responses for control in response.controls]
        assert [(each.kind, each.sample) for each in done] == [
            (pb.Control.KIND_FLUSH, 3200),
            (pb.Control.KIND_END_UTTERANCE, 3200),
            (pb.Control.KIND_KEEP_ALIVE, 4800),
        ]
        assert [(final.start_sample, final.end_sample) for final in heard.finals] == [
            (0, 3200),
            (3200, 4800),
        ]

    play(script)


def test_what_came_before_a_bad_message_is_answered_first() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        now.line.send(CHUNKS[0])
        await computing(backend)
        now.line.send(CHUNKS[1], Request(config=streaming()), CHUNKS[2])
        await settled()
        assert now.line.reads == 1 + 3
        backend.may_run.set()
        assert type(await now.failure()) is ConfigRepeated
        assert [response.posteriors.frame_count > 0 for response in now.line.heard()] == [
            True,
            True,
        ]

    play(script)


def test_a_stream_says_once_that_it_lags_and_again_after_it_has_caught_up() -> None:
    async def script(now: Streaming, backend: Held) -> None:
        for _ in range(2):
            backend.entered.clear()
            backend.may_run.clear()
            now.line.send(CHUNKS[0])
            await computing(backend)
            now.line.send(*CHUNKS[1:5])
            await settled()
            backend.may_run.set()
            heard = [await now.line.hear() for _ in range(5)]
            notices = [notice for response in heard for notice in response.notices]
            assert [notice.code for notice in notices] == ["LAGGING"]
            assert notices[0].metadata["lag_samples"] == "6400"
            assert list(heard[0].notices) == notices
            await settled()

    play(script, lagging(500))


def test_a_message_is_late_by_its_own_time_in_the_queue() -> None:
    """Each frame's latency runs from the message that completed it, joined or not."""

    async def script(now: Streaming, backend: Held) -> None:
        now.line.send(CHUNKS[0])
        await computing(backend)
        await asyncio.sleep(0.03)
        now.line.send(CHUNKS[1])
        await settled()
        backend.may_run.set()
        first, second = await now.line.hear(), await now.line.hear()
        assert first.timing.deadline_misses == first.posteriors.frame_count
        assert first.timing.frame_latency_max_ns >= 30e6
        assert second.timing.frame_latency_max_ns < first.timing.frame_latency_max_ns

    play(script)


# --- over a real transport ---------------------------------------------------------------


@pytest.fixture(scope="module")
def server() -> Iterator[Served]:
    with serving() as running:
        yield running


@pytest.mark.parametrize("max_lag_ms", [30, 100, 2000])
@pytest.mark.parametrize("size", [2, 321, 960])
def test_no_bound_and_no_size_of_messages_changes_a_bit(
    server: Served, max_lag_ms: int, size: int
) -> None:
    audio = AUDIO[:3200] if size == 2 else AUDIO
    expected = hear(server.client, [audio], streaming())
    pieces = cut(audio, *range(size, len(audio), size))
    heard = hear(server.client, pieces, lagging(max_lag_ms))
    np.testing.assert_array_equal(heard.values(), expected.values())
    assert heard.finals == expected.finals
    assert heard.finished.output_digest == expected.finished.output_digest
    assert len(heard.responses) == 1 + len(pieces) + 1
    most = max_lag_ms * 16 + LOOK_AHEAD
    assert all(r.received_sample - r.answered_sample <= most for r in heard.responses)


def test_a_client_that_floods_a_stream_that_would_not_wait_is_cut_off(server: Served) -> None:
    def flood() -> Iterator[bytes]:
        while True:
            yield AUDIO

    with pytest.raises(StreamLagging) as ended:
        list(server.client.stream(lagging(1500, pb.FlowControl.OVERFLOW_FAIL), flood()))
    assert int(ended.value.facts["lag_samples"]) > 24_000
    assert ended.value.facts["acked_sample"] == "0"


def test_a_number_that_is_none_is_found_among_messages_that_wait(server: Served) -> None:
    samples = np.zeros(1600, "<f4")
    samples[1100] = np.nan
    config = streaming(
        audio=pb.AudioFormat(
            encoding=pb.AudioFormat.ENCODING_FLOAT32, sample_rate_hertz=16_000, channel_count=1
        )
    )
    pieces = cut(samples.tobytes(), *range(160, 6400, 160))
    with pytest.raises(AudioCorrupt) as ended:
        hear(server.client, pieces, config)
    assert ended.value.facts["sample"] == "1100"
