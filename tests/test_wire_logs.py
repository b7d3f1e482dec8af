"""The log of a real server: whose every line is, and that no fault of the log stops it."""

import os
import threading
from pathlib import Path
from typing import Any, cast

import pytest

from tests.commands import vau
from tests.logged import logged
from tests.serving import (
    FREE,
    MODEL,
    PATIENCE_S,
    Failing,
    Served,
    Talk,
    eventually,
    hear,
    muntaniala,
    recognition,
    serving,
    speech,
    streaming,
)
from vau.backend import Backend, Slot
from vau.config import ServerConfig
from vau.errors import ModelNotFound, ServerDefect
from vau.logs import log_to

BACKEND = muntaniala().info.id


def whose(lines: list[dict[str, Any]], session: str) -> list[str]:
    """Return the events that name this session; all of them say the rest as well."""
    of = [line for line in lines if line.get("session") == session]
    for line in of:
        assert line["method"] in ("StreamingRecognize", "Recognize")
        assert line["backend"] == BACKEND
    return [line["event"] for line in of]


def test_every_line_of_a_stream_says_whose_it_is() -> None:
    with logged("debug") as lines:
        with serving() as served:
            heard = hear(served.client, [speech()], streaming())
        session = heard.responses[0].started.session_id
        assert whose(lines.read(), session) == ["started", "ended"]


def test_how_a_call_ended_is_told_with_its_reason() -> None:
    with logged() as lines:
        with serving() as served:
            served.client.recognize(recognition(), speech())
            with pytest.raises(ModelNotFound):
                hear(served.client, [], streaming(model="big"))
        unary, stream = lines.of("ended")
    assert (unary["method"], unary["code"], unary["reason"]) == ("Recognize", "OK", "")
    assert unary["samples"] == 16_000
    assert (stream["code"], stream["reason"]) == ("NOT_FOUND", "MODEL_NOT_FOUND")
    assert stream["session"] != unary["session"]


def test_a_defect_says_whose_it_is() -> None:
    backend = Failing(muntaniala())
    pair = (MODEL, cast("Backend", backend))
    with logged() as lines:
        with serving(pair) as served:
            talk = Talk(served.client)
            backend.defect = RuntimeError("ours")
            with pytest.raises(ServerDefect) as heard:
                talk.say(speech())
            talk.vanish()
        (defect,) = lines.of("defect")
    assert defect["session"] == heard.value.facts["session_id"] == talk.started.session_id
    assert "RuntimeError: ours" in defect["traceback"]


class Keeping(Failing):
    """A backend that will not take a slot back."""

    def release(self, _slot: Slot) -> None:
        if self.defect is not None:
            raise self.defect


def test_what_goes_wrong_on_the_thread_of_a_backend_says_whose_it_is() -> None:
    backend = Keeping(muntaniala())
    pair = (MODEL, cast("Backend", backend))
    with logged() as lines:
        with serving(pair) as served:
            talk = Talk(served.client)
            backend.defect = RuntimeError("kept")
            talk.vanish()
            eventually(lambda: "could not be given back" in lines.stream.getvalue())
            backend.defect = None
        (line,) = lines.of("a slot could not be given back")
    assert line["session"] == talk.started.session_id


def test_streams_side_by_side_do_not_mix() -> None:
    patient = ServerConfig(listen=FREE, metrics_listen=FREE, slow_stream_s=0.0)
    with logged("debug") as lines:
        with serving(config=patient) as served:
            talks = [Talk(served.client) for _ in range(4)]
            for talk in talks:
                talk.say(speech(1600))
            for talk in talks:
                talk.half_close()
        said = lines.read()
    for talk in talks:
        assert whose(said, talk.started.session_id) == ["started", "ended"]


def test_nothing_that_was_said_or_heard_is_logged() -> None:
    with logged("debug") as lines:
        with serving() as served:
            hear(served.client, [speech()], streaming())
        text = lines.read()
    assert not [line for line in text if "phones" in line or "posteriors" in line]


# ------------------------------------------------------------------------ faults of the log


def goes_on(served: Served) -> None:
    """Check that streams are answered, ten of them, and every frame."""
    for _ in range(10):
        assert hear(served.client, [speech()], streaming()).finished.samples == 16_000


@pytest.fixture
def full_disk() -> Path:
    device = Path("/dev/full")
    if not device.exists():
        pytest.skip("this system has no device that is always full")
    return device


def lost(served: Served, reason: str) -> float:
    return served.value("vau_log_lines_lost_total", reason=reason)


def test_a_full_disk_stops_nobody_and_is_counted(full_disk: Path) -> None:
    with logged(), full_disk.open("w") as stream, log_to(stream) as log, serving() as served:
        log.on_lost(served.metrics.log_lines_lost)
        goes_on(served)
        eventually(lambda: lost(served, "failed") >= 10)


def test_a_log_that_nobody_reads_stops_nobody_and_is_counted() -> None:
    reader, number = os.pipe()
    with logged(), os.fdopen(number, "w") as stream, log_to(stream) as log:
        with serving() as served:
            log.on_lost(served.metrics.log_lines_lost)
            for _ in range(6000):  # more than a pipe and those who wait for it hold
                log.offer("x" * 100)
            goes_on(served)
            assert lost(served, "full") > 0
        drained = threading.Thread(target=drain, args=(reader,))
        drained.start()
    drained.join(PATIENCE_S)


def drain(number: int) -> None:
    """Read a pipe to its end."""
    while os.read(number, 1 << 16):
        pass
    os.close(number)


def test_a_log_whose_reader_is_gone_stops_nobody_and_is_counted() -> None:
    reader, number = os.pipe()
    os.close(reader)
    with logged(), os.fdopen(number, "w") as stream, log_to(stream) as log, serving() as served:
        log.on_lost(served.metrics.log_lines_lost)
        goes_on(served)
        eventually(lambda: lost(served, "failed") >= 10)


def test_a_level_that_there_is_not_is_refused() -> None:
    done = vau("serve", "--log-level", "loud")
    assert done.returncode == 2
    assert "loud" in done.stderr


def test_a_server_that_only_warns_says_nothing_of_its_calls() -> None:
    with logged("warning") as lines:
        with serving() as served:
            hear(served.client, [speech()], streaming())
        assert [line for line in lines.read() if line["level"] in ("info", "debug")] == []
