"""Which accelerators there are: on this machine, or on a server."""

from collections.abc import Iterator
from dataclasses import asdict, dataclass, replace
from typing import Any, Final

from vau.client import Client
from vau.errors import ModelError, VauError
from vau.model import find_model
from vau.registry import plug_ins
from vau.v1 import speech_pb2 as pb

_STATES: Final = {
    number: name.removeprefix("STATE_").lower()
    for name, number in pb.BackendInfo.State.items()
    if number != pb.BackendInfo.STATE_UNSPECIFIED
}


@dataclass(frozen=True, slots=True)
class Found:
    """One accelerator, or a plug-in that does not work."""

    id: str
    kind: str
    state: str
    """``available``, ``unusable``, or what the server says."""

    text: str = ""
    slots: str = ""
    """In use, of how many; empty for one that nobody has opened."""

    arithmetic_id: str = ""
    tier: str = ""
    """What computes it; empty where there is no choice, or if nobody has opened it."""

    def facts(self) -> dict[str, Any]:
        """Return it for a program."""
        return asdict(self)

    def line(self) -> str:
        """Return it for a person."""
        figures = " ".join(filter(None, (self.arithmetic_id, self.tier, self.slots)))
        return f"{self.id:<20} {self.state:<12} {figures} {self.text}".rstrip()


@dataclass(frozen=True, slots=True)
class Room:
    """How many streams a server carries, and how many it takes, on all its backends."""

    in_use: int
    limit: int
    """0 if the server does not say."""

    def line(self) -> str:
        """Return it for a person."""
        limit = f" of {self.limit}" if self.limit else ""
        return f"streams of the server: {self.in_use}{limit}"


def here(model_name: str) -> Iterator[Found]:
    """Yield what the installed plug-ins could open with a model, without opening it."""
    try:
        model = find_model(model_name)
        problem = ""
    except ModelError as error:
        model, problem = None, str(error)
    for plug_in in plug_ins():
        if plug_in.factory is None:
            yield Found(plug_in.kind, plug_in.kind, "unusable", plug_in.problem)
        elif model is None:
            yield Found(plug_in.kind, plug_in.kind, "unknown", problem)
        else:
            try:
                ids = plug_in.factory.discover(model)
            except Exception as error:  # noqa: BLE001 - someone else's code: anything may come
                yield Found(plug_in.kind, plug_in.kind, "unusable", _reason(error))
                continue
            text = f"from {plug_in.package}" if ids else f"none suits {model.name}"
            state = "available" if ids else "unusable"
            for name in ids or [plug_in.kind]:
                yield Found(name, plug_in.kind, state, text)


def on_server(client: Client) -> tuple[list[Found], Room]:
    """Return the backends of a server, its default first, then its shadows; and its room."""
    listed = client.backends(include_unavailable=True)
    found = [
        replace(
            _found(backend, "serves"), slots=f"{backend.slots_in_use} of {backend.slots_total}"
        )
        for backend in listed.backends
    ]
    found += [_found(shadow, "shadow; hears") for shadow in listed.shadows]
    room = Room(
        in_use=sum(backend.slots_in_use for backend in listed.backends),
        limit=client.server_info().limits.max_streams,
    )
    return found, room


def _found(backend: pb.BackendInfo, does: str) -> Found:
    return Found(
        id=backend.id,
        kind=backend.kind,
        state=_STATES.get(backend.state, "unknown"),
        text=backend.state_text or f"{does} {', '.join(backend.models)}",
        arithmetic_id=backend.arithmetic_id,
        tier=backend.tier,
    )


def _reason(error: Exception) -> str:
    """Say what went wrong in one line; of an error that is not ours also its kind."""
    text = " ".join(str(error).split())
    return text if isinstance(error, VauError) else f"{type(error).__name__}: {text}"
