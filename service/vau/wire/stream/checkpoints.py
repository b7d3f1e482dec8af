"""When a stream gets a checkpoint, what is sealed in it, and how a stream begins from one.

A checkpoint is due by audio: so much since the last one, however fast it came. It says that all
before it, in the same response too, has happened; since a control is told behind it, controls
have their own responses, and a checkpoint that they cannot wait for goes before them.
"""

from dataclasses import dataclass
from typing import Final

from google.protobuf.descriptor import FieldDescriptor

from vau.audio import SAMPLE_RATE_HZ
from vau.checkpoint.form import Reader, Writer
from vau.checkpoint.seal import Terms
from vau.errors import ResumeMismatch
from vau.lane import Lane
from vau.v1 import speech_pb2 as pb
from vau.wire.call import Call
from vau.wire.host import Host
from vau.wire.request import Stream
from vau.wire.route import Route
from vau.wire.stream.position import Position

FRESH: Final = 0.5  # of a token's time may pass before a stream without audio gets another
MOST_NUMBER: Final = {
    FieldDescriptor.TYPE_INT64: (1 << 63) - 1,
    FieldDescriptor.TYPE_UINT32: (1 << 32) - 1,
    FieldDescriptor.TYPE_ENUM: (1 << 31) - 1,
}


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a resumed stream begins with."""

    session: bytes
    """For ``Lane.resume``."""

    totals: pb.Timing
    route: Route
    """Where it can go on."""


class Checkpoints:
    """The checkpoints of one stream."""

    def __init__(self, host: Host, call: Call, wanted: Stream, position: Position) -> None:
        """Send none yet."""
        self._host, self._call = host, call
        self._recognition, self._settings = wanted.recognition, wanted.settings
        self._position = position
        self._token = wanted.resume_token
        self._interval_samples = round(wanted.checkpoint_interval_s * SAMPLE_RATE_HZ)
        self._terms = self._terms_on(wanted.recognition.lane)
        self._is_asked = False
        self._stale_s = self._host.clock.time() + FRESH * host.config.resume_ttl_s

    def beginning(self) -> Beginning | None:
        """Return what the client's token holds; None if it has sent none.

        Raises ResumeError for a token that cannot be used.
        """
        if not self._token:
            return None
        route, state = self._opened()
        saved = Reader(state)
        totals = pb.Timing()
        for field in pb.Timing.DESCRIPTOR.fields:
            setattr(totals, field.name, saved.count(most=MOST_NUMBER[field.type]))
        session = saved.octets(most=saved.left)
        saved.check_end()
        return Beginning(session, totals, route)

    def _opened(self) -> tuple[Route, bytes]:
        """Return where the stream of the token can go on, and what is in it.

        Perhaps it began on a fallback that computes otherwise, and can only go on there.
        """
        lanes, mismatches = self._recognition.lanes, list[ResumeMismatch]()
        for arithmetic_id in dict.fromkeys(lane.backend.info.arithmetic_id for lane in lanes):
            able = [lane for lane in lanes if lane.backend.info.arithmetic_id == arithmetic_id]
            try:
                state = self._host.sealer.open(self._token, self._terms_on(able[0]))
            except ResumeMismatch as error:
                if error.facts.get("differs") != "arithmetic_id":
                    raise
                mismatches.append(error)
            else:
                why = mismatches[0] if mismatches else None
                return Route(self._recognition.lane, tuple(able), why), state
        raise mismatches[0]

    def on(self, lane: Lane) -> None:
        """Take note of the lane that the stream is on: whatever follows it computes alike."""
        self._terms = self._terms_on(lane)

    def _terms_on(self, lane: Lane) -> Terms:
        return Terms(
            owner=self._call.owner,
            model_digest=lane.model.digest,
            arithmetic_id=lane.backend.info.arithmetic_id,
            settings=self._settings,
        )

    def ask(self) -> None:
        """Let the next response that can hold one have a checkpoint, due or not."""
        self._is_asked = True

    def is_due(self, sample: int) -> bool:
        """Tell whether what is answered up to ``sample`` is to bring a checkpoint."""
        is_far = sample - self._position.acked >= self._interval_samples > 0
        return is_far or self.is_urgent

    @property
    def is_urgent(self) -> bool:
        """Whether a checkpoint should not wait for more audio."""
        if not self._interval_samples:
            return False
        return self._is_asked or self._host.clock.time() >= self._stale_s

    def put(
        self, response: pb.StreamingRecognizeResponse, state: bytes, totals: pb.Timing
    ) -> None:
        """Put into ``response`` the state that was saved behind its answer, sealed."""
        out = Writer()
        for field in pb.Timing.DESCRIPTOR.fields:
            out.count(getattr(totals, field.name))
        out.octets(state)
        token = self._host.sealer.seal(self._terms, out.bytes())
        self._position.acked = self._position.computed
        response.checkpoint.token = token.data
        response.checkpoint.next_sample = self._position.computed
        response.checkpoint.expires.FromNanoseconds(token.expires_ns)
        self._host.metrics.of(self._call.backend_id).checkpoints.inc()
        self._is_asked = False
        self._stale_s = self._host.clock.time() + FRESH * self._host.config.resume_ttl_s
