"""A stream whose backend fails goes on at the next that its client named, and says so."""

from collections.abc import Iterator, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.flaky import ONE, THIRD, TWIN, WIDE, Flaky, flaky, pool
from tests.logged import logged
from tests.otlp import attributes, collector
from tests.serving import (
    END_UTTERANCE,
    FREE,
    PATIENCE_S,
    Failing,
    Heard,
    Served,
    Talk,
    cut,
    eventually,
    floating,
    hear,
    muntaniala,
    recognition,
    speech,
    streaming,
)
from vau.backend import Health, Slot, State
from vau.client import Client
from vau.config import ServerConfig
from vau.errors import BackendBusy, BackendFault, DeviceCorrupt, ResumeMismatch, SlotsExhausted
from vau.session import Heard as Stretch
from vau.shadow.shadows import Shadows
from vau.v1 import speech_pb2 as pb
from vau.wire.health import Watch

AUDIO: Final = speech(32_000, seed=3)
LOG_PROB: Final = pb.OutputConfig(
    phonemes=True, posteriors=pb.OutputConfig.POSTERIORS_FULL, energy=True
)
"""What any backend can give."""


def wanted(*fallbacks: str, interval_s: float = 0.0, **changes: Any) -> pb.StreamingConfig:  # noqa: ANN401
    config = streaming(**changes)
    config.recognition.fallback_backends.extend(fallbacks)
    config.checkpoint_interval.FromNanoseconds(round(interval_s * 1e9))
    return config


def notices(responses: Sequence[pb.StreamingRecognizeResponse]) -> list[pb.Notice]:
    return [
        notice
        for response in responses
        for notice in response.notices
        if notice.code == "BACKEND_CHANGED"
    ]


def way(notice: pb.Notice) -> tuple[str, str, str]:
    return notice.metadata["from"], notice.metadata["to"], notice.metadata["why"]


def broken(client: Client, config: pb.StreamingConfig, *audio: bytes) -> BackendFault:
    with pytest.raises(BackendFault) as error:
        hear(client, audio or [AUDIO], config)
    return error.value


@dataclass(frozen=True)
class Pool:
    """A server whose three backends owe each other the same bits."""

    served: Served
    backends: tuple[Flaky, Flaky, Flaky]

    @property
    def client(self) -> Client:
        for each in self.backends:
            each.mend()
        return self.served.client


@pytest.fixture(scope="module")
def three() -> Iterator[Pool]:
    backends = flaky(ONE), flaky(TWIN), flaky(THIRD)
    with pool(*backends) as served:
        yield Pool(served, backends)


# --- the law -----------------------------------------------------------------------------


def same(ours: Heard, theirs: Heard, utterances: int) -> None:
    """Assert that two streams said the same, whatever became of them meanwhile."""
    for utterance in range(utterances):
        np.testing.assert_array_equal(ours.values(utterance), theirs.values(utterance))
    assert ours.finals == theirs.finals
    assert ours.finished.output_digest == theirs.finished.output_digest
    assert ours.finished.input_digest == theirs.finished.input_digest
    assert ours.finished.frames == theirs.finished.frames


@settings(
    max_examples=25, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cuts=st.lists(st.integers(0, len(AUDIO)), max_size=8),
    first=st.integers(0, 12),
    second=st.integers(0, 12),
    interval_s=st.sampled_from([0.0, 0.2]),
    end=st.integers(1000, len(AUDIO) - 8000),
)
def test_wherever_backends_fail_a_stream_has_the_bits_of_one_that_never_moved(
    three: Pool, cuts: list[int], first: int, second: int, interval_s: float, end: int
) -> None:
    requests: list[bytes | pb.Control] = [
        *cut(AUDIO[:end], *(min(at, end) for at in cuts)),
        END_UTTERANCE,
        *cut(AUDIO[end:], *(at - end for at in cuts if at > end)),
    ]
    requests = [each for each in requests if each]
    config = wanted(TWIN, THIRD, interval_s=interval_s, interim_results=True)
    uncut = hear(three.client, requests, config)
    assert notices(uncut.responses) == []
    client = three.client
    three.backends[0].runs_left, three.backends[1].runs_left = first, second
    moved = hear(client, requests, config)
    same(moved, uncut, utterances=2)
    told = notices(moved.responses)
    assert [notice.metadata["from"] for notice in told] == [ONE, TWIN][: len(told)]
    assert told or first > 4  # a second of audio is five pieces at least


