"""When silence ends a segment, as a config says it."""

from typing import Final

from google.protobuf.duration_pb2 import Duration

from vau.audio import HOP_S
from vau.endpoint import ONSET_FRAMES, Rules
from vau.errors import CapabilityMissing, ConfigInvalid
from vau.model import Model
from vau.v1 import speech_pb2 as pb
from vau.wire.durations import S_TO_NS, nanoseconds

HOP_NS: Final = nanoseconds(HOP_S)
LEAST_FRAMES: Final = 2 * ONSET_FRAMES  # less would end segments faster than speech can begin
PATH: Final = "config.endpointing"


def rules_of(config: pb.StreamingConfig, model: Model) -> Rules | None:
    """Check the rules of a stream; None if it wants none, and no events either.

    Raises ConfigInvalid for a time that is negative or too short, CapabilityMissing for a model
    that cannot tell silence from speech.
    """
    if not config.HasField("endpointing"):
        return None
    asked = config.endpointing
    if not model.silence_ids:
        raise CapabilityMissing(
            f"{PATH}: model {model.name} has no class of silence, so nothing tells where "
            "speech ends; leave it out, or ask for another model",
            field=PATH,
            capability="silence-classes",
        )
    return Rules(
        start_frames=_frames(asked.start_timeout, "start_timeout"),
        silence_frames=_frames(asked.end_silence, "end_silence"),
        segment_frames=_frames(asked.max_segment, "max_segment"),
        resets=asked.reset_state,
    )


def _frames(span: Duration, name: str) -> int:
    """Return how many frames last at least so long."""
    span_ns = span.ToNanoseconds()
    frames = -(-span_ns // HOP_NS)
    if span_ns and frames < LEAST_FRAMES:
        least_s = LEAST_FRAMES * HOP_S
        raise ConfigInvalid(
            f"{PATH}.{name}: {span_ns / S_TO_NS:g} s is neither 0, which switches it off, nor "
            f"{least_s:g} s or more",
            field=f"{PATH}.{name}",
            found=span_ns / S_TO_NS,
            accepted=f"0, {least_s:g}..",
        )
    return frames
