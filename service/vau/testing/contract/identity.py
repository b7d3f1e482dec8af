"""Promises of ``BackendInfo``, ``health`` and ``telemetry``: what it is, and how it fares."""

from vau.backend import Backend, State, Telemetry
from vau.model import Model
from vau.testing.contract.frames import run, some_frames
from vau.testing.contract.promise import granted, promised
from vau.testing.contract.subject import SLOT_COUNT, Subject


class Identity(Subject):
    """What a backend says of itself."""

    @promised("Backend.info", "nothing in it changes while it is open")
    def test_its_identity_does_not_change(self, backend: Backend) -> None:
        before = backend.info
        run(backend, backend.open(), some_frames(backend))
        assert backend.info == before

    @promised("BackendInfo.id", "``kind`` or ``kind:instance``")
    def test_its_id_begins_with_its_kind(self, backend: Backend) -> None:
        assert backend.info.id.split(":")[0] == backend.info.kind

    @promised("BackendInfo.arithmetic_id", "whatever else decides the bits")
    def test_it_names_its_arithmetic(self, backend: Backend) -> None:
        assert backend.info.arithmetic_id

    @promised("BackendOptions.slot_count", "How many utterances at a time it is to carry.")
    def test_it_carries_the_slots_that_were_asked_for(self, backend: Backend) -> None:
        assert backend.info.slot_count == SLOT_COUNT

    @promised("BackendInfo.feature_dim", "Of the network.")
    def test_it_takes_the_features_of_its_network(self, backend: Backend, model: Model) -> None:
        assert backend.info.feature_dim == model.network.inputs

    @promised("BackendInfo.max_batch", "Works per ``run`` beyond which nothing is gained.")
    def test_it_gains_by_one_work_at_least(self, backend: Backend) -> None:
        assert backend.info.max_batch >= 1

    @promised("BackendInfo.clock_hz", "Of the accelerator, or None if it has none to name.")
    def test_a_clock_has_a_positive_rate(self, backend: Backend) -> None:
        assert backend.info.clock_hz is None or backend.info.clock_hz > 0

    @promised("Backend.health", "Say how it fares, without delay.")
    def test_it_is_ready(self, backend: Backend) -> None:
        with granted("health"):
            health = backend.health()
        assert health.state is State.READY

    @promised("Backend.telemetry", "Read the instruments, if there are any, without delay.")
    def test_its_instruments_can_be_read(self, backend: Backend) -> None:
        with granted("telemetry"):
            telemetry = backend.telemetry()
        assert isinstance(telemetry, Telemetry)
