"""Which backends the contract is tried on: one row per factory, instance and network."""

from collections.abc import Callable
from typing import Final, NamedTuple

import pytest

from tests.models import tiny_model
from vau.backend import Backend, BackendFactory, BackendOptions
from vau.model import Model
from vau_backends.float.backend import FACTORY as FLOAT
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA

Open = Callable[..., Backend]


class Case(NamedTuple):
    """What to open, and on what."""

    factory: BackendFactory
    instance: str = ""
    peephole: bool = False
    """Of the network."""


CASES: Final[dict[str, Case]] = {
    "muntaniala": Case(MUNTANIALA),
    "muntaniala:3x3": Case(MUNTANIALA, "3x3"),
    "muntaniala:+acc=wrap": Case(MUNTANIALA, "+acc=wrap"),
    "muntaniala:2x2+acc=wide with peepholes": Case(MUNTANIALA, "2x2+acc=wide", peephole=True),
    "float": Case(FLOAT),
    "float with peepholes": Case(FLOAT, peephole=True),
}
SLOT_COUNT: Final = 5


@pytest.fixture(params=CASES, scope="session")
def case(request: pytest.FixtureRequest) -> Case:
    """Name one factory, the instance to open, and what kind of network."""
    return CASES[request.param]


@pytest.fixture(scope="session")
def factory(case: Case) -> BackendFactory:
    """Give the factory alone."""
    return case.factory


@pytest.fixture(scope="session")
def model(case: Case) -> Model:
    """Give a network with as many classes as real ones; its units do not divide by three."""
    phonemes = ("SIL", *(f"P{n}" for n in range(1, 40)))
    return tiny_model(layers=2, hidden=8, peephole=case.peephole, phonemes=phonemes)


@pytest.fixture
def open_backend(case: Case, model: Model) -> Open:
    """Open the backend of this case, on another network if one is given."""

    def open_it(network: Model = model, slot_count: int = SLOT_COUNT) -> Backend:
        options = BackendOptions(instance=case.instance, slot_count=slot_count)
        return case.factory.open(network, options)

    return open_it


@pytest.fixture
def backend(open_backend: Open) -> Backend:
    """Open the backend of this case."""
    return open_backend()
