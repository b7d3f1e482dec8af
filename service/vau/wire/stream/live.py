"""What the parts of one live stream share."""

from dataclasses import dataclass

from vau.metrics import BackendMeters
from vau.v1 import speech_pb2 as pb
from vau.wire.call import Call
from vau.wire.carrier import Carrier
from vau.wire.host import Host
from vau.wire.request import Stream
from vau.wire.stream.checkpoints import Checkpoints
from vau.wire.stream.inbox import Inbox
from vau.wire.stream.life import Life
from vau.wire.stream.position import Position
from vau.wire.stream.toll import Toll


@dataclass(frozen=True, slots=True, kw_only=True)
class Live:
    """A stream that holds a slot."""

    host: Host
    call: Call
    wanted: Stream
    carrier: Carrier
    position: Position
    totals: pb.Timing
    """All times so far, of the calls before this one too."""

    checkpoints: Checkpoints
    inbox: Inbox
    life: Life
    toll: Toll

    def meters(self) -> BackendMeters:
        """Return the meters of the backend that the stream is on."""
        return self.host.metrics.of(self.call.backend_id)
