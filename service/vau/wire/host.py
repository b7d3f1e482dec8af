"""What all calls of one server share, and how the server describes itself."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Final

from google.protobuf.timestamp_pb2 import Timestamp

from vau.backend import BackendInfo, Health, State
from vau.checkpoint.seal import Sealer
from vau.config import ServerConfig, version
from vau.lane import Lane
from vau.metrics import Metrics
from vau.shadow.process import Shadow
from vau.shadow.shadows import Shadows
from vau.tracing import Tracer
from vau.v1 import speech_pb2 as pb
from vau.wire.answer import accepted_formats, model_info
from vau.wire.clock import Clock
from vau.wire.door import Door
from vau.wire.durations import duration_of
from vau.wire.gate import Gate
from vau.wire.lanes import Lanes
from vau.wire.request import Recognition, resolved

STATES: Final = {
    State.INITIALIZING: pb.BackendInfo.STATE_INITIALIZING,
    State.READY: pb.BackendInfo.STATE_READY,
    State.DEGRADED: pb.BackendInfo.STATE_DEGRADED,
    State.FAULT: pb.BackendInfo.STATE_FAULT,
    State.DRAINING: pb.BackendInfo.STATE_DRAINING,
}
USABLE: Final = (State.READY, State.DEGRADED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Host:
    """One server, as its calls see it."""

    config: ServerConfig
    lanes: Lanes
    shadows: Shadows
    gate: Gate
    door: Door
    metrics: Metrics
    clock: Clock
    sealer: Sealer
    tracer: Tracer
    health: dict[str, Health]
    """By backend id, as last seen; the watch keeps it fresh."""

    started: datetime = field(default_factory=lambda: datetime.now(UTC))

    def session_started(
        self,
        session_id: str,
        recognition: Recognition,
        lane: Lane,
        shadows: Sequence[str],
        next_sample: int = 0,
    ) -> pb.SessionStarted:
        """Describe a stream that was let in.

        lane:        that it is on, which may be one of its fallbacks.
        shadows:     the ids of those that hear it.
        next_sample: the first one that is still to come.
        """
        return pb.SessionStarted(
            session_id=session_id,
            resolved=resolved(recognition),
            backend=self.backend(lane.backend.info.id),
            model=model_info(lane.model),
            limits=self.limits(),
            next_sample=next_sample,
            resume_portable=self.sealer.is_portable,
            shadow_backends=shadows,
        )

    def backend(self, backend_id: str) -> pb.BackendInfo:
        """Describe a backend as it is now; its lanes differ only in the model they hold."""
        lanes = self.lanes.of(backend_id)
        info, health = lanes[0].backend.info, self.health[backend_id]
        is_draining = self.gate.is_draining and health.state in USABLE
        if is_draining:
            health = Health(State.DRAINING, health.text)
        described = _described(info, health, [lane.model.name for lane in lanes])
        described.slots_total = self.gate.slots_total(backend_id)
        described.slots_in_use = self.gate.slots_in_use(backend_id)
        return described

    def backends(self, *, include_unavailable: bool) -> pb.ListBackendsResponse:
        """Describe the backends, the default first."""
        wanted = [
            name
            for name in self.lanes.backend_ids
            if include_unavailable or self.health[name].state in USABLE
        ]
        return pb.ListBackendsResponse(
            backends=[self.backend(name) for name in wanted],
            default_backend=self.lanes.backend_ids[0],
            shadows=self._shadows(include_unavailable=include_unavailable),
        )

    def _shadows(self, *, include_unavailable: bool) -> list[pb.BackendInfo]:
        """Describe the shadows, one of several models by the state of the worst."""
        by_id: dict[str, list[Shadow]] = {}
        for shadow in self.shadows.all:
            by_id.setdefault(shadow.info.id, []).append(shadow)
        described = []
        for alike in by_id.values():
            health = next(
                (each.health for each in alike if each.health.state not in USABLE),
                alike[0].health,
            )
            if include_unavailable or health.state in USABLE:
                models = [shadow.model for shadow in alike]
                described.append(_described(alike[0].info, health, models))
        return described

    def limits(self) -> pb.Limits:
        """Return what this server allows."""
        return pb.Limits(
            max_streams=self.gate.max_streams,
            max_audio_message_bytes=self.config.max_audio_message_bytes,
            max_lag=duration_of(self.config.max_lag_s),
            idle_timeout=duration_of(self.config.idle_timeout_s),
            max_stream_duration=duration_of(self.config.max_stream_duration_s),
            max_unary_audio=duration_of(self.config.max_unary_audio_s),
            resume_ttl=duration_of(self.config.resume_ttl_s),
        )

    def info(self) -> pb.GetServerInfoResponse:
        """Describe the server."""
        models = {lane.model.name: lane.model for lane in self.lanes}
        started = Timestamp()
        started.FromDatetime(self.started)
        return pb.GetServerInfoResponse(
            version=version(),
            build=self.config.build,
            limits=self.limits(),
            accepted_formats=accepted_formats(),
            models=[model_info(model) for model in models.values()],
            draining=self.gate.is_draining,
            auth_required=self.door.wants_tokens,
            started=started,
        )


def _described(info: BackendInfo, health: Health, models: Sequence[str]) -> pb.BackendInfo:
    return pb.BackendInfo(
        id=info.id,
        kind=info.kind,
        state=STATES[health.state],
        state_text=health.text,
        bit_exact=info.bit_exact,
        arithmetic_id=info.arithmetic_id,
        state_export=info.state_export,
        measures_energy=info.measures_energy,
        max_batch=info.max_batch,
        clock_hertz=info.clock_hz or 0.0,
        firmware=info.firmware,
        models=models,
        tier=info.tier,
    )
