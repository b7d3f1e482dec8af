"""Backends are found by entry point, ours and anyone's, through installed metadata."""

from pathlib import Path

import pytest

from tests.models import tiny_model
from vau.backend import BackendOptions
from vau.errors import BackendNotFound, ModelTooLarge
from vau.model import find_model
from vau.registry import GROUP, installed_kinds, open_backend, plug_ins

PLUG_IN = """
from vau_backends.float.backend import FACTORY as FLOAT

class Spy:
    seen = []

    def discover(self, model):
        return ["toy"]

    def open(self, model, options):
        Spy.seen.append(options)
        return FLOAT.open(model, options.__class__(slot_count=options.slot_count))

FACTORY = Spy()
"""


@pytest.fixture
def install(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Install a package with one plug-in that works and one that does not."""
    info = tmp_path / "toys-1.2.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: toys\nVersion: 1.2\n")
    (info / "entry_points.txt").write_text(
        f"[{GROUP}]\ntoy = toy_backend:FACTORY\nbroken = broken_backend:FACTORY\n"
        "unnamed = toy_backend:FACTORIES\n"
    )
    (tmp_path / "toy_backend.py").write_text(PLUG_IN)
    (tmp_path / "broken_backend.py").write_text("import a_driver_that_is_not_there\n")
    monkeypatch.syspath_prepend(str(tmp_path))
    return tmp_path


def test_a_third_partys_backend_is_found_and_opened(install: Path) -> None:
    assert "toy" in installed_kinds()
    backend = open_backend("toy", tiny_model(), BackendOptions(slot_count=3))
    assert backend.info.slot_count == 3


def test_what_stands_behind_the_colon_names_the_instance(install: Path) -> None:
    open_backend("toy:left", tiny_model())
    import toy_backend  # type: ignore[import-not-found] # noqa: PLC0415 - a fixture wrote it

    assert toy_backend.Spy.seen[-1].instance == "left"


def test_a_broken_plug_in_is_named_with_its_cause_and_disturbs_no_other(install: Path) -> None:
    found = {plug_in.kind: plug_in for plug_in in plug_ins()}
    assert found["toy"].factory is not None
    assert found["broken"].factory is None
    assert found["broken"].package == "toys 1.2"
    assert "a_driver_that_is_not_there" in found["broken"].problem
    assert "FACTORIES" in found["unnamed"].problem
    assert "broken" not in installed_kinds()


def test_opening_a_broken_plug_in_says_why(install: Path) -> None:
    with pytest.raises(BackendNotFound, match=r"toys 1\.2.*a_driver_that_is_not_there"):
        open_backend("broken", tiny_model())


def test_an_unknown_kind_is_refused_with_a_list_of_those_installed(install: Path) -> None:
    with pytest.raises(BackendNotFound, match=r"'tpu'.*toy") as refused:
        open_backend("tpu:0", tiny_model())
    assert "toy" in str(refused.value.facts["available"])
    assert refused.value.field == "backend"


@pytest.mark.parametrize(
    ("asked", "text"),
    [
        ("float:big", "backend='float:big': there is one float backend, named float alone"),
        ("muntaniala:1x0", "backend='muntaniala:1x0': "),
        ("rpu:nowhere", "backend='rpu:nowhere': "),
    ],
)
def test_an_instance_that_there_is_not_is_named_as_it_was_asked_for(
    asked: str, text: str
) -> None:
    with pytest.raises(BackendNotFound) as refused:
        open_backend(asked, tiny_model())
    assert str(refused.value).startswith(text)
    assert str(refused.value).count(asked) == 1
    assert refused.value.field == "backend"


def test_an_array_that_is_too_small_is_named_as_it_was_asked_for() -> None:
    with pytest.raises(ModelTooLarge) as refused:
        open_backend("muntaniala:2x2", find_model("munt-3x384"))
    assert str(refused.value).startswith("backend='muntaniala:2x2': 384 hidden units on 2 rows")
    assert refused.value.facts["needed_dies"] == 16
