"""What ``vau doctor`` says of accelerators: what computes them, rightly, and how fast."""

from pathlib import Path
from typing import Any

import pytest

from tests.commands import ROOT
from tests.lively import LIVELY, write_lively_bundle
from vau.commands.doctor import engines
from vau.commands.doctor.check import Asked
from vau.commands.doctor.known_answers import KNOWN
from vau.errors import BackendFault
from vau.model import Model, find_model, shipped_models
from vau.registry import open_backend

ASKED = Asked(
    listen="127.0.0.1:0",
    metrics_listen="off",
    models=("munt-1x96-mfcc",),
    backends=("muntaniala",),
    max_streams=None,
)
FOUND: dict[str, Any] = {
    "id": "muntaniala:1x1",
    "tier": "avx2",
    "tiers": ("avx2", "portable", "numpy"),
    "remark": "",
    "wrong": "",
    "against": "known",
    "streams": 40,
    "chunk_us": 1700,
    "wire_us": 300,
}
ALL_FLAGS = frozenset({*engines.AVX512, "avx2", "amx_tile", "amx_int8"})


@pytest.mark.parametrize("kind", ["muntaniala", "rpu"])
@pytest.mark.parametrize("name", shipped_models())
def test_every_shipped_model_has_its_known_answer(name: str, kind: str) -> None:
    """A network that was trained anew: write what this says into known_answers.py."""
    model = find_model(name)
    backend = open_backend(kind, model)
    said = engines.digest(backend, model)
    backend.close()
    assert KNOWN[model.digest, backend.info.arithmetic_id] == said


@pytest.mark.parametrize("kind", ["muntaniala", "rpu", "float"])
def test_an_accelerator_answers_rightly_on_each_tier_and_is_measured(kind: str) -> None:
    found = engines.work(kind, "munt-1x96-mfcc", is_quick=False)
    assert found["wrong"] == ""
    assert found["against"] == ("consistent" if kind == "float" else "known")
    assert found["streams"] >= 1
    assert engines.right(kind, found).status == "ok"


def test_a_model_of_anybodys_is_held_against_itself(tmp_path: Path) -> None:
    write_lively_bundle(tmp_path)
    found = engines.work("muntaniala", str(tmp_path), is_quick=False)
    assert (found["wrong"], found["against"]) == ("", "agreed")


def test_one_that_cannot_be_had_is_a_problem_if_it_is_asked_for(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setenv("VAU_KERNEL", "abacus")
    (asked_for,) = engines.examine("muntaniala", {}, ASKED)
    assert asked_for.status == "problem"
    assert "there is no such tier" in asked_for.found
    assert "take one of" in asked_for.remedy
    (other,) = engines.examine("rpu", {}, ASKED)
    assert (other.status, other.meaning) == ("note", "it is not asked for")


def test_another_answer_than_the_known_one_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    model = find_model("munt-1x96-mfcc")
    monkeypatch.setitem(KNOWN, (model.digest, "munt-spec-0/C1"), "0" * 64)
    found = engines.work("muntaniala", model.name, is_quick=False)
    check = engines.right("muntaniala", found)
    assert check.status == "problem"
    assert "another answer than the known answer" in check.found


def test_tiers_that_do_not_agree_are_a_problem(monkeypatch: pytest.MonkeyPatch) -> None:
    honest = engines.digest

    def one_lies(backend: Any, model: Model) -> str:  # noqa: ANN401
        return "f" * 64 if backend.info.tier == "numpy" else honest(backend, model)

    monkeypatch.setattr(engines, "digest", one_lies)
    found = engines.work("muntaniala", "munt-1x96-mfcc", is_quick=False)
    assert found["wrong"] == "numpy: another answer than the known answer"


def test_a_backend_that_contradicts_itself_is_a_problem(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    def inconsistent(_backend: object, _model: object) -> None:
        raise BackendFault("its consistency check failed")

    monkeypatch.setattr(engines, "self_check", inconsistent)
    found = engines.work("float", "munt-1x96-mfcc", is_quick=False)
    assert "its consistency check failed" in engines.right("float", found).found


@pytest.mark.parametrize(
    ("changes", "flags", "forced", "status", "says"),
    [
        ({}, ALL_FLAGS - {"amx_tile"}, "", "ok", "no amx: this processor has no amx_tile"),
        ({}, ALL_FLAGS, "", "ok", "no avx512: the system does not offer it"),
        ({"tier": "numpy"}, ALL_FLAGS, "numpy", "warning", "because VAU_KERNEL=numpy"),
        (
            {
                "tier": "numpy",
                "tiers": ("numpy",),
                "remark": "computes with numpy: slowly; no compiler; install a C compiler",
            },
            ALL_FLAGS,
            "",
            "warning",
            "computes with numpy: slowly; no compiler",
        ),
    ],
)
def test_what_computes_is_told_and_why_nothing_better(
    changes: dict[str, Any], flags: frozenset[str], forced: str, status: str, says: str
) -> None:
    check = engines.tier("muntaniala", FOUND | changes, flags, forced)
    assert check.status == status
    assert says in f"{check.found}; {check.meaning}"
    assert bool(check.remedy) == (status == "warning")


@pytest.mark.parametrize(
    ("wanted", "status"), [(None, "ok"), (40, "ok"), (41, "warning"), (4000, "warning")]
)
def test_more_streams_than_were_measured_are_a_warning(wanted: int | None, status: str) -> None:
    check = engines.size("muntaniala", FOUND, wanted)
    assert check.status == status
    assert "carries about 40 live streams" in check.found


def test_all_that_is_installed_is_looked_at_what_is_asked_for_first() -> None:
    kinds = [name for name, _ in engines.of(ASKED, {})]
    assert kinds[0] == "muntaniala"
    assert {"float", "rpu"} <= set(kinds)
    assert "board" not in kinds


def test_flags_of_the_processor_are_those_that_linux_lists(tmp_path: Path) -> None:
    (tmp_path / "cpuinfo").write_text(
        "processor: 0\nflags\t\t: fpu avx2 amx_tile\n\nflags: x\n"
    )
    assert engines.cpu_flags(tmp_path / "cpuinfo") == {"fpu", "avx2", "amx_tile"}
    assert engines.cpu_flags(tmp_path / "absent") == frozenset()


def test_the_known_answers_are_of_the_shipped_models() -> None:
    assert {digest for digest, _ in KNOWN} == {
        find_model(name).digest for name in shipped_models()
    }
    assert LIVELY.digest not in {digest for digest, _ in KNOWN}
    assert (ROOT / "service/vau/commands/doctor/known_answers.py").is_file()
