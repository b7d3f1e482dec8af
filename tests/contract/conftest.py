"""Which backends the contract is tried on: one row per factory and instance."""

from collections.abc import Callable
from typing import Final

import pytest

from tests.models import tiny_model
from vau.backend import Backend, BackendFactory, BackendOptions
from vau.model import Model
from vau_backends.float.backend import FACTORY as FLOAT
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA

Open = Callable[..., Backend]

CASES: Final[dict[str, tuple[BackendFactory, str]]] = {
    "muntaniala": (MUNTANIALA, ""),
    "muntaniala:3x3": (MUNTANIALA, "3x3"),
    "float": (FLOAT, ""),
}
SLOT_COUNT: Final = 5


@pytest.fixture(params=CASES, scope="session")
def case(request: pytest.FixtureRequest) -> tuple[BackendFactory, str]:
    """Name one factory, and the instance to open."""
    return CASES[request.param]


@pytest.fixture(scope="session")
def factory(case: tuple[BackendFactory, str]) -> BackendFactory:
    """Give the factory alone."""
    return case[0]


@pytest.fixture(scope="session")
def model() -> Model:
    """Give a network with as many classes as real ones; its units do not divide by three."""
    return tiny_model(layers=2, hidden=8, phonemes=("SIL", *(f"P{n}" for n in range(1, 40))))


@pytest.fixture
def open_backend(case: tuple[BackendFactory, str], model: Model) -> Open:
    """Open the backend of this case, on another network if one is given."""

    def open_it(network: Model = model, slot_count: int = SLOT_COUNT) -> Backend:
        options = BackendOptions(instance=case[1], slot_count=slot_count)
        return case[0].open(network, options)

    return open_it


@pytest.fixture
def backend(open_backend: Open) -> Backend:
    """Open the backend of this case."""
    return open_backend()
