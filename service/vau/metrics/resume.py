"""The meters of checkpoints: how many were sent, and what came of those that came back."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter

from vau.errors import ResumeExpired, ResumeInvalid, ResumeMismatch, VauError

OUTCOMES: Final[dict[type[VauError], str]] = {
    ResumeExpired: "expired",
    ResumeInvalid: "invalid",
    ResumeMismatch: "mismatch",
}
RESUMED: Final = "resumed"


class ResumeMeters:
    """Every outcome is there from the start, at zero."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them."""
        self._resumes = Counter(
            "vau_resumes",
            "Streams that came with a checkpoint.",
            ("outcome",),
            registry=registry,
        )
        for outcome in (RESUMED, *OUTCOMES.values()):
            self._resumes.labels(outcome)

    def resumed(self) -> None:
        """Count a stream that goes on."""
        self._resumes.labels(RESUMED).inc()

    def refused(self, error: VauError) -> None:
        """Count one that cannot."""
        self._resumes.labels(OUTCOMES[type(error)]).inc()
