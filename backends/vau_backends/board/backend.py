"""The port of ``vau.backend`` over a board of dies, in simulation or on a desk.

``board:URL`` names one: ``board:tcp:lab:4000``, ``board:serial:/dev/ttyUSB0``,
``board:virtual:2x2``; and ``board:<16 hex digits>`` the one of that serial number, wherever it
is plugged in. It owes the bits of ``muntaniala`` on as many columns of dies, and is checked
against them before it serves. See docs/boards.md.
"""

import threading
from collections import deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict, replace
from time import monotonic
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.backend import (
    Backend,
    BackendFactory,
    BackendInfo,
    BackendOptions,
    Cost,
    Energy,
    Health,
    Result,
    Slot,
    State,
    Telemetry,
    Work,
)
from vau.errors import BackendBusy, DeviceTimeout, ModelIncompatible
from vau.model import Model
from vau_backends.board.device.deadline import DEFAULT_LIMIT_S
from vau_backends.board.device.opening import tilings_on
from vau_backends.board.device.state import LayerState
from vau_backends.board.device.stream import Stream
from vau_backends.board.device.streams import Driver
from vau_backends.board.device.trust import is_ours
from vau_backends.board.device.watch import CHECK_S, Watch
from vau_backends.board.discovery import Found, found_for, opened
from vau_backends.board.link.info import Info
from vau_backends.board.link.telemetry import Readings
from vau_backends.board.link.words import Capability, Kind
from vau_backends.host import log_posteriors, normalise_all
from vau_backends.muntaniala.array import DieArray
from vau_backends.muntaniala.cell import output
from vau_backends.muntaniala.cost import CostModel
from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    ACTIVATION_FRACTION_BITS,
    INPUT_SHIFT,
    to_s8,
)
from vau_backends.muntaniala.weights import SPEC, NetworkWeights, from_model
from vau_backends.snapshot import Seal, digest

KIND: Final = "board"
DEGRADED_S: Final = 60.0
"""For so long after something was mended it says so."""

READ_S: Final = 10.0
"""Older than this, readings of a board at work are taken anew between two calls."""

ENERGY_METHOD: Final = "vau-link/1 energy counter"


