"""The port between the service and an accelerator: what each owes the other.

A backend is named by an entry point of the group ``vau.backends`` that yields a
``BackendFactory``; the port begins once the factory has opened one. Everything here is
plain and synchronous: a model computes, a driver waits, neither knows asyncio. One thread
(a lane) calls a backend, so it needs no lock.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from enum import Enum
from itertools import zip_longest
from typing import Literal, NewType, Protocol, TypeVar

import numpy as np
from numpy.typing import NDArray

from vau.model import Model

Slot = NewType("Slot", int)
"""One recurrent state on the accelerator, for one utterance. Numbers are never reused."""

Origin = Literal["estimated", "measured"]
"""From a model, or from an instrument or hardware counter. The two are never added."""

Boundary = Literal["core", "accelerator", "system", "board"]
"""What an energy includes: the dies; and die-to-die I/O; and DRAM and host link; the
board's supply. Two boundaries are never added."""


@dataclass(frozen=True, slots=True)
class Work:
    """The next frames of one utterance."""

    slot: Slot
    features: NDArray[np.float32]
    """Neither normalised nor quantised, shape (frames, feature_dim); none are allowed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Energy:
    """Joules spent by the accelerator, host excluded, and where the number comes from."""

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

    device_origin: Origin = "estimated"
    energies: tuple[Energy, ...] = ()
    """At most one per origin and boundary."""

    saturations: tuple[int, ...] = ()
    """Per layer: how often a clamp changed a value."""

    def __add__(self, other: "Cost") -> "Cost":
        """Add up what followed upon each other; unlike origins and boundaries stay apart."""
        merged = {_key(energy): energy for energy in self.energies}
        for energy in other.energies:
            known = merged.get(_key(energy))
            merged[_key(energy)] = energy if known is None else _joined(known, energy)
        pairs = zip_longest(self.saturations, other.saturations, fillvalue=0)
        return Cost(
            cycles=_sum(self.cycles, other.cycles),
            device_s=_sum(self.device_s, other.device_s),
            device_origin=other.device_origin,
            energies=tuple(merged.values()),
            saturations=tuple(ours + theirs for ours, theirs in pairs),
        )


Number = TypeVar("Number", int, float)


def _key(energy: Energy) -> tuple[str, str, str]:
    return energy.origin, energy.boundary, energy.method


def _joined(first: Energy, second: Energy) -> Energy:
    parts = dict(first.parts)
    for name, joules in second.parts:
        parts[name] = parts.get(name, 0.0) + joules
    return replace(
        first,
        joules=first.joules + second.joules,
        parts=tuple(parts.items()),
        extrapolated=first.extrapolated or second.extrapolated,
    )


def _sum(first: Number | None, second: Number | None) -> Number | None:
    if first is None or second is None:
        return second if first is None else first
    return first + second


@dataclass(frozen=True, slots=True, kw_only=True)
class Result:
    """What the frames of one Work said, and what they cost."""

    log_prob: NDArray[np.float32]
    """Natural log of the phoneme posteriors, shape (frames, phonemes)."""

    logits: NDArray[np.int32] | None = None
    """What is exact to the bit, same shape; None where the arithmetic is not integer."""

    inputs: NDArray[np.integer] | None = None
    """The quantised features the accelerator saw, shape (frames, feature_dim), or None."""

    cost: Cost = field(default_factory=Cost)


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendInfo:
    """What does not change while a backend is open."""

    id: str
    """``kind`` or ``kind:instance``, for example ``muntaniala:4x4``; the metric label."""

    kind: str
    """The entry-point name."""

    arithmetic_id: str
    """The specification and whatever else decides the bits, e.g. ``munt-spec-0/C4``.
    Equal ids and equal quantised inputs give equal logits on any machine."""

    bit_exact: bool
    """True for an integer datapath, whose logits and digests can be compared."""

    slot_count: int
    feature_dim: int
    logit_fraction_bits: int | None = None
    """Raw logit * 2**-fraction_bits is its value; None without integer logits."""

    state_export: bool = True
    measures_energy: bool = False
    max_batch: int = 32
    """Works per ``run`` beyond which nothing is gained."""

    clock_hz: float | None = None
    firmware: str = ""


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
    """Present readings of a board's instruments; None where it has none."""

    temperature_c: float | None = None
    supply_v: float | None = None
    power_w: float | None = None


class Backend(Protocol):
    """One accelerator, real or modelled, with its network loaded."""

    @property
    def info(self) -> BackendInfo:
        """Its identity and abilities, the same at every call."""

    def open(self) -> Slot:
        """Reserve a slot in the zero state. Raises BackendBusy if none is free."""

    def run(self, work: Sequence[Work]) -> list[Result]:
        """Advance each slot by its frames; answer in the order of ``work``.

        Bits depend on a slot's own frames alone, never on how they were cut or batched.
        Raises ValueError if a slot appears twice or was released, or a feature is not
        finite (no state has changed then), and BackendFault if the accelerator gave up;
        the states of all these slots are then lost.
        """

    def snapshot(self, slot: Slot) -> bytes:
        """Copy the state out, opaque, tagged with arithmetic and network."""

    def restore(self, slot: Slot, state: bytes) -> None:
        """Replace the state. Raises BadSnapshot if another network wrote it."""

    def release(self, slot: Slot) -> None:
        """Give the slot back. Releasing twice is harmless."""

    def health(self) -> Health:
        """Say how it fares, without delay."""

    def telemetry(self) -> Telemetry:
        """Read the instruments, if there are any, without delay."""

    def close(self) -> None:
        """Give the accelerator back. Closing twice is harmless."""


@dataclass(frozen=True, slots=True, kw_only=True)
class BackendOptions:
    """What whoever opens a backend may choose."""

    instance: str = ""
    """What stands behind the colon of the id; empty lets the factory choose."""

    slot_count: int = 64
    clock_hz: float | None = None
    """None lets the factory choose."""


class BackendFactory(Protocol):
    """Finds and opens the devices of one kind: what an entry point yields."""

    def discover(self, model: Model) -> list[str]:
        """List the ids that could be opened with ``model`` now, the best first."""

    def open(self, model: Model, options: BackendOptions) -> Backend:
        """Open a device exclusively and load ``model`` into it.

        Raises ModelIncompatible or ModelTooLarge if the network does not suit it,
        BackendNotFound if ``options.instance`` names none, BackendBusy if another owner
        holds it, BackendFault if it does not answer.
        """
