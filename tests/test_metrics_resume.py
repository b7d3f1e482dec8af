"""Every stream that came back counts, whatever class its refusal is of."""

import pytest
from prometheus_client import CollectorRegistry

from vau.errors import ResumeError, ResumeExpired, ResumeInvalid, ResumeMismatch
from vau.metrics.resume import ResumeMeters


class LateMismatch(ResumeMismatch):
    """A refusal that this service does not know yet."""


class TooLate(ResumeExpired, ResumeError):
    """One with more than one class above it."""


class Odd(ResumeError):
    """One below none of those that have an outcome."""


@pytest.mark.parametrize(
    ("kind", "outcome"),
    [
        (ResumeExpired, "expired"),
        (ResumeInvalid, "invalid"),
        (ResumeMismatch, "mismatch"),
        (LateMismatch, "mismatch"),
        (TooLate, "expired"),
        (Odd, "invalid"),
    ],
)
def test_a_refusal_counts_as_what_it_is_or_is_derived_from(
    kind: type[ResumeError], outcome: str
) -> None:
    registry = CollectorRegistry()
    ResumeMeters(registry).refused(kind("resume_token: no", field="config.resume_token"))
    counts = {
        each: registry.get_sample_value("vau_resumes_total", {"outcome": each})
        for each in ("resumed", "expired", "invalid", "mismatch")
    }
    assert counts == dict.fromkeys(counts, 0.0) | {outcome: 1.0}
