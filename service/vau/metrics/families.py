"""What meters there are: their names, words, labels and buckets."""

from dataclasses import dataclass
from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

from vau.audio import FRAME_BUDGET_S
from vau.metrics.histogram import Histogram

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


@dataclass(frozen=True, slots=True)
class Maker:
    """Registers meters, each with the backend as its first label."""

    registry: CollectorRegistry

    def histogram(
        self, name: str, text: str, buckets: tuple[float, ...], *labels: str
    ) -> Histogram:
        """Register a histogram."""
        names = ("backend", *labels)
        return Histogram(name, text, names, buckets=buckets, registry=self.registry)

    def counter(self, name: str, text: str, *labels: str) -> Counter:
        """Register a counter; its samples end in ``_total``."""
        return Counter(name, text, ("backend", *labels), registry=self.registry)

    def gauge(self, name: str, text: str, *labels: str) -> Gauge:
        """Register a gauge."""
        return Gauge(name, text, ("backend", *labels), registry=self.registry)


class LiveFamilies:
    """How fast live audio is answered: what came no sooner than one could have spoken it."""

    def __init__(self, make: Maker) -> None:
        self.frame_latency = make.histogram(
            "vau_frame_latency_seconds",
            "Per frame of live audio: from its last sample received to its answer written.",
            FRAME_BUCKETS_S,
            "stage",
        )
        self.deadline_misses = make.counter(
            "vau_deadline_misses",
            "Frames of live audio whose latency passed 10 ms, each counted once: by the stage "
            "that alone took as long, or as sum.",
            "stage",
        )
        self.ahead = make.counter(
            "vau_ahead_frames",
            "Frames of audio that came sooner than one could have spoken it, as files do: of "
            "these no latency is counted.",
        )
        self.slow_streams = make.counter(
            "vau_slow_streams", "Streams that were answered late; see the log.", "cause"
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
            "Live audio received but not answered, at each response.",
            LAG_BUCKETS_S,
        )


class StreamFamilies:
    """How many streams there are, and how they end."""

    def __init__(self, make: Maker) -> None:
        self.active = make.gauge("vau_streams_active", "Streams now.")
        self.slots = make.gauge("vau_stream_slots", "Streams that there is room for.")
        self.all_active = Gauge(
            "vau_server_streams_active",
            "Streams now, of all backends together.",
            registry=make.registry,
        )
        self.all_slots = Gauge(
            "vau_server_stream_slots",
            "Streams that the server takes: its own limit, which its backends share.",
            registry=make.registry,
        )
        self.ended = make.counter(
            "vau_streams", "Streams that ended; reason is empty for OK.", "code", "reason"
        )
        self.duration = make.histogram(
            "vau_stream_duration_seconds", "Wall time of a stream.", DURATION_BUCKETS_S
        )
        self.audio = make.counter("vau_audio_seconds", "Audio taken in.")
        self.checkpoints = make.counter("vau_checkpoints", "Checkpoints that were sent.")


class WorkFamilies:
    """What the accelerators do, and what that costs."""

    def __init__(self, make: Maker) -> None:
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


class SharingFamilies:
    """What frames and streams gain by sharing a call to the backend.

    Whatever is called unshared is what the same frames would have cost one by one: over the
    meter of the same name without that word it says how many times as much.
    """

    def __init__(self, make: Maker) -> None:
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
