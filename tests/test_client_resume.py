"""A client whose server fails, is killed or drains goes on, and hears everything once."""

import asyncio
import json
import os
import queue
import signal
import subprocess
import urllib.request
from collections.abc import (
    AsyncGenerator,
    AsyncIterator,
    Callable,
    Iterable,
    Iterator,
    Sequence,
)
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from itertools import chain, groupby, repeat
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.commands import started
from tests.flaky import SupplyLost
from tests.serving import (
    END_UTTERANCE,
    FREE,
    MODEL,
    PATIENCE_S,
    Heard,
    Served,
    Talk,
    cut,
    eventually,
    hear,
    muntaniala,
    serving,
    speech,
    streaming,
)
from tests.test_wire_life import process
from tests.test_wire_resume import Closed, everything, joined
from vau.audio import HOP_SAMPLES
from vau.backend import Backend, Result
from vau.client import AsyncClient, Client, Resume
from vau.client.kept import Item, Kept
from vau.client.resume import FIRST_S, MOST_S, Backoff, is_passing
from vau.client.resuming import resuming
from vau.client.resumption import Resumption
from vau.client.sieve import Sieve
from vau.config import ServerConfig
from vau.errors import (
    AudioUnsupported,
    AuthRequired,
    BackendFault,
    ConfigInvalid,
    DeviceCorrupt,
    Draining,
    ResumeInvalid,
    SlotsExhausted,
    Unreachable,
    VauError,
)
from vau.v1 import speech_pb2 as pb

SOON: Final = Resume(interval_s=0.2, patience_s=PATIENCE_S)
Response = pb.StreamingRecognizeResponse


@pytest.fixture(autouse=True)
def _at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau.client.resume.FIRST_S", 0.001)


