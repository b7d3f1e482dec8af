"""The fuzzer: what it finds where it is known to be, and a short run over what is ours."""

import json
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests.commands import ROOT, environment
from tests.fuzz.__main__ import main
from tests.fuzz.case import Verdict, random_of, read_failures
from tests.fuzz.messages import fields_of, scramble
from tests.fuzz.statuses import REASONS
from tests.fuzz.targets import ALL, TARGETS
from vau.v1 import speech_pb2 as pb
from vau.wire.status import DEFECT, STATUS

PATIENCE_S = 300.0
COUNT = 20  # inputs of the broken target: some of each kind


def fuzz(*arguments: object) -> tuple[int, dict[str, Any]]:
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--json", *map(str, arguments)],
        cwd=ROOT,
        env=environment(OPENBLAS_NUM_THREADS="1"),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout)


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (("--replay", "nosuch"), "nosuch: No such file"),
        (("--replay", __file__), "holds no inputs that --failures wrote"),
        (("--count", "0"), "'0' is not a number of 1 or more"),
    ],
)
def test_what_cannot_be_meant_is_refused_in_a_line(
    arguments: tuple[str, ...], said: str, capsys: pytest.CaptureFixture[str]
) -> None:
    with pytest.raises(SystemExit) as ended:
        main(arguments)
    assert ended.value.code == 2
    assert said in capsys.readouterr().err


def test_the_help_names_what_is_fuzzed_and_not_what_tests_the_fuzzer(
    capsys: pytest.CaptureFixture[str],
) -> None:
    with pytest.raises(SystemExit):
        main(["--help"])
    told = capsys.readouterr().out
    assert [name for name in TARGETS if name not in told] == []
    assert "leaky" not in told


def test_nothing_of_ours_fails_in_a_short_run(tmp_path: Path) -> None:
    failures = tmp_path / "failures.jsonl"
    status, done = fuzz("--count", 3000, "--failures", failures, "--jobs", 1)
    said = [each.said for each in read_failures(failures)] if failures.exists() else []
    assert not said
    assert status == 0
    assert done["inputs"] == 3000
    for counted in done["by_target"].values():
        assert counted["typed_errors"] + counted["accepted"] == counted["inputs"]
        assert counted["accepted"] > 0
        assert counted["typed_errors"] > 0


KINDS: dict[bytes, Verdict] = {
    b"untyped": "untyped",
    b"crash": "crash",
    b"hang": "hang",
    b"late": "hang",
}


@pytest.fixture(scope="module")
def broken(tmp_path_factory: pytest.TempPathFactory) -> tuple[int, dict[str, Any], Path]:
    file = tmp_path_factory.mktemp("broken") / "failures.jsonl"
    count = ("--count", COUNT, "--input-seconds", 0.5, "--jobs", 1)
    return *fuzz("--target", "broken", *count, "--failures", file), file


def test_each_kind_of_fault_is_found_at_each_of_its_inputs(
    broken: tuple[int, dict[str, Any], Path],
) -> None:
    status, done, file = broken
    found = {failure.number: failure.verdict for failure in read_failures(file)}
    kinds = {n: ALL["broken"].make(random_of(0, "broken", n))[0][1] for n in range(COUNT)}
    assert found == {n: KINDS[kind] for n, kind in kinds.items() if kind in KINDS}
    assert set(found.values()) == {"crash", "hang", "untyped"}
    assert done["inputs"] == COUNT
    assert status == 1


def test_a_failure_that_was_kept_is_tried_again(
    broken: tuple[int, dict[str, Any], Path], tmp_path: Path
) -> None:
    lines = broken[2].read_text().splitlines()
    kept = next(line for line in lines if json.loads(line)["verdict"] == "untyped")
    (tmp_path / "kept.jsonl").write_text(kept + "\n")
    done = subprocess.run(
        [sys.executable, "-m", "tests.fuzz", "--replay", str(tmp_path / "kept.jsonl")],
        cwd=ROOT,
        env=environment(),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )
    assert done.returncode == 1
    assert "no error of ours" in done.stdout


def test_memory_that_is_not_given_back_is_a_fault(tmp_path: Path) -> None:
    status, done = fuzz("--target", "leaky", "--count", 20, "--failures", tmp_path / "none")
    assert done["leaks"] == 1
    assert status == 1


@pytest.mark.parametrize("name", list(TARGETS))
def test_an_input_is_a_function_of_its_seed_and_number_alone(name: str) -> None:
    make = TARGETS[name].make
    later = [make(random_of(7, name, number)) for number in (3, 2, 1)]
    assert [make(random_of(7, name, number)) for number in (1, 2, 3)] == later[::-1]
    assert make(random_of(8, name, 1)) != later[2]


def test_every_field_of_a_request_is_reached() -> None:
    reached: set[str] = set()
    for number in range(20_000):
        request = pb.StreamingRecognizeRequest()
        request.config.SetInParent()
        scramble(random_of(0, "fields", number), request.config, ("",))
        waiting: list[Any] = [request.config]
        while waiting:
            for field, value in waiting.pop().ListFields():
                reached.add(field.full_name)
                if field.message_type is not None and not field.is_repeated:
                    waiting.append(value)
    unreached = fields_of(pb.StreamingConfig.DESCRIPTOR) - reached
    assert unreached == set()


def test_the_reasons_that_a_client_may_meet_are_those_of_our_table() -> None:
    ours = {row.reason: row.code for row in STATUS.values() if row.reason != DEFECT}
    del ours["UNREACHABLE"]  # a client's own, no server says it
    assert {reason: REASONS.get(reason) for reason in ours} == ours
