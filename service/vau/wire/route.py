"""Where a stream may be served: which backends it may be on, and which of them can."""

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

from vau.backend import BackendInfo, promise_equal_bits
from vau.errors import (
    BackendError,
    BadSnapshot,
    DeviceCorrupt,
    ResumeMismatch,
    SlotsExhausted,
    VauError,
)
from vau.lane import Lane
from vau.session import Trail
from vau.wire.host import USABLE, Host

CANNOT: Final = (BackendError, BadSnapshot, SlotsExhausted)
"""With what a backend says that it cannot take a stream."""


@dataclass(frozen=True, slots=True)
class Route:
    """Where a stream may be served."""

    wanted: Lane
    """The one that its client would rather have."""

    lanes: tuple[Lane, ...]
    """Those it may be on, the best first; one at least."""

    why: VauError | None = None
    """The wanted one is not the first of them, because of this."""

    def others(self, lane: Lane) -> list[Lane]:
        """Return all but ``lane``."""
        return [other for other in self.lanes if other is not lane]


def ready(host: Host, route: Route) -> tuple[Lane, Route]:
    """Return the lane to begin on: the first that is ready and has room, or else the first.

    With it comes the route, which says why that is not the wanted one.
    """
    refusals = [_refusal(host, lane) for lane in route.lanes]
    at = refusals.index(None) if None in refusals else 0
    return route.lanes[at], replace(route, why=route.why or refusals[0]) if at else route


def _refusal(host: Host, lane: Lane) -> VauError | None:
    """Return why a stream should not begin on ``lane`` if it may begin elsewhere."""
    if text := ailment(host, lane):
        name = lane.backend.info.id
        return BackendError(f"backend {name} {text}", backend=name)
    return host.gate.refusal(lane)


def ailment(host: Host, lane: Lane) -> str:
    """Say why a backend is not to be used, as last seen; nothing if it is."""
    health = host.health[lane.backend.info.id]
    return (
        "" if health.state in USABLE else f"is not ready: {health.text or health.state.value}"
    )


def is_for_another(error: VauError) -> bool:
    """Tell whether another backend may do what this one has failed at.

    A state that is damaged, of another config, or of doubtful answers is so everywhere.
    """
    if isinstance(error, ResumeMismatch):
        return error.facts.get("differs") == "backend"
    if isinstance(error, DeviceCorrupt) and error.is_of_answers:
        return False
    return isinstance(error, CANNOT)


def unfitness(there: BackendInfo, here: BackendInfo, trail: Trail | None) -> str:
    """Say why one backend cannot go on where another fails; nothing if it can."""
    if there.arithmetic_id != here.arithmetic_id:
        return f"computes otherwise ({there.arithmetic_id}, not {here.arithmetic_id})"
    if not promise_equal_bits(there, here):
        return f"does not promise the bits of {here.id} ({here.arithmetic_id} is not bit-exact)"
    if trail is None or not trail.is_whole:
        return f"would need a state that {here.id} does not give away"
    if trail.state is not None and not there.state_export:
        return "takes no state of another"
    return ""


def with_words(error: VauError, refusals: Sequence[str]) -> VauError:
    """Return ``error`` with what the fallbacks said."""
    return error.saying(f"{error}; no fallback could take over: {'; '.join(refusals)}")
