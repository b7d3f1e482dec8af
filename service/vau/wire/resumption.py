"""Checkpoints as a config asks for them, and what binds them to it."""

from collections.abc import Iterator
from typing import Final

from google.protobuf.descriptor import FieldDescriptor
from google.protobuf.message import Message

from vau.backend import BackendInfo
from vau.config import ServerConfig
from vau.errors import CapabilityMissing, ConfigInvalid
from vau.v1 import speech_pb2 as pb
from vau.wire.durations import seconds_of

LEAST_INTERVAL_S: Final = 0.2  # a state takes about half a millisecond, and ten kilobytes
FREE: Final = frozenset(
    {
        "config.recognition.model",
        "config.recognition.backend",
        "config.recognition.fallback_backends",
        "config.flow_control",
        "config.shadow_backends",
        "config.checkpoint_interval",
        "config.resume_token",
    }
)
"""What may be another when a stream goes on. Its network and arithmetic may not, and are bound
by what they are, since another server may have them under another name; the rest changes no
answer."""


def interval_s(config: pb.StreamingConfig, backend: BackendInfo, limits: ServerConfig) -> float:
    """Check how often checkpoints are wanted, and return it; 0 for never.

    Raises ConfigInvalid for too often or too rarely, CapabilityMissing if checkpoints, or to go
    on from one, is asked of a backend that does not give its states away.
    """
    asked_s = seconds_of(config.checkpoint_interval)
    field = "config.checkpoint_interval"
    if asked_s and not LEAST_INTERVAL_S <= asked_s <= limits.resume_ttl_s:
        accepted = f"0, {LEAST_INTERVAL_S:g}..{limits.resume_ttl_s:g}"
        raise ConfigInvalid(
            f"{field}: {asked_s:g} s is none of {accepted} s; 0 sends none",
            field=field,
            found=asked_s,
            accepted=accepted,
            least_s=LEAST_INTERVAL_S,
            most_s=limits.resume_ttl_s,
        )
    for path, is_asked in (
        (field, bool(asked_s)),
        ("config.resume_token", config.resume_token),
    ):
        if is_asked and not backend.state_export:
            raise CapabilityMissing(
                f"{path}: backend {backend.id} does not give its states away, so its streams "
                "cannot be resumed; leave it out, or ask for another backend",
                field=path,
                capability="checkpoints",
                backend=backend.id,
            )
    return asked_s


def settings(config: pb.StreamingConfig, resolved: pb.RecognitionConfig) -> dict[str, str]:
    """Return, by its path, every field that a stream must begin with again to go on.

    resolved: what ``config.recognition`` came to mean.
    """
    whole = pb.StreamingConfig()
    whole.CopyFrom(config)
    whole.recognition.CopyFrom(resolved)
    return dict(_leaves(whole, "config"))


def _leaves(message: Message, path: str) -> Iterator[tuple[str, str]]:
    for field, value in message.ListFields():
        name = f"{path}.{field.name}"
        if name in FREE:
            continue
        if field.type == FieldDescriptor.TYPE_MESSAGE and not field.is_repeated:
            if not value.ListFields():
                yield name, "empty"  # which is not the same as absent
            yield from _leaves(value, name)
        elif (enum := field.enum_type) is not None and not field.is_repeated:
            yield name, enum.values_by_number[value].name
        else:
            yield name, str(value)
