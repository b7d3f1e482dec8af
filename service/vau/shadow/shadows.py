"""The shadows of one server: which there are, and which of them hear a stream."""

from collections.abc import Sequence
from itertools import count
from math import floor
from time import perf_counter
from typing import Final

from vau.errors import BackendNotFound, CapabilityMissing, ConfigInvalid
from vau.shadow.ear import Ear, Ears
from vau.shadow.process import END_S, Shadow

FIELD: Final = "config.shadow_backends"


class Shadows:
    """All of them, one for each backend and model. It belongs to one thread: the event loop.

    Only the numbers of utterances are drawn on the threads of the lanes, by the ears: to draw
    one is a single call into C, which no other thread can interrupt.
    """

    def __init__(self, shadows: Sequence[Shadow] = (), share: float = 1.0) -> None:
        """Start nothing yet.

        share: of the streams whose clients name no shadow, so many get all that there are.
        """
        self._shadows = tuple(shadows)
        self._share = share
        self._streams = 0
        self._keys = count(1)

    @property
    def all(self) -> tuple[Shadow, ...]:
        """In the order in which they were asked for."""
        return self._shadows

    def start(self) -> None:
        """Start them; each tells by ``opened`` how that went."""
        for shadow in self._shadows:
            shadow.start()

    def check_unlike(self) -> None:
        """Raise ConfigInvalid if two that have opened are the same."""
        seen = set()
        for shadow in self._shadows:
            pair = (shadow.info.id, shadow.model)
            if pair in seen:
                raise ConfigInvalid(
                    f"shadow: {shadow.info.id} is asked for twice; leave one out",
                    field="shadow",
                    name=shadow.info.id,
                )
            seen.add(pair)

    def let_die(self) -> None:
        """Start none again that is lost from now on."""
        for shadow in self._shadows:
            shadow.let_die()

    def close(self) -> None:
        """End them all; this takes END_S if some are stuck."""
        for shadow in self._shadows:
            shadow.hang_up()
        end_s = perf_counter() + END_S
        for shadow in self._shadows:
            shadow.close(max(0.0, end_s - perf_counter()))

    def named(self, ids: Sequence[str], model: str) -> tuple[str, ...]:
        """Check the shadows that a client names for a stream with ``model``, by their ids.

        Raises CapabilityMissing if this server has none at all, BackendNotFound for one that
        it has not.
        """
        if ids and not self._shadows:
            raise CapabilityMissing(
                f"{FIELD}: no backend of this server offers shadow; leave it out",
                field=FIELD,
                capability="shadow",
            )
        present = [shadow.info.id for shadow in self._with(model)]
        for name in ids:
            if name not in present:
                available = ", ".join(present)
                raise BackendNotFound(
                    f"{FIELD}: {name!r} shadows nothing here; there are: {available}",
                    field=FIELD,
                    name=name,
                    available=available,
                )
        return tuple(dict.fromkeys(ids))

    def chosen(self, named: Sequence[str], model: str) -> tuple[str, ...]:
        """Return who hears the next stream: those named, or in its share of cases all."""
        if named:
            return tuple(named)
        before = floor(self._streams * self._share)
        self._streams += 1
        if floor(self._streams * self._share) == before:
            return ()
        return tuple(shadow.info.id for shadow in self._with(model))

    def ears(self, ids: Sequence[str], backend: str, model: str) -> Ears | None:
        """Return what hears a stream that ``backend`` answers; None if nobody is to."""
        ears = [
            Ear(shadow, self._keys, shadow.place_of(backend))
            for shadow in self._with(model)
            if shadow.info.id in ids
        ]
        return Ears(ears) if ears else None

    def _with(self, model: str) -> list[Shadow]:
        return [shadow for shadow in self._shadows if shadow.model == model]
