"""Which lane serves a request: (backend id, model name) to lane."""

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Final

from vau.backend import BackendInfo
from vau.errors import BackendNotFound, ConfigInvalid, ModelNotFound
from vau.lane import Lane

MOST_NAMES: Final = 64  # each is looked up while no other stream is served


@dataclass(frozen=True, slots=True)
class Lanes:
    """The lanes of one server. The first is the default; no pair may occur twice."""

    lanes: Sequence[Lane]

    def __post_init__(self) -> None:
        if not self.lanes:
            raise ValueError("a server needs at least one lane")
        pairs = [(lane.backend.info.id, lane.model.name) for lane in self.lanes]
        if len(set(pairs)) < len(pairs):
            raise ValueError(f"a backend holds one model of a name, but there are {pairs}")

    def __iter__(self) -> Iterator[Lane]:
        return iter(self.lanes)

    @property
    def backend_ids(self) -> list[str]:
        """The ids of the backends, the default first."""
        return list(dict.fromkeys(lane.backend.info.id for lane in self.lanes))

    def of(self, backend_id: str) -> list[Lane]:
        """Return the lanes of one backend, one per model."""
        return [lane for lane in self.lanes if lane.backend.info.id == backend_id]

    def find(self, *, backend: str, model: str, path: str) -> Lane:
        """Return the first lane that fits; an empty name fits any.

        backend: an id, or a kind of which there is one here.
        model:   ``name`` or ``name@sha256:...``.
        path:    of the message whose fields ``backend`` and ``model`` are.
        Raises   BackendNotFound or ModelNotFound, listing what there is.
        """
        infos = [lane.backend.info for lane in self.lanes]
        backend = meant(backend, infos, f"{path}.backend")
        candidates = self.of(backend) if backend else list(self.lanes)
        if not candidates:
            available = ", ".join(self.backend_ids)
            raise BackendNotFound(
                f"{path}.backend: {backend!r} is not served here; there are: {available}",
                field=f"{path}.backend",
                name=backend,
                available=available,
            )
        for lane in candidates:
            if model in ("", lane.model.name, f"{lane.model.name}@{lane.model.digest}"):
                return lane
        served = {lane.model.name: lane.model.digest for lane in candidates}
        names = [f"{name}@{served[name]}" if "@" in model else name for name in served]
        where = f"on backend {backend}" if backend else "here"
        raise ModelNotFound(
            f"{path}.model: {model!r} is not served {where}; there are: {', '.join(names)}",
            field=f"{path}.model",
            name=model,
            available=", ".join(names),
        )


def few(names: Sequence[str], field: str) -> Sequence[str]:
    """Return the names of backends in ``field``. Raises ConfigInvalid if they are too many."""
    if len(names) > MOST_NAMES:
        raise ConfigInvalid(
            f"{field}: {len(names)} names; give at most {MOST_NAMES}", field=field
        )
    return names


def meant(name: str, served: Iterable[BackendInfo], field: str) -> str:
    """Return the id that ``name`` stands for, if it is a kind of which there is just one.

    Whoever started the server with ``--backend rpu`` need not know that it has become
    ``rpu:streamed``. Anything else is returned as it is.
    Raises BackendNotFound for a kind of which there are several; ``field`` is what names it.
    """
    kinds = {info.id: info.kind for info in served}
    found = [backend_id for backend_id, kind in kinds.items() if kind == name]
    if name in kinds or not found:
        return name
    if len(found) > 1:
        available = ", ".join(found)
        raise BackendNotFound(
            f"{field}: {name!r} is ambiguous: {available} are of that kind; name one of them",
            field=field,
            name=name,
            available=available,
        )
    return found[0]
