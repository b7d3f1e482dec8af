"""What ``vau doctor`` says of a server that runs: a real one, on the loopback."""

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path

import pytest

from tests.guests import Guests
from tests.models import tiny_model
from tests.serving import Served, muntaniala, serving
from vau.commands.doctor import server
from vau.commands.doctor.check import Asked, Check
from vau.config import ServerConfig, version
from vau.door.config import DoorConfig
from vau.v1 import speech_pb2 as pb

ASKED = Asked(
    listen="127.0.0.1:0",
    metrics_listen="off",
    models=("munt-3x384",),
    backends=("muntaniala",),
    max_streams=None,
)
MODEL = tiny_model()


@pytest.fixture(scope="module")
def running() -> Iterator[Served]:
    with serving((MODEL, muntaniala(MODEL))) as served:
        yield served


@pytest.fixture(autouse=True)
def patience(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECT_S", 120.0)  # of a busy machine, too


def found(asked: Asked) -> dict[str, Check]:
    return {check.name: check for check in server.examine(asked)}


def test_a_server_that_runs_is_asked_for_a_second_of_phonemes(running: Served) -> None:
    checks = found(replace(ASKED, server=running.address))
    assert checks["server.reach"].status == "ok"
    assert "over plaintext" in checks["server.reach"].found
    assert checks["server.version"].status == "ok"
    assert [name for name in checks if "muntaniala" in name]
    assert "a second of audio: 99 frames" in checks["server.latency"].found
    assert "each message answered after" in checks["server.latency"].found
    assert checks["server.clock"].status == "ok"


def test_the_second_of_audio_can_be_left_out(running: Served) -> None:
    checks = found(replace(ASKED, server=running.address, is_quick=True))
    assert checks["server.reach"].status == "ok"
    assert "server.latency" not in checks


def test_a_server_that_wants_a_token_says_with_which_flag_it_is_given(tmp_path: Path) -> None:
    guests = Guests(tmp_path)
    config = ServerConfig(
        listen="127.0.0.1:0", metrics_listen="127.0.0.1:0", door=DoorConfig(tokens=guests.file)
    )
    with serving((MODEL, muntaniala(MODEL)), config=config, access=guests.alice) as served:
        asked = replace(ASKED, server=served.address, is_quick=True)
        (refused,) = server.examine(asked)
        secret = {"token_file": guests.alice.token_file}
        reached = found(replace(asked, access=secret))["server.reach"]
    assert (refused.name, refused.status) == ("server.reach", "problem")
    assert "--token-file" in refused.remedy
    assert reached.status == "ok"
    assert "takes the token" in reached.found


def test_a_server_that_is_not_there_is_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server, "CONNECT_S", 0.2)
    (check,) = server.examine(replace(ASKED, server="127.0.0.1:1"))
    assert (check.name, check.status) == ("server.reach", "problem")


def test_what_is_no_address_is_a_problem() -> None:
    (check,) = server.examine(replace(ASKED, server="here"))
    assert check.status == "problem"


@pytest.mark.parametrize(("theirs", "status"), [(version(), "ok"), ("0.0.1", "warning")])
def test_another_version_is_a_warning(theirs: str, status: str) -> None:
    assert server.versions(theirs, version()).status == status


@pytest.mark.parametrize(
    ("state", "status"),
    [
        (pb.BackendInfo.STATE_READY, "ok"),
        (pb.BackendInfo.STATE_DEGRADED, "warning"),
        (pb.BackendInfo.STATE_INITIALIZING, "warning"),
        (pb.BackendInfo.STATE_DRAINING, "warning"),
        (pb.BackendInfo.STATE_FAULT, "problem"),
    ],
)
def test_backends_are_judged_by_what_their_server_says(
    state: pb.BackendInfo.State, status: str
) -> None:
    backend = pb.BackendInfo(id="board:x", state=state, state_text="why", slots_total=4)
    check = server.health(backend)
    assert (check.name, check.status, check.meaning) == ("server.board:x", status, "why")


@pytest.mark.parametrize(
    ("answered_s", "frames", "status"),
    [([0.002] * 10, 98, "ok"), ([0.5] * 10, 98, "warning"), ([], 0, "problem")],
)
def test_answers_are_judged_by_how_late_they_are(
    answered_s: list[float], frames: int, status: str
) -> None:
    trip = server.Trip(answered_s=answered_s, frames=frames)
    assert server.latency(trip).status == status


@pytest.mark.parametrize(
    ("ahead_s", "status"), [(None, "note"), (0.1, "ok"), (-1.9, "ok"), (-30.0, "warning")]
)
def test_clocks_that_are_apart_are_a_warning(ahead_s: float | None, status: str) -> None:
    assert server.skew(server.Trip(ahead_s=ahead_s)).status == status


@pytest.mark.parametrize(
    ("then_s", "ahead_s"), [(10.0, 0.0), (11.5, 0.0), (12.0, 0.0), (9.0, -1.0), (15.0, 3.0)]
)
def test_what_lies_between_two_moments_of_ours_is_not_apart(
    then_s: float, ahead_s: float
) -> None:
    assert server.ahead(then_s, 10.0, 12.0) == ahead_s
