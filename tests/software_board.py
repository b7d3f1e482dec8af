"""A board of software: the protocol of docs/vau-link-1.md by the book, the model's arithmetic.

Written from the document alone, as somebody who builds a board would, and by none of the
driver's own code but the packing of frames. What a test wants to go wrong inside a board (a
flipped bit, a dead die, a restart) is a method, or stands in its memories and instruments.
"""

import zlib
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from vau_backends.board.link.chunks import Chunks
from vau_backends.board.link.frame import OVERHEAD, Frame
from vau_backends.board.link.info import Info
from vau_backends.board.link.junk import Junk
from vau_backends.board.link.payloads import (
    ADDRESS,
    CHECKSUM,
    COUNT,
    OWNER,
    Config,
    FaultReport,
    StatePart,
    StateRefusal,
    Stepped,
    state_crc,
)
from vau_backends.board.link.telemetry import CoreCounters, LinkCounters, Readings
from vau_backends.board.link.words import (
    JUNK_ANSWER,
    OUTSIDE_THE_ORDER,
    PIPELINED,
    REPLY,
    STEP_MODULUS,
    TAKES_NUMBER,
    Capability,
    Operation,
    Region,
    Status,
    after,
)
from vau_backends.muntaniala.array import GATES, Tiling
from vau_backends.muntaniala.cell import cell
from vau_backends.muntaniala.cycles import LayerCycles
from vau_backends.muntaniala.fixedpoint import BIAS_SHIFT, Sat16
from vau_backends.muntaniala.tables import SIGMOID, TANH
from vau_backends.muntaniala.weights import LayerWeights

TABLES = b"".join(table.astype("<i2").tobytes() for table in (TANH, SIGMOID))
MOST_JUNK = 65_535  # bytes of a chunk that are counted
UPSET_ROW = 2  # of the weights, in which bits are flipped
ALL_CAPABILITIES = (
    Capability.STEP_N
    | Capability.SUM
    | Capability.STATE_IO
    | Capability.MEM_PARITY
    | Capability.LINK_PARITY
)


def board_info(**changes: object) -> Info:
    """Return the INFO of a small board of 2x2 dies."""
    info = Info(
        serial=0x5EED,
        units=8,
        inputs=16,
        rows=2,
        columns=2,
        arrays=2,
        contexts=2,
        clock_hz=10_000_000,
        most_payload=256,
        window=4,
        capabilities=ALL_CAPABILITIES,
        tables_crc=zlib.crc32(TABLES),
        rate_hz=10_000_000,
    )
    return replace(info, **changes)  # type: ignore[arg-type]  # by name


Transfer = tuple[int, int, int, int]
"""Of a state: its operation, array, context, and where its next part begins."""


class Refused(Exception):
    """A request that is answered by a status."""

    def __init__(self, status: Status, payload: bytes = b"", die: int | None = None) -> None:
        super().__init__(status.name)
        self.status, self.payload, self.die = status, payload, die


@dataclass
class Context:
    """A stream on the dies of one array."""

    h: NDArray[np.int64]
    c: NDArray[np.int64]
    step: int = 0
    is_valid: bool = False
    parts: bytes = b""
    """What a STATE_SET has brought so far."""


@dataclass
class Array:
    """The dies of one layer."""

    memories: dict[tuple[int, Region], NDArray[np.int8]]
    config: Config | None = None
    contexts: list[Context] = field(default_factory=list)
    weights: LayerWeights | None = None
    """As they were last put together from the memories."""


@dataclass
class Clamps:
    """Registers of a request for steps, by what they hold."""

    mac: Sat16 = field(default_factory=Sat16)
    row: Sat16 = field(default_factory=Sat16)
    cell: Sat16 = field(default_factory=Sat16)

    @property
    def total(self) -> int:
        """How often any of them clamped."""
        return int(self.mac.events + self.row.events + self.cell.events)


def _sums(
    weights: LayerWeights,
    tiling: Tiling,
    x: NDArray[np.int64],
    h: NDArray[np.int64],
    clamps: Clamps,
) -> NDArray[np.int64]:
    """Add up in each column of dies, x before h, then along the row: munt-spec-0, section 3."""
    w_x, w_h = weights.w_x.astype(np.int64), weights.w_h.astype(np.int64)
    row = sums = weights.bias.astype(np.int64) << BIAS_SHIFT
    for column in range(tiling.columns):
        for w, of_column, values in (
            (w_x, tiling.x_slice(column), x),
            (w_h, tiling.h_slice(column), h),
        ):
            for j in range(of_column.start, of_column.stop):
                sums = clamps.mac(sums + w[:, j] * values[j])
        row = clamps.row(row + sums) if column else sums
        sums = np.zeros_like(sums)
    return row


