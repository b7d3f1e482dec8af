"""Shadows of real servers: what they see, and that nobody notices them."""

import errno
import json
import logging
import os
import shutil
import signal
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import pytest

from tests import puppet
from tests.commands import VAU, children, environment, is_running, vau
from tests.models import write_tiny_bundle
from tests.serving import (
    END_UTTERANCE,
    FREE,
    MODEL,
    Served,
    Shadowing,
    Talk,
    cut,
    hear,
    muntaniala,
    recognition,
    serving,
    speech,
    streaming,
)
from tests.serving import eventually as wait_until
from vau.audio import frame_count
from vau.client import Client
from vau.config import ServerConfig
from vau.errors import BackendFault, BackendNotFound, CapabilityMissing, ConfigInvalid
from vau.model import Model, load_model
from vau.shadow import process as process_module
from vau.shadow.priority import come_forward
from vau.shadow.process import Limits
from vau.v1 import speech_pb2 as pb

PRIMARY = "muntaniala:1x1"
TWIN = "muntaniala:2x1"  # other dies, the same sums: equal bits
SECOND = speech(16_000)
FRAMES = frame_count(16_000)
IDLE_S = 300.0  # for what a shadow is to do, while the tests of others take all the processor
eventually = partial(wait_until, patience_s=IDLE_S)
STEPS = FRAMES + MODEL.output_delay
SMALL = Limits(backlog_steps=STEPS, first_pause_s=0.01)


@dataclass(frozen=True)
class Bundle:
    """A small model, and where it lies."""

    folder: str
    model: Model

    def shadows(self, *backends: str, limits: Limits | None = None) -> Shadowing:
        return Shadowing(backends, [self.folder], limits)


@pytest.fixture(scope="module")
def bundle(tmp_path_factory: pytest.TempPathFactory) -> Bundle:
    folder = tmp_path_factory.mktemp("bundle")
    write_tiny_bundle(folder)
    return Bundle(str(folder), load_model(folder))


