"""The contract itself: it quotes the port as it stands, and covers all of it."""

import inspect
import subprocess
import sys
from dataclasses import fields, is_dataclass
from pathlib import Path
from typing import Final

import pytest

from vau import backend as port
from vau.testing.contract import BackendContract
from vau.testing.contract.identity import Identity
from vau.testing.contract.installed import TestInstalled as Installed
from vau.testing.contract.promise import Promise, granted, promised, promises_of, refused
from vau.testing.contract.subject import names_of_tests
from vau_backends.float.backend import FACTORY

TESTS: Final = {name: getattr(Installed, name) for name in names_of_tests(Installed)}
PROMISES: Final = [promise for test in TESTS.values() for promise in promises_of(test)]
UNTRIED: Final = {
    "BackendInfo.state_export": "a note for clients; every backend is asked for snapshots",
    "BackendInfo.measures_energy": "tried with the origin of what is measured",
    "BackendInfo.slot_count": "tried with the option of that name",
    "BackendInfo.firmware": "a note for clients; any text will do",
    "BackendOptions.clock_hz": "a device may have one clock only",
    "BackendOptions.tier": "tried with BackendInfo.tiers",
    "Work.slot": "what all the tests are about",
    "Cost.cycles": "tried with Cost",
    "Cost.device_s": "tried with Cost",
    "Cost.device_origin": "tried with the origin of energies",
    "Cost.memory_bytes": "tried with Cost.unshared",
    "Energy.joules": "tried with Energy.parts",
    "Energy.origin": "tried with Energy",
    "Energy.boundary": "tried with Energy",
    "Energy.method": "tried with Energy",
    "Energy.extrapolated": "only its author knows what was calibrated",
    "Result.cost": "tried with Cost",
}
"""What no test names as its own, and why."""


def words_of(thing: object) -> str:
    return " ".join(inspect.getsource(thing).split())  # type: ignore[arg-type]  # a class


def members() -> set[str]:
    """Name what a backend has to do with: methods, and fields of what goes in and out."""
    protocols = (port.Backend, port.BackendFactory)
    called = {
        f"{each.__name__}.{name}"
        for each in protocols
        for name in vars(each)
        if not name.startswith("_")
    }
    records = (
        *(port.Work, port.Result, port.Cost, port.Energy),
        *(port.BackendInfo, port.BackendOptions),
    )
    return called | {f"{each.__name__}.{one.name}" for each in records for one in fields(each)}


@pytest.mark.parametrize("name", TESTS)
def test_every_test_of_the_contract_says_what_was_promised(name: str) -> None:
    assert promises_of(TESTS[name])


@pytest.mark.parametrize("promise", sorted(set(PROMISES), key=str), ids=str)
def test_a_promise_is_quoted_as_it_stands_in_the_port(promise: Promise) -> None:
    owner, _, member = promise.by.partition(".")
    place = getattr(port, owner)
    assert promise.words in words_of(place if inspect.isclass(place) else port)
    if member:
        known = {one.name for one in fields(place)} if is_dataclass(place) else set(vars(place))
        assert member in known


def test_every_member_of_the_port_has_a_test_or_a_reason_why_not() -> None:
    tried = {promise.by for promise in PROMISES}
    assert members() - tried == set(UNTRIED)


# --- what the author of a backend may say, and what is said to him ------------------------


def test_a_failure_ends_with_the_words_of_the_promise() -> None:
    @promised("Backend.run", "one result per work, in order")
    def broken() -> None:
        raise AssertionError("boom")

    with pytest.raises(AssertionError, match="boom") as caught:
        broken()
    assert caught.value.__notes__ == [
        "This promise of vau.backend is broken. Backend.run: “one result per work, in order”"
    ]


def test_an_error_that_is_no_assertion_is_blamed_on_no_promise() -> None:
    @promised("Backend.run", "one result per work, in order")
    def broken() -> None:
        raise KeyError("boom")

    with pytest.raises(KeyError) as caught:
        broken()
    assert not hasattr(caught.value, "__notes__")


