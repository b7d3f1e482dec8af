"""A stream that is cut and resumed, here or at another server, is the one that was not."""

import asyncio
import math
import signal
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any, Final

import numpy as np
import pytest
from google.protobuf.duration_pb2 import Duration
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from tests.guests import Guests
from tests.models import tiny_model
from tests.serving import (
    END_UTTERANCE,
    FREE,
    MODEL,
    Failing,
    Heard,
    Served,
    Talk,
    cut,
    eventually,
    floating,
    hear,
    muntaniala,
    serving,
    speech,
    streaming,
)
from tests.streams import opened, streamed
from tests.streams import served as stilled
from tests.test_wire_life import process
from vau.backend import Backend, BackendOptions
from vau.checkpoint.seal import Sealer, Terms, read_key
from vau.client import Client
from vau.config import ServerConfig
from vau.door.config import DoorConfig
from vau.errors import (
    BackendFault,
    CapabilityMissing,
    Draining,
    ResumeError,
    ResumeExpired,
    ResumeInvalid,
    ResumeMismatch,
)
from vau.v1 import speech_pb2 as pb
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA

INTERVAL_S: Final = 0.2
KEEP_ALIVE: Final = pb.Control(kind=pb.Control.KIND_KEEP_ALIVE)
Request = bytes | pb.Control


@pytest.fixture(scope="module")
def key_file(tmp_path_factory: pytest.TempPathFactory) -> Path:
    file = tmp_path_factory.mktemp("key") / "key"
    file.write_bytes(b"a secret that two servers share, and nobody else")
    file.chmod(0o600)
    return file


def server_config(key_file: Path | None, **changes: Any) -> ServerConfig:  # noqa: ANN401
    return ServerConfig(listen=FREE, metrics_listen=FREE, resume_key_file=key_file, **changes)


@pytest.fixture(scope="module")
def here(key_file: Path) -> Iterator[Served]:
    with serving(config=server_config(key_file)) as running:
        yield running


@pytest.fixture(scope="module")
def there(key_file: Path) -> Iterator[Served]:
    with serving(config=server_config(key_file)) as running:
        yield running


def wanted(
    token: bytes = b"",
    interval_s: float = INTERVAL_S,
    **changes: Any,  # noqa: ANN401
) -> pb.StreamingConfig:
    config = streaming(**changes)
    config.checkpoint_interval.FromNanoseconds(round(interval_s * 1e9))
    config.resume_token = token
    return config


def checkpoints_of(responses: Sequence[pb.StreamingRecognizeResponse]) -> list[pb.Checkpoint]:
    return [each.checkpoint for each in responses if each.HasField("checkpoint")]


def refused(client: Client, config: pb.StreamingConfig) -> ResumeError:
    with pytest.raises(ResumeError) as error:
        hear(client, [speech()], config)
    return error.value


def a_token(served: Served, config: pb.StreamingConfig | None = None) -> bytes:
    heard = hear(served.client, [speech(8000), speech(8000)], config or wanted())
    return checkpoints_of(heard.responses)[-1].token


# --- the law -----------------------------------------------------------------------------


@dataclass
class Caller:
    """A client that keeps what it has heard until the newest checkpoint, and what follows."""

    told: list[Request]
    kept: list[pb.StreamingRecognizeResponse] = field(default_factory=list)
    token: bytes = b""
    next_sample: int = 0
    controls: int = 0
    """Controls that took effect before the checkpoint."""

    def rest(self) -> list[Request]:
        """Return what was not heard before the checkpoint."""
        left: list[Request] = []
        at = controls = 0
        for each in self.told:
            if isinstance(each, bytes):
                left.append(each[max(0, 2 * self.next_sample - at) :])
                at += len(each)
            else:
                controls += 1
                if controls > self.controls:
                    left.append(each)
        return [each for each in left if each]

    def hear(self, client: Client, pieces: int | None, **changes: Any) -> None:  # noqa: ANN401
        """Send the rest and hear so many responses, or all; forget those after a checkpoint."""
        heard: list[pb.StreamingRecognizeResponse] = []
        responses = client.stream(wanted(self.token, **changes), self.rest())
        assert next(responses).started.next_sample == self.next_sample
        done, sure = self.controls, 0
        for response in responses:
            heard.append(response)
            if response.HasField("checkpoint"):
                self.token = response.checkpoint.token
                self.next_sample = response.checkpoint.next_sample
                self.controls, sure = done, len(heard)
            done += len(response.controls)
            if pieces is not None and len(heard) >= pieces:
                responses.close()  # type: ignore[attr-defined]
                break
        self.kept += heard if pieces is None else heard[:sure]


