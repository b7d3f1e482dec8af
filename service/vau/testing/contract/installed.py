"""The contract, tried on backends that are installed; ``python -m vau.testing.contract``."""

import pytest

from vau.backend import Backend
from vau.registry import factory_of
from vau.testing.contract import BackendContract
from vau.testing.contract.plugin import exceptions_of, network_of
from vau.testing.contract.promise import promised
from vau.testing.contract.subject import Case


class TestInstalled(BackendContract):
    """Takes from the command line what others write into their class."""

    @pytest.fixture
    def case(self, backend_id: str, pytestconfig: pytest.Config) -> Case:
        """Say what to open, and on what."""
        kind, _, instance = backend_id.partition(":")
        return Case(
            factory=factory_of(kind),
            instance=instance,
            network=network_of(pytestconfig),
            does_not_apply=exceptions_of(pytestconfig),
        )

    @promised("BackendInfo.kind", "The entry-point name.")
    def test_its_kind_is_the_name_of_its_entry_point(
        self, backend: Backend, backend_id: str
    ) -> None:
        assert backend.info.kind == backend_id.partition(":")[0]
