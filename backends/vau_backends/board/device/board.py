"""One board: opened, configured, loaded and proven before it takes a step.

Nothing is mended here. What a board reports and its driver can put right leaves as an
``Upset``; ``keeper.py`` does that, and ``streams.py`` knows what every stream was doing.
"""

import logging
from collections.abc import Callable, Sequence
from enum import Enum
from functools import partial
from typing import Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from vau.errors import BackendError, DeviceCorrupt, FirmwareMismatch
from vau_backends.board.device import replies
from vau_backends.board.device.acceptance import Trusts, accept
from vau_backends.board.device.exchange import Exchange
from vau_backends.board.device.image import TABLE_ROWS, TABLES_CRC, LayerImage, Memory
from vau_backends.board.device.known_answer import KnownAnswer
from vau_backends.board.device.state import LayerState
from vau_backends.board.device.upsets import MemoryUpset, Upset
from vau_backends.board.link import telemetry
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.info import Info
from vau_backends.board.link.payloads import (
    CHECKSUM,
    COUNT,
    STATE_HEAD,
    STEP_HEAD,
    StatePart,
    Stepped,
    number,
    state_crc,
)
from vau_backends.board.link.telemetry import Readings
from vau_backends.board.link.timing import transfer_s
from vau_backends.board.link.words import (
    STEP_MODULUS,
    Capability,
    Operation,
    Region,
    address,
)

logger = logging.getLogger(__name__)

T = TypeVar("T")
LOAD_LIMIT_S: Final = 60.0


class Stage(Enum):
    """How far a board has come."""

    CLOSED = "closed"
    OPEN = "open"
    CONFIGURED = "configured"
    LOADED = "loaded"
    FAULT = "fault"


