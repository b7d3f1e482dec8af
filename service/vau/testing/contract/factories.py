"""Promises of ``BackendFactory``: what can be found, and what opening it gives."""

from dataclasses import replace

import pytest

from vau.errors import BackendNotFound, ModelIncompatible, ModelTooLarge
from vau.model import Model
from vau.testing.contract.frames import run, some_frames
from vau.testing.contract.promise import granted, promised, refused
from vau.testing.contract.subject import OTHER_SEED, Case, Opener, Subject

DISCOVERED = "List the ids that could be opened with ``model`` now, the best first."


class Factories(Subject):
    """What an entry point yields."""

    @promised("BackendFactory.discover", DISCOVERED)
    def test_what_is_discovered_can_be_opened_under_that_id(
        self, case: Case, model: Model, open_backend: Opener
    ) -> None:
        found = case.factory.discover(model)
        assert found
        for backend_id in found:
            _, _, instance = backend_id.partition(":")
            with granted(f"opening {backend_id}, which is discovered,"):
                backend = open_backend(instance=instance)
            assert backend.info.id == backend_id
            backend.close()

    @promised("BackendInfo.id", "To open it again under this id gives the same thing.")
    def test_opening_its_id_again_gives_the_same_thing(self, open_backend: Opener) -> None:
        backend = open_backend()
        backend.close()
        _, _, instance = backend.info.id.partition(":")
        with granted(f"opening {backend.info.id} again"):
            again = open_backend(instance=instance)
        assert again.info == backend.info

    @promised("BackendFactory.discover", "the best first")
    @promised("BackendOptions.instance", "empty lets the factory choose")
    def test_without_an_instance_the_best_discovered_is_opened(
        self, case: Case, model: Model, open_backend: Opener
    ) -> None:
        best = case.factory.discover(model)[0]
        assert open_backend(instance="").info.id == best

    @promised("BackendFactory.open", "BackendNotFound if ``options.instance`` names none")
    def test_an_instance_that_is_not_there_is_not_found(self, open_backend: Opener) -> None:
        with refused(BackendNotFound, "nonsense"):
            open_backend(instance="nonsense")

    @promised("BackendFactory.open", "ValueError for a slot count below 1")
    def test_a_backend_without_slots_is_refused(self, open_backend: Opener) -> None:
        with refused(ValueError, "slot_count=0"):
            open_backend(slot_count=0)

    @pytest.mark.parametrize("other", ["peepholes", "layers"])
    @promised("BackendFactory.discover", DISCOVERED)
    @promised(
        "BackendFactory.open",
        "Raises ModelIncompatible or ModelTooLarge if the network does not suit it",
    )
    def test_another_network_is_opened_if_discovered_and_else_refused(
        self, case: Case, open_backend: Opener, other: str
    ) -> None:
        changes = (
            {"peephole": not case.network.peephole} if other == "peepholes" else {"layers": 1}
        )
        model = self.model_of(replace(case.network, **changes), OTHER_SEED)
        if case.factory.discover(model):
            with granted("opening a network for which it is discovered"):
                backend = open_backend(model, instance="")
            answer = run(backend, backend.open(), some_frames(backend))
            assert answer.log_prob.shape[1] == model.network.classes
        else:
            with refused((ModelIncompatible, ModelTooLarge)):
                open_backend(model, instance="")
