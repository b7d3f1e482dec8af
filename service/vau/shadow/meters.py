"""What shadows say, on the page that Prometheus reads. Labels are as in ``vau.metrics``."""

from collections.abc import Callable, Sequence

from prometheus_client import CollectorRegistry, Counter, Gauge

from vau.backend import BackendInfo, promise_equal_bits
from vau.metrics.histogram import Histogram
from vau.shadow.messages import DIVERGENCE_EDGES, Primary, Tally


class ShadowMetrics:
    """Every meter of shadows, in the registry of the server that has some."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register the meters. Raises ValueError if the registry has one of them already."""
        self._registry = registry
        self.divergence = Histogram(
            "vau_shadow_divergence",
            "Per frame: total variation distance of the two posteriors, 0 to 1.",
            ("backend", "shadow"),
            buckets=DIVERGENCE_EDGES,
            registry=registry,
        )
        self.frames = self._counter(
            "vau_shadow_frames", "Frames that a shadow computed and that were compared."
        )
        self.disagreements = self._counter(
            "vau_shadow_disagreements", "Of these, frames whose best class differs."
        )
        self.mismatches = self._counter(
            "vau_backend_mismatches",
            "Of these, frames with any bit different, where both promise the same bits.",
        )
        self.energy = self._counter(
            "vau_shadow_energy_joules",
            "Energy that a shadow accounts for, host excluded.",
            *("origin", "boundary"),
        )
        self.cycles = self._counter(
            "vau_shadow_device_cycles", "Clock cycles that a shadow accounts for.", "origin"
        )
        self.shed_frames = self._counter(
            "vau_shadow_shed_frames", "Frames that a shadow was spared, or lost."
        )
        self.shed_utterances = self._counter(
            "vau_shadow_shed_utterances", "Utterances of which a shadow missed a part."
        )
        self.up = self._gauge("vau_shadow_up", "1 while a shadow listens, 0 while it is down.")
        self.backlog = self._gauge(
            "vau_shadow_backlog_frames", "Frames that wait for a shadow."
        )
        self.losses = Counter(
            "vau_shadow_losses",
            "How often a shadow's process failed or died.",
            ("shadow", "model"),
            registry=registry,
        )

    @property
    def always(self) -> tuple[Counter, ...]:
        """What every shadow counts, whatever it is compared with."""
        return self.frames, self.disagreements, self.shed_frames, self.shed_utterances

    def _counter(self, name: str, text: str, *labels: str) -> Counter:
        names = ("backend", "shadow", *labels)
        return Counter(name, text, names, registry=self._registry)

    def _gauge(self, name: str, text: str) -> Gauge:
        return Gauge(name, text, ("shadow", "model"), registry=self._registry)


class ShadowMeters:
    """The meters of one shadow with one model."""

    def __init__(
        self,
        metrics: ShadowMetrics,
        info: BackendInfo,
        *,
        model: str,
        primaries: Sequence[Primary],
    ) -> None:
        """Show zeros."""
        names = (info.id, model)
        self._metrics = metrics
        self._shadow = info.id
        self._ids = [primary.id for primary in primaries]
        self._up = metrics.up.labels(*names)
        self._backlog = metrics.backlog.labels(*names)
        self._losses = metrics.losses.labels(*names)
        for primary in primaries:
            for family in metrics.always:
                family.labels(primary.id, self._shadow)
            if promise_equal_bits(primary, info):
                metrics.mismatches.labels(primary.id, self._shadow)

    def up(self, waiting_frames: Callable[[], int]) -> None:
        """Show that it listens, and from now on how much waits for it."""
        self._up.set(1)
        self._backlog.set_function(waiting_frames)

    def lost(self) -> None:
        """Count that its process failed or died."""
        self._losses.inc()

    def down(self) -> None:
        """Show that it does not listen."""
        self._up.set(0)
        self._backlog.set_function(lambda: 0)

    def shed(self, primary: int, frames: int, utterances: int) -> None:
        """Count what was not computed."""
        names = (self._ids[primary], self._shadow)
        self._metrics.shed_frames.labels(*names).inc(frames)
        self._metrics.shed_utterances.labels(*names).inc(utterances)

    def count(self, tally: Tally, shed_utterances: int) -> None:
        """Count what some rounds came to.

        shed_utterances: of those without a slot, so many were not counted before.
        """
        metrics, names = self._metrics, (self._ids[tally.primary], self._shadow)
        self.shed(tally.primary, tally.shed_frames, shed_utterances)
        metrics.disagreements.labels(*names).inc(tally.disagreements)
        if tally.mismatches is not None:
            metrics.mismatches.labels(*names).inc(tally.mismatches)
        metrics.divergence.labels(*names).add(tally.divergences, tally.divergence_sum)
        for origin, boundary, joules in tally.energies:
            metrics.energy.labels(*names, origin, boundary).inc(joules)
        if tally.cycles is not None:
            device_origin, cycles = tally.cycles
            metrics.cycles.labels(*names, device_origin).inc(cycles)
        metrics.frames.labels(*names).inc(tally.frames)  # last: whoever sees them sees the rest