def test_the_change_is_told_with_where_and_why_and_each_answer_comes_once(three: Pool) -> None:
    config = wanted(TWIN)
    client = three.client
    three.backends[0].runs_left = 12
    chunks = [AUDIO[at : at + 3200] for at in range(0, len(AUDIO), 3200)]
    heard = hear(client, chunks, config)
    (notice,) = notices(heard.responses)
    assert way(notice) == (ONE, TWIN, "BACKEND_LOST")
    frames = [
        (each.posteriors.first_frame, each.posteriors.frame_count)
        for each in heard.responses
        if each.HasField("posteriors")
    ]
    starts = np.cumsum([0, *(count for _, count in frames)])
    assert [first for first, _ in frames] == starts[:-1].tolist()
    at = next(each for each in heard.responses if notices([each]))
    assert notice.metadata["frame"] == str(at.posteriors.first_frame)
    assert notice.metadata["sample"] == str(at.posteriors.first_sample)
    assert notice.metadata["utterance"] == "0"
    assert int(notice.metadata["repeated_steps"]) > 0
    assert "with the same bits" in notice.text
    assert "0.4 V" in notice.text
    spent_j = sum(each.energy[0].joules for each in heard.responses if each.energy)
    assert spent_j == pytest.approx(heard.finished.energy[0].joules)


def test_a_change_is_counted_logged_and_traced() -> None:
    first, second = flaky(ONE), flaky(TWIN)
    with collector() as kept, logged() as lines:
        config = ServerConfig(listen=FREE, metrics_listen=FREE, otlp_endpoint=kept.endpoint)
        with pool(first, second, config=config) as served:
            first.runs_left = 4
            heard = hear(served.client, [AUDIO[:8000]] * 6, wanted(TWIN))
            labels = {"backend": ONE, "to": TWIN, "reason": "BACKEND_LOST"}
            assert served.value("vau_backend_changes_total", **labels) == 1
            ended = {"code": "OK", "reason": ""}
            assert served.value("vau_streams_total", backend=TWIN, **ended) == 1
            assert served.value("vau_streams_total", backend=ONE, **ended) == 0
            frames = [served.value("vau_frames_total", backend=name) for name in (ONE, TWIN)]
            assert min(frames) > 0
            assert sum(frames) == heard.finished.frames
            cycles = [
                served.value("vau_device_cycles_total", backend=name, origin="estimated")
                for name in (ONE, TWIN)
            ]
            assert sum(cycles) == heard.finished.timing.device_cycles
        span = kept.next()
    (line,) = lines.of("backend changed")
    assert (line["from"], line["to"], line["why"]) == (ONE, TWIN, "BACKEND_LOST")
    assert line["session"] == heard.responses[0].started.session_id
    assert (line["level"], line["backend"]) == ("warning", TWIN)
    (event,) = [each for each in span.events if each.name == "backend changed"]
    assert attributes(event.attributes)["vau.to"] == TWIN
    assert attributes(span.attributes)["vau.backend"] == TWIN


def test_cycles_that_were_measured_are_never_added_to_such_as_were_estimated() -> None:
    first, second = flaky(ONE), flaky(TWIN)
    second.origin = "measured"
    with pool(first, second) as served:
        for runs_left, origin in (
            (None, pb.ORIGIN_ESTIMATED),
            (4, pb.ORIGIN_UNSPECIFIED),
            (0, pb.ORIGIN_MEASURED),
        ):
            first.runs_left = runs_left
            heard = hear(served.client, [AUDIO[:8000]] * 6, wanted(TWIN))
            total = heard.finished.timing
            assert total.device_origin == origin
            assert bool(total.device_cycles) == bool(origin)
        assert served.value("vau_device_cycles_total", backend=TWIN, origin="measured") > 0