def everything(responses: Sequence[pb.StreamingRecognizeResponse]) -> list[object]:
    """Return all that a stream said but what depends on the clock of the server.

    Joules are sums over rounds, of which an end may have one of its own or share that of the
    last audio: they are equal but for rounding.
    """
    finished = pb.SessionFinished()
    finished.CopyFrom(responses[-1].finished)
    finished.ClearField("timing")
    finished.ClearField("deadline_misses")
    for energy in finished.energy:
        energy.joules = float(f"{energy.joules:.12g}")
    spent = math.fsum(energy.joules for each in responses for energy in each.energy)
    return [
        [
            (
                each.posteriors.utterance_index,
                each.posteriors.first_frame,
                each.posteriors.values,
            )
            for each in responses
            if each.HasField("posteriors")
        ],
        [result for each in responses for result in each.results],
        [control for each in responses for control in each.controls],
        f"{spent:.12g}",
        finished,
    ]


@settings(
    max_examples=12, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture]
)
@given(
    cuts=st.lists(st.integers(0, 40_000), min_size=3, max_size=9),
    ends_at=st.integers(0, 9),
    pieces=st.lists(st.integers(1, 8), min_size=1, max_size=3),
    interim_results=st.booleans(),
    seed=st.integers(0, 99),
)
def test_wherever_a_stream_is_cut_and_resumed_it_says_what_the_uncut_one_says(
    here: Served,
    there: Served,
    cuts: list[int],
    ends_at: int,
    pieces: list[int],
    interim_results: bool,
    seed: int,
) -> None:
    told: list[Request] = [each for each in cut(speech(20_000, seed), *cuts) if each]
    told.insert(ends_at, END_UTTERANCE)
    options: dict[str, Any] = {"interim_results": interim_results}
    uncut = hear(here.client, told, wanted(**options))
    caller = Caller(told)
    for at, count in enumerate(pieces):
        caller.hear((here, there)[at % 2].client, count, **options)
    caller.hear((here, there)[len(pieces) % 2].client, None, **options)
    assert joined(caller.kept) == joined(uncut.responses[1:])


def joined(responses: Sequence[pb.StreamingRecognizeResponse]) -> list[object]:
    """Return the same with the posteriors of each utterance in one, however they were cut."""
    posteriors, results, controls, _energy, finished = everything(responses)
    values: dict[int, bytes] = {}
    for utterance, _first, each in posteriors:  # type: ignore[attr-defined]
        values[utterance] = values.get(utterance, b"") + each
    finals = [result for result in results if result.is_final]  # type: ignore[attr-defined]
    return [values, finals, controls, finished]


def test_in_equal_pieces_even_interims_and_energies_are_those_of_the_uncut_stream(
    here: Served, there: Served
) -> None:
    told: list[Request] = [*cut(speech(16_000), *range(3200, 32_000, 3200))]
    uncut = hear(here.client, told, wanted(interim_results=True))
    caller = Caller(told)
    caller.hear(here.client, 5, interim_results=True)
    caller.hear(there.client, None, interim_results=True)
    assert everything(caller.kept) == everything(uncut.responses[1:])


def test_the_times_of_a_resumed_stream_add_up_over_its_calls(
    here: Served, there: Served
) -> None:
    told: list[Request] = [*cut(speech(16_000), *range(3200, 32_000, 3200))]
    uncut = hear(here.client, told, wanted()).finished.timing
    caller = Caller(told)
    caller.hear(here.client, 5)
    caller.hear(there.client, None)
    summed = caller.kept[-1].finished.timing
    assert summed.device_cycles == uncut.device_cycles
    assert summed.device_ns == pytest.approx(uncut.device_ns, abs=len(told))  # each rounded
    of_calls = [each.timing.compute_ns for each in caller.kept]
    assert summed.compute_ns >= sum(of_calls) > max(of_calls)