class Losing:
    """A backend that loses whoever is there, at the runs that a test names."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.runs = 0
        self.loses: set[int] = set()

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)

    def run(self, work: Any) -> list[Result]:  # noqa: ANN401
        self.runs += 1
        if self.runs in self.loses:
            raise Unreachable("as if the connection had broken")
        return self._backend.run(work)


@dataclass
class Shaky:
    served: Served
    backend: Losing

    def lose_at(self, runs: Iterable[int]) -> None:
        self.backend.runs, self.backend.loses = 0, set(runs)


@pytest.fixture(scope="module")
def shaky() -> Iterator[Shaky]:
    backend = Losing(muntaniala())
    with serving((MODEL, backend)) as running:  # type: ignore[arg-type]
        yield Shaky(running, backend)


def listen_to(client: Client, told: Sequence[Item], config: pb.StreamingConfig) -> Heard:
    return Heard(list(client.stream(config, told, resume=SOON)))


async def listened_to(address: str, told: Sequence[Item], config: pb.StreamingConfig) -> Heard:
    async with AsyncClient(address) as client:
        stream = client.stream(config, as_they_come(told), resume=SOON)
        return Heard([response async for response in stream])


async def as_they_come(told: Iterable[Item]) -> AsyncIterator[Item]:
    for item in told:
        yield item


def frames_of(responses: Sequence[Response]) -> list[tuple[int, int]]:
    return [
        (each.posteriors.utterance_index, each.posteriors.first_frame + row)
        for each in responses
        for row in range(each.posteriors.frame_count)
    ]


# --- the law -----------------------------------------------------------------------------


@settings(
    max_examples=15, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cuts=st.lists(st.integers(0, 40_000), min_size=3, max_size=12),
    ends_at=st.lists(st.integers(0, 12), max_size=2),
    losses=st.sets(st.integers(1, 25), max_size=4),
    interim_results=st.booleans(),
    is_async=st.booleans(),
    seed=st.integers(0, 99),
)
def test_however_often_it_is_lost_a_stream_tells_everything_once_and_to_the_bit(
    shaky: Shaky,
    cuts: list[int],
    ends_at: list[int],
    losses: set[int],
    interim_results: bool,
    is_async: bool,
    seed: int,
) -> None:
    told: list[Item] = [each for each in cut(speech(20_000, seed), *cuts) if each]
    for place in ends_at:
        told.insert(place, END_UTTERANCE)
    config = streaming(interim_results=interim_results)
    shaky.lose_at(())
    uncut = hear(shaky.served.client, told, config)
    shaky.lose_at(losses)
    if is_async:
        heard = asyncio.run(listened_to(shaky.served.address, told, config))
    else:
        heard = listen_to(shaky.served.client, told, config)
    assert [each.HasField("started") for each in heard.responses].count(True) == 1
    assert frames_of(heard.responses) == frames_of(uncut.responses)
    assert joined(heard.responses[1:]) == joined(uncut.responses[1:])
    offsets = [(each.received_sample, each.answered_sample) for each in heard.responses]
    assert offsets == sorted(offsets)


def test_a_stream_that_loses_nothing_is_what_it_is_without_resuming(shaky: Shaky) -> None:
    told: list[Item] = [*cut(speech(16_000), *range(3200, 32_000, 3200)), END_UTTERANCE]
    told.append(speech(100))
    shaky.lose_at(())
    plain = hear(shaky.served.client, told, streaming(interim_results=True))
    heard = listen_to(shaky.served.client, told, streaming(interim_results=True))
    assert everything(heard.responses[1:]) == everything(plain.responses[1:])


def test_a_stream_that_goes_on_says_so(shaky: Shaky) -> None:
    shaky.lose_at({3})
    heard = listen_to(
        shaky.served.client, [speech(3000, each) for each in range(6)], streaming()
    )
    codes = [notice.code for each in heard.responses for notice in each.notices]
    assert codes == ["RESUMED"]


@pytest.mark.parametrize("is_async", [False, True])
def test_that_a_stream_goes_on_is_said_once_it_is_answered_and_a_loss_once(
    shaky: Shaky, is_async: bool
) -> None:
    shaky.lose_at({3, 4, 5})
    told: list[str] = []
    policy = replace(SOON, on_loss=told.append)
    chunks = [speech(3000, each) for each in range(6)]

    async def heard_async() -> list[Response]:
        async with AsyncClient(shaky.served.address) as client:
            stream = client.stream(streaming(), as_they_come(chunks), resume=policy)
            return [response async for response in stream]

    if is_async:
        responses = asyncio.run(heard_async())
    else:
        responses = list(shaky.served.client.stream(streaming(), chunks, resume=policy))
    (text,) = told
    assert text.startswith(f"connection lost, trying again for {PATIENCE_S:g} s: ")
    (at,) = (at for at, each in enumerate(responses) if each.notices)
    (notice,) = responses[at].notices
    assert notice.code == "RESUMED"
    assert notice.metadata["attempts"] == "3"
    assert ", 3 attempts, and goes on" in notice.text
    before = max(each.answered_sample for each in responses[:at])
    assert responses[at].answered_sample > before


def test_a_stream_that_is_taken_again_and_never_answered_is_not_said_to_go_on() -> None:
    told: list[str] = []
    policy = Resume(interval_s=0.2, on_loss=told.append)
    stream = Resumption(streaming(), policy)
    for sample in (0, 4000):
        stream.first_request()
        started = Response(started=pb.SessionStarted())
        assert stream.heard(started) is (sample == 0)
        if sample == 0:
            stream.heard(Response(answered_sample=8000, received_sample=8000))
            stream.lost(BackendFault("the board is gone"))
    behind = Response(answered_sample=4000)
    stream.heard(behind)
    stream.lost(BackendFault("the board is gone still"))
    assert not started.notices
    assert not behind.notices
    assert told == ["stream lost, trying again for 60 s: the board is gone"]
    stream.first_request()
    stream.heard(Response(started=pb.SessionStarted()))
    further = Response(answered_sample=8001)
    assert stream.heard(further)
    assert [notice.code for notice in further.notices] == ["RESUMED"]
    stream.lost(BackendFault("once more"))
    assert told[1:] == ["stream lost, trying again for 60 s: once more"]


def test_a_backend_that_gives_no_states_away_is_heard_without_them() -> None:
    backend = Losing(Closed(muntaniala()))  # type: ignore[arg-type]
    with serving((MODEL, backend)) as running:  # type: ignore[arg-type]
        told = [speech(3000, each) for each in range(6)]
        heard = listen_to(running.client, told, streaming())
        assert heard.finished.samples == 18_000
        backend.loses = {backend.runs + 2}
        with pytest.raises(Unreachable):
            listen_to(running.client, told, streaming())


def test_what_the_source_raises_is_raised(shaky: Shaky) -> None:
    shaky.lose_at(())

    def source() -> Iterator[Item]:
        yield speech(3000)
        raise OSError("the microphone was unplugged")

    async def run() -> None:
        async def items() -> AsyncIterator[Item]:
            for item in source():
                yield item

        async with AsyncClient(shaky.served.address) as client:
            async for _ in client.stream(streaming(), items(), resume=SOON):
                pass

    with pytest.raises(OSError, match="unplugged"):
        list(shaky.served.client.stream(streaming(), source(), resume=SOON))
    with pytest.raises(OSError, match="unplugged"):
        asyncio.run(run())


def test_who_leaves_early_ends_the_stream(shaky: Shaky) -> None:
    shaky.lose_at(())

    async def run() -> None:
        async with AsyncClient(shaky.served.address) as client:
            stream = client.stream(streaming(), as_they_come([speech()] * 5), resume=SOON)
            await anext(stream)
            await stream.aclose()

    asyncio.run(run())
    stream: Any = shaky.served.client.stream(streaming(), [speech()] * 5, resume=SOON)
    next(stream)
    stream.close()
    eventually(lambda: shaky.served.slots_in_use() == 0)


# --- servers that go away ----------------------------------------------------------------


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "key"
    file.write_bytes(b"k" * 32)
    file.chmod(0o600)
    return file


@dataclass
class Speaker:
    """A source that a test fills."""

    items: "queue.SimpleQueue[Item | None]" = field(default_factory=queue.SimpleQueue)

    def __iter__(self) -> Iterator[Item]:
        while (item := self.items.get()) is not None:
            yield item

    async def __aiter__(self) -> AsyncGenerator[Item, None]:
        while (item := await asyncio.to_thread(self.items.get)) is not None:
            yield item

    def say(self, *items: Item | None) -> None:
        for item in items:
            self.items.put(item)


DATA: Final = speech(24_000, seed=4)
PIECES: Final = cut(DATA, *range(3200, 48_000, 3200))


def killed_in_the_middle(
    key_file: Path, hear_all: Callable[[str, Speaker, Callable[[int], None]], list[Response]]
) -> Heard:
    """Let somebody hear a stream whose server is killed, and started anew, on the way."""
    speaker = Speaker()
    speaker.say(*PIECES[:7])
    with process(resume_key_file=key_file) as first:
        with_second: list[Any] = []

        def after(responses: int) -> None:
            if responses == 6:  # an odd piece is not acknowledged
                first.process.send_signal(signal.SIGKILL)
                first.process.wait()
                again = process(resume_key_file=key_file, listen=first.grpc)
                with_second.append((again, again.__enter__()))
                speaker.say(*PIECES[7:], None)

        try:
            return Heard(hear_all(first.grpc, speaker, after))
        finally:
            for again, _ in with_second:
                again.__exit__(None, None, None)


def sync_hearer(address: str, speaker: Speaker, after: Callable[[int], None]) -> list[Response]:
    responses = []
    with Client(address) as client:
        for response in client.stream(streaming(), speaker, resume=SOON):
            responses.append(response)
            after(len(responses))
    return responses


def async_hearer(
    address: str, speaker: Speaker, after: Callable[[int], None]
) -> list[Response]:
    async def run() -> list[Response]:
        responses = []
        async with AsyncClient(address) as client:
            async for response in client.stream(streaming(), speaker, resume=SOON):
                responses.append(response)
                await asyncio.to_thread(after, len(responses))
        return responses

    return asyncio.run(run())


@pytest.mark.parametrize("hearer", [sync_hearer, async_hearer])
def test_a_server_may_be_killed_and_another_goes_on_to_the_bit(
    key_file: Path, hearer: Callable[..., list[Response]]
) -> None:
    heard = killed_in_the_middle(key_file, hearer)
    with serving() as running:
        uncut = hear(running.client, PIECES, streaming())
    assert frames_of(heard.responses) == frames_of(uncut.responses)
    assert joined(heard.responses[1:]) == joined(uncut.responses[1:])
    assert heard.finished.output_digest == uncut.finished.output_digest


def test_a_client_that_names_two_servers_moves_to_the_other(key_file: Path) -> None:
    speaker = Speaker()
    speaker.say(*PIECES[:7])
    told: list[str] = []
    policy = replace(SOON, on_loss=told.append)
    with (
        process(resume_key_file=key_file) as first,
        process(resume_key_file=key_file) as other,
        Client(f"ipv4:{first.grpc},{other.grpc}") as client,
    ):
        stream = client.stream(streaming(), speaker, resume=policy)
        responses = [next(stream) for _ in range(6)]
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        speaker.say(*PIECES[7:], None)
        responses += stream
    with serving() as running:
        uncut = hear(running.client, PIECES, streaming())
    assert joined(responses[1:]) == joined(uncut.responses[1:])
    (text,) = told
    assert text.startswith(f"connection lost, trying again for {PATIENCE_S:g} s: ")


def test_a_drained_stream_moves_on_with_its_last_checkpoint(key_file: Path) -> None:
    speaker = Speaker()
    speaker.say(*PIECES[:3])
    with process(0.1, key_file) as first, Client(first.grpc) as client:
        stream = client.stream(streaming(), speaker, resume=SOON)
        responses = [next(stream) for _ in range(4)]
        first.process.send_signal(signal.SIGTERM)
        assert first.process.wait(PATIENCE_S) == 0
        with process(resume_key_file=key_file, listen=first.grpc):
            speaker.say(*PIECES[3:], None)
            responses += stream
    with serving() as running:
        uncut = hear(running.client, PIECES, streaming())
    assert joined(responses[1:]) == joined(uncut.responses[1:])


def test_a_token_that_the_next_server_cannot_open_ends_the_stream_as_that(
    tmp_path: Path,
) -> None:
    speaker = Speaker()
    speaker.say(*PIECES[:4])
    with process() as first, Client(first.grpc) as client:
        stream = client.stream(streaming(), speaker, resume=SOON)
        for _ in range(5):
            next(stream)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        with (
            process(listen=first.grpc),
            pytest.raises(
                ResumeInvalid,
                match=r"another key.*before that the stream was lost: .*not answer",
            ),
        ):
            list(stream)
    speaker.say(None)


def test_a_server_that_stays_away_is_given_up_after_a_while_in_words() -> None:
    hasty = Resume(interval_s=0.2, patience_s=0.2)
    speaker = Speaker()
    speaker.say(*PIECES[:4])
    with process() as first, Client(first.grpc) as client:
        stream = client.stream(streaming(), speaker, resume=hasty)
        for _ in range(5):
            next(stream)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        with pytest.raises(Unreachable, match=r"after \d+ attempts") as error:
            list(stream)
    assert int(error.value.facts["attempts"]) > 0
    assert float(error.value.facts["away_s"]) >= 0.2
    speaker.say(None)


def test_checkpoints_come_often_enough_for_a_server_that_soon_forgets() -> None:
    config = ServerConfig(listen=FREE, metrics_listen=FREE, resume_ttl_s=2.0)
    with serving(config=config) as running:
        patient = Resume(interval_s=3.0)
        heard = Heard(list(running.client.stream(streaming(), PIECES, resume=patient)))
        assert heard.finished.samples == 24_000
        assert any(each.HasField("checkpoint") for each in heard.responses)
        own = streaming()
        own.checkpoint_interval.FromSeconds(3)  # what a caller asks for is not changed
        with pytest.raises(ConfigInvalid, match="checkpoint_interval"):
            list(running.client.stream(own, PIECES, resume=patient))


def test_a_stream_that_is_refused_for_want_of_room_begins_when_there_is_some(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vau.wire.gate.STREAM_RETRY_S", 0.05)
    with serving((MODEL, muntaniala(slot_count=1))) as running:
        talk = Talk(running.client)
        with pytest.raises(SlotsExhausted, match=r"try again in 0\.05 s") as refused:
            hear(running.client, PIECES, streaming())
        assert refused.value.retry_after_s == 0.05
        told: list[str] = []

        def lost(text: str) -> None:
            told.append(text)
            talk.vanish()

        policy = replace(SOON, on_loss=lost)
        *_, last = running.client.stream(streaming(), PIECES, resume=policy)
    assert last.finished.samples == 24_000
    (text,) = told
    assert text.startswith(f"no room yet, trying again for {PATIENCE_S:g} s: all streams of ")


def test_a_server_that_was_never_there_is_not_waited_for(shaky: Shaky) -> None:
    with (
        Client("127.0.0.1:1", connect_timeout_s=0.1) as client,
        pytest.raises(Unreachable) as error,
    ):
        list(client.stream(streaming(), [speech()], resume=SOON))
    assert "attempts" not in error.value.facts
    shaky.lose_at(())
    with pytest.raises(AudioUnsupported):
        list(shaky.served.client.stream(pb.StreamingConfig(), [speech()], resume=SOON))


# --- what is kept ------------------------------------------------------------------------


@given(
    items=st.lists(st.one_of(st.binary(max_size=9), st.just(END_UTTERANCE)), max_size=12),
    sample=st.integers(0, 60),
    controls=st.integers(0, 12),
    sample_bytes=st.sampled_from([2, 4]),
)
def test_what_is_kept_is_what_follows_the_checkpoint(
    items: list[Item], sample: int, controls: int, sample_bytes: int
) -> None:
    kept = Kept(sample_bytes)
    for item in items:
        kept.add(item)
    audio = b"".join(item for item in items if isinstance(item, bytes))
    sample = min(sample, len(audio) // sample_bytes)
    before = controls_before(items, sample * sample_bytes)
    controls = min(max(controls, before[0]), before[1])
    kept.forget(sample, controls)
    left = [kept.get(number) for number in range(kept.first, kept.end)]
    assert (
        b"".join(item for item in left if isinstance(item, bytes))
        == audio[sample * sample_bytes :]
    )
    assert sum(isinstance(item, pb.Control) for item in left) == (
        sum(isinstance(item, pb.Control) for item in items) - controls
    )
    assert kept.bytes == len(audio) - sample * sample_bytes


def controls_before(items: Sequence[Item], byte: int) -> tuple[int, int]:
    """Return how many controls must, and may, have happened before a byte of the audio."""
    must = may = at = 0
    for item in items:
        if isinstance(item, bytes):
            at += len(item)
        elif at < byte:
            must, may = must + 1, may + 1
        elif at == byte:
            may += 1
    return must, may


def test_a_source_waits_once_as_much_is_kept_as_may_be() -> None:
    taken: list[int] = []
    calls = 0

    def source() -> Iterator[Item]:
        for number in range(20):
            taken.append(number)
            yield speech(1600)

    def exchange(requests: Iterable[pb.StreamingRecognizeRequest]) -> Any:  # noqa: ANN401
        nonlocal calls
        calls += 1
        requests = iter(requests)
        assert next(requests).HasField("config")
        yield Response(started=pb.SessionStarted())
        for number in range(1, 6 if calls == 1 else 21):
            assert next(requests).HasField("audio")
            if calls == 2:
                checkpoint = pb.Checkpoint(token=b"t", next_sample=1600 * number)
                yield Response(checkpoint=checkpoint, answered_sample=1600 * number)
        if calls == 1:
            assert len(taken) <= 6  # five are kept, and one waits to be
            raise Unreachable("gone")
        assert not list(requests)
        yield Response(finished=pb.SessionFinished())

    policy = Resume(interval_s=0.1, keep_s=0.5)
    responses = list(resuming(exchange, streaming(), source(), policy))
    assert responses[-1].HasField("finished")
    assert (calls, len(taken)) == (2, 20)


def test_resume_refuses_nonsense() -> None:
    wrong: dict[str, float]
    for wrong in ({"interval_s": 0.0}, {"patience_s": float("inf")}, {"keep_s": 1.0}):
        with pytest.raises(ConfigInvalid):
            Resume(**wrong)  # type: ignore[arg-type] # none of them is on_loss


# --- what was said twice -----------------------------------------------------------------


def posteriors_from(
    frames: Sequence[tuple[int, int]], stride: int, width: int
) -> pb.Posteriors:
    """Return rows whose values say which frames they are."""
    rows = np.repeat(np.array([frame for _, frame in frames], "<i4"), width)
    (utterance, first), *_ = frames
    return pb.Posteriors(
        utterance_index=utterance,
        first_frame=first,
        first_sample=utterance * 10**6 + first * HOP_SAMPLES,
        frame_count=len(frames),
        frame_stride=stride,
        width=width,
        values=rows.tobytes(),
        class_ids=np.array([frame for _, frame in frames], "<u2").tobytes(),
    )


def calls_of(
    frames: Sequence[tuple[int, int]], chunks: Iterable[int], stride: int
) -> Iterator[Response]:
    """Say frames in chunks, each within an utterance; with its last frame comes its final."""
    left = list(frames)
    for size in chain(chunks, repeat(len(frames))):
        if not left:
            return
        for utterance, group in groupby(left[:size], key=lambda frame: frame[0]):
            taken = list(group)
            left = left[len(taken) :]
            ends = not left or left[0][0] != utterance
            answered = utterance * 10**6 + (taken[-1][1] + 1) * HOP_SAMPLES
            yield Response(
                posteriors=posteriors_from(taken, stride, 2),
                results=[
                    pb.Result(segment_index=utterance, is_final=ends, end_sample=answered)
                ],
                energy=[pb.Energy(joules=1.0)],
                answered_sample=answered,
            )


@given(
    lengths=st.lists(st.integers(1, 12), min_size=1, max_size=3),
    stride=st.integers(1, 3),
    first=st.lists(st.integers(1, 6), min_size=1, max_size=8),
    again=st.lists(st.integers(1, 6), max_size=8),
    losses=st.lists(st.integers(0, 8), min_size=1, max_size=3),
)
def test_in_whatever_pieces_it_is_said_again_the_caller_hears_each_frame_and_final_once(
    lengths: list[int], stride: int, first: list[int], again: list[int], losses: list[int]
) -> None:
    frames = [
        (utterance, frame * stride)
        for utterance, length in enumerate(lengths)
        for frame in range(length)
    ]
    sieve = Sieve()
    heard: list[Response] = []
    calls = [(first, loss) for loss in losses] + [(again, 10**6)]
    for chunks, loss in calls:  # without a checkpoint each begins at the first frame
        sieve.again()
        for at, response in enumerate(calls_of(frames, chunks, stride)):
            if at == loss:
                break
            if sieve.sift(response):
                heard.append(response)
    rows = [
        (each.posteriors.utterance_index, each.posteriors.first_frame + row * stride)
        for each in heard
        for row in range(each.posteriors.frame_count)
    ]
    assert rows == frames
    for each in heard:
        posteriors = each.posteriors
        if each.HasField("posteriors"):
            of_rows = [
                posteriors.first_frame + n * stride for n in range(posteriors.frame_count)
            ]
            assert np.frombuffer(posteriors.values, "<i4")[::2].tolist() == of_rows
            assert np.frombuffer(posteriors.class_ids, "<u2").tolist() == of_rows
            utterance_start = posteriors.utterance_index * 10**6
            assert posteriors.first_sample == utterance_start + of_rows[0] * HOP_SAMPLES
    finals = [each.segment_index for one in heard for each in one.results if each.is_final]
    assert finals == list(range(len(lengths)))
    interims = [each.end_sample for one in heard for each in one.results if not each.is_final]
    assert interims == sorted(set(interims))


def test_energy_that_was_told_is_not_told_again() -> None:
    frames = [(0, frame) for frame in range(10)]
    sieve = Sieve()
    joules = 0.0
    for loss in (3, 10**6):
        sieve.again()
        for at, response in enumerate(calls_of(frames, [2] * 5, 1)):
            if at == loss:
                break
            sieve.sift(response)
            joules += sum(energy.joules for energy in response.energy)
    assert joules == 5.0


# --- when to come again ------------------------------------------------------------------


def test_delays_grow_within_bounds_and_differ_by_chance(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("vau.client.resume.FIRST_S", 0.1)
    most = Backoff(1e9, clock=lambda: 0.0, chance=lambda: 1.0)
    least = Backoff(1e9, clock=lambda: 0.0, chance=lambda: 0.0)
    error = Unreachable("gone")
    delays = [most.lost(error) for _ in range(9)]
    assert delays[:3] == pytest.approx([0.1, 0.2, 0.4])
    assert max(delays) == MOST_S
    assert [least.lost(error) for _ in range(9)] == [delay / 2 for delay in delays]
    most.returned()
    assert most.lost(error) == MOST_S  # to be there again is not to have come further
    most.progressed()
    assert most.lost(error) == pytest.approx(0.1)
    assert FIRST_S < MOST_S


def test_an_outage_of_a_day_is_waited_for_like_any_other() -> None:
    backoff = Backoff(1e9, clock=lambda: 0.0, chance=lambda: 1.0)
    assert [backoff.lost(Unreachable("gone")) for _ in range(20_000)][-1] == MOST_S


def test_patience_counts_from_the_loss_and_begins_anew_once_the_stream_comes_further() -> None:
    now = [0.0]
    backoff = Backoff(10.0, clock=lambda: now[0])
    backoff.lost(Unreachable("gone"))
    now[0] = 9.0
    backoff.lost(Unreachable("gone"))
    assert backoff.returned() == 9.0
    assert backoff.returned() is None
    backoff.progressed()
    now[0] = 18.0
    backoff.lost(Unreachable("gone"))
    now[0] = 28.0
    with pytest.raises(Unreachable, match=r"after 1 attempt in 10 s"):
        backoff.lost(Unreachable("gone"))


def test_what_is_given_up_is_the_error_itself_whatever_else_it_takes_to_make_one() -> None:
    with pytest.raises(SupplyLost, match=r"at 0\.4 V \(after 0 attempts in 0 s\)") as error:
        Backoff(0.0).lost(SupplyLost(0.4))
    assert error.value.facts == {"volts": 0.4, "attempts": 0, "away_s": 0.0}


def test_without_progress_patience_is_for_all_losses_and_not_for_what_is_between() -> None:
    now = [0.0]
    backoff = Backoff(10.0, clock=lambda: now[0])
    for _ in range(3):
        backoff.lost(BackendFault("again"))
        now[0] += 3.0
        assert backoff.returned() == 3.0
        now[0] += 3600.0  # nobody says anything, and so nothing can be answered
    backoff.lost(BackendFault("again"))
    now[0] += 1.0
    with pytest.raises(BackendFault, match=r"again \(after 4 attempts in 10 s\)"):
        backoff.lost(BackendFault("again"))


@pytest.mark.parametrize(
    ("error", "passes"),
    [
        (Unreachable(""), True),
        (Draining(""), True),
        (BackendFault(""), True),
        (DeviceCorrupt(""), True),
        (DeviceCorrupt("", answers="doubtful"), False),
        (VauError("", code="INTERNAL"), True),
        (VauError("a defect", session_id="1"), False),
        (AuthRequired(""), False),
        (ResumeInvalid(""), False),
        (ConfigInvalid(""), False),
    ],
)
def test_only_losses_that_pass_are_worth_another_call(error: VauError, passes: bool) -> None:
    assert is_passing(error) is passes


# --- the command -------------------------------------------------------------------------


def checkpoints_sent(metrics: str) -> float:
    with urllib.request.urlopen(f"http://{metrics}/metrics") as page:
        lines = page.read().decode().splitlines()
    counts = [line.split()[-1] for line in lines if line.startswith("vau_checkpoints_total{")]
    return sum(map(float, counts))


def told_of(command: "subprocess.Popen[str]") -> tuple[int, dict[str, Any], str]:
    """Wait for ``vau stream --json``; return exit code, summary and what it said beside."""
    out, said = command.communicate(timeout=60.0)
    lines = out.splitlines()
    return command.returncode, json.loads(lines[-1]) if lines else {}, said


def feed(command: "subprocess.Popen[str]", data: bytes) -> None:
    assert command.stdin is not None
    while data:
        data = data[os.write(command.stdin.fileno(), data) :]


def test_the_command_goes_on_when_its_server_is_killed_and_started_again(
    key_file: Path,
) -> None:
    data = speech(40_000, seed=9)
    with ExitStack() as stack:
        first = stack.enter_context(process(resume_key_file=key_file))
        arguments = ("stream", "-", "--json", "--server", first.grpc)
        command = stack.enter_context(started(*arguments))
        feed(command, data[:50_001])
        eventually(lambda: checkpoints_sent(first.metrics) >= 1)
        first.process.send_signal(signal.SIGKILL)
        first.process.wait()
        stack.enter_context(process(resume_key_file=key_file, listen=first.grpc))
        feed(command, data[50_001:])
        code, figures, said = told_of(command)
        assert code == 0, said
        with Client(first.grpc) as client:
            uncut = hear(client, cut(data, 30_000, 60_000), streaming())
    assert figures["output_digest"] == uncut.finished.output_digest.hex()
    assert figures["frames"] == uncut.finished.frames
    lost, again = (line for line in said.splitlines() if "lost" in line)  # others may lag
    assert lost.startswith("vau: notice: connection lost, trying again for 60 s: ")
    assert again.startswith("vau: notice: The stream was lost for")


def test_without_resume_the_command_ends_with_its_server(key_file: Path) -> None:
    with (
        process(resume_key_file=key_file) as server,
        started("stream", "-", "--json", "--no-resume", "--server", server.grpc) as command,
        Client(server.grpc) as client,
    ):
        feed(command, speech(16_000))
        eventually(lambda: client.backends().backends[0].slots_in_use == 1)
        server.process.send_signal(signal.SIGKILL)
        assert told_of(command)[0] == 5
