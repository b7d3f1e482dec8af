"""Backends that fail when a test says so, and servers that have several of them."""

import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Final

from tests.serving import MODEL, PATIENCE_S, Held, Served, serving
from vau.backend import (
    Backend,
    BackendInfo,
    BackendOptions,
    DeviceOrigin,
    Health,
    Result,
    Slot,
    State,
    Work,
)
from vau.config import ServerConfig
from vau.errors import BackendFault, BadSnapshot
from vau.model import Model
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA

ONE: Final = "muntaniala:1x1"
TWIN: Final = "muntaniala:2x1"
"""Of the same bits as ONE."""

THIRD: Final = "muntaniala:3x1"
"""And so is this one."""

WIDE: Final = "muntaniala:1x2"
"""Of the same kind and other bits."""


class SupplyLost(BackendFault):
    """As a plug-in has them: what it says cannot be made into it again."""

    def __init__(self, volts: float) -> None:
        super().__init__(f"the supply is at {volts:g} V", volts=volts)


class Flaky(Held):
    """A real backend that fails at a call of its own kind, or waits while it is held."""

    def __init__(self, backend: Backend) -> None:
        super().__init__(backend)
        self.present = Health(State.READY)
        self.runs_left: int | None = None
        """It runs so often and not again; None for as long as it is asked to."""

        self.fails: set[str] = set()
        """What else it fails at: "open", "snapshot", "restore", "release"."""

        self.may_give = threading.Event()
        """While it is cleared, whoever asks for a state waits, or for what waits_at says."""

        self.may_give.set()
        self.waits_at = "snapshot"
        self.is_stuck = threading.Event()
        """That somebody waits there."""

        self.is_mute = False
        self.is_bit_exact = True
        self.refuses_states = False
        self.origin: DeviceOrigin = "estimated"
        self.batches: list[list[int]] = []
        """How many frames there were of each stream, call by call."""

    @property
    def info(self) -> BackendInfo:
        info = self.backend.info
        exact = info.bit_exact and self.is_bit_exact
        return replace(info, state_export=not self.is_mute, bit_exact=exact)

    def mend(self) -> None:
        """Let it work again."""
        self.runs_left, self.present = None, Health(State.READY)
        self.fails.clear()
        self.batches.clear()
        self.may_run.set()
        self.may_give.set()

    def health(self) -> Health:
        return self.present

    def open(self) -> Slot:
        self._use("open")
        return self.backend.open()

    def snapshot(self, slot: Slot) -> bytes:
        self._use("snapshot")
        assert not self.is_mute
        return self.backend.snapshot(slot)

    def restore(self, slot: Slot, state: bytes) -> None:
        self._use("restore")
        assert not self.is_mute
        if self.refuses_states:
            raise BadSnapshot("the state is of another firmware")
        self.backend.restore(slot, state)

    def release(self, slot: Slot) -> None:
        self._use("release")
        self.backend.release(slot)

    def run(self, work: Sequence[Work]) -> list[Result]:
        self.batches.append([len(each.features) for each in work])
        if self.runs_left is not None:
            self.runs_left -= 1
            if self.runs_left < 0:
                self.entered.set()
                assert self.may_run.wait(PATIENCE_S)
                raise SupplyLost(0.4)
        return [
            replace(each, cost=replace(each.cost, device_origin=self.origin))
            for each in super().run(work)
        ]

    def _use(self, what: str) -> None:
        if what == self.waits_at and not self.may_give.is_set():
            self.entered.set()
            self.is_stuck.set()
            assert self.may_give.wait(PATIENCE_S)
        if what in self.fails:
            raise SupplyLost(0.3)


def flaky(instance: str = "1x1", *, model: Model = MODEL, slot_count: int = 8) -> Flaky:
    options = BackendOptions(slot_count=slot_count, instance=instance.rpartition(":")[2])
    return Flaky(MUNTANIALA.open(model, options))


@contextmanager
def pool(
    *backends: Flaky | Backend, model: Model = MODEL, config: ServerConfig | None = None
) -> Iterator[Served]:
    """Serve one model on several backends, the default first."""
    with serving(*((model, each) for each in backends), config=config) as served:  # type: ignore[arg-type]
        yield served