def test_a_stream_in_floating_point_can_be_resumed_too() -> None:
    output = pb.OutputConfig(posteriors=pb.OutputConfig.POSTERIORS_FULL)
    with serving((MODEL, floating())) as running:
        data = speech(9000)
        uncut = hear(running.client, [data], streaming(output))
        talk = Talk(running.client, wanted(output=output))
        first = talk.say(data[:12_000])
        talk.vanish()
        rest = hear(
            running.client,
            [data[2 * first.checkpoint.next_sample :]],
            wanted(first.checkpoint.token, output=output),
        )
        values = np.concatenate([Heard([first]).values(), rest.values()])
        np.testing.assert_array_equal(values, uncut.values())


def test_a_stream_may_be_resumed_under_another_name_of_its_backend(here: Served) -> None:
    listed = here.client.backends()
    token = a_token(here)
    config = wanted(token, backend=listed.default_backend, model=MODEL.name)
    assert hear(here.client, [speech(8000)], config).finished.samples == 24_000


def test_a_stream_may_go_on_with_other_dies_of_equal_arithmetic(
    here: Served, key_file: Path
) -> None:
    token = a_token(here)
    other = MUNTANIALA.open(MODEL, BackendOptions(slot_count=1, instance="2x1"))
    with serving((MODEL, other), config=server_config(key_file)) as elsewhere:
        heard = hear(elsewhere.client, [speech(8000, 1)], wanted(token))
    told = [speech(8000), speech(8000), speech(8000, 1)]
    uncut = hear(here.client, told, wanted())
    assert heard.finished.output_digest == uncut.finished.output_digest


# --- checkpoints as they come ------------------------------------------------------------


def test_checkpoints_come_by_audio_and_the_client_may_forget_what_is_before_them(
    here: Served,
) -> None:
    talk = Talk(here.client, wanted())
    assert talk.started.resume_portable
    assert talk.started.limits.resume_ttl == Duration(seconds=600)
    acked: list[int] = []
    for _ in range(5):
        response = talk.say(speech(1600))
        assert response.HasField("checkpoint") == (
            response.acked_sample > max(acked, default=0)
        )
        if response.HasField("checkpoint"):
            assert response.checkpoint.next_sample == response.acked_sample
        acked.append(response.acked_sample)
    assert acked == [0, 3200, 3200, 6400, 6400]
    talk.half_close()


def test_without_an_interval_no_checkpoint_comes(here: Served) -> None:
    heard = hear(here.client, [speech()] * 3, streaming())
    assert not checkpoints_of(heard.responses)


def test_a_checkpoint_never_shares_a_response_with_a_control(here: Served) -> None:
    told: list[Request] = []
    for seed in range(8):
        told += [speech(2000, seed), END_UTTERANCE]
    responses = hear(here.client, told, wanted()).responses
    assert len(checkpoints_of(responses)) > 3
    assert not any(each.controls and each.HasField("checkpoint") for each in responses)


def test_checkpoints_are_counted(here: Served) -> None:
    backend = here.client.backends().default_backend
    before = here.value("vau_checkpoints_total", backend=backend)
    heard = hear(here.client, cut(speech(32_000), *range(6400, 64_000, 6400)), wanted())
    assert len(checkpoints_of(heard.responses)) == 10
    assert here.value("vau_checkpoints_total", backend=backend) == before + 10


def test_a_server_without_a_key_of_its_own_says_so_and_resumes_its_own_streams() -> None:
    with serving() as running:
        talk = Talk(running.client, wanted())
        assert not talk.started.resume_portable
        token = talk.say(speech(8000)).checkpoint.token
        talk.vanish()
        config = wanted(token)
        assert hear(running.client, [speech(8000)], config).finished.samples == 16_000


def test_a_stream_that_only_keeps_alive_gets_a_fresh_token_before_the_old_one_expires() -> None:
    patient = ServerConfig(listen=FREE, metrics_listen=FREE, idle_timeout_s=3600.0)

    async def run() -> None:
        async with streamed(config=wanted(), server=patient) as now:
            first = await now.say(speech(8000))
            now.clock.advance(290.0)
            assert not (await now.say(KEEP_ALIVE)).HasField("checkpoint")
            now.clock.advance(20.0)
            fresh = await now.say(KEEP_ALIVE)
            assert fresh.checkpoint.next_sample == first.checkpoint.next_sample == 8000
            assert fresh.checkpoint.token != first.checkpoint.token
            assert (await now.line.hear()).controls

    asyncio.run(run())