class BoardBackend:
    """One board, with its network loaded."""

    def __init__(self, model: Model, found: Found, driver: Driver, slot_count: int) -> None:
        """Serve with a driver that was started."""
        self._model, self._found, self._driver = model, found, driver
        self._weights = from_model(model)
        info = driver.board.info
        self._costs = CostModel(tilings_on(info, self._weights), info.clock_hz)
        self._slots: dict[Slot, Stream] = {}
        self._released: deque[Stream] = deque()
        self._next = 0
        self._closed = False
        self._read()
        self._mended_s, self._mended = -DEGRADED_S, driver.mended.total()
        self._info = self._identity(info, slot_count)
        statistics = {"mean": model.mean, "inv_std": model.inv_std}
        self._seal = Seal(
            self._info.arithmetic_id, digest({**model.integers[SPEC], **statistics})
        )
        self._lock = threading.Lock()
        self._watch = Watch(self._lock, self._look, self._info.id)

    def _identity(self, info: Info, slot_count: int) -> BackendInfo:
        array = DieArray(rows=info.rows, columns=info.columns)
        integrity = "per_step" if self._has_parity else "per_utterance"
        rtl = "verified" if is_ours(info) else "unverified"
        firmware = (
            f"vau-link/1 serial {info.stable_id} rtl {info.rtl_hash.hex()} ({rtl}) "
            f"integrity {integrity}"
        )
        if info.kind == Kind.SIMULATION:
            firmware += "; RTL in simulation, whose speed is no board's"
        return BackendInfo(
            id=f"{KIND}:{self._found.instance}",
            kind=KIND,
            arithmetic_id=array.arithmetic_id,
            bit_exact=True,
            slot_count=slot_count,
            feature_dim=self._model.network.inputs,
            logit_fraction_bits=ACCUMULATOR_FRACTION_BITS,
            measures_energy=self._readings.energy_j is not None,
            max_batch=1,  # streams take turns on the dies: nothing is gained by more
            clock_hz=float(info.clock_hz),
            firmware=firmware,
        )

    @property
    def info(self) -> BackendInfo:
        """What it is; nothing in it changes, not even when the board comes back."""
        return self._info

    # --- slots ------------------------------------------------------------------------------

    def open(self) -> Slot:
        """Start an utterance."""
        with self._owned():
            if self._closed:
                raise ValueError(f"{self._info.id} is closed")
            if len(self._slots) >= self._info.slot_count:
                raise BackendBusy(
                    f"{self._info.id}: all {self._info.slot_count} slots are taken; "
                    "try again when another stream has ended",
                    field="backend",
                    slot_count=self._info.slot_count,
                )
            if not self._has_parity:
                self._driver.check_all()
            slot = Slot(self._next)
            self._next += 1
            self._slots[slot] = self._driver.begin()
            return slot

    def release(self, slot: Slot) -> None:
        """End the utterance; who holds the board is not waited for."""
        stream = self._slots.pop(slot, None)
        if stream is not None:
            self._released.append(stream)
        if self._lock.acquire(blocking=False):
            with self._held():
                pass  # it has been ended

    def snapshot(self, slot: Slot) -> bytes:
        """Copy the state out, in the form of ``muntaniala``: both take each other's."""
        with self._owned():
            states = self._driver.states(self._stream(slot)) or self._zero()
            h = b"".join(state.h.tobytes() for state in states)
            c = b"".join(state.c.astype("<i2").tobytes() for state in states)
            return self._seal.close(h + c)

    def restore(self, slot: Slot, state: bytes) -> None:
        """Replace the state."""
        with self._owned():
            stream, network = self._stream(slot), self._model.network
            size = network.layers * network.hidden
            content = self._seal.open(state, 3 * size)
            shape = (network.layers, network.hidden)
            h = np.frombuffer(content[:size], np.int8).reshape(shape)
            c = np.frombuffer(content[size:], "<i2").reshape(shape)
            self._driver.put(
                stream, [LayerState.of(0, *each) for each in zip(h, c, strict=True)]
            )

    def _zero(self) -> list[LayerState]:
        hidden = self._model.network.hidden
        zero = LayerState.of(0, np.zeros(hidden, np.int8), np.zeros(hidden, np.int16))
        return [zero] * self._model.network.layers

    def _stream(self, slot: Slot) -> Stream:
        if slot not in self._slots:
            raise ValueError(f"{self._info.id}: slot {slot} is not open")
        return self._slots[slot]

    # --- the work ---------------------------------------------------------------------------

    def run(self, work: Sequence[Work]) -> list[Result]:
        """Take each slot through its frames, one slot after the other."""
        with self._owned():
            slots = [item.slot for item in work]
            if len(set(slots)) < len(slots):
                raise ValueError(f"{self._info.id}: a slot appears twice in {slots}")
            streams = [self._stream(slot) for slot in slots]
            if not work:
                return []
            z = normalise_all([item.features for item in work], self._model)
            inputs = to_s8(z, ACTIVATION_FRACTION_BITS - INPUT_SHIFT)
            ends = np.cumsum([len(item.features) for item in work])
            parts = np.split(inputs, ends[:-1])
            before_j, mended = self._energy_j(), self._driver.mended
            results = [self._run(stream, x) for stream, x in zip(streams, parts, strict=True)]
            after_j = self._energy_j()
            if self._driver.mended != mended:  # a counter that began anew, or has more in it
                return results
            return _with_energy(results, before_j, after_j)

    def _run(self, stream: Stream, x: NDArray[np.int8]) -> Result:
        hidden, saturations = self._driver.run(stream, x)
        logits = output(self._weights, hidden.astype(np.int64)).astype(np.int32)
        scale = 2**ACCUMULATOR_FRACTION_BITS * self._model.temperature
        cost = self._costs.of(len(x), saturations)
        if self._driver.board.info.is_hardware:  # its counter has seen these very cycles
            cost = replace(cost, device_origin="measured")
        return Result(
            log_prob=log_posteriors(logits, scale), logits=logits, inputs=x.copy(), cost=cost
        )

    def _energy_j(self) -> float | None:
        if not self._info.measures_energy:
            return None
        self._read()
        return self._readings.energy_j

    # --- how it fares -----------------------------------------------------------------------

    def health(self) -> Health:
        """Say how it fares, without a word to the board."""
        driver = self._driver
        if driver.is_lost:
            return Health(State.FAULT, driver.last_error or "the board is lost")
        mended = driver.mended  # one look: the watch may replace it meanwhile
        if mended.total() > self._mended:
            self._mended_s, self._mended = monotonic(), mended.total()
        if monotonic() - self._mended_s < DEGRADED_S:
            kinds = ", ".join(f"{kind} {count}" for kind, count in mended.items())
            return Health(State.DEGRADED, f"mended: {kinds}")
        return Health(State.READY)

    def telemetry(self) -> Telemetry:
        """Return what the instruments said last; they are read between two calls."""
        return Telemetry(
            temperature_c=self._readings.temperature_c,
            supply_v=self._readings.core_v,
            power_w=self._readings.power_w,
            mended={**asdict(self._driver.link_errors), **self._driver.mended},
        )

    @property
    def readings(self) -> Readings:
        """All that the board said last of itself and the link."""
        return self._readings

    def close(self) -> None:
        """Let go of the board, and end it if it was started for this."""
        with self._lock:
            closing, self._closed = not self._closed, True
        if closing:
            try:
                self._watch.close()
                self._slots.clear()
                self._driver.close()
            finally:
                self._found.close()

    def _look(self, idle_s: float) -> None:
        """See to the board while nobody asks anything of it."""
        if self._closed:
            return
        if self._driver.is_lost or idle_s > CHECK_S:
            self._driver.check_next()
            self._read()
        elif monotonic() - self._read_s > READ_S:
            self._read()

    def _read(self) -> None:
        self._readings, self._read_s = self._driver.readings(), monotonic()

    @property
    def _has_parity(self) -> bool:
        return bool(self._driver.board.info.capabilities & Capability.MEM_PARITY)

    @contextmanager
    def _owned(self) -> Iterator[None]:
        """Hold the board. Raises DeviceTimeout if it is being opened anew for too long."""
        if not self._lock.acquire(timeout=DEFAULT_LIMIT_S):
            raise DeviceTimeout(
                f"{self._info.id}: it is being opened anew, and was not ready within "
                f"{DEFAULT_LIMIT_S:g} s; {self._driver.last_error}",
                stage="open",
            )
        with self._held():
            try:
                yield
            finally:
                self._watch.used()

    @contextmanager
    def _held(self) -> Iterator[None]:
        """End what was released, and give back the lock, which was taken."""
        try:
            while self._released:
                self._driver.end(self._released.popleft())
            yield
        finally:
            self._lock.release()


