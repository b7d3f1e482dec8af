"""The whole of speech.proto: every field, value and choice works, or is refused by name.

One run against a real server. What a client may send has a row that says how it is proved;
what a server may say has to be said in this run, or has a row that says why not. A name that
is new in the contract, or that is gone, makes a row too few or too many.
"""

from collections.abc import Iterator
from hashlib import sha256
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from google.protobuf.descriptor import Descriptor, EnumDescriptor
from google.protobuf.duration_pb2 import Duration
from google.protobuf.message import Message

from tests.audio import encoded, noise
from tests.serving import (
    FREE,
    Failing,
    Served,
    audio_format,
    eventually,
    floating,
    muntaniala,
    recognition,
    serving,
    streaming,
)
from tests.voice import voice
from vau.backend import Health, State
from vau.config import ServerConfig
from vau.door.config import DoorConfig
from vau.errors import VauError
from vau.model import find_model
from vau.v1 import speech_pb2 as pb

Request = pb.StreamingRecognizeRequest
Seen = set[str]
ROOTS: Final = (
    "StreamingRecognizeRequest",
    "StreamingRecognizeResponse",
    "RecognizeRequest",
    "RecognizeResponse",
    "ListBackendsRequest",
    "ListBackendsResponse",
    "GetServerInfoRequest",
    "GetServerInfoResponse",
)


def names(descriptor: Descriptor, found: Seen) -> Seen:
    """Add the names of all fields, choices and enum values below a message."""
    for field in descriptor.fields:
        name = f"{descriptor.name}.{field.name}"
        if name in found:
            continue
        found.add(name)
        if field.enum_type is not None:
            found.update(
                value_name(field.enum_type, each.number) for each in field.enum_type.values
            )
        if is_ours(field.message_type):
            names(field.message_type, found)  # type: ignore[arg-type]
    return found


def is_ours(descriptor: Descriptor | None) -> bool:
    return (
        descriptor is not None
        and descriptor.file.package == "vau.v1"
        and not descriptor.GetOptions().map_entry
    )


def value_name(enum: EnumDescriptor, number: int) -> str:
    outer = f"{enum.containing_type.name}." if enum.containing_type else ""
    return f"{outer}{enum.values_by_number[number].name}"


def walk(message: Message, found: Seen) -> Seen:
    """Add the names of what is set in a message, and of the enum values in it."""
    for field, value in message.ListFields():
        found.add(f"{message.DESCRIPTOR.name}.{field.name}")
        for each in value if field.is_repeated else [value]:
            if field.enum_type is not None and each in field.enum_type.values_by_number:
                found.add(value_name(field.enum_type, each))
            if is_ours(field.message_type):
                walk(each, found)
    return found


def asked_names() -> Seen:
    return set().union(
        *(names(root(name), set()) for name in ROOTS if name.endswith("Request"))
    )


def told_names() -> Seen:
    return set().union(
        *(names(root(name), set()) for name in ROOTS if name.endswith("Response"))
    )


def root(name: str) -> Descriptor:
    found: Descriptor = pb.DESCRIPTOR.message_types_by_name[name]
    return found


SPOKEN: Final = find_model("munt-1x192")
AUDIO: Final = np.rint(voice(1.0)).astype("<i2").tobytes()
PCM: Final = noise(8_000)


class Run:
    """What is said to one server, and what it answers."""

    def __init__(self, served: Served, failing: Failing) -> None:
        self.client = served.client
        self.failing = failing
        self.proved: Seen = set()
        self.told: Seen = set()

    def stream(
        self, config: pb.StreamingConfig, *rest: bytes | pb.Control, mark: int = 0
    ) -> list[pb.StreamingRecognizeResponse]:
        requests = [Request(config=config)]
        for each in rest:
            body = (
                Request(control=each) if isinstance(each, pb.Control) else Request(audio=each)
            )
            body.client_mark = mark
            requests.append(body)
        responses = list(self.client.exchange(requests))
        for response in responses:
            walk(response, self.told)
        self.asked = set().union(*(walk(each, set()) for each in requests))
        return responses

    def recognize(self, config: pb.RecognitionConfig, audio: bytes) -> pb.RecognizeResponse:
        response = self.client.recognize(config, audio)
        walk(response, self.told)
        self.asked = walk(pb.RecognizeRequest(config=config, audio=audio), set())
        return response

    def proves(self, *claimed: str) -> None:
        """Take note that what was just asked for, and checked, has these names in it."""
        assert set(claimed) <= self.asked
        self.proved.update(claimed)

    def refuses(
        self, config: pb.StreamingConfig, reason: str, field: str, *claimed: str
    ) -> None:
        with pytest.raises(VauError) as refused:
            list(self.client.stream(config, [AUDIO]))
        assert type(refused.value).__name__ == reason
        assert refused.value.field in ("", field)  # a capability is named in the text alone
        assert field in str(refused.value)
        self.proved.update(claimed)