class Board:
    """The driver's view of one board. One thread calls it."""

    def __init__(self, exchange: Exchange, trusts: Trusts, known: Info | None) -> None:
        """Talk to the board at the other end of ``exchange``.

        trusts: says whether its RTL is known.
        known:  what the board said of itself that it has to be; None: any will do.
        """
        self.exchange = exchange
        self.stage = Stage.CLOSED
        self._trusts = trusts
        self._layers: tuple[LayerImage, ...] = ()
        self._info = known

    @property
    def info(self) -> Info:
        """What it said of itself, or is to say. Raises ValueError before its first start."""
        if self._info is None:
            raise ValueError(f"{self.exchange.port.name} was not opened yet")
        return self._info

    @property
    def layers(self) -> tuple[LayerImage, ...]:
        """What it was configured for."""
        return self._layers

    # --- from the port to the first step ----------------------------------------------------

    def open(self) -> Info:
        """Find the board, see that it is one we can drive, and own it.

        Raises FirmwareMismatch, BackendBusy, Silent, DeviceLost; that, too, if it is another
        board than before.
        """
        accept(self._name, self.exchange.find(), self._trusts, self._info)
        info = self.exchange.open()
        accept(self._name, info, self._trusts, self._info)
        self._info = info
        self.stage = Stage.OPEN
        return info

    def configure(self, layers: Sequence[LayerImage]) -> None:
        """Lay each layer on its array. Raises FirmwareMismatch if the board takes it not."""
        for array, layer in enumerate(layers):
            payload = layer.config.encode()
            self._done(Frame(op=Operation.CONFIG, array=array, payload=payload))
        self._layers = tuple(layers)
        self.stage = Stage.CONFIGURED

    @property
    def memories(self) -> list[tuple[int, Memory]]:
        """Array and memory of all that it was configured for."""
        return [(at, each) for at, layer in enumerate(self._layers) for each in layer.memories]

    def line_s(self, memories: Sequence[tuple[int, Memory]]) -> float:
        """Return how long the line needs for what these hold, in seconds."""
        count = sum(memory.rows.nbytes for _, memory in memories)
        return transfer_s(count, self.exchange.port.bits_per_s)

    def load(self) -> None:
        """Write all weights, read their checksums back, and ask what is known.

        Raises DeviceCorrupt if either is wrong.
        """
        self.write(self.memories)
        self.prove()

    def prove(self) -> None:
        """Check every memory and table, then eight known answers. Raises DeviceCorrupt."""
        if wrong := self.wrong_memories():
            raise self._corrupt(
                f"{len(wrong)} memories fail their checksums after they were written, first "
                f"{wrong[0][1].region.name.lower()} of die {wrong[0][1].die}"
            )
        if self.sum_of(0, 0, Region.TABLES, TABLE_ROWS) != TABLES_CRC:
            raise self._corrupt("its activation tables are not those of munt-spec-0")
        for array, layer in enumerate(self._layers):
            self._ask_known(array, layer.known_answer)
        self.stage = Stage.LOADED

    def wrong_memories(self) -> list[tuple[int, Memory]]:
        """Return array and memory of all that do not hold what they should."""
        return [each for each in self.memories if not self.is_right(*each)]

    def is_right(self, array: int, memory: Memory) -> bool:
        """Tell whether a memory holds what it should, by the board's own checksum of it."""
        try:
            return self.sum_of(array, memory.die, memory.region, len(memory.rows)) == memory.crc
        except MemoryUpset:
            return False

    def write(self, memories: Sequence[tuple[int, Memory]]) -> None:
        """Write what these are to hold, and prove nothing."""
        for array, memory in memories:
            self._write(array, memory)

    def _write(self, array: int, memory: Memory) -> None:
        info = self.info
        rows_each = info.most_payload // info.units
        requests = [
            Frame(
                op=Operation.WRITE,
                die=memory.die,
                array=array,
                address=address(memory.region, first),
                payload=memory.rows[first : first + rows_each].tobytes(),
            )
            for first in range(0, len(memory.rows), rows_each)
        ]
        for request, reply in zip(
            requests, self.exchange.stream(requests, LOAD_LIMIT_S), strict=True
        ):
            replies.check(self._name, request, reply)

    def sum_of(self, array: int, die: int, region: Region, rows: int) -> int:
        """Return the board's checksum of the first ``rows`` rows of a memory."""
        reply = self._done(
            Frame(
                op=Operation.SUM,
                die=die,
                array=array,
                address=address(region, 0),
                payload=COUNT.pack(rows),
            ),
            answer_bytes=CHECKSUM.size,
            cycles=4 * rows * self.info.units,
        )
        return self._read(partial(number, CHECKSUM), reply.payload)

    def _ask_known(self, array: int, answer: KnownAnswer) -> None:
        self.set_state(array, 0, LayerState.of(0, answer.h, answer.c))
        for step, x in enumerate(answer.x):
            hidden, saturations = self.step(array, 0, step, x[np.newaxis])
            if wrong := answer.difference(step, hidden[0], saturations):
                raise self._corrupt(
                    f"array {array}, step {step + 1} of its known-answer test: {wrong}"
                )

    # --- steps and states -------------------------------------------------------------------

    @property
    def frames_each(self) -> int:
        """Frames that one request may carry through every layer."""
        info = self.info
        if not info.capabilities & Capability.STEP_N:
            return 1
        return min(
            min(
                info.most_payload // each.tiling.inputs,
                (info.most_payload - STEP_HEAD.size) // each.tiling.hidden,
            )
            for each in self._layers
        )

    def step(
        self, array: int, context: int, step: int, x: NDArray[np.int8]
    ) -> tuple[NDArray[np.int8], int]:
        """Take a context through frames of one layer; return h of each, and saturations.

        x: shape (frames, inputs), at most ``frames_each``.
        Raises DeviceCorrupt if it took another number of cycles than the schedule has.
        """
        layer, frames = self._layers[array], len(x)
        tiling, cycles = layer.tiling, frames * layer.cycles
        request = Frame(
            op=Operation.STEP if frames == 1 else Operation.STEP_N,
            array=array,
            address=address(context, step % STEP_MODULUS),
            payload=x.tobytes(),
        )
        size = frames * tiling.hidden
        reply = self._done(request, answer_bytes=STEP_HEAD.size + size, cycles=cycles)
        stepped = self._read(Stepped.decode, reply.payload, size)
        if stepped.cycles != cycles:
            raise self._corrupt(
                f"{frames} steps took {stepped.cycles} cycles, and {cycles} by the schedule"
            )
        hidden = np.frombuffer(stepped.hidden, np.int8).reshape(frames, tiling.hidden)
        return hidden, stepped.saturations

    def reset_state(self, array: int, context: int) -> None:
        """Begin a stream: c = h = 0."""
        self._done(Frame(op=Operation.STATE_RESET, array=array, address=address(context, 0)))

    def get_state(self, array: int, context: int) -> LayerState:
        """Copy a state out. Raises DeviceCorrupt if its parts are not of one piece."""
        size = self._layers[array].config.state_bytes
        content, step, crc = b"", 0, 0
        while len(content) < size:
            count = min(size - len(content), self.info.most_payload - STATE_HEAD.size)
            reply = self._done(
                Frame(
                    op=Operation.STATE_GET,
                    array=array,
                    address=address(context, len(content)),
                    payload=COUNT.pack(count),
                ),
                answer_bytes=STATE_HEAD.size + count,
            )
            part = self._read(StatePart.decode, reply.payload)
            if len(part.content) != count:
                raise FirmwareMismatch(
                    f"{self._name}: {len(part.content)} of {count} bytes of state"
                )
            content, step, crc = content + part.content, part.step, part.crc
        if state_crc(step, content) != crc:
            raise self._corrupt("a state that it gave away fails its checksum")
        return LayerState(step, content)

    def set_state(self, array: int, context: int, state: LayerState) -> None:
        """Put a state into a context."""
        room = self.info.most_payload - STATE_HEAD.size
        for first in range(0, len(state.content), room):
            content = state.content[first : first + room]
            crc = state_crc(state.step, state.content[: first + len(content)])
            self._done(
                Frame(
                    op=Operation.STATE_SET,
                    array=array,
                    address=address(context, first),
                    payload=StatePart(state.step, crc, content).encode(),
                )
            )

    def readings(self) -> Readings:
        """Read instruments and counters."""
        reply = self._done(Frame(op=Operation.TELEM), answer_bytes=telemetry.BLOCK.size)
        return self._read(Readings.decode, reply.payload)

    def close(self) -> None:
        """End the session if that is quickly done, and let go of the port. Never fails."""
        try:
            if self.exchange.is_open and self.stage is not Stage.FAULT:
                self.exchange.call(Frame(op=Operation.CLOSE), limit_s=1.0)
        except (BackendError, Upset):
            pass  # it is gone, or never was ours: the port is let go all the same
        finally:
            self.stage = Stage.CLOSED
            self.exchange.port.close()

    # --- requests ---------------------------------------------------------------------------

    @property
    def _name(self) -> str:
        return self.exchange.port.name

    def _done(self, request: Frame, **expected: int) -> Frame:
        reply = self.exchange.call(request, **expected)
        replies.check(self._name, request, reply)
        return reply

    def _read(self, decode: Callable[..., T], payload: bytes, *expected: int) -> T:
        return replies.read(self._name, decode, payload, *expected)

    def _corrupt(self, what: str) -> DeviceCorrupt:
        return replies.corrupt(self._name, what)