class SoftwareBoard:
    """Takes bytes in and gives bytes out, one request after the other."""

    def __init__(self, info: Info) -> None:
        self.info = info
        self.power_w: float | None = None
        self.reboot()

    def reboot(self) -> None:
        """Lose everything, as when the power fails; what was broken is whole again."""
        self.dead_die: int | None = None
        self.upset_rows: set[tuple[int, int, Region]] = set()
        """Array, die and region of which a row fails its parity."""

        self.extra_cycles = 0
        info = self.info = replace(self.info, nonce=0)
        self.arrays = [
            Array(
                {
                    (die, region): np.full((rows, info.units), 85, np.int8)
                    for die in range(info.rows * info.columns)
                    for region, rows in (
                        (Region.WEIGHTS, info.weight_rows),
                        (Region.BIASES, GATES),
                    )
                }
            )
            for _ in range(info.arrays)
        ]
        self.chunks = Chunks(info.most_payload)
        self.reset()

    def reset(self) -> None:
        """Do what RESET says: all but the memories is gone."""
        self.info = replace(self.info, nonce=0)
        self.session, self.expected, self.last = 0, 1, 0
        self.stored: dict[int, Frame] = {}
        self.link, self.core = LinkCounters(), CoreCounters()
        self.chunks.frames = self.chunks.junk_chunks = self.chunks.junk_bytes = 0
        self.energy_j = 0.0
        self.transfer: Transfer | None = None
        for array in self.arrays:
            array.config, array.contexts = None, []

    def flip(self, die: int, bits: int = 1) -> None:
        """Flip bits in one row of the weights of a die; its parity sees an odd number."""
        at = len(self.arrays) - 1
        array = self.arrays[at]
        array.memories[die, Region.WEIGHTS][UPSET_ROW, :bits] ^= 1
        array.weights = None
        if bits % 2:
            self.upset_rows.add((at, die, Region.WEIGHTS))

    def kill(self, die: int) -> None:
        """Let a die say nothing from now on."""
        self.dead_die = die

    def miscount(self) -> None:
        """Let it count its cycles wrong from now on."""
        self.extra_cycles = 1

    def close(self) -> None:
        """Take its power away."""

    def push(self, data: bytes) -> bytes:
        """Take bytes in; return what it says to them."""
        return b"".join(answer.encode() for answer in self._answers(data))

    def _answers(self, data: bytes) -> Iterator[Frame]:
        for frame in self.chunks.push(data):
            if frame is None:
                junk_bytes = self.link.junk_bytes + min(self.chunks.junk_bytes, MOST_JUNK)
                self.link = replace(self.link, junk_bytes=junk_bytes)
                self.chunks.junk_bytes = 0
                yield Frame(
                    op=JUNK_ANSWER,
                    session=self.session,
                    seq=self.last,
                    status=Status.CRC,
                    credits=self.info.window,
                )
            else:
                longest = max(self.link.longest_frame, OVERHEAD + len(frame.payload))
                self.link = replace(self.link, longest_frame=longest)
                yield self._answer(frame)

    def _answer(self, request: Frame) -> Frame:
        """Look at a frame in the order of section 5, and answer it."""
        if request.version != 1:
            return self._reply(request, Status.VERSION)
        if request.op in OUTSIDE_THE_ORDER:
            return self._outside(request)
        if not self.session or request.session != self.session:
            foreign = self.link.foreign_sessions + 1
            self.link = replace(self.link, foreign_sessions=foreign)
            return self._reply(request, Status.SESSION)
        if request.seq in self.stored:
            self.link = replace(self.link, replays=self.link.replays + 1)
            return self.stored[request.seq]
        if request.seq != self.expected:
            self.link = replace(self.link, out_of_order=self.link.out_of_order + 1)
            return replace(self._reply(request, Status.SEQ), address=self.expected)
        return self._taken(request)

    def _taken(self, request: Frame) -> Frame:
        """Answer what takes its number, and keep the answer."""
        try:
            reply = self._reply(request, Status.OK, self._execute(request))
        except Refused as refusal:
            reply = self._reply(request, refusal.status, refusal.payload)
            if refusal.die is not None:
                reply = replace(reply, die=refusal.die)
        except Junk:
            reply = self._reply(request, Status.RANGE)
        assert reply.status in TAKES_NUMBER
        self._store(request, reply)
        if request.op == Operation.CLOSE and reply.status == Status.OK:
            self._end_session()
        return reply

    def _store(self, request: Frame, reply: Frame) -> None:
        if request.op not in PIPELINED:
            self.stored = {
                seq: one for seq, one in self.stored.items() if one.op & ~REPLY in PIPELINED
            }
        self.stored[request.seq] = reply
        while len(self.stored) > self.info.window:
            del self.stored[next(iter(self.stored))]
        self.last, self.expected = request.seq, after(request.seq)

    def _reply(self, request: Frame, status: Status, payload: bytes = b"") -> Frame:
        return replace(
            request,
            op=request.op | REPLY,
            version=1,
            status=status,
            credits=self.info.window,
            payload=payload,
        )

    def _outside(self, request: Frame) -> Frame:
        sizes = {Operation.OPEN: OWNER.size}
        if request.op == Operation.INFO:
            request = replace(request, session=self.session)
        if len(request.payload) != sizes.get(Operation(request.op), 0):
            return self._reply(request, Status.RANGE)
        if request.op == Operation.RESET:
            reply = self._reply(request, Status.OK)
            self.reset()
            return reply
        if request.op == Operation.OPEN:
            session, nonce = OWNER.unpack(request.payload)
            if not session or not nonce:
                return self._reply(request, Status.RANGE)
            if (session, nonce) != (self.session, self.info.nonce):
                self._end_session()
                self.session = session
                self.info = replace(self.info, nonce=nonce)
            return self._reply(request, Status.OK, self.info.encode())
        return self._reply(request, Status.OK, self.info.encode())

    def _end_session(self) -> None:
        self.session, self.expected, self.last = 0, 1, 0
        self.stored, self.transfer = {}, None
        self.info = replace(self.info, nonce=0)
        for array in self.arrays:
            for context in array.contexts:
                context.is_valid = False

    # --- operations -------------------------------------------------------------------------

    def _execute(self, request: Frame) -> bytes:
        under_way = self.transfer
        if request.op not in PIPELINED:
            self.transfer = None
        match request.op:
            case Operation.CLOSE:
                self._array(request)
                self._exactly(request, 0)
                return b""
            case Operation.TELEM:
                self._array(request)
                self._exactly(request, 0)
                return self._readings().encode()
            case Operation.CONFIG:
                return self._configure(request)
            case Operation.WRITE | Operation.READ | Operation.SUM:
                return self._memory(request)
            case Operation.STEP | Operation.STEP_N:
                return self._step(request, under_way)
            case Operation.STATE_RESET | Operation.STATE_GET | Operation.STATE_SET:
                return self._state(request, under_way)
        raise Refused(Status.UNSUPPORTED)

    def _array(self, request: Frame) -> Array:
        if request.array >= self.info.arrays:
            raise Refused(Status.RANGE)
        return self.arrays[request.array]

    @staticmethod
    def _exactly(request: Frame, size: int) -> None:
        if len(request.payload) != size:
            raise Refused(Status.RANGE)

    def _readings(self) -> Readings:
        return Readings(
            power_w=self.power_w,
            energy_j=None if self.power_w is None else self.energy_j,
            link=replace(
                self.link,
                frames=self.chunks.frames,
                junk_chunks=self.chunks.junk_chunks,
            ),
            core=self.core,
        )

    def _configure(self, request: Frame) -> bytes:
        config = Config.decode(request.payload)
        if config.options:
            raise Refused(Status.UNSUPPORTED)
        array, info = self._array(request), self.info
        fits = (
            1 <= config.rows <= info.rows
            and 1 <= config.columns <= info.columns
            and config.hidden >= 1
            and config.inputs >= 1
            and config.units_per_die <= info.units
            and config.slices <= info.units + info.inputs
            and config.units_per_die * config.rows >= config.hidden
            and config.h_per_die * config.columns >= config.hidden
            and config.x_per_die * config.columns >= config.inputs
            and max(8 + config.hidden, config.inputs) <= info.most_payload
        )
        if not fits:
            raise Refused(Status.RANGE)
        array.config, array.weights = config, None
        zeros = np.zeros(config.hidden, np.int64)
        array.contexts = [Context(zeros, zeros) for _ in range(info.contexts)]
        return b""

    def _memory(self, request: Frame) -> bytes:
        region, first = request.address >> 24, request.address & 0xFF_FFFF
        array = self._array_of_memory(request, region)
        if request.op == Operation.WRITE:
            rows, rest = divmod(len(request.payload), self.info.units)
            memory = array.memories[request.die, Region(region)]
            if rest or not rows or first + rows > len(memory):
                raise Refused(Status.RANGE)
            content = np.frombuffer(request.payload, np.int8).reshape(rows, -1)
            memory[first : first + rows] = content
            array.weights = None
            self.upset_rows.discard((request.array, request.die, Region(region)))
            return b""
        self._exactly(request, COUNT.size)
        (rows,) = COUNT.unpack(request.payload)
        whole, row_bytes = TABLES, 2
        if region != Region.TABLES:
            memory = array.memories[request.die, Region(region)]
            whole, row_bytes = memory.tobytes(), self.info.units
            self._parity(request.array, request.die, Region(region))
        content_bytes = whole[first * row_bytes : (first + rows) * row_bytes]
        if not rows or len(content_bytes) != rows * row_bytes:
            raise Refused(Status.RANGE)
        if request.op == Operation.SUM:
            return CHECKSUM.pack(zlib.crc32(content_bytes))
        if len(content_bytes) > self.info.most_payload:
            raise Refused(Status.RANGE)
        return content_bytes

    def _array_of_memory(self, request: Frame, region: int) -> Array:
        tables = () if request.op == Operation.WRITE else (Region.TABLES,)
        if region not in (Region.WEIGHTS, Region.BIASES, *tables):
            raise Refused(Status.UNSUPPORTED)
        array = self._array(request)
        if request.die >= self.info.rows * self.info.columns:
            raise Refused(Status.RANGE)
        return array

    def _parity(self, array: int, die: int, region: Region) -> None:
        if (array, die, region) in self.upset_rows:
            where = ADDRESS.pack(region << 24 | 1)
            raise Refused(Status.MEM, where, die)

    def _ailment(self, array: int, dies: list[int]) -> Refused | None:
        for die in dies:
            if (array, die, Region.WEIGHTS) in self.upset_rows:
                return Refused(Status.MEM, ADDRESS.pack(Region.WEIGHTS << 24 | 1), die)
            if die == self.dead_die:
                return Refused(Status.FAULT, FaultReport(1, 5, 0).encode(), die)
        return None

    def _context(self, request: Frame) -> tuple[Array, Config, Context]:
        array, number = self._array(request), request.address >> 24
        if number >= self.info.contexts:
            raise Refused(Status.RANGE)
        if array.config is None:
            raise Refused(Status.STATE, StateRefusal(False, 0, 0).encode())
        return array, array.config, array.contexts[number]

    @staticmethod
    def _out_of_step(
        request: Frame, context: Context, under_way: Transfer | None = None
    ) -> Refused:
        where = (Operation.STATE_SET, request.array, request.address >> 24)
        is_within = under_way is not None and under_way[:3] == where
        kind = 1 if context.is_valid else 2 if is_within else 0
        step = context.step if context.is_valid else 0
        return Refused(Status.STATE, StateRefusal(True, kind, step).encode())

    def _step(self, request: Frame, under_way: Transfer | None) -> bytes:
        array, config, context = self._context(request)
        frames, rest = divmod(len(request.payload), config.inputs)
        if rest or not frames or (request.op == Operation.STEP and frames != 1):
            raise Refused(Status.RANGE)
        if 8 + frames * config.hidden > self.info.most_payload:
            raise Refused(Status.RANGE)
        if not context.is_valid or request.address & 0xFF_FFFF != context.step:
            raise self._out_of_step(request, context, under_way)
        dies = [
            row * self.info.columns + column
            for row in range(config.rows)
            for column in range(config.columns)
        ]
        if refusal := self._ailment(request.array, dies):
            context.is_valid = False
            raise refusal
        tiling = Tiling(
            rows=config.rows,
            columns=config.columns,
            hidden=config.hidden,
            inputs=config.inputs,
        )
        if array.weights is None:
            array.weights = self._weights(array, tiling)
        x = np.frombuffer(request.payload, np.int8).reshape(frames, -1).astype(np.int64)
        clamps, hidden = Clamps(), []
        for each in x:
            a = _sums(array.weights, tiling, each, context.h, clamps)
            context.h, context.c = cell(array.weights, a, context.c, clamps.cell)
            hidden.append(context.h.astype(np.int8).tobytes())
        context.step = (context.step + frames) % STEP_MODULUS
        cycles = frames * LayerCycles.of(tiling).total + self.extra_cycles
        core = self.core
        self.core = replace(
            core,
            steps=core.steps + frames,
            cycles=core.cycles + cycles,
            mac_saturations=core.mac_saturations + int(clamps.mac.events),
            row_saturations=core.row_saturations + int(clamps.row.events),
            cell_saturations=core.cell_saturations + int(clamps.cell.events),
        )
        self.energy_j += (self.power_w or 0.0) * cycles / self.info.clock_hz
        return Stepped(cycles, clamps.total, b"".join(hidden)).encode()

    def _weights(self, array: Array, tiling: Tiling) -> LayerWeights:
        """Put the weights together from what the memories hold, padding and all."""
        hidden, inputs = tiling.hidden, tiling.inputs
        w_x = np.zeros((GATES, hidden, inputs), np.int8)
        w_h = np.zeros((GATES, hidden, hidden), np.int8)
        bias = np.zeros((GATES, hidden), np.int8)
        units, per_gate = tiling.units_per_die, tiling.x_per_die + tiling.h_per_die
        for unit in range(hidden):
            row, byte = divmod(unit, units)
            for column in range(tiling.columns):
                die = row * self.info.columns + column
                memory = array.memories[die, Region.WEIGHTS]
                for gate in range(GATES):
                    start = gate * per_gate
                    x, h = tiling.x_slice(column), tiling.h_slice(column)
                    w_x[gate, unit, x] = memory[start : start + x.stop - x.start, byte]
                    start += tiling.x_per_die
                    w_h[gate, unit, h] = memory[start : start + h.stop - h.start, byte]
            first = array.memories[row * self.info.columns, Region.BIASES]
            bias[:, unit] = first[:, byte]
        return LayerWeights(w_x.reshape(-1, inputs), w_h.reshape(-1, hidden), bias.reshape(-1))

    def _state(self, request: Frame, under_way: Transfer | None) -> bytes:
        _, config, context = self._context(request)
        offset = request.address & 0xFF_FFFF
        place = (request.op, request.array, request.address >> 24, offset)
        continues = place == under_way or not offset
        match request.op:
            case Operation.STATE_RESET:
                self._exactly(request, 0)
                zeros = np.zeros(config.hidden, np.int64)
                context.h, context.c, context.step = zeros, zeros, 0
                context.is_valid = True
                return b""
            case Operation.STATE_GET:
                self._exactly(request, COUNT.size)
                (count,) = COUNT.unpack(request.payload)
                end = offset + count
                if end > config.state_bytes or count + 8 > self.info.most_payload:
                    raise Refused(Status.RANGE)
                if not context.is_valid or not continues:
                    raise self._out_of_step(request, context, under_way)
                whole = context.h.astype(np.int8).tobytes() + context.c.astype("<i2").tobytes()
                self.transfer = (*place[:3], end)
                crc = state_crc(context.step, whole[:end])
                return StatePart(context.step, crc, whole[offset:end]).encode()
        part = StatePart.decode(request.payload)
        end = offset + len(part.content)
        if not part.content or end > config.state_bytes:
            raise Refused(Status.RANGE)
        if offset == 0:
            context.parts, context.step = b"", part.step
        context.is_valid = False
        whole = context.parts + part.content
        if not continues or state_crc(context.step, whole) != part.crc:
            raise self._out_of_step(request, context)
        context.parts, self.transfer = whole, (*place[:3], end)
        if end == config.state_bytes:
            self.transfer = None
            context.h = np.frombuffer(whole[: config.hidden], np.int8).astype(np.int64)
            context.c = np.frombuffer(whole[config.hidden :], "<i2").astype(np.int64)
            context.is_valid = True
        return b""
