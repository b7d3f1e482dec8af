"""What the contract is tried on: a factory, an instance of it, and a small network."""

import functools
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import ClassVar, Final

import numpy as np
import pytest

from vau.backend import Backend, BackendFactory, BackendOptions
from vau.model import Model, Network
from vau.testing.models import random_model

SLOT_COUNT: Final = 5
NETWORK: Final = Network(layers=2, hidden=8, inputs=12, classes=40)
"""As many classes as real networks have; its units do not divide by three dies."""

OTHER_SEED: Final = 1
"""Of another network of the same shape."""

_cached_model = functools.cache(random_model)


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """What one test is tried on."""

    factory: BackendFactory
    instance: str
    network: Network
    does_not_apply: Mapping[str, str]


class Opener:
    """Opens the backend that is tried, on any network; closes in the end what it opened."""

    def __init__(self, case: Case, model: Model) -> None:
        """Take ``model`` unless another is asked for."""
        self._case = case
        self._model = model
        self._opened: list[Backend] = []

    def __call__(
        self,
        model: Model | None = None,
        *,
        instance: str | None = None,
        slot_count: int = SLOT_COUNT,
        tier: str = "",
    ) -> Backend:
        """Open it. A device has one owner: close what was opened before, if there is any."""
        options = BackendOptions(
            instance=self._case.instance if instance is None else instance,
            slot_count=slot_count,
            tier=tier,
        )
        backend = self._case.factory.open(model or self._model, options)
        self._opened.append(backend)
        return backend

    def close(self) -> None:
        """Close all of them, some of which may have been closed before."""
        for backend in self._opened:
            backend.close()


class Subject:
    """What the author of a backend says of it, and the fixtures that the tests ask for."""

    factory: ClassVar[BackendFactory]
    instance: ClassVar[str] = ""
    """What stands behind the colon of the id; empty: what the factory chooses."""

    network: ClassVar[Network] = NETWORK
    """Another shape, for an accelerator that does not take this one. Two more are derived
    from it: one with peepholes, or without if it has some, and one of a single layer."""

    does_not_apply: ClassVar[Mapping[str, str]] = {}
    """Tests by name that are skipped, each with the reason why."""

    def __init_subclass__(cls) -> None:
        """Refuse an exception from a test that does not exist, or without a reason."""
        super().__init_subclass__()
        check_exceptions(cls.does_not_apply, names_of_tests(cls))

    def model_of(self, network: Network, seed: int) -> Model:
        """Return a network of random weights; override it to try one of your own.

        Two seeds give two networks of the same shape.
        """
        return _cached_model(network, seed=seed)

    @pytest.fixture
    def case(self) -> Case:
        """Say what to open, and on what."""
        return Case(
            factory=self.factory,
            instance=self.instance,
            network=self.network,
            does_not_apply=self.does_not_apply,
        )

    @pytest.fixture(autouse=True)
    def _applies(self, case: Case, request: pytest.FixtureRequest) -> None:
        reason = case.does_not_apply.get(request.function.__name__)
        if reason is not None:
            pytest.skip(reason)

    @pytest.fixture(autouse=True)
    def _short_arrays(self) -> Iterator[None]:
        """Print the corners of an array where a failed assert would print all of it."""
        with np.printoptions(threshold=3, edgeitems=1):
            yield

    @pytest.fixture
    def model(self, case: Case) -> Model:
        """Give the network that the backend is opened with."""
        return self.model_of(case.network, 0)

    @pytest.fixture
    def stranger(self, case: Case) -> Model:
        """Give another network of the same shape."""
        return self.model_of(case.network, OTHER_SEED)

    @pytest.fixture
    def open_backend(self, case: Case, model: Model) -> Iterator[Opener]:
        """Open the backend as often as a test asks for it."""
        opener = Opener(case, model)
        yield opener
        opener.close()

    @pytest.fixture
    def backend(self, open_backend: Opener) -> Backend:
        """Open the backend."""
        return open_backend()


def names_of_tests(contract: type) -> list[str]:
    """Return the names of the tests of a contract."""
    return [name for name in dir(contract) if name.startswith("test_")]


def check_exceptions(does_not_apply: Mapping[str, str], tests: Iterable[str]) -> None:
    """Raise ValueError unless each exception names a test and gives a reason."""
    for name, reason in does_not_apply.items():
        if name not in tests:
            raise ValueError(
                f"does_not_apply: the contract has no test {name!r}; "
                "pytest --collect-only lists them"
            )
        if not reason.strip():
            raise ValueError(f"does_not_apply: {name} needs a reason, in words")