def test_nothing_of_a_stream_is_left_at_the_server(key_file: Path) -> None:
    config = server_config(key_file)
    with serving(config=config) as first:
        talk = Talk(first.client, wanted())
        token = talk.say(speech(8000)).checkpoint.token
        talk.vanish()
        eventually(lambda: first.slots_in_use() == 0)
    with serving(config=config) as second:  # it never saw the first
        assert hear(second.client, [speech(100)], wanted(token)).finished.samples == 8100


# --- what is refused ---------------------------------------------------------------------


def test_a_token_that_no_server_sealed_is_refused(here: Served) -> None:
    before = here.value("vau_resumes_total", outcome="invalid")
    assert isinstance(refused(here.client, wanted(b"not a token")), ResumeInvalid)
    token = bytearray(a_token(here))
    token[len(token) // 2] ^= 1
    assert isinstance(refused(here.client, wanted(bytes(token))), ResumeInvalid)
    assert here.value("vau_resumes_total", outcome="invalid") == before + 2


def test_a_token_of_a_server_with_another_key_is_refused(here: Served) -> None:
    with serving() as other:
        assert isinstance(refused(other.client, wanted(a_token(here))), ResumeInvalid)


def test_a_token_that_is_too_old_is_refused_with_its_age(here: Served, key_file: Path) -> None:
    before = here.value("vau_resumes_total", outcome="expired")
    terms = Terms(owner="", model_digest="", arithmetic_id="", settings={})
    old = Sealer(read_key(key_file), ttl_s=600.0, now_ns=lambda: 0).seal(terms, b"")
    error = refused(here.client, wanted(old.data))
    assert isinstance(error, ResumeExpired)
    assert float(error.facts["age_s"]) > float(error.facts["ttl_s"]) == 600.0
    assert here.value("vau_resumes_total", outcome="expired") == before + 1


@pytest.mark.parametrize(
    ("changes", "differs"),
    [
        ({"interim_results": True}, "config.interim_results"),
        ({"output": pb.OutputConfig(phonemes=True)}, "config.recognition.output."),
        (
            {
                "audio": pb.AudioFormat(
                    encoding=pb.AudioFormat.ENCODING_FLOAT32,
                    sample_rate_hertz=16_000,
                    channel_count=1,
                )
            },
            "config.recognition.audio_format.encoding",
        ),
    ],
)
def test_a_token_of_another_config_is_refused_and_says_what_differs(
    here: Served, changes: dict[str, Any], differs: str
) -> None:
    before = here.value("vau_resumes_total", outcome="mismatch")
    error = refused(here.client, wanted(a_token(here), **changes))
    assert isinstance(error, ResumeMismatch)
    assert str(error.facts["differs"]).startswith(differs)
    assert here.value("vau_resumes_total", outcome="mismatch") == before + 1


def test_what_changes_no_answer_may_change(here: Served) -> None:
    config = wanted(a_token(here), interval_s=1.0)
    config.flow_control.max_lag.seconds = 1
    before = here.value("vau_resumes_total", outcome="resumed")
    assert hear(here.client, [speech(8000)], config).finished.samples == 24_000
    assert here.value("vau_resumes_total", outcome="resumed") == before + 1


def test_a_token_of_another_model_or_arithmetic_is_refused(
    here: Served, key_file: Path
) -> None:
    token = a_token(here)
    config = server_config(key_file)
    with serving((tiny_model(seed=5), muntaniala(tiny_model(seed=5))), config=config) as other:
        error = refused(other.client, wanted(token))
        assert error.facts["differs"] == "model_digest"
    logs = pb.OutputConfig(posteriors=pb.OutputConfig.POSTERIORS_FULL)
    token = a_token(here, wanted(output=logs))
    with serving((MODEL, floating()), config=config) as other:
        error = refused(other.client, wanted(token, output=logs))
        assert error.facts["differs"] == "arithmetic_id"


def test_a_token_of_another_caller_is_refused(key_file: Path, tmp_path: Path) -> None:
    guests = Guests(tmp_path)
    bob = guests.add("bob")
    config = server_config(key_file, door=DoorConfig(tokens=guests.file))
    with serving(config=config, access=guests.alice) as running:
        token = a_token(running)
        heard = hear(running.client, [speech(100)], wanted(token))
        assert heard.finished.samples == 16_100
        with Client(running.address, access=bob) as stranger:
            assert refused(stranger, wanted(token)).facts["differs"] == "owner"


class Closed:
    """A backend that keeps its states to itself."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self.info = replace(backend.info, state_export=False)

    def __getattr__(self, name: str) -> object:
        return getattr(self._backend, name)


def test_a_backend_without_states_to_export_lacks_the_capability() -> None:
    with serving((MODEL, Closed(muntaniala()))) as running:  # type: ignore[arg-type]
        for config in (wanted(), wanted(b"token", interval_s=0.0)):
            with pytest.raises(CapabilityMissing) as error:
                hear(running.client, [speech()], config)
            assert error.value.facts["capability"] == "checkpoints"
        assert hear(running.client, [speech()], streaming()).finished.frames == 99


def test_a_stream_without_a_slot_is_not_resumed_and_may_come_again(key_file: Path) -> None:
    with serving((MODEL, muntaniala(slot_count=1)), config=server_config(key_file)) as running:
        token = a_token(running)
        talk = Talk(running.client)
        with pytest.raises(Exception, match="taken"):
            hear(running.client, [speech()], wanted(token))
        talk.vanish()
        eventually(lambda: running.slots_in_use() == 0)
        assert hear(running.client, [speech(100)], wanted(token)).finished.samples == 16_100


# --- the end of a server -----------------------------------------------------------------


def test_a_stream_that_is_told_to_leave_gets_a_checkpoint_at_once_and_one_at_the_end(
    key_file: Path,
) -> None:
    async def run() -> tuple[list[pb.StreamingRecognizeResponse], Draining]:
        config = server_config(key_file)
        async with streamed(config=wanted(interval_s=10.0), server=config) as now:
            await now.say(speech(3000))
            now.server.host.gate.drain(20.0)
            told = await now.line.hear()
            await now.say(speech(500))
            now.clock.advance(20.0)
            error = await now.failure()
            assert isinstance(error, Draining)
            return [told, *now.line.heard()], error

    (told, last), error = asyncio.run(run())
    assert [notice.code for notice in told.notices] == ["GOING_AWAY"]
    assert told.checkpoint.next_sample == told.acked_sample == 3000
    assert last.checkpoint.next_sample == last.acked_sample == 3500
    assert error.facts["acked_sample"] == 3500
    with serving(config=server_config(key_file)) as other:
        config = wanted(last.checkpoint.token, interval_s=10.0)
        assert hear(other.client, [speech(500)], config).finished.samples == 4000


def test_a_stream_without_checkpoints_leaves_without_one() -> None:
    async def run() -> list[pb.StreamingRecognizeResponse]:
        async with stilled() as (server, clock), opened(server, clock) as now:
            await now.say(speech(3000))
            server.host.gate.drain(20.0)
            told = await now.line.hear()
            clock.advance(20.0)
            await now.failure()
            return [told, *now.line.heard()]

    assert not checkpoints_of(asyncio.run(run()))


def test_a_fault_says_how_far_the_stream_is_safe() -> None:
    backend = Failing(muntaniala())
    with serving((MODEL, backend)) as running:  # type: ignore[arg-type]
        talk = Talk(running.client, wanted())
        token = talk.say(speech(8000)).checkpoint.token
        backend.defect = BackendFault("gone")
        with pytest.raises(BackendFault) as error:
            talk.say(speech(8000))
        assert error.value.facts["acked_sample"] == "8000"
        backend.defect = None
        heard = hear(running.client, [speech(8000)], wanted(token))
        assert heard.finished.samples == 16_000


def test_a_stream_outlives_the_process_of_its_server(key_file: Path) -> None:
    data = speech(16_000)
    with process(resume_key_file=key_file) as first, Client(first.grpc) as client:
        talk = Talk(client, wanted())
        responses = [talk.say(data[:10_000])]
        first.process.send_signal(signal.SIGKILL)
        checkpoint = responses[0].checkpoint
    with process(resume_key_file=key_file) as second, Client(second.grpc) as client:
        rest = data[2 * checkpoint.next_sample :]
        heard = hear(client, [rest], wanted(checkpoint.token))
        uncut = hear(client, [data], wanted())
    assert heard.finished.output_digest == uncut.finished.output_digest
    assert heard.finished.input_digest == uncut.finished.input_digest
    values = np.concatenate([Heard(responses).values(), heard.values()])
    np.testing.assert_array_equal(values, uncut.values())
