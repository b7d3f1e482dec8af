"""The meters of checkpoints: how many were sent, and what came of those that came back."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter

from vau.errors import ResumeError, ResumeExpired, ResumeInvalid, ResumeMismatch

OUTCOMES: Final[dict[type, str]] = {
    ResumeExpired: "expired",
    ResumeInvalid: "invalid",
    ResumeMismatch: "mismatch",
}
"""Of each class, and of those below it that have no outcome of their own."""

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

    def refused(self, error: ResumeError) -> None:
        """Count one that cannot."""
        self._resumes.labels(outcome_of(error)).inc()


def outcome_of(error: ResumeError) -> str:
    """Return how a refusal counts: by its class, or the nearest one above that is known."""
    known = (OUTCOMES[kind] for kind in type(error).__mro__ if kind in OUTCOMES)
    return next(known, OUTCOMES[ResumeInvalid])