def results(responses: list[pb.StreamingRecognizeResponse]) -> list[pb.Result]:
    return [result for each in responses for result in each.results]


def reasons(responses: list[pb.StreamingRecognizeResponse]) -> set[int]:
    return {each.end_reason for each in results(responses)}


def rows_of(responses: list[pb.StreamingRecognizeResponse]) -> list[pb.Posteriors]:
    return [each.posteriors for each in responses if each.HasField("posteriors")]


def requests_and_controls(run: Run) -> None:
    plain = run.stream(streaming(), AUDIO, mark=7)
    assert plain[-1].finished.samples == 16_000
    assert plain[-1].client_mark == 7
    run.proves(
        *(f"StreamingRecognizeRequest.{each}" for each in ("config", "audio", "client_mark"))
    )
    for kind in ("KIND_FLUSH", "KIND_END_UTTERANCE", "KIND_KEEP_ALIVE"):
        control = pb.Control(kind=pb.Control.Kind.Value(kind), control_id=9)  # type: ignore[arg-type]
        done = run.stream(streaming(), AUDIO, control)
        (told,) = [each for response in done for each in response.controls]
        assert (told.kind, told.control_id, told.sample) == (control.kind, 9, 16_000)
        run.proves("StreamingRecognizeRequest.control", "Control.kind", "Control.control_id")
        run.proves(f"Control.{kind}")
    with pytest.raises(VauError, match=r"control\.kind"):
        run.stream(streaming(), AUDIO, pb.Control())
    run.proved.add("Control.KIND_UNSPECIFIED")


def formats(run: Run) -> None:
    for encoding in ("LINEAR16", "FLOAT32"):
        number = pb.AudioFormat.Encoding.Value(f"ENCODING_{encoding}")
        done = run.stream(streaming(audio=audio_format(number)), bytes(6_400))  # type: ignore[arg-type]
        assert done[-1].finished.samples == 6_400 // (2 if encoding == "LINEAR16" else 4)
        run.proves(f"AudioFormat.ENCODING_{encoding}", "RecognitionConfig.audio_format")
        run.proves("StreamingConfig.recognition", "AudioFormat.encoding")
    for encoding in ("WAV", "FLAC"):
        number = pb.AudioFormat.Encoding.Value(f"ENCODING_{encoding}")
        told = run.recognize(recognition(audio=audio_format(number)), encoded(PCM, encoding))  # type: ignore[arg-type]
        assert told.finished.samples == len(PCM)
        run.proves(f"AudioFormat.ENCODING_{encoding}", "RecognizeRequest.config")
        run.proves("RecognizeRequest.audio")
    odd = run.recognize(recognition(), AUDIO + b"x")
    assert [each.code for each in odd.notices] == ["TRAILING_BYTES"]
    path = "config.recognition.audio_format"
    for config, field in (
        (streaming(audio=audio_format(pb.AudioFormat.ENCODING_UNSPECIFIED)), "encoding"),
        (streaming(audio=audio_format(rate_hz=8_000)), "sample_rate_hertz"),
        (streaming(audio=audio_format(channels=2)), "channel_count"),
    ):
        claimed = f"AudioFormat.{field}"
        run.refuses(config, "AudioUnsupported", f"{path}.{field}", claimed)
    run.proved.add("AudioFormat.ENCODING_UNSPECIFIED")


def what_to_recognise(run: Run) -> None:
    config = streaming(pb.OutputConfig(phonemes=True), backend="float", model=SPOKEN.name)
    started = run.stream(config, AUDIO)[0].started
    assert (started.backend.kind, started.model.name) == ("float", SPOKEN.name)
    run.proves("RecognitionConfig.backend", "RecognitionConfig.model")
    for name, meant in (
        ("UNSPECIFIED", pb.DECODER_VITERBI),
        ("VITERBI", pb.DECODER_VITERBI),
        ("GREEDY", pb.DECODER_GREEDY),
    ):
        config = streaming()
        config.recognition.decoder = pb.Decoder.Value(f"DECODER_{name}")  # type: ignore[assignment]
        assert run.stream(config, AUDIO)[0].started.resolved.decoder == meant
        run.proved.update({f"DECODER_{name}", "RecognitionConfig.decoder"})
    fallbacks(run)