@pytest.fixture
def strings(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    puppet.write_plug_in(tmp_path)
    monkeypatch.setenv(puppet.FOLDER, str(tmp_path))
    monkeypatch.syspath_prepend(tmp_path)


@pytest.fixture(scope="module")
def served(bundle: Bundle) -> Iterator[Served]:
    """A server with two shadows that has answered a stream of two utterances."""
    with serving(
        (bundle.model, muntaniala(bundle.model)), shadows=bundle.shadows(TWIN, "float")
    ) as server:
        hear(server.client, [SECOND, END_UTTERANCE, *cut(SECOND, 700, 9001)], streaming())
        eventually(lambda: count(server, "frames", TWIN) == 2 * FRAMES)
        eventually(lambda: count(server, "frames", "float") == 2 * FRAMES)
        yield server


def count(served: Served, name: str, shadow: str, **labels: str) -> float:
    return served.value(f"vau_shadow_{name}_total", backend=PRIMARY, shadow=shadow, **labels)


def settle(served: Served) -> None:
    """Wait until the shadows have caught up with all that was said before."""
    for shadow in (TWIN, "float"):
        labels = {"shadow": shadow, "model": "tiny"}
        value = partial(served.value, "vau_shadow_backlog_frames", **labels)
        eventually(lambda: value() == 0)  # noqa: B023 - called before the loop goes on


def naming(*shadows: str) -> pb.StreamingConfig:
    config = streaming()
    config.shadow_backends.extend(shadows)
    return config


def test_a_twin_of_equal_arithmetic_has_no_mismatch(served: Served) -> None:
    names = {"backend": PRIMARY, "shadow": TWIN}
    found = served.registry.get_sample_value("vau_backend_mismatches_total", names)
    assert found == 0
    assert count(served, "disagreements", TWIN) == 0
    assert served.value("vau_shadow_divergence_sum", **names) == 0.0
    assert served.value("vau_shadow_divergence_bucket", le="0.001", **names) == 2 * FRAMES


def test_a_shadow_hears_nothing_of_an_utterance_that_began_before_the_stream_was_resumed(
    bundle: Bundle,
) -> None:
    config = streaming()
    config.checkpoint_interval.FromMilliseconds(200)
    with serving(
        (bundle.model, muntaniala(bundle.model)), shadows=bundle.shadows(TWIN)
    ) as server:
        talk = Talk(server.client, config)
        said = talk.say(SECOND)
        talk.vanish()
        config.resume_token = said.checkpoint.token
        hear(server.client, [SECOND, END_UTTERANCE, SECOND], config)
        heard = said.posteriors.frame_count + FRAMES
        eventually(lambda: count(server, "frames", TWIN) == heard)
        names = {"backend": PRIMARY, "shadow": TWIN}
        assert server.registry.get_sample_value("vau_backend_mismatches_total", names) == 0


def test_unlike_arithmetics_diverge_and_are_never_called_mismatched(served: Served) -> None:
    names = {"backend": PRIMARY, "shadow": "float"}
    found = served.registry.get_sample_value("vau_backend_mismatches_total", names)
    assert found is None
    assert served.value("vau_shadow_divergence_sum", **names) > 0.0
    assert served.value("vau_shadow_divergence_count", **names) == 2 * FRAMES


def test_what_a_shadow_spends_stands_beside_what_its_primary_spends(served: Served) -> None:
    labels = {"origin": "estimated", "boundary": "system"}
    twin = served.value(
        "vau_shadow_energy_joules_total", backend=PRIMARY, shadow=TWIN, **labels
    )
    (family,) = [f for f in served.registry.collect() if f.name == "vau_energy_joules"]
    primary = sum(
        sample.value for sample in family.samples if labels.items() <= sample.labels.items()
    )
    assert twin > primary > 0.0
    assert count(served, "device_cycles", TWIN, origin="estimated") > 0


def test_a_stream_is_told_its_shadows_and_the_server_lists_them(served: Served) -> None:
    talk = Talk(served.client)
    assert list(talk.started.shadow_backends) == [TWIN, "float"]
    talk.say(SECOND)
    talk.half_close()
    listed = served.client.backends()
    assert [each.id for each in listed.backends] == [PRIMARY]
    assert [each.id for each in listed.shadows] == [TWIN, "float"]
    assert {each.state for each in listed.shadows} == {pb.BackendInfo.STATE_READY}
    assert [list(each.models) for each in listed.shadows] == [["tiny"], ["tiny"]]


def test_a_client_that_names_a_shadow_gets_that_one_alone(served: Served) -> None:
    config = naming("float")
    settle(served)
    before = count(served, "frames", TWIN), count(served, "frames", "float")
    heard = hear(served.client, [SECOND], config)
    assert list(heard.responses[0].started.shadow_backends) == ["float"]
    eventually(lambda: count(served, "frames", "float") == before[1] + FRAMES)
    hear(served.client, [SECOND], naming(TWIN))  # behind whatever it may have been told before
    settle(served)
    assert count(served, "frames", TWIN) == before[0] + FRAMES


def test_a_shadow_that_is_none_is_refused_by_name_with_those_there_are(
    served: Served,
) -> None:
    config = streaming()
    config.shadow_backends.extend(["float", "rpu:nowhere"])
    with pytest.raises(BackendNotFound, match="'rpu:nowhere'") as refused:
        hear(served.client, [SECOND], config)
    assert refused.value.facts["name"] == "rpu:nowhere"
    assert refused.value.facts["available"] == f"{TWIN}, float"


def test_a_kind_of_which_there_is_one_shadow_or_backend_names_it(served: Served) -> None:
    config = naming("muntaniala")
    config.recognition.backend = "muntaniala"
    started = hear(served.client, [SECOND], config).responses[0].started
    assert list(started.shadow_backends) == [TWIN]
    assert started.resolved.backend == PRIMARY


def test_a_kind_of_which_there_are_two_is_refused_with_those_there_are(bundle: Bundle) -> None:
    with (
        serving(
            (bundle.model, muntaniala(bundle.model)), shadows=bundle.shadows(TWIN, PRIMARY)
        ) as server,
        pytest.raises(BackendNotFound, match="'muntaniala' is ambiguous") as refused,
    ):
        hear(server.client, [SECOND], naming("muntaniala"))
    assert refused.value.facts["available"] == f"{TWIN}, {PRIMARY}"


def test_a_server_without_shadows_says_that_it_has_none() -> None:
    config = streaming()
    config.shadow_backends.append("float")
    with serving() as plain, pytest.raises(CapabilityMissing, match="shadow"):
        hear(plain.client, [SECOND], config)


def test_a_recording_in_one_call_is_shadowed_too(served: Served) -> None:
    settle(served)
    before = count(served, "frames", TWIN)
    response = served.client.recognize(recognition(), SECOND)
    assert list(response.started.shadow_backends) == [TWIN, "float"]
    eventually(lambda: count(served, "frames", TWIN) == before + FRAMES)


def test_a_share_of_a_quarter_is_every_fourth_stream(bundle: Bundle) -> None:
    config = ServerConfig(listen=FREE, metrics_listen=FREE, shadow_share=0.25)
    with serving(
        (bundle.model, muntaniala(bundle.model)), config=config, shadows=bundle.shadows("float")
    ) as server:
        heard = [hear(server.client, [SECOND], streaming()) for _ in range(8)]
    told = [list(each.responses[0].started.shadow_backends) for each in heard]
    assert told == [[], [], [], ["float"]] * 2


def test_with_a_share_of_nothing_only_who_asks_is_shadowed(bundle: Bundle) -> None:
    config = ServerConfig(listen=FREE, metrics_listen=FREE, shadow_share=0.0)
    wanted = streaming()
    wanted.shadow_backends.append("float")
    with serving(
        (bundle.model, muntaniala(bundle.model)), config=config, shadows=bundle.shadows("float")
    ) as server:
        unasked = hear(server.client, [SECOND], streaming())
        asked = hear(server.client, [SECOND], wanted)
    assert list(unasked.responses[0].started.shadow_backends) == []
    assert list(asked.responses[0].started.shadow_backends) == ["float"]


def test_a_server_of_one_stream_compares_utterances_that_follow_at_once(
    bundle: Bundle,
) -> None:
    config = ServerConfig(listen=FREE, metrics_listen=FREE, max_streams=1)
    with serving(
        (bundle.model, muntaniala(bundle.model)), config=config, shadows=bundle.shadows(TWIN)
    ) as server:
        hear(server.client, [SECOND, END_UTTERANCE] * 6, streaming())
        eventually(lambda: count(server, "frames", TWIN) == 6 * FRAMES)
        assert count(server, "shed_frames", TWIN) == 0


def test_two_models_on_one_shadow_count_together_and_are_up_each_for_itself(
    bundle: Bundle, tmp_path: Path
) -> None:
    write_tiny_bundle(tmp_path, name="other", hidden=4)
    models = bundle.model, load_model(tmp_path)
    pair = {"backend": PRIMARY, "shadow": TWIN}
    with serving(
        *((model, muntaniala(model)) for model in models),
        shadows=Shadowing([TWIN], [bundle.folder, str(tmp_path)]),
    ) as server:
        for model in models:
            hear(server.client, [SECOND], streaming(model=model.name))
        eventually(lambda: count(server, "frames", TWIN) == 2 * FRAMES)
        assert server.value("vau_shadow_divergence_count", **pair) == 2 * FRAMES
        names = {model.name for model in models}
        assert all(server.value("vau_shadow_up", shadow=TWIN, model=name) for name in names)


# --- a shadow in trouble -----------------------------------------------------------------


def test_one_that_falls_behind_misses_the_rest_of_an_utterance_and_nothing_else(
    bundle: Bundle, strings: None
) -> None:
    with serving(
        (bundle.model, muntaniala(bundle.model)),
        shadows=bundle.shadows("puppet", limits=SMALL),
    ) as server:
        puppet.pull("hold")
        heard = hear(server.client, cut(SECOND * 3, 32_000, 64_000), streaming())
        assert heard.finished.frames > SMALL.backlog_steps  # all answered while it is held
        eventually(lambda: count(server, "shed_utterances", "puppet") == 1)
        puppet.let_go("hold")
        eventually(
            lambda: (
                count(server, "frames", "puppet") + count(server, "shed_frames", "puppet")
                == heard.finished.frames
            )
        )
        assert count(server, "frames", "puppet") > 0
        kept = count(server, "frames", "puppet")
        hear(server.client, [SECOND], streaming())
        eventually(lambda: count(server, "frames", "puppet") == kept + FRAMES)
        mismatches = served_mismatches(server)
    assert mismatches == 0  # what it did compute had whole states


def served_mismatches(served: Served) -> float | None:
    return served.registry.get_sample_value(
        "vau_backend_mismatches_total", {"backend": PRIMARY, "shadow": "puppet"}
    )


def test_a_bit_that_differs_is_counted(bundle: Bundle, strings: None) -> None:
    with serving(
        (bundle.model, muntaniala(bundle.model)), shadows=bundle.shadows("puppet")
    ) as server:
        puppet.pull("twist")
        hear(server.client, [SECOND], streaming())
        eventually(lambda: served_mismatches(server) == FRAMES)


@pytest.mark.parametrize(
    ("string", "words"),
    [
        ("break", "RuntimeError: a string broke"),
        ("fault", "string E broke 2 times"),
        ("die", "exit status 3"),
    ],
)
def test_one_that_fails_is_told_to_the_log_and_started_again(
    bundle: Bundle,
    strings: None,
    caplog: pytest.LogCaptureFixture,
    string: str,
    words: str,
) -> None:
    names = {"shadow": "puppet", "model": "tiny"}
    slow = Limits(first_pause_s=0.2)
    with (
        caplog.at_level(logging.INFO),
        serving(
            (bundle.model, muntaniala(bundle.model)),
            shadows=bundle.shadows("puppet", limits=slow),
        ) as server,
    ):
        talk = Talk(server.client)
        puppet.pull(string)
        talk.say(SECOND)
        eventually(lambda: server.value("vau_shadow_losses_total", **names) == 1)
        puppet.let_go(string)
        talk.say(SECOND)
        assert talk.half_close()[-1].finished.frames == frame_count(32_000)
        eventually(lambda: server.value("vau_shadow_up", **names) == 1)
        pids = shadows_of_this_process()
        hear(server.client, [SECOND], streaming())
        eventually(lambda: count(server, "frames", "puppet") == FRAMES)
        assert count(server, "shed_frames", "puppet") == frame_count(32_000)
        assert served_mismatches(server) == 0
    first, *_ = [each for each in caplog.records if each.getMessage() == "shadow down"]
    assert words in vars(first)["vau_facts"]["text"]
    (again,) = [each for each in caplog.records if each.getMessage() == "shadow up again"]
    assert vars(again)["vau_facts"]["pid"] in pids


def test_one_that_is_down_is_listed_as_at_fault_with_the_reason(
    bundle: Bundle, strings: None
) -> None:
    never = Limits(first_pause_s=3600.0)
    with serving(
        (bundle.model, muntaniala(bundle.model)),
        shadows=bundle.shadows("puppet", limits=never),
    ) as server:
        puppet.pull("break")
        hear(server.client, [SECOND], streaming())
        eventually(lambda: not server.client.backends().shadows)
        (shadow,) = server.client.backends(include_unavailable=True).shadows
        assert shadow.state == pb.BackendInfo.STATE_FAULT
        assert "a string broke" in shadow.state_text
        assert server.value("vau_shadow_up", shadow="puppet", model="tiny") == 0
        heard = hear(server.client, [SECOND], streaming())
        assert heard.finished.frames == FRAMES
        eventually(lambda: count(server, "shed_frames", "puppet") == 2 * FRAMES)


def test_the_traceback_of_a_defect_is_in_the_log(
    bundle: Bundle, strings: None, capfd: pytest.CaptureFixture[str]
) -> None:
    names = {"shadow": "puppet", "model": "tiny"}
    with serving(
        (bundle.model, muntaniala(bundle.model)), shadows=bundle.shadows("puppet")
    ) as server:
        puppet.pull("break")
        hear(server.client, [SECOND], streaming())
        eventually(lambda: server.value("vau_shadow_losses_total", **names) == 1)
    logged = [json.loads(line) for line in capfd.readouterr().err.splitlines() if "{" in line]
    (defect,) = [line for line in logged if line["event"] == "shadow failed"]
    assert defect["shadow"] == "puppet"
    assert "tests/puppet.py" in defect["traceback"]


def test_an_utterance_that_dies_with_the_process_is_counted(
    bundle: Bundle, strings: None
) -> None:
    with serving(
        (bundle.model, muntaniala(bundle.model)), shadows=bundle.shadows("puppet", limits=SMALL)
    ) as server:
        puppet.pull("hold")
        hear(server.client, [SECOND], streaming())
        eventually(lambda: puppet.is_pulled("held"))
        puppet.pull("die")
        puppet.let_go("hold")
        eventually(lambda: count(server, "shed_frames", "puppet") == FRAMES)
        assert count(server, "shed_utterances", "puppet") == 1


def test_one_that_is_stuck_is_killed_and_another_started(
    bundle: Bundle, strings: None, caplog: pytest.LogCaptureFixture
) -> None:
    impatient = Limits(silence_s=0.5, first_pause_s=0.01, longest_pause_s=0.01)
    with serving(
        (bundle.model, muntaniala(bundle.model)),
        shadows=bundle.shadows("puppet", limits=impatient),
    ) as server:
        puppet.pull("hold")
        hear(server.client, [SECOND], streaming())
        names = {"shadow": "puppet", "model": "tiny"}
        eventually(lambda: server.value("vau_shadow_losses_total", **names) >= 1)
        puppet.let_go("hold")
        eventually(lambda: heard_by_puppet(server) > 0)
    first, *_ = [each for each in caplog.records if each.getMessage() == "shadow down"]
    assert "has not reported for 0.5 s" in vars(first)["vau_facts"]["text"]


def heard_by_puppet(server: Served) -> float:
    hear(server.client, [SECOND], streaming())
    return count(server, "frames", "puppet")


def test_one_that_hangs_while_it_opens_again_is_tried_again(
    bundle: Bundle, strings: None
) -> None:
    impatient = Limits(opening_s=0.001, first_pause_s=0.01, longest_pause_s=0.01)
    names = {"shadow": "puppet", "model": "tiny"}
    with serving(
        (bundle.model, muntaniala(bundle.model)),
        shadows=bundle.shadows("puppet", limits=impatient),
    ) as server:
        puppet.pull("break")
        hear(server.client, [SECOND], streaming())
        eventually(lambda: server.value("vau_shadow_losses_total", **names) >= 3)
        (shadow,) = server.client.backends(include_unavailable=True).shadows
    assert "has not opened its backend for 0.001 s" in shadow.state_text


def test_why_it_is_down_is_told_of_the_latest_attempt(
    bundle: Bundle, strings: None, tmp_path: Path
) -> None:
    folder = tmp_path / "bundle"
    shutil.copytree(bundle.folder, folder)
    shadows = Shadowing(["puppet"], [str(folder)], SMALL)
    with serving((bundle.model, muntaniala(bundle.model)), shadows=shadows) as server:
        shutil.rmtree(folder)
        puppet.pull("break")
        hear(server.client, [SECOND], streaming())

        def reasons() -> list[str]:
            listed = server.client.backends(include_unavailable=True)
            return [shadow.state_text for shadow in listed.shadows]

        eventually(lambda: str(folder) in reasons()[0])


def test_a_system_that_has_no_process_to_give_is_told_and_asked_again(
    bundle: Bundle, strings: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    names = {"shadow": "puppet", "model": "tiny"}
    with serving(
        (bundle.model, muntaniala(bundle.model)), shadows=bundle.shadows("puppet", limits=SMALL)
    ) as server:
        with monkeypatch.context() as exhausted:
            exhausted.setattr(process_module, "spawn", no_process)
            puppet.pull("break")
            hear(server.client, [SECOND], streaming())
            eventually(lambda: server.value("vau_shadow_losses_total", **names) >= 2)
            puppet.let_go("break")
        eventually(lambda: server.value("vau_shadow_up", **names) == 1)


def no_process(*_: object) -> None:
    raise BlockingIOError(errno.EAGAIN, "no process to be had")


def test_a_system_that_has_no_process_to_give_stops_the_server_from_starting(
    bundle: Bundle, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(process_module, "spawn", no_process)
    with (
        pytest.raises(BackendFault, match="no process to be had"),
        serving((bundle.model, muntaniala(bundle.model)), shadows=bundle.shadows("float")),
    ):
        pass


@pytest.mark.parametrize(
    ("number", "words"),
    [
        (signal.SIGKILL, "been killed by SIGKILL; is there enough memory?"),
        (signal.SIGSEGV, "been ended by SIGSEGV"),
    ],
)
def test_the_signal_that_ended_one_is_named_and_so_is_the_shadow_by_its_id(
    bundle: Bundle,
    caplog: pytest.LogCaptureFixture,
    number: signal.Signals,
    words: str,
) -> None:
    names = {"shadow": PRIMARY, "model": "tiny"}
    never = Limits(first_pause_s=3600.0)
    before = shadows_of_this_process()
    with serving(
        (bundle.model, muntaniala(bundle.model)),
        shadows=bundle.shadows("muntaniala", limits=never),
    ) as server:
        (shadow,) = set(shadows_of_this_process()) - set(before)
        os.kill(shadow, number)
        eventually(lambda: server.value("vau_shadow_losses_total", **names) == 1)
    (record,) = [each for each in caplog.records if each.getMessage() == "shadow down"]
    text = vars(record)["vau_facts"]["text"]
    assert text.startswith(f"backend {PRIMARY}: ")
    assert words in text


def test_what_waits_for_a_shadow_when_the_server_ends_is_counted_as_shed(
    bundle: Bundle, strings: None
) -> None:
    with serving(
        (bundle.model, muntaniala(bundle.model)), shadows=bundle.shadows("puppet")
    ) as server:
        hear(server.client, [SECOND], streaming())
        eventually(lambda: count(server, "frames", "puppet") == FRAMES)
        puppet.pull("hold")
        hear(server.client, [SECOND], streaming())
        eventually(lambda: puppet.is_pulled("held"))
    assert count(server, "frames", "puppet") == FRAMES
    assert count(server, "shed_frames", "puppet") == FRAMES
    assert count(server, "shed_utterances", "puppet") == 1


# --- a server that cannot have what it asks for --------------------------------------------


def test_a_shadow_that_cannot_be_opened_stops_the_server_from_starting(
    bundle: Bundle,
) -> None:
    before = shadows_of_this_process()
    with (
        pytest.raises(BackendNotFound, match="'nosuch'"),
        serving(
            (bundle.model, muntaniala(bundle.model)), shadows=bundle.shadows("float", "nosuch")
        ),
    ):
        pass
    assert shadows_of_this_process() == before


def shadows_of_this_process() -> list[int]:
    return [pid for pid in children(os.getpid()) if is_shadow(pid)]


def test_a_shadow_that_is_asked_for_twice_is_refused(bundle: Bundle) -> None:
    with (
        pytest.raises(ConfigInvalid, match="asked for twice"),
        serving(
            (bundle.model, muntaniala(bundle.model)),
            shadows=bundle.shadows(PRIMARY, "muntaniala"),
        ),
    ):
        pass


def test_a_shadow_may_be_the_same_as_its_primary(bundle: Bundle) -> None:
    with serving(
        (bundle.model, muntaniala(bundle.model)), shadows=bundle.shadows(PRIMARY)
    ) as server:
        hear(server.client, [SECOND], streaming())
        eventually(lambda: count(server, "frames", PRIMARY) == FRAMES)


# --- processes -----------------------------------------------------------------------------


@dataclass(frozen=True)
class Process:
    """``vau serve`` with a shadow, and the process of that, in a group of their own."""

    server: "subprocess.Popen[str]"
    address: str
    shadow: int


@pytest.fixture
def process(bundle: Bundle, strings: None) -> Iterator[Process]:
    folder = os.environ[puppet.FOLDER]
    paths = os.pathsep.join((environment()["PYTHONPATH"], folder))
    command = ["serve", "--model", bundle.folder, "--shadow", "puppet"]
    with subprocess.Popen(
        [*VAU, *command, "--listen", FREE, "--metrics-listen", FREE],
        env=environment(PYTHONPATH=paths, **{puppet.FOLDER: folder}),
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
    ) as server:
        try:
            assert server.stderr is not None
            line = json.loads(server.stderr.readline())
            (shadow,) = [pid for pid in children(server.pid) if is_shadow(pid)]
            assert line["shadow_pids"] == f"puppet/tiny={shadow}"
            yield Process(server, line["grpc"], shadow)
        finally:
            server.kill()


def is_shadow(pid: int) -> bool:
    return b"spawn_main" in Path(f"/proc/{pid}/cmdline").read_bytes()


def test_a_shadow_runs_only_when_nobody_else_wants_to(process: Process) -> None:
    threads = [int(each.name) for each in Path(f"/proc/{process.shadow}/task").iterdir()]
    assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_IDLE}
    assert os.sched_getscheduler(process.server.pid) == os.SCHED_OTHER


def test_a_shadow_leaves_half_of_the_cores_to_others(process: Process) -> None:
    cores = sorted(os.sched_getaffinity(process.server.pid))
    assert os.sched_getaffinity(process.shadow) == set(cores[len(cores) // 2 :])


def test_a_process_that_is_to_end_runs_like_any_other(process: Process) -> None:
    come_forward(process.shadow)
    threads = [int(each.name) for each in Path(f"/proc/{process.shadow}/task").iterdir()]
    assert threads
    for thread in threads:
        assert os.sched_getaffinity(thread) == os.sched_getaffinity(0)
    if os.geteuid() == 0:  # others may lower themselves, and not always rise again
        assert {os.sched_getscheduler(thread) for thread in threads} == {os.SCHED_OTHER}
        ours = os.getpriority(os.PRIO_PROCESS, 0)
        assert {os.getpriority(os.PRIO_PROCESS, thread) for thread in threads} == {ours}


def test_nobody_comes_forward_for_a_process_that_is_no_more() -> None:
    with subprocess.Popen([sys.executable, "-c", ""]) as child:
        child.wait()
    come_forward(child.pid)


@pytest.mark.parametrize("held", [False, True], ids=["idle", "in the middle of a run"])
def test_no_shadow_survives_a_server_that_is_killed(process: Process, held: bool) -> None:
    if held:
        puppet.pull("hold")
        with Client(process.address) as client:
            hear(client, [SECOND], streaming())
        eventually(lambda: puppet.is_pulled("held"))
    process.server.kill()
    eventually(lambda: not is_running(process.shadow))


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGINT])
def test_a_signal_to_all_of_a_service_ends_server_and_shadow_without_a_word(
    process: Process, number: signal.Signals
) -> None:
    with Client(process.address) as client:
        os.kill(process.shadow, number)
        hear(client, [SECOND], streaming())  # while the shadow might have died of it
    os.kill(process.server.pid, number)
    _, log = process.server.communicate(timeout=IDLE_S)
    assert process.server.returncode == 0
    assert [json.loads(line)["event"] for line in log.splitlines()][-2:] == [
        "draining",
        "stopped",
    ]
    assert "WARNING" not in log
    assert not is_running(process.shadow)


def test_a_shadow_that_is_stuck_does_not_keep_a_server_from_ending(process: Process) -> None:
    puppet.pull("hold")
    with Client(process.address) as client:
        hear(client, [SECOND], streaming())
    eventually(lambda: puppet.is_pulled("held"))
    process.server.terminate()
    assert process.server.wait(IDLE_S) == 0
    assert not is_running(process.shadow)


FORGETFUL = """
import sys
from pathlib import Path
from prometheus_client import CollectorRegistry
from vau.model import load_model
from vau.shadow.messages import Order
from vau.shadow.meters import ShadowMetrics
from vau.shadow.process import Limits, Shadow

order = Order(
    backend="float",
    model=sys.argv[1],
    model_digest=load_model(Path(sys.argv[1])).digest,
    slots=1,
    primaries=(),
    is_first=True,
)
shadow = Shadow(order, "tiny", ShadowMetrics(CollectorRegistry()), Limits())
shadow.start()
print(shadow.opened.result().id)
"""


def test_whoever_forgets_to_close_a_shadow_does_not_wait_for_it_for_ever(
    bundle: Bundle,
) -> None:
    command = [sys.executable, "-c", FORGETFUL, bundle.folder]
    done = subprocess.run(
        command, env=environment(), capture_output=True, text=True, timeout=IDLE_S, check=False
    )
    assert (done.stdout, done.returncode) == ("float\n", 0)


@pytest.mark.parametrize(
    ("asked", "expected"),
    [
        ("nosuch", "--shadow: no kind 'nosuch' is installed; there are: "),
        ("float:big", "--shadow float:big: there is one float backend"),
    ],
)
def test_a_shadow_that_cannot_be_had_is_named_on_stderr(
    bundle: Bundle, asked: str, expected: str
) -> None:
    done = vau("serve", "--model", bundle.folder, "--shadow", asked, "--listen", FREE)
    assert done.returncode == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"vau: error: {expected}")


def test_a_share_of_more_than_all_is_refused() -> None:
    done = vau("serve", "--shadow", "float", "--shadow-share", "1.5")
    assert done.returncode == 2
    assert "--shadow-share 1.5 is outside 0..1" in done.stderr