def test_an_error_from_what_must_be_granted_breaks_the_promise() -> None:
    says = "a second release raises KeyError: 'boom'"
    with pytest.raises(AssertionError, match=says), granted("a second release"):
        raise KeyError("boom")


def test_a_refusal_by_another_error_breaks_the_promise() -> None:
    says = "raises KeyError: 'boom'; it should be ValueError"
    with pytest.raises(AssertionError, match=says), refused(ValueError):
        raise KeyError("boom")


@pytest.mark.parametrize(
    ("exception", "says"),
    [
        ({"test_nothing": "why"}, "no test 'test_nothing'"),
        ({"test_it_is_ready": " "}, "reason"),
    ],
)
def test_an_exception_names_a_test_and_a_reason(exception: dict[str, str], says: str) -> None:
    with pytest.raises(ValueError, match=says):
        type("TestMine", (BackendContract,), {"does_not_apply": exception})


class TestWithAnException(Identity):
    factory = FACTORY
    does_not_apply = {"test_it_is_ready": "this one never is"}  # noqa: RUF012  as authors do

    def test_it_is_ready(self) -> None:
        raise AssertionError("a test that does not apply was run")


def run_suite(*arguments: str, folder: Path) -> subprocess.CompletedProcess[str]:
    command = (sys.executable, "-m", "vau.testing.contract", *arguments)
    return subprocess.run(command, cwd=folder, capture_output=True, text=True, check=False)


@pytest.mark.parametrize(
    ("arguments", "says"),
    [
        ((), "no backend is named; 'vau backends' lists what is installed"),
        (("nonsense",), "no kind 'nonsense' is installed"),
        (("float", "--network=sizes=3"), "'sizes=3' is not FIELD=N, with a field of layers,"),
        (("float:nonsense",), "float:nonsense cannot be opened. BackendNotFound: "),
        (("float", "--network=inputs=13"), "network.inputs=13 is no multiple of 3"),
        (("float", "--network=hidden=0"), "network.hidden=0 is not a positive whole number"),
        (("float", "--does-not-apply=test_x=y"), "no test 'test_x'"),
    ],
)
def test_what_cannot_be_tried_is_refused_before_any_test(
    arguments: tuple[str, ...], says: str, tmp_path: Path
) -> None:
    done = run_suite(*arguments, folder=tmp_path)
    assert done.returncode == pytest.ExitCode.USAGE_ERROR
    assert says in done.stderr
    assert len(done.stderr.splitlines()) <= 2  # pytest leaves a line empty


def test_help_names_every_option_of_the_command(tmp_path: Path) -> None:
    done = run_suite("--help", folder=tmp_path)
    assert done.returncode == 0
    for option in ("KIND[:INSTANCE]", "--network", "--does-not-apply", "-k"):
        assert option in done.stdout


def test_the_command_takes_another_network_and_exceptions(tmp_path: Path) -> None:
    exception = "--does-not-apply=test_it_is_ready=because"
    network = "--network=layers=1,hidden=5,inputs=39"
    chosen = ("-k", "ready or distribution", "-rs")
    done = run_suite("float", exception, network, *chosen, folder=tmp_path)
    assert done.returncode == 0, done.stdout
    assert "1 passed, 1 skipped" in done.stdout
    assert "because" in done.stdout


def test_without_pytest_the_command_says_in_one_line_how_to_get_it(tmp_path: Path) -> None:
    (tmp_path / "pytest.py").write_text("raise ImportError('hidden')", encoding="utf-8")
    done = run_suite("float", folder=tmp_path)
    (line,) = done.stderr.splitlines()
    assert line.endswith("not installed; pip install 'vau[testing]'")


def test_without_pytest_the_contract_says_how_to_get_it() -> None:
    probe = "import sys; sys.modules['pytest'] = None; import vau.testing.contract"
    done = subprocess.run(
        [sys.executable, "-c", probe], capture_output=True, text=True, check=False
    )
    assert "not installed; pip install 'vau[testing]'" in done.stderr
