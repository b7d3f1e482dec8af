"""The meters of one process, and the page on which Prometheus reads them.

A name ends in the unit, which is SI. A label says of each figure of a device whether a model
estimated it or an instrument measured it; energies that differ in that, or in what they
include, do not add up to anything. Nothing here tells one session or client from another.
"""

from dataclasses import dataclass
from typing import Final, Self

from prometheus_client import (
    CollectorRegistry,
    Counter,
    Gauge,
    Histogram,
    disable_created_metrics,
    start_http_server,
)

from vau.audio import FRAME_BUDGET_S, SAMPLE_RATE_HZ
from vau.backend import Cost, Energy, State
from vau.config import join_address, split_address
from vau.errors import ConfigInvalid
from vau.lane import StageTimes
from vau.session import Answer, Round

# Dense where an answer in time falls: the lowest bucket that the library offers by itself is
# half of a frame's budget. 330 µs is a mark to compare with: the latency that was published
# for Muntaniala in silicon.
_UP_TO_1_MS: Final = (50e-6, 100e-6, 200e-6, 330e-6, 500e-6, 1e-3)
FRAME_BUCKETS_S: Final = (
    *_UP_TO_1_MS,
    *(2e-3, 5e-3, FRAME_BUDGET_S, 20e-3, 50e-3, 100e-3, 250e-3, 500e-3, 1.0),
)
DEVICE_BUCKETS_S: Final = (10e-6, 20e-6, *FRAME_BUCKETS_S)
ANSWER_BUCKETS_S: Final = (
    *(5e-3, 10e-3, 20e-3, 50e-3, 100e-3, 200e-3, 500e-3),
    *(1.0, 2.0, 5.0, 10.0),
)
LAG_BUCKETS_S: Final = (50e-3, 100e-3, 200e-3, 500e-3, 1.0, 2.0, 5.0)
DURATION_BUCKETS_S: Final = (1.0, 5.0, 15.0, 60.0, 300.0, 900.0, 3600.0, 14400.0)
BATCH_BUCKETS: Final = (1, 2, 4, 8, 16, 32, 64, 128)
CHUNK_BUCKETS: Final = BATCH_BUCKETS  # the same steps for T as for S
ENERGY_BUCKETS_J: Final = (
    *(1e-7, 2e-7, 5e-7, 1e-6, 2e-6, 5e-6, 1e-5, 2e-5, 5e-5),
    *(1e-4, 2e-4, 5e-4, 1e-3, 2e-3, 5e-3, 1e-2),
)
STAGES: Final = ("queue", "feature", "compute", "post", "total")
ALL_COMPONENTS: Final = "all"  # of an energy whose parts are not known


class Metrics:
    """Every meter, in a registry of whoever makes it."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the meters. Raises ValueError if the registry has one of them already."""
        disable_created_metrics()  # type: ignore[no-untyped-call]
        self.registry = registry
        make = _Maker(registry)
        self.live = _LiveFamilies(make)
        self.streams = _StreamFamilies(make)
        self.work = _WorkFamilies(make)
        self.sharing = _SharingFamilies(make)
        self.backend_state = make.gauge(
            "vau_backend_state", "1 for the state a backend is in, 0 for the others.", "state"
        )
        self.model_info = make.gauge("vau_model_info", "Always 1.", "model", "digest")
        self._build_info = Gauge(
            "vau_build_info", "Always 1.", ("version", "build"), registry=registry
        )
        self._backends: dict[str, BackendMeters] = {}

    def of(self, backend_id: str) -> "BackendMeters":
        """Return the meters of one backend; of "" for streams that never reached one."""
        if backend_id not in self._backends:
            self._backends[backend_id] = BackendMeters(self, backend_id)
        return self._backends[backend_id]

    def built(self, version: str, build: str) -> None:
        """Show what is running."""
        self._build_info.labels(version, build).set(1)