def fallbacks(run: Run) -> None:
    """Let a backend be ill, and a stream that wants it begin on the other."""
    run.failing.present = Health(State.FAULT, "a test says so")
    eventually(lambda: state_of_float(run) == pb.BackendInfo.STATE_FAULT)
    config = streaming(pb.OutputConfig(phonemes=True), backend="float")
    config.recognition.fallback_backends.append("any")
    begun = run.stream(config, AUDIO)
    assert begun[0].started.backend.kind == "muntaniala"
    assert len(begun[0].started.resolved.fallback_backends) == 1
    assert [each.code for response in begun for each in response.notices] == ["BACKEND_CHANGED"]
    run.proves("RecognitionConfig.fallback_backends")
    run.failing.present = Health(State.READY)
    eventually(lambda: state_of_float(run) == pb.BackendInfo.STATE_READY)


def outputs(run: Run) -> None:
    full = run.stream(streaming(), AUDIO)
    classes = len(SPOKEN.phonemes)
    assert sum(each.frame_count for each in rows_of(full)) == 99
    assert {each.width for each in rows_of(full)} == {classes}
    assert any(each.HasField("timing") for each in full)
    assert any(each.energy for each in full)
    assert any(each.phones for each in results(full))
    run.proves("RecognitionConfig.output", "OutputConfig.POSTERIORS_FULL")
    run.proves(
        *(f"OutputConfig.{each}" for each in ("phonemes", "posteriors", "timing", "energy"))
    )
    bare = run.stream(streaming(pb.OutputConfig()), AUDIO)
    assert not rows_of(bare)
    assert not any(each.phones for each in results(bare))
    assert not any(each.HasField("timing") or each.energy for each in bare)
    run.proved.add("OutputConfig.POSTERIORS_UNSPECIFIED")
    for name, size in (("UNSPECIFIED", 4), ("FLOAT32", 4), ("FLOAT16", 2), ("RAW_INT32", 4)):
        encoding = pb.PosteriorEncoding.Value(f"POSTERIOR_ENCODING_{name}")
        output = pb.OutputConfig(posteriors=pb.OutputConfig.POSTERIORS_FULL, encoding=encoding)  # type: ignore[arg-type]
        rows = rows_of(run.stream(streaming(output), AUDIO))
        assert {each.encoding for each in rows} == {encoding or pb.POSTERIOR_ENCODING_FLOAT32}
        assert all(len(each.values) == size * classes * each.frame_count for each in rows)
        run.proved.update({f"POSTERIOR_ENCODING_{name}", "OutputConfig.encoding"})
    output = pb.OutputConfig(
        posteriors=pb.OutputConfig.POSTERIORS_TOP_K, top_k=2, every_n_frames=3
    )
    rows = rows_of(run.stream(streaming(output), AUDIO))
    assert {(each.width, each.frame_stride) for each in rows} == {(2, 3)}
    assert sum(each.frame_count for each in rows) == 33
    run.proves(
        "OutputConfig.POSTERIORS_TOP_K", "OutputConfig.top_k", "OutputConfig.every_n_frames"
    )


def streams(run: Run) -> None:
    interim = streaming(interim_results=True)
    assert not all(each.is_final for each in results(run.stream(interim, AUDIO, AUDIO)))
    run.proves("StreamingConfig.interim_results")
    assert all(each.is_final for each in results(run.stream(streaming(), AUDIO, AUDIO)))
    ends = streaming()
    ends.checkpoint_interval.FromMilliseconds(200)
    told = run.stream(ends, AUDIO, AUDIO)
    run.proves("StreamingConfig.checkpoint_interval")
    (token, *_) = [each.checkpoint for each in told if each.HasField("checkpoint")]
    ends.resume_token = token.token
    assert run.stream(ends, AUDIO)[0].started.next_sample == token.next_sample > 0
    run.proves("StreamingConfig.resume_token")
    config = streaming()
    config.shadow_backends.append("float")
    path = "config.shadow_backends"
    run.refuses(config, "CapabilityMissing", path, "StreamingConfig.shadow_backends")
    config = streaming()
    config.flow_control.max_lag.seconds = 3
    path = "config.flow_control"
    run.refuses(config, "ConfigInvalid", f"{path}.max_lag", "FlowControl.max_lag")
    for name in ("UNSPECIFIED", "BLOCK", "FAIL"):
        config = streaming()
        config.flow_control.overflow = pb.FlowControl.Overflow.Value(f"OVERFLOW_{name}")  # type: ignore[assignment]
        config.flow_control.max_lag.seconds = 2
        assert run.stream(config, AUDIO)[-1].finished.samples == 16_000
        run.proves("StreamingConfig.flow_control")
        run.proved.add(f"FlowControl.OVERFLOW_{name}")
    config.flow_control.overflow = 99  # type: ignore[assignment]
    run.refuses(config, "ConfigInvalid", f"{path}.overflow", "FlowControl.overflow")


