"""A backend that was absent when it was to be opened: it is opened once it is there.

What is absent for now (a board that is not plugged in, or whose power is off) must not keep the
others from serving, and must not be forgotten either. So this stands in its place, says why
it is not ready, and looks for it until it is there.
"""

import logging
import threading
from collections.abc import Sequence
from dataclasses import replace
from typing import Final

from vau.backend import (
    Backend,
    BackendInfo,
    BackendOptions,
    Health,
    Result,
    Slot,
    State,
    Telemetry,
    Work,
)
from vau.errors import BackendError, DeviceLost, DeviceTimeout, VauError
from vau.logs import facts
from vau.model import Model
from vau.registry import open_backend
from vau.selfcheck import self_check

logger = logging.getLogger(__name__)

ABSENT: Final = (DeviceLost, DeviceTimeout)
"""What a factory raises for a device that nobody but its owner can bring back."""

LOOK_S: Final = 1.0


def unknown(asked: str, slot_count: int, feature_dim: int = 0) -> BackendInfo:
    """Describe a backend that has not been opened yet.

    Whether it has integer logits and gives states away nobody knows; nothing is refused for
    that before it is there. It owes nobody equal bits, and its ``arithmetic_id`` is empty.

    feature_dim: of the network; 0 where nobody will ask.
    """
    return BackendInfo(
        id=asked,
        kind=asked.partition(":")[0],
        arithmetic_id="",
        bit_exact=False,
        slot_count=slot_count,
        feature_dim=feature_dim,
        logit_fraction_bits=0,
    )


class Awaited:
    """Stands in for a backend that is absent, and passes everything on once it is there."""

    def __init__(
        self,
        asked: str,
        model: Model,
        options: BackendOptions,
        why: VauError,
        look_s: float = LOOK_S,
    ) -> None:
        """Begin to look for it, so many seconds after each time in vain.

        asked: its name, which stays its id.
        why:   what it could not be opened with.
        """
        self.why = why
        self._asked, self._model, self._options = asked, model, options
        self._info = unknown(asked, options.slot_count, model.network.inputs)
        self._backend: Backend | None = None
        self._ended = threading.Event()
        self._handing_over = threading.Lock()
        self._look_s = look_s
        threading.Thread(target=self._look, name=f"{asked} look", daemon=True).start()

    @property
    def info(self) -> BackendInfo:
        """What it is: little before it is there, and from then on what it says of itself."""
        return self._info

    def open(self) -> Slot:
        """Start an utterance. Raises BackendError while it is absent."""
        return self._there().open()

    def run(self, work: Sequence[Work]) -> list[Result]:
        """Take the frames of each work into its slot."""
        return self._there().run(work)

    def snapshot(self, slot: Slot) -> bytes:
        """Copy the state out."""
        return self._there().snapshot(slot)

    def restore(self, slot: Slot, state: bytes) -> None:
        """Replace the state."""
        self._there().restore(slot, state)

    def release(self, slot: Slot) -> None:
        """End the utterance."""
        if self._backend is not None:
            self._backend.release(slot)

    def health(self) -> Health:
        """Say why it is not ready, or how it fares."""
        if self._backend is None:
            return Health(State.INITIALIZING, str(self.why))
        return self._backend.health()

    def telemetry(self) -> Telemetry:
        """Read the instruments, if there are any."""
        return Telemetry() if self._backend is None else self._backend.telemetry()

    def close(self) -> None:
        """Stop looking, and let go of it. What is being opened just now is closed then."""
        with self._handing_over:
            self._ended.set()
        if self._backend is not None:
            self._backend.close()

    def _there(self) -> Backend:
        if self._backend is None:
            raise BackendError(
                f"backend {self._asked} is not ready: {self.why}", backend=self._asked
            )
        return self._backend

    def _look(self) -> None:
        while not self._ended.wait(self._look_s):
            try:
                backend = self._opened()
            except VauError as error:
                if str(error) != str(self.why):
                    what = facts(backend=self._asked, text=str(error))
                    logger.warning("backend not ready", extra=what)
                self.why = error
            except Exception:  # a plug-in's: whatever it is, the next look may do better
                logger.exception("defect", extra=facts(backend=self._asked))
            else:
                self._hand_over(backend)
                return

    def _opened(self) -> Backend:
        """Open it as a server would, which checks it before it serves."""
        backend = open_backend(self._asked, self._model, self._options)
        try:
            self_check(backend, self._model)
        except BaseException:
            backend.close()
            raise
        return backend

    def _hand_over(self, backend: Backend) -> None:
        with self._handing_over:
            if not self._ended.is_set():
                self._backend = backend
                self._info = replace(backend.info, id=self._asked)  # whoever sees it may call
                return
        backend.close()


def opened_or_awaited(asked: str, model: Model, options: BackendOptions) -> Backend:
    """Open a backend, or have it awaited if it is absent. Raises as ``open_backend`` does."""
    try:
        return open_backend(asked, model, options)
    except ABSENT as why:
        return Awaited(asked, model, options, why)