def _with_energy(
    results: list[Result], before_j: float | None, after_j: float | None
) -> list[Result]:
    """Share what the board's supply gave among the frames, if it measures that."""
    frames = sum(len(result.log_prob) for result in results)
    if before_j is None or after_j is None or after_j < before_j or not frames:
        return results
    each_j = (after_j - before_j) / frames
    return [
        replace(result, cost=_measured(result.cost, len(result.log_prob) * each_j))
        for result in results
    ]


def _measured(cost: Cost, joules: float) -> Cost:
    supply = Energy(joules=joules, origin="measured", boundary="board", method=ENERGY_METHOD)
    return replace(cost, energies=(supply, *cost.energies))


class _Factory:
    """Opens boards by their names."""

    def discover(self, model: Model) -> list[str]:
        """Ask every board that is configured or plugged in whether it is there and suits."""
        try:
            weights = _weights(model)
        except ModelIncompatible:
            return []
        return [f"{KIND}:{each}" for each in found_for(weights)]

    def open(self, model: Model, options: BackendOptions) -> Backend:
        """Open the board that ``options.instance`` names, or the first that is configured."""
        if options.slot_count < 1:
            raise ValueError(f"slot_count={options.slot_count} is less than 1")
        weights = _weights(model)
        found = opened(options.instance, weights)
        try:
            driver = found.driver(weights)
            driver.start()
            try:
                return BoardBackend(model, found, driver, options.slot_count)
            except BaseException:
                driver.close()
                raise
        except BaseException:
            found.close()
            raise


def _weights(model: Model) -> NetworkWeights:
    if model.network.peephole:
        raise ModelIncompatible(
            f"model {model.name!r} has peepholes, which no board computes; "
            "the backend muntaniala does",
            field="model",
        )
    return from_model(model)


FACTORY: Final[BackendFactory] = _Factory()
