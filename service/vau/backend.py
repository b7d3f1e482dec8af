"""The port between the service and an accelerator: what each owes the other.

A backend is named by an entry point of the group ``vau.backends`` that yields a
``BackendFactory``, and the port begins with what that opens. Calls block: a model computes
in them, a driver waits in them. They all come from the thread of one lane, so a backend
neither locks nor knows asyncio.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from enum import Enum
from itertools import zip_longest
from typing import Literal, NewType, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vau.model import Model

Slot = NewType("Slot", int)
"""One recurrent state on the accelerator, for one utterance. Numbers are never reused."""

Origin = Literal["estimated", "measured"]
"""Computed by a model, or read from an instrument or counter. Sums keep to one of them."""

DeviceOrigin = Literal["estimated", "measured", "mixed"]
"""Of time and cycles on the device. Where both would be added the sum is mixed, and absent."""

Boundary = Literal["core", "accelerator", "system", "board"]
"""How much an energy includes: the chip alone; all chips and the I/O between them; the whole
system, with the memory and the links that it has; all that the board's supply gives. Sums keep
to one of them."""


@dataclass(frozen=True, slots=True)
class Work:
    """Frames of one utterance that follow those it has had."""

    slot: Slot
    features: NDArray[np.float32]
    """As the front end made them, shape (frames, feature_dim); frames may be 0. To
    normalise and to quantise them is the backend's part. They are the caller's, and only
    to be read."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """What the accelerator spent, without the host, and how that is known."""

    joules: float
    origin: Origin
    boundary: Boundary
    method: str
    """The model or instrument, for example ``muntaniala-energy/1`` or ``ina219/shunt0``."""

    parts: tuple[tuple[str, float], ...] = ()
    """(component, joules), summing to ``joules``; empty if not known."""

    extrapolated: bool = False
    """True away from the operating points that were published or calibrated."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Cost:
    """What the frames of one Work cost the accelerator: totals, host excluded.

    What nobody measured or modelled is absent (None or empty), never zero.
    """

    cycles: int | None = None
    device_s: float | None = None
    """Sum over the frames of the time each spends in the accelerator, seconds."""

    device_origin: DeviceOrigin = "estimated"
    energies: tuple[Energy, ...] = ()
    """At most one per origin and boundary; the one that counts, the widest, comes first."""

    saturations: tuple[int, ...] = ()
    """Per layer: how often a clamp changed a value."""

    memory_bytes: int | None = None
    """Read from memory outside the accelerator, weights above all."""

    unshared: "Cost | None" = None
    """What the same frames would have cost one by one, each in a call of its own; None where
    sharing a call changes nothing. Unlike the rest of a cost it depends neither on batch mates
    nor on cuts; what the rest is less by is the gain of taking frames and streams together.
    Energies and bytes are never more than one by one."""

    @property
    def apart(self) -> "Cost":
        """The cost without whatever sharing a call gained."""
        return self.unshared or self

    def __add__(self, other: "Cost") -> "Cost":
        """Add up what followed upon each other; unlike origins and boundaries stay apart."""
        merged = {_key(energy): energy for energy in self.energies}
        for energy in other.energies:
            known = merged.get(_key(energy))
            merged[_key(energy)] = energy if known is None else _joined(known, energy)
        pairs = zip_longest(self.saturations, other.saturations, fillvalue=0)
        origin = _origin(self, other)
        return Cost(
            cycles=None if origin == "mixed" else _sum(self.cycles, other.cycles),
            device_s=None if origin == "mixed" else _sum(self.device_s, other.device_s),
            device_origin=origin,
            energies=tuple(merged.values()),
            saturations=tuple(ours + theirs for ours, theirs in pairs),
            memory_bytes=_sum(self.memory_bytes, other.memory_bytes),
            unshared=self.apart + other.apart if self.unshared or other.unshared else None,
        )


Number = TypeVar("Number", int, float)


def _origin(first: Cost, second: Cost) -> DeviceOrigin:
    """Return where the sums of time and cycles come from. What is mixed once remains so."""
    known: set[DeviceOrigin] = {
        cost.device_origin
        for cost in (first, second)
        if cost.cycles is not None or cost.device_s is not None or cost.device_origin == "mixed"
    }
    if len(known) > 1:
        return "mixed"
    return known.pop() if known else second.device_origin


def _key(energy: Energy) -> tuple[str, str, str]:
    return energy.origin, energy.boundary, energy.method


def _joined(first: Energy, second: Energy) -> Energy:
    parts = dict(first.parts)
    for name, joules in second.parts:
        parts[name] = parts.get(name, 0.0) + joules
    return Energy(  # by its fields: ``replace`` takes five times as long, for every answer
        joules=first.joules + second.joules,
        origin=first.origin,
        boundary=first.boundary,
        method=first.method,
        parts=tuple(parts.items()),
        extrapolated=first.extrapolated or second.extrapolated,
    )