class Listener:
    """What hears a stream beside its client, in place of the ears of a shadow."""

    def __init__(self, backend: str) -> None:
        self.backend = backend
        self.is_late = self.has_left = False
        self.frames = 0

    def late(self) -> None:
        self.is_late = True

    def heard(self, heard: Stretch) -> None:
        assert not self.has_left
        self.frames += heard.frames

    def left(self) -> None:
        self.has_left = True


def test_whoever_shadows_a_stream_hears_of_each_backend_what_that_one_answered(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    listeners: list[Listener] = []

    def ears(_shadows: Shadows, _ids: object, backend: str, _model: str) -> Listener:
        listeners.append(Listener(backend))
        return listeners[-1]

    monkeypatch.setattr(Shadows, "ears", ears)
    first = flaky(ONE)
    with pool(first, flaky(TWIN)) as served:
        first.runs_left = 6
        heard = hear(served.client, [AUDIO[:8000]] * 6, wanted(TWIN))
        eventually(lambda: all(each.has_left for each in listeners))
    assert [(each.backend, each.is_late) for each in listeners] == [(ONE, False), (TWIN, True)]
    assert all(each.frames for each in listeners)
    assert sum(each.frames for each in listeners) == heard.finished.frames


# --- several streams ---------------------------------------------------------------------


async def no_watch(_watch: Watch) -> None:
    """Ask nothing."""


def test_of_two_streams_in_one_batch_the_one_that_named_a_fallback_goes_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr(Watch, "run", no_watch)  # whose question would be a wall in the line
    first = flaky(ONE)
    with pool(first, flaky(TWIN)) as served:
        uncut = hear(served.client, [AUDIO[:8000], AUDIO[8000:12_800]], streaming())
        careful, careless, blocker = (
            Talk(served.client, wanted(*each)) for each in ((TWIN,), (), ())
        )
        for talk in (careful, careless):
            talk.say(AUDIO[:8000])
        first.entered.clear()
        first.may_run.clear()
        blocker.send(AUDIO[:3200])
        assert first.entered.wait(PATIENCE_S)
        for talk in (careful, careless):
            talk.send(AUDIO[8000:12_800])
        lane = served.server.host.lanes.lanes[0]
        eventually(lambda: lane._jobs.qsize() == 2)  # noqa: SLF001 - both wait for the blocker
        first.runs_left = 0
        first.may_run.set()
        rest = careful.half_close()
        assert len(first.batches[-1]) == 2
        assert [way(each)[:2] for each in notices(rest)] == [(ONE, TWIN)]
        assert rest[-1].finished.output_digest == uncut.finished.output_digest
        with pytest.raises(BackendFault):
            careless.half_close()
        blocker.vanish()


def test_a_slot_moves_with_its_stream(three: Pool) -> None:
    client, (first, _, _) = three.client, three.backends
    talk = Talk(client, wanted("same-kind"))
    talk.say(AUDIO[:8000])

    def in_use() -> list[int]:
        return [each.slots_in_use for each in client.backends().backends]

    assert in_use() == [1, 0, 0]
    first.runs_left = 0
    talk.say(AUDIO[8000:16_000])
    assert in_use() == [0, 1, 0]
    gauge = "vau_streams_active"
    assert [three.served.value(gauge, backend=each) for each in (ONE, TWIN)] == [0, 1]
    talk.half_close()
    eventually(lambda: in_use() == [0, 0, 0])


def test_a_client_that_leaves_while_its_stream_moves_leaves_no_slot_behind(three: Pool) -> None:
    client, (first, second, _) = three.client, three.backends
    talk = Talk(client, wanted(TWIN))
    talk.say(AUDIO[:8000])
    first.runs_left = 0
    second.entered.clear()
    second.may_run.clear()
    talk.send(AUDIO[8000:16_000])
    assert second.entered.wait(PATIENCE_S)
    talk.vanish()
    eventually(lambda: three.served.slots_in_use() == 0)
    second.may_run.set()
    first.mend()
    talks = [Talk(client, wanted(backend=TWIN)) for _ in range(8)]  # as many as it has slots
    for each in talks:
        each.vanish()
    eventually(lambda: three.served.slots_in_use() == 0)


# --- a fallback that fails as well -------------------------------------------------------


def test_the_next_is_taken_if_a_fallback_cannot_and_the_last_failure_names_them_all() -> None:
    backends = flaky(ONE), flaky(TWIN), flaky(THIRD)
    first, second, third = backends
    with pool(*backends) as served:
        for failing in ("open", "restore"):
            for each in backends:
                each.mend()
            first.runs_left = 12
            second.fails = {failing}
            heard = hear(served.client, [AUDIO[:3200]] * 30, wanted(TWIN, THIRD))
            assert way(notices(heard.responses)[0])[:2] == (ONE, THIRD)
        first.runs_left, second.runs_left, third.fails = 12, 0, {"open"}
        second.fails = set()
        error = broken(served.client, wanted(TWIN, THIRD), *[AUDIO[:3200]] * 30)
        assert "0.4 V; no fallback could take over: " in str(error)
        assert f"{TWIN}: the supply is at 0.4 V; {THIRD}: the supply is at 0.3 V" in str(error)
        assert error.facts["acked_sample"] == "0"
        assert error.facts["volts"] == "0.4"
        ended = {"code": "UNAVAILABLE", "reason": "BACKEND_LOST"}
        assert served.value("vau_streams_total", backend=ONE, **ended) == 1
        assert served.slots_in_use() == 0


def test_a_backend_that_was_left_is_taken_again_when_it_is_ready_and_the_next_fails() -> None:
    first, second = flaky(ONE, slot_count=1), flaky(TWIN, slot_count=1)  # given back in time
    with pool(first, second) as served:
        uncut = hear(served.client, [AUDIO[:8000]] * 4, streaming())
        eventually(lambda: served.slots_in_use() == 0)
        talk = Talk(served.client, wanted(TWIN))
        first.runs_left = 0
        told = [talk.say(AUDIO[:8000])]
        first.mend()
        second.runs_left = 0
        told += [talk.say(AUDIO[:8000]) for _ in range(3)]
        told += talk.half_close()
        assert [way(each)[:2] for each in notices(told)] == [(ONE, TWIN), (TWIN, ONE)]
        assert told[-1].finished.output_digest == uncut.finished.output_digest


def test_one_that_computes_otherwise_is_never_taken_in_the_middle_of_a_stream() -> None:
    first = flaky(ONE)
    with pool(first, flaky(WIDE), floating()) as served:
        first.runs_left = 0
        error = broken(served.client, wanted("any", output=LOG_PROB))
        assert f"{WIDE} computes otherwise (munt-spec-0/C2, not munt-spec-0/C1)" in str(error)
        assert "float computes otherwise" in str(error)


def test_one_that_computes_otherwise_is_passed_over_for_one_of_the_same_bits() -> None:
    first = flaky(ONE)
    with pool(first, flaky(WIDE), flaky(TWIN)) as served:
        uncut = hear(served.client, [AUDIO], streaming())
        for runs_left in (0, 2, 8):  # before there is a state to restore, and behind
            first.runs_left = runs_left
            heard = hear(served.client, [AUDIO], wanted(WIDE, TWIN))
            assert [way(each)[:2] for each in notices(heard.responses)] == [(ONE, TWIN)]
            assert heard.finished.output_digest == uncut.finished.output_digest


def test_one_that_takes_no_states_is_passed_over_once_there_is_one_to_take() -> None:
    first, mute = flaky(ONE), flaky(TWIN)
    mute.is_mute = True
    with pool(first, mute, flaky(THIRD)) as served:
        for runs_left, taken in ((2, TWIN), (8, THIRD)):
            first.runs_left = runs_left
            heard = hear(served.client, [AUDIO], wanted(TWIN, THIRD))
            assert [way(each)[:2] for each in notices(heard.responses)] == [(ONE, taken)]
        first.runs_left = 8
        error = broken(served.client, wanted(TWIN))
        assert f"{TWIN} takes no state of another" in str(error)


@pytest.mark.parametrize("inexact", [ONE, TWIN])
def test_one_of_the_same_arithmetic_takes_nobody_over_unless_both_promise_their_bits(
    inexact: str,
) -> None:
    first, second = flaky(ONE), flaky(TWIN)
    for each in (first, second):
        each.is_bit_exact = each.info.id != inexact
    with pool(first, second) as served:
        first.runs_left = 4
        config = wanted(TWIN, output=LOG_PROB)
        error = broken(served.client, config, *[AUDIO[:8000]] * 6)
        assert f"{TWIN} does not promise the bits of {ONE}" in str(error)


def test_a_stream_whose_answers_are_in_doubt_is_taken_over_by_nobody() -> None:
    failing = Failing(muntaniala())
    with pool(failing, flaky(TWIN)) as served:  # type: ignore[arg-type]
        talk = Talk(served.client, wanted(TWIN))
        talk.say(AUDIO[:8000])
        failing.defect = DeviceCorrupt("its weights were wrong", answers="doubtful")
        with pytest.raises(DeviceCorrupt, match=r"were wrong$") as told:
            talk.say(AUDIO[8000:16_000])
        assert told.value.is_of_answers
        failing.defect = DeviceCorrupt("it fails its checksum")
        heard = hear(served.client, [AUDIO[:8000]], wanted(TWIN))
        assert way(notices(heard.responses)[0])[:2] == (ONE, TWIN)


def test_one_that_is_known_not_to_be_ready_is_passed_over(three: Pool) -> None:
    client, (first, second, _) = three.client, three.backends
    second.present = Health(State.FAULT, "too hot")
    host = three.served.server.host
    eventually(lambda: host.health[TWIN].state is State.FAULT)
    first.runs_left = 4
    heard = hear(client, [AUDIO[:8000]] * 6, wanted(TWIN, THIRD))
    assert way(notices(heard.responses)[0])[:2] == (ONE, THIRD)
    second.mend()
    eventually(lambda: host.health[TWIN].state is State.READY)


def test_one_that_gives_no_states_away_serves_and_is_left_while_its_utterance_is_short() -> (
    None
):
    first, mute = flaky(ONE), flaky(TWIN)
    mute.is_mute = True
    with pool(first, mute, flaky(THIRD)) as served:
        uncut = hear(served.client, [AUDIO], streaming())
        first.fails = {"open"}
        for runs_left in (None, 3, 8):
            mute.runs_left = runs_left
            config = wanted("same-kind")
            if runs_left == 8:
                error = broken(served.client, config)
                assert f"{THIRD} would need a state that {TWIN} does not give away" in str(
                    error
                )
                assert f"{ONE} would need" in str(error)
                ended = {"code": "UNAVAILABLE", "reason": "BACKEND_LOST"}
                assert served.value("vau_streams_total", backend=TWIN, **ended) == 1
                continue
            heard = hear(served.client, [AUDIO], config)
            assert heard.finished.output_digest == uncut.finished.output_digest
            ways = [way(each)[:2] for each in notices(heard.responses)]
            assert ways == [(ONE, TWIN), (TWIN, THIRD)][: 1 + bool(runs_left)]


def test_one_without_a_free_slot_is_passed_over() -> None:
    first, full = flaky(ONE), flaky(TWIN, slot_count=1)
    with pool(first, full) as served:
        sitting = Talk(served.client, streaming(backend=TWIN))
        first.runs_left = 0
        error = broken(served.client, wanted(TWIN))
        assert f"{TWIN}: all slots of backend {TWIN} with tiny are taken" in str(error)
        sitting.vanish()
        eventually(lambda: served.slots_in_use() == 0)
        heard = hear(served.client, [AUDIO], wanted(TWIN))
        assert len(notices(heard.responses)) == 1


@pytest.mark.parametrize("interval_s", [0.0, 0.2])
def test_what_was_answered_counts_though_the_backend_then_fails_at_something_else(
    interval_s: float,
) -> None:
    first, second = flaky(ONE), flaky(TWIN)
    with pool(first, second) as served:
        requests: list[bytes | pb.Control] = [
            AUDIO[:16_000],
            END_UTTERANCE,
            AUDIO,
            AUDIO[:16_000],
        ]
        config = wanted(TWIN, interval_s=interval_s)
        uncut = hear(served.client, requests, config)
        for failing in ({"open"}, {"snapshot"}, {"release"}):
            first.mend()
            talk = Talk(served.client, config)
            first.fails = failing
            for each in requests:
                talk.send(each)
            heard = Heard(talk.half_close())
            same(heard, uncut, utterances=2)
            assert [way(each)[:2] for each in notices(heard.responses)] == [(ONE, TWIN)]


# --- the beginning of a stream -----------------------------------------------------------


def test_a_stream_begins_on_a_fallback_if_its_backend_is_not_ready() -> None:
    first = flaky(ONE)
    with pool(first, floating()) as served:
        first.present = Health(State.FAULT, "too hot")
        eventually(lambda: served.server.host.health[ONE].state is State.FAULT)
        heard = hear(served.client, [AUDIO], wanted("float", output=LOG_PROB))
        started = heard.responses[0].started
        assert started.backend.id == "float"
        assert started.resolved.backend == ONE
        assert list(started.resolved.fallback_backends) == ["float"]
        assert not heard.responses[0].notices  # it comes alone
        (notice,) = notices(heard.responses[1:2])
        assert way(notice) == (ONE, "float", "BACKEND_NOT_READY")
        assert "too hot" in notice.text
        assert "in another arithmetic" in notice.text
        plain = hear(served.client, [AUDIO], streaming(output=LOG_PROB, backend="float"))
        np.testing.assert_array_equal(heard.values(), plain.values())


def test_who_begins_elsewhere_is_told_before_any_audio_is_needed() -> None:
    first = flaky(ONE)
    with pool(first, flaky(TWIN)) as served:
        first.fails = {"open"}
        talk = Talk(served.client, wanted(TWIN))
        assert [way(each)[:2] for each in notices([next(talk.responses)])] == [(ONE, TWIN)]
        talk.vanish()


def test_a_stream_begins_on_a_fallback_if_its_backend_has_no_room_or_fails_to_open() -> None:
    first, second = flaky(ONE, slot_count=1), flaky(TWIN)
    with pool(first, second) as served:
        sitting = Talk(served.client)
        with pytest.raises(SlotsExhausted):
            hear(served.client, [AUDIO], wanted())
        heard = hear(served.client, [AUDIO], wanted(TWIN))
        (notice,) = notices(heard.responses)
        assert way(notice) == (ONE, TWIN, "STREAM_SLOTS_EXHAUSTED")
        sitting.vanish()
        eventually(lambda: served.slots_in_use() == 0)
        first.fails = {"open"}
        heard = hear(served.client, [AUDIO], wanted(TWIN))
        assert heard.responses[0].started.backend.id == TWIN
        assert way(notices(heard.responses)[0]) == (ONE, TWIN, "BACKEND_LOST")


def test_a_server_that_is_full_is_full_for_those_with_fallbacks_too() -> None:
    config = ServerConfig(listen=FREE, metrics_listen=FREE, max_streams=1)
    with pool(flaky(ONE), flaky(TWIN), config=config) as served:
        sitting = Talk(served.client)
        with pytest.raises(SlotsExhausted, match="of this server"):
            hear(served.client, [AUDIO], wanted(TWIN))
        sitting.vanish()


def test_without_a_fallback_a_backend_is_tried_whatever_is_known_of_it() -> None:
    first = flaky(ONE)
    with pool(first, flaky(TWIN)) as served:
        first.present = Health(State.FAULT, "too hot")
        eventually(lambda: served.server.host.health[ONE].state is State.FAULT)
        heard = hear(served.client, [AUDIO], wanted())
        assert heard.responses[0].started.backend.id == ONE


# --- checkpoints -------------------------------------------------------------------------


def test_a_checkpoint_from_behind_a_change_is_good_on_any_backend_of_the_same_bits() -> None:
    backends = flaky(ONE), flaky(TWIN)
    with pool(*backends) as served:
        config = wanted(TWIN, interval_s=0.2)
        uncut = hear(served.client, [AUDIO[:16_000], AUDIO[16_000:]], config)
        backends[0].runs_left = 2
        heard = hear(served.client, [AUDIO[:16_000]], config)
        assert len(notices(heard.responses)) == 1
        checkpoint = [e.checkpoint for e in heard.responses if e.HasField("checkpoint")][-1]
        for name in (TWIN, ONE):
            backends[0].mend()
            config = wanted(ONE, TWIN, interval_s=0.2, backend=name)
            config.resume_token = checkpoint.token
            rest = hear(served.client, [AUDIO[2 * checkpoint.next_sample :]], config)
            assert rest.finished.output_digest == uncut.finished.output_digest
            assert notices(rest.responses) == []
        backends[0].runs_left = 0
        config = wanted(TWIN, interval_s=0.2)
        config.resume_token = checkpoint.token
        rest = hear(served.client, [AUDIO[2 * checkpoint.next_sample :]], config)
        assert rest.finished.output_digest == uncut.finished.output_digest
        assert way(notices(rest.responses)[0])[:2] == (ONE, TWIN)


def test_what_began_on_a_fallback_of_other_bits_is_resumed_there() -> None:
    first, wide = flaky(ONE), flaky(WIDE)
    with pool(first, wide) as served:
        config = wanted(WIDE, interval_s=0.2)
        first.fails = {"open"}
        uncut = hear(served.client, [AUDIO[:16_000], AUDIO[16_000:]], config)
        heard = hear(served.client, [AUDIO[:16_000]], config)
        checkpoint = [e.checkpoint for e in heard.responses if e.HasField("checkpoint")][-1]
        first.mend()
        config.resume_token = checkpoint.token
        rest = hear(served.client, [AUDIO[2 * checkpoint.next_sample :]], config)
        assert rest.responses[0].started.backend.id == WIDE
        assert way(notices(rest.responses)[0]) == (ONE, WIDE, "RESUME_MISMATCH")
        assert rest.finished.output_digest == uncut.finished.output_digest
        config = wanted(interval_s=0.2)
        config.resume_token = checkpoint.token
        with pytest.raises(ResumeMismatch, match="arithmetic_id"):
            hear(served.client, [AUDIO], config)


def test_a_stream_is_resumed_on_the_first_that_takes_its_state_by_a_session_that_is_new() -> (
    None
):
    backends = first, second, third = flaky(ONE), flaky(TWIN), flaky(THIRD)
    with pool(*backends) as served:
        config = wanted(TWIN, THIRD, interval_s=0.2)
        uncut = hear(served.client, [AUDIO[:16_000], AUDIO[16_000:]], config)
        heard = hear(served.client, [AUDIO[:16_000]], config)
        checkpoint = [e.checkpoint for e in heard.responses if e.HasField("checkpoint")][-1]
        config.resume_token = checkpoint.token
        left = [AUDIO[2 * checkpoint.next_sample :]]
        for failing in ({"restore"}, set()):
            first.fails, first.refuses_states = failing, not failing
            second.refuses_states = True
            rest = hear(served.client, left, config)
            assert rest.responses[0].started.backend.id == THIRD
            assert rest.finished.output_digest == uncut.finished.output_digest
            why = "BACKEND_LOST" if failing else "RESUME_MISMATCH"
            assert way(notices(rest.responses)[0]) == (ONE, THIRD, why)
        third.refuses_states = True
        with pytest.raises(ResumeMismatch, match="no fallback could take over") as refused:
            hear(served.client, left, config)
        assert refused.value.facts["differs"] == "backend"
        eventually(lambda: served.slots_in_use() == 0)
        # ... and no slot is kept by whoever was tried in vain, once his thread has come to it.
        eventually(lambda: all(map(has_every_slot, backends)))


def has_every_slot(backend: Flaky) -> bool:
    """Tell whether all eight can be had."""
    had: list[Slot] = []
    with suppress(BackendBusy):
        had.extend(backend.open() for _ in range(8))
    for slot in had:
        backend.release(slot)
    return len(had) == 8


# --- one call ----------------------------------------------------------------------------


def test_a_recording_in_one_call_goes_on_elsewhere_as_a_stream_does(three: Pool) -> None:
    config = recognition()
    config.fallback_backends.append(TWIN)
    uncut = three.client.recognize(config, AUDIO)
    assert not uncut.notices
    client = three.client
    three.backends[0].runs_left = 3
    moved = client.recognize(config, AUDIO)
    assert moved.finished.output_digest == uncut.finished.output_digest
    assert moved.posteriors == uncut.posteriors
    assert list(moved.results) == list(uncut.results)
    (notice,) = moved.notices
    assert way(notice) == (ONE, TWIN, "BACKEND_LOST")
    assert moved.started.backend.id == TWIN
    assert moved.started.resolved.backend == ONE
