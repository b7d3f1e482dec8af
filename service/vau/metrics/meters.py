"""The meters of one process, and those of each backend: what is counted when."""

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from vau.audio import FRAME_BUDGET_S, SAMPLE_RATE_HZ
from vau.backend import Cost, Energy, State
from vau.honesty import Remark
from vau.lane import StageTimes
from vau.metrics.door import DoorMeters
from vau.metrics.families import (
    ALL_COMPONENTS,
    STAGES,
    LiveFamilies,
    Maker,
    SharingFamilies,
    StreamFamilies,
    WorkFamilies,
)
from vau.metrics.resume import ResumeMeters
from vau.session import Answer, Round


class Metrics:
    """Every meter, in a registry of whoever makes it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the meters. Raises ValueError if the registry has one of them already."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        make = Maker(registry)
        self.live = LiveFamilies(make)
        self.streams = StreamFamilies(make)
        self.work = WorkFamilies(make)
        self.sharing = SharingFamilies(make)
        self.door = DoorMeters(registry)
        self.resumes = ResumeMeters(registry)
        self.backend_state = make.gauge(
            "vau_backend_state", "1 for the state a backend is in, 0 for the others.", "state"
        )
        self.model_info = make.gauge("vau_model_info", "Always 1.", "model", "digest")
        self._build_info = Gauge(
            "vau_build_info", "Always 1.", ("version", "build"), registry=registry
        )
        self._suspicious = Counter(
            "vau_audio_suspicious", "Notices of doubtful audio.", ("kind",), registry=registry
        )
        self._backends: dict[str, BackendMeters] = {}

    def of(self, backend_id: str) -> "BackendMeters":
        """Return the meters of one backend; of "" for streams that never reached one."""
        if backend_id not in self._backends:
            self._backends[backend_id] = BackendMeters(self, backend_id)
        return self._backends[backend_id]

    def remarked(self, remark: Remark) -> None:
        """Count a remark on the audio of some stream."""
        self._suspicious.labels(remark.kind.name.lower()).inc()

    def built(self, version: str, build: str) -> None:
        """Show what is running."""
        self._build_info.labels(version, build).set(1)


class BackendMeters:
    """The meters of one backend. Labels are looked up once, not for every frame."""

    def __init__(self, metrics: Metrics, backend_id: str) -> None:
        """Look up what needs no further label."""
        self._metrics = metrics
        self._id = backend_id
        self._energies: dict[tuple[str, str], _EnergyMeters] = {}
        self._stages = {
            stage: metrics.live.frame_latency.labels(backend_id, stage) for stage in STAGES
        }
        self._misses = metrics.live.deadline_misses.labels(backend_id)
        self._batch_size = metrics.work.batch_size.labels(backend_id)
        self._chunk_frames = metrics.sharing.chunk_frames.labels(backend_id)
        self._audio = metrics.streams.audio.labels(backend_id)
        self._frames = metrics.work.frames.labels(backend_id)
        self.lag = metrics.live.lag.labels(backend_id)
        self.first_answer = metrics.live.first_answer.labels(backend_id)
        self.checkpoints = metrics.streams.checkpoints.labels(backend_id)
        self.final_after_end = metrics.live.final_after_end.labels(backend_id)
        self.streams_active = metrics.streams.active.labels(backend_id)
        self.stream_slots = metrics.streams.slots.labels(backend_id)

    def on_round(self, done: Round) -> None:
        """Count the work of one round: what a lane calls on its thread."""
        self._batch_size.observe(len(done.answers))
        for answer in done.answers:
            if isinstance(answer, Answer):
                for remark in answer.remarks:
                    self._metrics.remarked(remark)
                self._frames.inc(len(answer.log_prob))
                self._count(answer.cost, answer.steps)
                if answer.steps:
                    self._chunk_frames.observe(answer.steps)

    def heard(self, samples: int) -> None:
        """Count audio that was taken in."""
        self._audio.inc(samples / SAMPLE_RATE_HZ)

    def answered(self, frames: int, times: StageTimes, total_s: float) -> None:
        """Count frames of live audio, all of which took ``total_s``."""
        took_s = {
            "queue": times.queue_s,
            "feature": times.feature_s,
            "compute": times.compute_s,
            "post": times.post_s,
            "total": total_s,
        }
        for stage, seconds in took_s.items():
            for _ in range(frames):
                self._stages[stage].observe(seconds)
        self._misses.inc(frames if total_s > FRAME_BUDGET_S else 0)

    def ended(self, code: str, reason: str, duration_s: float) -> None:
        """Count a stream that ended; ``reason`` is empty if all went well."""
        self._metrics.streams.ended.labels(self._id, code, reason).inc()
        self._metrics.streams.duration.labels(self._id).observe(duration_s)

    def state(self, present: State) -> None:
        """Show the state that the backend is in."""
        for state in State:
            gauge = self._metrics.backend_state.labels(self._id, state.value)
            gauge.set(1 if state is present else 0)

    def model(self, name: str, digest: str) -> None:
        """Show a model that is loaded."""
        self._metrics.model_info.labels(self._id, name, digest).set(1)

    def _count(self, cost: Cost, steps: int) -> None:
        if cost.cycles is not None:
            self._metrics.work.cycles.labels(self._id, cost.device_origin).inc(cost.cycles)
        if cost.device_s is not None and steps:
            device = self._metrics.work.frame_device.labels(self._id, cost.device_origin)
            for _ in range(steps):
                device.observe(cost.device_s / steps)
        for energy in cost.energies:
            self._energy(energy).count(energy, steps)
        if cost.memory_bytes is not None:
            self._metrics.work.memory.labels(self._id).inc(cost.memory_bytes)
        self._count_unshared(cost.apart)
        for layer, events in enumerate(cost.saturations):
            self._metrics.work.saturations.labels(self._id, str(layer)).inc(events)

    def _count_unshared(self, cost: Cost) -> None:
        """Count what it would have cost; where sharing changes nothing that is what it did."""
        sharing = self._metrics.sharing
        if cost.cycles is not None:
            sharing.cycles.labels(self._id, cost.device_origin).inc(cost.cycles)
        for energy in cost.energies:
            labels = (self._id, energy.origin, energy.boundary)
            sharing.energy.labels(*labels).inc(energy.joules)
        if cost.memory_bytes is not None:
            sharing.memory.labels(self._id).inc(cost.memory_bytes)

    def _energy(self, energy: Energy) -> "_EnergyMeters":
        key = (energy.origin, energy.boundary)
        if key not in self._energies:
            self._energies[key] = _EnergyMeters(self._metrics, (self._id, *key))
        return self._energies[key]


class _EnergyMeters:
    """The meters of one backend, origin and boundary."""

    def __init__(self, metrics: Metrics, labels: tuple[str, str, str]) -> None:
        self._labels = labels
        self._total = metrics.work.energy
        self._per_frame = metrics.work.energy_per_frame.labels(*labels)
        self._components: dict[str, Counter] = {}

    def count(self, energy: Energy, steps: int) -> None:
        for name, joules in energy.parts or ((ALL_COMPONENTS, energy.joules),):
            if name not in self._components:
                self._components[name] = self._total.labels(*self._labels, name)
            self._components[name].inc(joules)
        for _ in range(steps):
            self._per_frame.observe(energy.joules / steps)
