"""Backends that are absent when a server starts: it serves without them meanwhile."""

import logging
from collections.abc import Iterator
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests import puppet
from tests.models import write_tiny_bundle
from tests.serving import (
    MODEL,
    NOT_SERVING,
    SERVING,
    Served,
    Shadowing,
    eventually,
    health_of,
    hear,
    muntaniala,
    serving,
    speech,
    streaming,
)
from vau.awaited import Awaited
from vau.backend import BackendOptions, State
from vau.commands.serve import open_lanes, reckoned_streams
from vau.errors import BackendError, BackendFault, DeviceLost
from vau.metrics import Metrics
from vau.model import Model, load_model
from vau.shadow.process import Limits
from vau.v1 import speech_pb2 as pb

OPTIONS = BackendOptions(instance="", slot_count=4)
WHY = DeviceLost("puppet: it hangs nowhere; is it plugged in?")
AUDIO = [speech(8000)]


@pytest.fixture
def bundle(
    tmp_path: Path, tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> Path:
    """Return the folder of a model; there is a puppet, which is absent."""
    puppet.write_plug_in(tmp_path)
    monkeypatch.setenv(puppet.FOLDER, str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)
    puppet.pull("absent")
    folder = tmp_path_factory.mktemp("bundle")
    write_tiny_bundle(folder)
    return folder


@pytest.fixture
def model(bundle: Path) -> Model:
    return load_model(bundle)


@pytest.fixture
def served(model: Model) -> Iterator[Served]:
    """A server with a backend that is there, and one that is not."""
    absent = Awaited("puppet", model, OPTIONS, WHY, look_s=0.01)
    with serving((model, muntaniala(model)), (model, absent)) as server:
        yield server


def listed(served: Served) -> pb.BackendInfo:
    _, absent = served.client.backends(include_unavailable=True).backends
    return absent


def test_the_others_serve_and_the_absent_one_says_why_it_does_not(served: Served) -> None:
    assert hear(served.client, AUDIO, streaming()).finished.frames
    assert health_of(served.address, "vau.backend.puppet") == NOT_SERVING
    assert health_of(served.address, "vau.backend.muntaniala:1x1") == SERVING
    assert health_of(served.address, "") == SERVING
    assert health_of(served.address, "vau.v1.SpeechRecognition") == SERVING
    assert listed(served).state == pb.BackendInfo.STATE_INITIALIZING
    assert "is it plugged in?" in listed(served).state_text
    assert served.value("vau_backend_state", backend="puppet", state="initializing") == 1


def test_a_server_whose_default_is_absent_is_not_serving_until_it_is_there(
    model: Model,
) -> None:
    absent = Awaited("puppet", model, OPTIONS, WHY, look_s=0.01)
    with serving((model, absent), (model, muntaniala(model))) as served:
        assert health_of(served.address, "vau.backend.muntaniala:1x1") == SERVING
        assert health_of(served.address, "") == NOT_SERVING
        assert health_of(served.address, "vau.v1.SpeechRecognition") == NOT_SERVING
        puppet.let_go("absent")
        eventually(lambda: health_of(served.address, "") == SERVING)


def test_once_it_was_there_its_fault_is_the_servers(served: Served) -> None:
    puppet.let_go("absent")
    eventually(lambda: health_of(served.address, "vau.backend.puppet") == SERVING)
    assert health_of(served.address, "") == SERVING
    puppet.pull("loose")
    eventually(lambda: health_of(served.address, "") == NOT_SERVING)


def test_who_asks_for_it_hears_that_it_is_not_ready_whatever_else_is_wanted(
    served: Served,
) -> None:
    config = streaming(backend="puppet")  # of which nobody knows if it has logits
    config.checkpoint_interval.FromMilliseconds(200)
    with pytest.raises(BackendError, match="not ready: puppet: it hangs nowhere") as refused:
        hear(served.client, AUDIO, config)
    assert not isinstance(refused.value, BackendFault)
    config.recognition.fallback_backends.append("muntaniala:1x1")
    heard = hear(served.client, AUDIO, config)
    assert heard.responses[0].started.backend.id == "muntaniala:1x1"


def test_it_serves_under_the_name_it_was_asked_by_once_it_is_there(served: Served) -> None:
    puppet.let_go("absent")
    eventually(lambda: health_of(served.address, "vau.backend.puppet") == SERVING)
    heard = hear(served.client, AUDIO, streaming(backend="puppet"))
    undisturbed = hear(served.client, AUDIO, streaming())
    assert heard.finished.output_digest == undisturbed.finished.output_digest
    assert heard.responses[0].started.backend.id == "puppet"
    other = undisturbed.responses[0].started.backend
    assert listed(served).arithmetic_id == other.arithmetic_id


def test_one_that_is_back_and_wrong_does_not_serve_and_the_log_says_why_once(
    served: Served, caplog: pytest.LogCaptureFixture
) -> None:
    puppet.pull("fault")
    puppet.let_go("absent")
    eventually(lambda: "string E broke" in listed(served).state_text)
    puppet.let_go("fault")
    eventually(lambda: health_of(served.address, "vau.backend.puppet") == SERVING)
    (line,) = [each for each in caplog.records if each.getMessage() == "backend not ready"]
    assert "string E broke" in vars(line)["vau_facts"]["text"]


def test_the_name_it_was_asked_by_stays_its_id(model: Model) -> None:
    waiting = Awaited("muntaniala", model, OPTIONS, WHY, look_s=0.01)
    assert waiting.info.id == "muntaniala"
    eventually(lambda: waiting.health().state is State.READY)
    assert waiting.info.id == "muntaniala"
    assert waiting.info.bit_exact
    waiting.close()


def test_whoever_sees_what_it_is_finds_it_there(model: Model) -> None:
    states: list[State] = []

    class Watched(Awaited):
        """One that is looked at whenever something about it changes."""

        def __setattr__(self, name: str, value: object) -> None:
            super().__setattr__(name, value)
            if "_info" in vars(self) and self.info.bit_exact:
                states.append(self.health().state)

    waiting = Watched("muntaniala", model, OPTIONS, WHY, look_s=0.01)
    eventually(lambda: bool(states))
    waiting.close()
    assert set(states) == {State.READY}


def test_one_that_comes_when_nobody_waits_any_more_is_closed(
    model: Model, monkeypatch: pytest.MonkeyPatch
) -> None:
    closed: list[str] = []
    waiting = Awaited("puppet", model, OPTIONS, WHY, look_s=3600.0)
    waiting.close()
    backend = muntaniala(model)
    monkeypatch.setattr(backend, "close", lambda: closed.append("closed"))
    waiting._hand_over(backend)  # noqa: SLF001 - as its thread does that was late
    assert closed == ["closed"]
    assert waiting.health().state is State.INITIALIZING


def test_one_that_is_absent_is_awaited_and_all_are_refused(bundle: Path) -> None:
    metrics = Metrics(CollectorRegistry())
    lanes = open_lanes([str(bundle)], ["muntaniala", "puppet"], metrics, slots=3)
    assert [lane.backend.info.id for lane in lanes] == ["muntaniala:1x1", "puppet"]
    assert lanes[1].backend.info.slot_count == 3
    assert isinstance(lanes[1].backend, Awaited)
    for lane in lanes:
        lane.backend.close()
    with pytest.raises(DeviceLost, match="is it plugged in"):
        open_lanes([str(bundle)], ["puppet"], metrics, slots=3)


def test_streams_are_reckoned_without_one_that_is_absent(bundle: Path) -> None:
    assert reckoned_streams([str(bundle)], ["puppet", "muntaniala"]) > 0
    with pytest.raises(DeviceLost, match="is it plugged in"):
        reckoned_streams([str(bundle)], ["puppet"])


def test_a_shadow_that_is_absent_stops_no_server_and_hears_once_it_is_there(
    bundle: Path, model: Model, caplog: pytest.LogCaptureFixture
) -> None:
    shadows = Shadowing(["puppet"], [str(bundle)], Limits(first_pause_s=0.01))
    labels = {"shadow": "puppet", "model": MODEL.name}
    with (
        caplog.at_level(logging.INFO),
        serving((model, muntaniala(model)), shadows=shadows) as server,
    ):
        (shadow,) = server.client.backends(include_unavailable=True).shadows
        assert shadow.state == pb.BackendInfo.STATE_FAULT
        assert "is it plugged in?" in shadow.state_text
        assert health_of(server.address, "") == SERVING
        assert hear(server.client, AUDIO, streaming()).finished.frames
        puppet.let_go("absent")
        eventually(lambda: server.value("vau_shadow_up", **labels) == 1)
        frames = hear(server.client, AUDIO, streaming()).finished.frames
        heard = {"backend": "muntaniala:1x1", "shadow": "puppet"}
        eventually(lambda: server.value("vau_shadow_frames_total", **heard) == frames)
        assert server.registry.get_sample_value("vau_backend_mismatches_total", heard) == 0
        (shadow,) = server.client.backends().shadows
        assert shadow.bit_exact
    down, *_ = [each for each in caplog.records if each.getMessage() == "shadow down"]
    assert "is it plugged in?" in vars(down)["vau_facts"]["text"]
