"""``vau doctor`` as a whole: nothing stops it, and it says what it found in two ways."""

import dataclasses
import json
import shlex
import subprocess
import threading
import tomllib
from pathlib import Path

import pytest
import typer.main

from tests import doctor_patients
from tests.commands import ROOT, VAU, environment
from tests.in_process import Here
from tests.lively import write_lively_bundle
from vau.cli import app
from vau.commands.doctor import course, engines
from vau.commands.doctor.advice import advise
from vau.commands.doctor.apart import Failed, apart
from vau.commands.doctor.check import Asked, Check, Checks
from vau.commands.doctor.report import GROUPS, facts, lines, verdict

LONG_S = 600.0
ASKED = Asked(
    listen="127.0.0.1:0",
    metrics_listen="127.0.0.1:0",
    models=("munt-3x384",),
    backends=("muntaniala",),
    max_streams=None,
)
FINE = Check(name="machine.cores", status="ok", found="2 cores")
RED = Check(name="door.tls", status="problem", found="it has expired", remedy="renew it")
YELLOW = Check(name="machine.load", status="warning", found="busy", meaning="slower")


def doctor(*arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    free = ("--listen", "127.0.0.1:0", "--metrics-listen", "127.0.0.1:0")
    return subprocess.run(
        (*VAU, "doctor", *free, *map(str, arguments)),
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=LONG_S,
        check=False,
    )


# --- the command --------------------------------------------------------------------------


def test_a_machine_that_will_do_is_told_how_many_streams_it_carries(tmp_path: Path) -> None:
    write_lively_bundle(tmp_path / "model")
    done = doctor("--model", tmp_path / "model", "--json", VAU_BOARDS="")
    found = json.loads(done.stdout)
    checks = {each["name"]: each for each in found["checks"]}
    assert {each["status"] for each in checks.values()} <= {"ok", "note", "warning"}, checks
    assert (done.returncode, done.stderr) == (0, "")
    for each in checks.values():
        assert set(each) == {"name", "status", "found", "meaning", "remedy"}
    assert checks["answer.muntaniala"]["status"] == "ok"
    is_busy = checks["machine.load"]["status"] == "warning"
    assert ("while something else computed" in found["recommended"]["why"]) == is_busy
    streams = found["recommended"]["settings"]["max-streams"]
    assert f"carries about {streams} live stream" in checks["streams.muntaniala"]["found"]
    assert found["recommended"]["environment"]["VAU_MAX_STREAMS"] == str(streams)
    assert {name.partition(".")[0] for name in checks} <= set(GROUPS)


def test_a_problem_is_told_with_its_remedy_and_ends_with_1(
    here: Here, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engines, "of", lambda *_: [])  # which takes processes, and time
    done = here("doctor", "--quick", "--listen", "127.0.0.1:0", "--tokens", f"{tmp_path}/no")
    assert (done.returncode, done.stderr) == (1, "")
    unwrapped = " ".join(done.stdout.split())
    assert f"problem tokens: tokens='{tmp_path}/no': No such file or directory" in unwrapped
    assert "-> give a file of lines" in unwrapped
    assert unwrapped.endswith("checks found a problem: those above that say so first")
    assert (
        f"vau serve --listen 127.0.0.1:0 --tokens {tmp_path}/no --max-streams auto" in unwrapped
    )


def test_what_takes_seconds_can_be_left_out() -> None:
    quick = dataclasses.replace(ASKED, is_quick=True)
    carried: dict[str, int] = {}
    names = [each.name for each in engines.examine("muntaniala", carried, quick)]
    assert (names, carried) == (["kernel.muntaniala"], {})


def test_a_flag_that_cannot_be_meant_is_a_usage_error(here: Here) -> None:
    done = here("doctor", "--quick", "--max-streams", "many")
    assert done.returncode == 2
    assert "--max-streams" in done.stderr


# --- no check stops the others ------------------------------------------------------------


def looked(*examinations: course.Examination) -> list[Check]:
    return [check for each in examinations for check in course.bounded(each, ASKED)]


def test_a_check_that_crashes_is_said_and_what_it_found_before_stays() -> None:
    def examine(_asked: Asked) -> Checks:
        yield FINE
        raise ZeroDivisionError("by zero")

    first, second = looked(course.Examination("machine.cores", examine, LONG_S))
    assert first == FINE
    assert (second.status, second.name) == ("warning", "machine.cores")
    assert "ZeroDivisionError: by zero" in second.found


def test_a_check_that_hangs_is_left_and_what_it_found_before_stays() -> None:
    forever = threading.Event()

    def examine(_asked: Asked) -> Checks:
        yield FINE
        forever.wait()

    try:
        found = looked(course.Examination("machine.cores", examine, 0.05))
    finally:
        forever.set()
    assert "no end after 0.05 s" in found[-1].found
    assert found[-1].status == "warning"


def test_all_that_is_looked_at_has_a_limit_and_a_place_in_the_report() -> None:
    every = course.examinations(ASKED, {})
    assert all(0 < each.limit_s < 400 for each in every)
    assert {each.name.partition(".")[0] for each in every} <= set(GROUPS)
    assert not any(each.name == "server.reach" for each in every)


def test_an_accelerator_has_time_for_each_model() -> None:
    asked = dataclasses.replace(ASKED, models=("munt-3x384", "munt-1x192"))
    limits = [
        each.limit_s
        for each in course.examinations(asked, {})
        if each.name.startswith("engines.")
    ]
    assert limits
    assert min(limits) > 2 * engines.LIMIT_S


@pytest.mark.parametrize(
    ("kind", "why", "limit_s"),
    [
        ("crash", "ended by SIGILL", LONG_S),
        ("hang", "no answer within 0.5 s", 0.5),
        ("error", "supply lost", LONG_S),
        ("defect", "it failed: LookupError: a defect", LONG_S),
        ("end", "it failed: it said nothing", LONG_S),
    ],
)
def test_work_in_a_process_of_its_own_may_do_what_it_likes(
    kind: str, why: str, limit_s: float, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    with pytest.raises(Failed, match=why):
        apart(doctor_patients.NAME, {"kind": kind}, limit_s)


def test_work_in_a_process_of_its_own_gives_its_answer(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("PYTHONPATH", str(ROOT))
    assert apart(doctor_patients.NAME, {"kind": "well"}, LONG_S) == "well done"


# --- what is said ---------------------------------------------------------------------------


def test_it_is_told_by_group_with_the_remedy_below() -> None:
    told = "\n".join(lines([FINE, RED, YELLOW], advise(ASKED, {}, None)))
    assert told.startswith(
        "Machine\n  ok        cores: 2 cores\n  warning   load: busy; slower\n\nDoor\n"
        "  problem   tls: it has expired\n            -> renew it\n\nRecommended: "
    )


@pytest.mark.parametrize(
    ("checks", "said"),
    [
        ([FINE], "All is well"),
        ([FINE, YELLOW], "No problem; 1 of 2"),
        ([FINE, YELLOW, RED], "1 of 3"),
    ],
)
def test_the_last_line_says_what_came_of_it(checks: list[Check], said: str) -> None:
    assert said in verdict(checks)


@pytest.mark.parametrize(
    ("max_streams", "carried", "quota", "streams"),
    [
        (None, {"muntaniala": 100, "rpu": 7}, None, 100),
        (None, {"muntaniala": 100}, 0.5, 50),
        (None, {"muntaniala": 100}, 4.0, 100),
        (None, {"muntaniala": 1}, 0.1, 1),
        (40, {"muntaniala": 100}, None, 40),
        (400, {"muntaniala": 100}, None, 100),
        (None, {}, None, "auto"),
        (40, {"rpu": 7}, None, 40),
    ],
)
def test_no_more_streams_are_advised_than_were_measured(
    max_streams: int | None, carried: dict[str, int], quota: float | None, streams: int | str
) -> None:
    asked = Asked(
        listen="0.0.0.0:50051",
        metrics_listen="127.0.0.1:9464",
        models=("munt-3x384", "my models/a"),
        backends=("muntaniala",),
        max_streams=max_streams,
        tls_cert=Path("c.pem"),
        tls_key=Path("c.key"),
    )
    advice = advise(asked, carried, quota)
    assert "something else" not in advice.why
    busy = advise(asked, carried, quota, is_busy=True)
    assert busy.settings == advice.settings
    assert ("measured while something else computed" in busy.why) == ("muntaniala" in carried)
    assert advice.settings["max-streams"] == streams
    assert advice.command() == (
        "vau serve --listen 0.0.0.0:50051 --model munt-3x384 --model 'my models/a' "
        f"--tls-cert c.pem --tls-key c.key --max-streams {streams}"
    )


def test_what_is_advised_can_be_given_in_each_form() -> None:
    """As a file and as variables it says what it says on the command line."""
    asked = dataclasses.replace(
        ASKED, models=("a", 'b "c"'), tokens=Path("t"), web_listen="127.0.0.1:1"
    )
    advice = facts([], advise(asked, {"muntaniala": 100}, None))["recommended"]
    assert tomllib.loads(advice["toml"]) == advice["settings"]
    serve = typer.main.get_command(app).commands["serve"]  # type: ignore[attr-defined]
    by_flag = {option.opts[0]: option.envvar for option in serve.params}
    given = [word for word in shlex.split(advice["command"]) if word.startswith("--")]
    assert {by_flag[name] for name in given} == set(advice["environment"])
