"""Backends by name: whatever installed package offers one in the group ``vau.backends``.

Ours are found the same way as anyone's. An entry point is named for the kind of backend
and yields its ``BackendFactory``.
"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from importlib.metadata import EntryPoint, entry_points
from typing import Final

from vau.backend import Backend, BackendFactory, BackendOptions
from vau.errors import BackendNotFound, VauError
from vau.model import Model

GROUP: Final = "vau.backends"


@dataclass(frozen=True, slots=True)
class PlugIn:
    """One entry point, whether it works or not."""

    kind: str
    package: str
    """The distribution that brought it, and its version."""

    factory: BackendFactory | None
    """None if it could not be imported."""

    problem: str = ""
    """Why not."""


def plug_ins() -> list[PlugIn]:
    """Import all that is installed, by kind; one that fails does not disturb the others."""
    return [_imported(entry) for entry in _entries()]


def installed_kinds() -> list[str]:
    """Return the kinds that can be opened, sorted."""
    return [plug_in.kind for plug_in in plug_ins() if plug_in.factory is not None]


def open_backend(
    backend_id: str, model: Model, options: BackendOptions | None = None
) -> Backend:
    """Open ``kind`` or ``kind:instance`` with ``model`` loaded.

    Raises BackendNotFound if no such kind is installed or its plug-in is broken, and
    whatever its factory raises; see ``BackendFactory.open``.
    """
    kind, colon, instance = backend_id.partition(":")
    options = options or BackendOptions()
    if colon:
        options = replace(options, instance=instance)
    factory = factory_of(kind)
    try:
        return factory.open(model, options)
    except VauError as error:
        if getattr(error, "field", "") != "backend":  # a plug-in's own class may have none
            raise
        raise _about(backend_id, instance, error) from error


def _about(backend_id: str, instance: str, error: VauError) -> VauError:
    """Return what is wrong with a backend that was asked for, naming it as it was."""
    text = str(error).removeprefix(f"{backend_id}: ").removeprefix(f"{instance}: ")
    return (
        error if text.startswith("backend") else error.saying(f"backend={backend_id!r}: {text}")
    )


def factory_of(kind: str) -> BackendFactory:
    """Return what the entry point of this name yields. Raises as ``open_backend`` does."""
    for entry in _entries():
        if entry.name == kind:
            plug_in = _imported(entry)
            if plug_in.factory is not None:
                return plug_in.factory
            raise BackendNotFound(
                f"backend: {kind!r} comes with {plug_in.package}, but its plug-in "
                f"{entry.value} cannot be imported: {plug_in.problem}; repair or reinstall it",
                field="backend",
                name=kind,
            )
    available = ", ".join(installed_kinds()) or "none"
    raise BackendNotFound(
        f"backend: no kind {kind!r} is installed; there are: {available}",
        field="backend",
        name=kind,
        available=available,
    )


def _entries() -> Iterator[EntryPoint]:
    """Yield the entry points by name; of several of one name the first on the path."""
    by_name: dict[str, EntryPoint] = {}
    for entry in entry_points(group=GROUP):
        by_name.setdefault(entry.name, entry)
    yield from (by_name[name] for name in sorted(by_name))


def _imported(entry: EntryPoint) -> PlugIn:
    package = f"{entry.dist.name} {entry.dist.version}" if entry.dist else "an unnamed package"
    try:
        return PlugIn(entry.name, package, entry.load())
    except Exception as cause:  # noqa: BLE001 - it is someone else's module: anything may come
        return PlugIn(entry.name, package, None, f"{type(cause).__name__}: {cause}")
