"""Times on the wire: whole nanoseconds there, seconds everywhere else."""

from typing import Final

from google.protobuf.duration_pb2 import Duration

S_TO_NS: Final = 10**9


def nanoseconds(seconds: float) -> int:
    """Return the nearest whole number of nanoseconds."""
    return round(seconds * S_TO_NS)


def duration_of(seconds: float) -> Duration:
    """Return a time as a message."""
    duration = Duration()
    duration.FromNanoseconds(nanoseconds(seconds))
    return duration


def seconds_of(duration: Duration) -> float:
    """Return the time that a message holds; 0 of one that is not set."""
    return float(duration.ToNanoseconds() / S_TO_NS)
