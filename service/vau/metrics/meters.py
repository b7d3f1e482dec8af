"""The meters of one process, and those of each backend: what is counted when."""

from prometheus_client import CollectorRegistry, Counter, Gauge, disable_created_metrics

from vau.audio import FRAME_BUDGET_S, SAMPLE_RATE_HZ
from vau.backend import State
from vau.honesty import Remark
from vau.lane import StageTimes
from vau.metrics.blame import BLAMED, blamed
from vau.metrics.costs import CostMeters
from vau.metrics.door import DoorMeters
from vau.metrics.families import (
    STAGES,
    LiveFamilies,
    Maker,
    SharingFamilies,
    StreamFamilies,
    WorkFamilies,
)
from vau.metrics.resume import ResumeMeters
from vau.session import Answer, Repetition, Round


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
        self.mended = make.counter(
            "vau_backend_mended",
            "What went wrong with a device, or on the way to it, and was put right.",
            "kind",
        )
        self.model_info = make.gauge(
            "vau_model_info", "Always 1: a model that is served.", "model", "digest"
        )
        self._build_info = Gauge(
            "vau_build_info", "Always 1: what runs.", ("version", "build"), registry=registry
        )
        self._suspicious = Counter(
            "vau_audio_suspicious", "Notices of doubtful audio.", ("kind",), registry=registry
        )
        self._changes = make.counter(
            "vau_backend_changes",
            "Streams that a fallback took over from this backend, by what that failed with.",
            *("to", "reason"),
        )
        self._lines_lost = Counter(
            "vau_log_lines_lost",
            "Lines of the log that could not be written.",
            ("reason",),
            registry=registry,
        )
        self._backends: dict[str, BackendMeters] = {}

    def of(self, backend_id: str) -> "BackendMeters":
        """Return the meters of one backend."""
        if backend_id not in self._backends:
            self._backends[backend_id] = BackendMeters(self, backend_id)
        return self._backends[backend_id]

    def ended_early(self, code: str, reason: str) -> None:
        """Count a stream that ended before it had a backend: it has no other line."""
        self.streams.ended.labels("", code, reason).inc()

    def remarked(self, remark: Remark) -> None:
        """Count a remark on the audio of some stream."""
        self._suspicious.labels(remark.kind.name.lower()).inc()

    def changed(self, left: str, taken: str, reason: str) -> None:
        """Count a stream that left one backend for another."""
        self._changes.labels(left, taken, reason).inc()

    def log_lines_lost(self, reason: str, lines: int) -> None:
        """Count lines that are missing in the log."""
        self._lines_lost.labels(reason).inc(lines)

    def built(self, version: str, build: str) -> None:
        """Show what is running."""
        self._build_info.labels(version, build).set(1)


class BackendMeters:
    """The meters of one backend. Labels are looked up once, not for every frame."""

    def __init__(self, metrics: Metrics, backend_id: str) -> None:
        """Look up what needs no further label."""
        self._metrics = metrics
        self._id = backend_id
        live, streams = metrics.live, metrics.streams
        self._costs = CostMeters(metrics.work, metrics.sharing, backend_id)
        self._stages = {stage: live.frame_latency.labels(backend_id, stage) for stage in STAGES}
        self._misses = {each: live.deadline_misses.labels(backend_id, each) for each in BLAMED}
        self._ahead = live.ahead.labels(backend_id)
        self._batch_size = metrics.work.batch_size.labels(backend_id)
        self._chunk_frames = metrics.sharing.chunk_frames.labels(backend_id)
        self._audio = streams.audio.labels(backend_id)
        self._frames = metrics.work.frames.labels(backend_id)
        self._duration = streams.duration.labels(backend_id)
        self.lag = live.lag.labels(backend_id)
        self.first_answer = live.first_answer.labels(backend_id)
        self.checkpoints = streams.checkpoints.labels(backend_id)
        self.final_after_end = live.final_after_end.labels(backend_id)
        self.streams_active = streams.active.labels(backend_id)
        self.stream_slots = streams.slots.labels(backend_id)

    def on_round(self, done: Round) -> None:
        """Count the work of one round: what a lane calls on its thread."""
        answers = [answer for answer in done.answers if isinstance(answer, Answer)]
        repeated = [answer.repeated for answer in answers if answer.repeated.steps]
        computed: list[Answer | Repetition] = [*answers, *repeated]
        self._batch_size.observe(len(done.answers))
        self._frames.inc(sum(len(answer.log_prob) for answer in answers))
        self._costs.count(computed)
        for each in computed:
            if each.steps:
                self._chunk_frames.observe(each.steps)
        for answer in answers:
            for remark in answer.remarks:
                self._metrics.remarked(remark)

    def heard(self, samples: int) -> None:
        """Count audio that was taken in."""
        self._audio.inc(samples / SAMPLE_RATE_HZ)

    def answered(self, frames: int, times: StageTimes, total_s: float) -> None:
        """Count frames of live audio, all of which took ``total_s``."""
        stages = self._stages
        stages["queue"].observe(times.queue_s, frames)
        stages["feature"].observe(times.feature_s, frames)
        stages["compute"].observe(times.compute_s, frames)
        stages["post"].observe(times.post_s, frames)
        stages["total"].observe(total_s, frames)
        if total_s > FRAME_BUDGET_S:
            self._misses[blamed(times, total_s)].inc(frames)

    def ahead(self, frames: int) -> None:
        """Count frames of audio that was not live: how long they took says nothing."""
        self._ahead.inc(frames)

    def slow(self, cause: str) -> None:
        """Count a stream that was answered late because of ``cause``."""
        self._metrics.live.slow_streams.labels(self._id, cause).inc()

    def ended(self, code: str, reason: str, duration_s: float) -> None:
        """Count a stream that ended; ``reason`` is empty if all went well."""
        self._metrics.streams.ended.labels(self._id, code, reason).inc()
        self._duration.observe(duration_s)

    def state(self, present: State) -> None:
        """Show the state that the backend is in."""
        for state in State:
            gauge = self._metrics.backend_state.labels(self._id, state.value)
            gauge.set(1 if state is present else 0)

    def mended(self, kind: str, times: int) -> None:
        """Count what was put right on the device."""
        self._metrics.mended.labels(self._id, kind).inc(times)

    def model(self, name: str, digest: str) -> None:
        """Show a model that is loaded."""
        self._metrics.model_info.labels(self._id, name, digest).set(1)
