"""What is worth knowing and ends nothing: in a constant, in a sentence, and in figures."""

from vau.audio import SAMPLE_RATE_HZ
from vau.v1 import speech_pb2 as pb


def going_away(left_s: float) -> pb.Notice:
    """Say that the server shuts down."""
    return _notice(
        "GOING_AWAY",
        f"The server shuts down: end within {left_s:.1f} s.",
        deadline_s=f"{left_s:.3f}",
    )


def near_idle_timeout(left_s: float) -> pb.Notice:
    """Say that the client has been silent for long."""
    return _notice(
        "NEAR_IDLE_TIMEOUT",
        f"Nothing came for long: the stream ends in {left_s:.1f} s, unless something does; "
        "KIND_KEEP_ALIVE is enough.",
        left_s=f"{left_s:.3f}",
    )


def near_max_duration(left_s: float) -> pb.Notice:
    """Say that the stream becomes as old as a stream may."""
    return _notice(
        "NEAR_MAX_DURATION",
        f"The stream has nearly lasted as long as one may: it ends in {left_s:.1f} s.",
        left_s=f"{left_s:.3f}",
    )


def lagging(waiting_samples: int, most_samples: int) -> pb.Notice:
    """Say that audio comes faster than it is computed."""
    waiting_s, most_s = waiting_samples / SAMPLE_RATE_HZ, most_samples / SAMPLE_RATE_HZ
    return _notice(
        "LAGGING",
        f"{waiting_s:.2f} s of audio wait for the accelerator, of {most_s:g} s that may.",
        lag_samples=str(waiting_samples),
    )


def _notice(code: str, text: str, **metadata: str) -> pb.Notice:
    return pb.Notice(code=code, text=text, metadata=metadata)
