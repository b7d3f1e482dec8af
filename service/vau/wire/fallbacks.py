"""Which backends may take over a stream, from how its client names them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vau.backend import BackendInfo
from vau.errors import BackendNotFound, CapabilityMissing, ModelNotFound
from vau.lane import Lane
from vau.wire.lanes import Lanes, few, meant

SAME_KIND: Final = "same-kind"
ANY: Final = "any"


@dataclass(frozen=True, slots=True, kw_only=True)
class Needs:
    """What a stream asks of whichever backend serves it."""

    logits: bool = False
    """RAW_INT32 posteriors."""

    states: bool = False
    """Checkpoints, or to go on from one."""


def fallbacks_of(
    names: Sequence[str], lanes: Lanes, first: Lane, needs: Needs, path: str
) -> tuple[Lane, ...]:
    """Return the lanes that may stand in for ``first``, the best first, each once.

    names: ids, kinds of which there is one here, ``same-kind`` or ``any``. The latter two mean
           whatever can do what the stream needs, which may be nothing; what is named itself
           must do it. ``first`` may be among them and is left out.
    path:  of the message whose field they are.
    Raises ConfigInvalid if there are too many, BackendNotFound, ModelNotFound or
    CapabilityMissing.
    """
    field = f"{path}.fallback_backends"
    found: dict[Lane, None] = {}
    for name in few(names, field):
        if name in (SAME_KIND, ANY):
            alike = _alike(lanes, first, same_kind=name == SAME_KIND)
            able = [lane for lane in alike if not _lack(lane.backend.info, needs)]
            found |= dict.fromkeys(able)
        else:
            lane = _named(name, lanes, first, field)
            _check(lane.backend.info, needs, field)
            found[lane] = None
    found.pop(first, None)
    return tuple(found)


def _alike(lanes: Lanes, first: Lane, *, same_kind: bool) -> list[Lane]:
    """Return the lanes with the network of ``first``, of its kind or of any."""
    kind = first.backend.info.kind
    return [
        lane
        for lane in lanes
        if lane.model.digest == first.model.digest
        and (lane.backend.info.kind == kind or not same_kind)
    ]


def _named(name: str, lanes: Lanes, first: Lane, field: str) -> Lane:
    """Return the lane with the network of ``first`` on the backend of that name."""
    here = lanes.of(meant(name, (lane.backend.info for lane in lanes), field))
    if not here:
        available = ", ".join([*lanes.backend_ids, SAME_KIND, ANY])
        raise BackendNotFound(
            f"{field}: {name!r} is not served here; there are: {available}",
            field=field,
            name=name,
            available=available,
        )
    for lane in here:
        if lane.model.digest == first.model.digest:
            return lane
    held = ", ".join(lane.model.name for lane in here)
    raise ModelNotFound(
        f"{field}: backend {here[0].backend.info.id} does not hold {first.model.name} as "
        f"{first.backend.info.id} does, so it cannot take over; it holds: {held}",
        field=field,
        name=first.model.name,
        available=held,
    )


def _check(info: BackendInfo, needs: Needs, field: str) -> None:
    """Raise CapabilityMissing if a backend could not go on with the stream."""
    lack = _lack(info, needs)
    if lack:
        capability, text = lack
        raise CapabilityMissing(
            f"{field}: backend {info.id} {text}; leave it out, or do not ask for them",
            field=field,
            capability=capability,
            backend=info.id,
        )


def _lack(info: BackendInfo, needs: Needs) -> tuple[str, str] | None:
    if needs.logits and info.logit_fraction_bits is None:
        return "integer-logits", "has no integer logits, which the stream is to get"
    if needs.states and not info.state_export:
        return "checkpoints", "does not give its states away, as checkpoints need it"
    return None