@dataclass(frozen=True, slots=True)
class _Maker:
    """Registers meters, each with the backend as its first label."""

    registry: CollectorRegistry

    def histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        names = ("backend", *labels)
        return Histogram(name, text, names, buckets=buckets, registry=self.registry)

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        return Counter(name, text, ("backend", *labels), registry=self.registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        return Gauge(name, text, ("backend", *labels), registry=self.registry)


class _LiveFamilies:
    """How fast live audio is answered."""

    def __init__(self, make: _Maker) -> None:
        self.frame_latency = make.histogram(
            "vau_frame_latency_seconds",
            "Per frame of live audio: from its last sample received to its answer written.",
            FRAME_BUCKETS_S,
            "stage",
        )
        self.deadline_misses = make.counter(
            "vau_deadline_misses", "Frames of live audio whose latency passed 10 ms."
        )
        self.first_answer = make.histogram(
            "vau_first_answer_seconds",
            "From a stream's first audio to its first posteriors.",
            ANSWER_BUCKETS_S,
        )
        self.final_after_end = make.histogram(
            "vau_final_after_end_seconds",
            "From a stream's half-close to its last result.",
            ANSWER_BUCKETS_S,
        )
        self.lag = make.histogram(
            "vau_stream_lag_seconds",
            "Audio received but not answered, at each response.",
            LAG_BUCKETS_S,
        )


class _StreamFamilies:
    """How many streams there are, and how they end."""

    def __init__(self, make: _Maker) -> None:
        self.active = make.gauge("vau_streams_active", "Streams now.")
        self.slots = make.gauge("vau_stream_slots", "Streams that there is room for.")
        self.ended = make.counter(
            "vau_streams", "Streams that ended; reason is empty for OK.", "code", "reason"
        )
        self.duration = make.histogram(
            "vau_stream_duration_seconds", "Wall time of a stream.", DURATION_BUCKETS_S
        )
        self.audio = make.counter("vau_audio_seconds", "Audio taken in.")


class _WorkFamilies:
    """What the accelerators do, and what that costs."""

    def __init__(self, make: _Maker) -> None:
        self.batch_size = make.histogram(
            "vau_batch_size", "Streams that shared a step.", BATCH_BUCKETS
        )
        self.frames = make.counter("vau_frames", "Frames answered.")
        self.frame_device = make.histogram(
            "vau_frame_device_seconds",
            "Per frame: time on the accelerator, host and queue excluded.",
            DEVICE_BUCKETS_S,
            "origin",
        )
        self.cycles = make.counter(
            "vau_device_cycles", "Clock cycles of the accelerator.", "origin"
        )
        self.saturations = make.counter(
            "vau_saturations", "Accumulators that met their limit.", "layer"
        )
        self.energy = make.counter(
            "vau_energy_joules",
            "Energy of the accelerator, host excluded.",
            *("origin", "boundary", "component"),
        )
        self.energy_per_frame = make.histogram(
            "vau_energy_joules_per_frame",
            "Energy of the accelerator per frame, host excluded.",
            ENERGY_BUCKETS_J,
            *("origin", "boundary"),
        )
        self.memory = make.counter(
            "vau_memory_bytes", "Read from memory outside the accelerator, weights above all."
        )


class _SharingFamilies:
    """What frames and streams gain by sharing a call to the backend.

    Whatever is called unshared is what the same frames would have cost one by one: over the
    meter of the same name without that word it says how many times as much.
    """

    def __init__(self, make: _Maker) -> None:
        self.chunk_frames = make.histogram(
            "vau_chunk_frames", "Frames of one stream that shared a call.", CHUNK_BUCKETS
        )
        self.energy = make.counter(
            "vau_unshared_energy_joules",
            "Energy of the accelerator, had every frame had a call of its own.",
            *("origin", "boundary"),
        )
        self.cycles = make.counter(
            "vau_unshared_device_cycles",
            "Clock cycles of the accelerator, had every frame had a call of its own.",
            "origin",
        )
        self.memory = make.counter(
            "vau_unshared_memory_bytes",
            "Read from memory, had every frame had a call of its own.",
        )


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
        self.final_after_end = metrics.live.final_after_end.labels(backend_id)
        self.streams_active = metrics.streams.active.labels(backend_id)
        self.stream_slots = metrics.streams.slots.labels(backend_id)

    def on_round(self, done: Round) -> None:
        """Count the work of one round: what a lane calls on its thread."""
        self._batch_size.observe(len(done.answers))
        for answer in done.answers:
            if isinstance(answer, Answer):
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


class MetricsPage:
    """``/metrics`` over HTTP, on a thread of its own."""

    def __init__(self, metrics: Metrics, listen: str) -> None:
        """Listen at ``listen``. Raises ConfigInvalid if that address cannot be had."""
        host, port = split_address(listen, "metrics_listen")
        try:
            self._server, self._thread = start_http_server(port, host, metrics.registry)
        except OSError as cause:
            raise ConfigInvalid(
                f"metrics_listen={listen!r}: {cause.strerror}; choose another address",
                field="metrics_listen",
            ) from cause
        self.address = join_address(host, self._server.server_port)

    def close(self) -> None:
        """Stop listening."""
        self._server.shutdown()
        self._server.server_close()
        self._thread.join()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()