def _sum(first: Number | None, second: Number | None) -> Number | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """The answer to one Work, and its price.

    It is the caller's to keep: no later call changes it.
    """

    log_prob: NDArray[np.float32]
    """Log posteriors (natural), shape (frames, phonemes)."""

    logits: NDArray[np.int32] | None = None
    """Of the same shape, and the same bits on every machine; None from a backend that
    computes in floating point."""

    inputs: NDArray[np.integer] | None = None
    """The quantised features the accelerator saw, shape (frames, feature_dim), or None."""

    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendInfo:
    """What does not change while a backend is open."""

    id: str
    """``kind`` or ``kind:instance``, for example ``muntaniala:4x4``; the metric label. To
    open it again under this id gives the same thing."""

    kind: str
    """The entry-point name."""

    arithmetic_id: str
    """The specification and whatever else decides the bits, e.g. ``munt-spec-0/C4``.
    Equal ids and equal quantised inputs give equal logits on any machine."""

    bit_exact: bool
    """True for an integer datapath, whose logits and digests can be compared."""

    slot_count: int
    feature_dim: int
    """Of the network."""

    logit_fraction_bits: int | None = None
    """Raw logit * 2**-fraction_bits is its value; None without integer logits."""

    state_export: bool = True
    measures_energy: bool = False
    max_batch: int = 32
    """Works per ``run`` beyond which nothing is gained."""

    clock_hz: float | None = None
    """Of the accelerator, or None if it has none to name."""

    firmware: str = ""
    """What is loaded into a board; empty for what is none."""

    tier: str = ""
    """Which of several ways computes it on this machine, for example ``avx512``; empty where
    there is no choice. None of them changes a bit."""

    tiers: tuple[str, ...] = ()
    """What there is to choose among here, first what is taken unasked; each may be asked for
    by ``BackendOptions.tier``. There may be others that a factory opens by name alone."""


class Arithmetic(Protocol):
    """Whatever says in which arithmetic a backend computes, such as a ``BackendInfo``."""

    @property
    def arithmetic_id(self) -> str:
        """See ``BackendInfo``."""

    @property
    def bit_exact(self) -> bool:
        """See ``BackendInfo``."""


def promise_equal_bits(one: Arithmetic, other: Arithmetic) -> bool:
    """Tell whether two backends owe each other equal logits for equal features."""
    return one.bit_exact and other.bit_exact and one.arithmetic_id == other.arithmetic_id


class State(Enum):
    """How a backend fares."""

    INITIALIZING = "initializing"
    READY = "ready"
    DEGRADED = "degraded"
    FAULT = "fault"
    DRAINING = "draining"


@dataclass(frozen=True, slots=True)
class Health:
    """The present state, and in words why."""

    state: State
    text: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class Telemetry:
    """Present readings of a board's instruments, None where it has none, and its mishaps."""

    temperature_c: float | None = None
    supply_v: float | None = None
    power_w: float | None = None
    mended: Mapping[str, int] = field(default_factory=dict)
    """By kind, like ``retries``: how often something went wrong with the device, or on the way
    to it, and was put right, since it was opened. None of them ever falls."""


class Backend(Protocol):
    """A network on an accelerator, ready to run. It may be silicon, a board or a model.

    Its calls all come from one thread, which need not be that of ``BackendFactory.open``.
    """

    @property
    def info(self) -> BackendInfo:
        """What it is and can do; nothing in it changes while it is open."""

    def open(self) -> Slot:
        """Start an utterance: a slot whose state is all zeros.

        Raises BackendBusy while every slot is taken.
        """

    def run(self, work: Sequence[Work]) -> list[Result]:
        """Take the frames of each work into its slot; one result per work, in order.

        Neither batch mates nor the cuts between calls change a bit of what a slot answers.
        Raises ValueError, with every state as before, for a slot that is not open or occurs
        twice, for features of another shape or type, and for one that is not finite, before
        or after it is normalised. Raises BackendFault if the accelerator fails; whatever
        these slots held is lost with it.

        What a call costs may depend on who shares it; see ``Cost.unshared``.
        """

    def snapshot(self, slot: Slot) -> bytes:
        """Return the slot's state in a form that only ``restore`` reads.

        Raises ValueError for a slot that is not open.
        """

    def restore(self, slot: Slot, state: bytes) -> None:
        """Put a state into the slot.

        Raises BadSnapshot, and changes nothing, unless the same network in the same arithmetic
        wrote it and it is undamaged. Raises ValueError for a slot that is not open.
        """

    def release(self, slot: Slot) -> None:
        """End the utterance; again, or for a slot never opened, it does nothing."""

    def health(self) -> Health:
        """Say how it fares, without delay."""

    def telemetry(self) -> Telemetry:
        """Read the instruments, if there are any, without delay."""

    def close(self) -> None:
        """Let go of the accelerator; a second call does nothing.

        The slots end with it: whatever is asked of it after that raises ValueError.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """What whoever opens a backend may choose."""

    instance: str = ""
    """What stands behind the colon of the id; empty lets the factory choose."""

    slot_count: int = 64
    """How many utterances at a time it is to carry."""

    clock_hz: float | None = None
    """None lets the factory choose."""

    tier: str = ""
    """What is to compute it on this machine, by a name in ``BackendInfo.tiers``; empty lets
    the factory choose, by a setting of its own if it has one. It is an option, because one
    process may open the same accelerator on several of them to compare their bits, which no
    variable of the environment could say. A factory without a choice may ignore it: whoever
    asks finds out by ``BackendInfo.tier`` whether it was granted."""


class BackendFactory(Protocol):
    """Finds and opens the devices of one kind: what an entry point yields."""

    def discover(self, model: Model) -> list[str]:
        """List the ids that could be opened with ``model`` now, the best first."""

    def open(self, model: Model, options: BackendOptions) -> Backend:
        """Open a device exclusively and load ``model`` into it.

        Raises ModelIncompatible or ModelTooLarge if the network does not suit it,
        BackendNotFound if ``options.instance`` names none, ConfigInvalid if
        ``options.tier`` names none of several, BackendBusy if another owner holds it,
        BackendFault if it does not answer (DeviceLost or DeviceTimeout if it is absent for now,
        and may be there later), ValueError for a slot count below 1.
        """