def endpointing(run: Run) -> None:
    talk = (AUDIO, *[bytes(32_000)] * 2)
    for name, reason in (
        ("end_silence", pb.END_REASON_SILENCE),
        ("start_timeout", pb.END_REASON_NO_SPEECH),
        ("max_segment", pb.END_REASON_MAX_SEGMENT),
    ):
        config = streaming()
        getattr(config.endpointing, name).CopyFrom(Duration(nanos=200_000_000))
        done = run.stream(config, *talk)
        assert reason in reasons(done)
        run.proves("StreamingConfig.endpointing", f"Endpointing.{name}")
    config.endpointing.reset_state = True
    again = run.stream(config, *talk)
    assert again[-1].finished.utterances > 1 == done[-1].finished.utterances
    run.proves("Endpointing.reset_state")


def questions(run: Run) -> None:
    walk(run.client.server_info(), run.told)
    for state in (State.DEGRADED, State.INITIALIZING, State.FAULT):
        run.failing.present = Health(state, "as a test says")
        listed = ["muntaniala", "float"] if state is State.DEGRADED else ["muntaniala"]
        eventually(lambda: kinds(run.client.backends()) == listed)  # noqa: B023
        number = pb.BackendInfo.State.Value(f"STATE_{state.name}")
        eventually(lambda: state_of_float(run) == number)  # noqa: B023
    assert kinds(run.client.backends(include_unavailable=True)) == ["muntaniala", "float"]
    run.proved.add("ListBackendsRequest.include_unavailable")


def kinds(listed: pb.ListBackendsResponse) -> list[str]:
    return [each.kind for each in listed.backends]


def state_of_float(run: Run) -> int:
    listed = run.client.backends(include_unavailable=True)
    walk(listed, run.told)
    return listed.backends[1].state


NO_BOARD: Final = "no backend here is a board, or has an instrument"
UNSAID: Final = {
    "BackendInfo.STATE_DRAINING": "this server does not shut down: tests/test_wire_life.py",
    "BackendInfo.firmware": NO_BOARD,
    "BackendInfo.measures_energy": NO_BOARD,
    "Energy.BOUNDARY_BOARD": NO_BOARD,
    "Energy.BOUNDARY_CORE": "an energy of the RPU: tests/test_rpu_cost.py",
    "Energy.parts": "an energy of the RPU: tests/test_rpu_cost.py",
    "EnergyPart.joules": "an energy of the RPU: tests/test_rpu_cost.py",
    "EnergyPart.name": "an energy of the RPU: tests/test_rpu_cost.py",
    "GetServerInfoResponse.auth_required": "said below, of a server with tokens",
    "GetServerInfoResponse.draining": "this server does not shut down: tests/test_wire_life.py",
    "Limits.max_streams_per_token": "it differs from token to token, so no server says it yet",
    "ListBackendsResponse.shadows": "this server has none: tests/test_shadow_server.py",
    "ModelInfo.DECODING_CTC": "no model here is trained so",
    "ORIGIN_MEASURED": NO_BOARD,
    "SessionStarted.resume_portable": "this server has no key file: tests/test_wire_resume.py",
    "SessionStarted.shadow_backends": "this server has none: tests/test_shadow_server.py",
}
"""What a server may say and this one did not in this run, and why."""


@pytest.fixture(scope="module")
def run() -> Iterator[Run]:
    failing = Failing(floating(SPOKEN))
    config = ServerConfig(
        listen=FREE, metrics_listen=FREE, build="b", max_stream_duration_s=900
    )
    with serving((SPOKEN, muntaniala(SPOKEN)), (SPOKEN, failing), config=config) as served:  # type: ignore[arg-type]
        whole = Run(served, failing)
        for part in (
            requests_and_controls,
            formats,
            what_to_recognise,
            outputs,
            streams,
            endpointing,
            questions,
        ):
            part(whole)
        yield whole


def test_whatever_a_client_may_send_works_or_is_refused_by_name(run: Run) -> None:
    assert asked_names() - run.proved == set()
    assert run.proved - asked_names() == set()


def test_whatever_a_server_may_say_is_said_or_has_its_reason(run: Run) -> None:
    silent = {name for name in told_names() - run.told if not name.endswith("_UNSPECIFIED")}
    assert sorted(silent - UNSAID.keys()) == []  # a zero is what nobody says
    assert UNSAID.keys() - told_names() == set()
    assert UNSAID.keys() & run.told == set()


def test_a_server_with_tokens_says_so(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    file.write_text(f"alice {sha256(b'secret').hexdigest()}\n")
    config = ServerConfig(listen=FREE, metrics_listen=FREE, door=DoorConfig(tokens=file))
    with serving(config=config) as served:
        assert served.client.server_info().auth_required
    with serving() as served:
        assert not served.client.server_info().auth_required
