"""What stands in the payloads of the operations.

Ref: docs/vau-link-1.md, section 4. Each class reads and writes one of them.
"""

import struct
import zlib
from dataclasses import dataclass
from typing import Final, Self

from vau_backends.board.link.junk import Junk
from vau_backends.board.link.words import CAUSES, PHASES

OWNER: Final = struct.Struct("<HI")
"""Of OPEN: session and nonce."""

COUNT: Final = struct.Struct("<H")
"""Of READ, SUM and STATE_GET: rows or bytes; of a BUSY: milliseconds."""

CHECKSUM: Final = struct.Struct("<I")
ADDRESS: Final = struct.Struct("<I")
"""Of MEM: region and row."""

STEP_HEAD: Final = struct.Struct("<II")
STATE_HEAD: Final = struct.Struct("<II")
_CONFIG: Final = struct.Struct("<BBHHHHHHH")
_REFUSAL: Final = struct.Struct("<BBHI")
_FAULT: Final = struct.Struct("<BBBB")


def number(form: struct.Struct, payload: bytes) -> int:
    """Read the one number that a payload is. Raises Junk for another size."""
    if len(payload) != form.size:
        raise Junk(f"{len(payload)} bytes where a number of {form.size} was due")
    return int(form.unpack(payload)[0])


@dataclass(frozen=True, slots=True, kw_only=True)
class Config:
    """A layer on an array. The three quotients are rounded up, see munt-spec-0."""

    rows: int
    columns: int
    hidden: int
    inputs: int
    units_per_die: int
    h_per_die: int
    x_per_die: int
    options: int = 0

    @property
    def slices(self) -> int:
        """Rows of weights of a gate: x, then h."""
        return self.x_per_die + self.h_per_die

    @property
    def state_bytes(self) -> int:
        """Of h and c."""
        return 3 * self.hidden

    def encode(self) -> bytes:
        """Return the payload."""
        return _CONFIG.pack(
            *(self.rows, self.columns, self.options, self.hidden, self.inputs),
            *(self.units_per_die, self.h_per_die, self.x_per_die, 0),
        )

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read the payload. Raises Junk for another size."""
        if len(payload) != _CONFIG.size:
            raise Junk(f"CONFIG of {len(payload)} bytes")
        rows, columns, options, hidden, inputs, units, h, x, _ = _CONFIG.unpack(payload)
        return cls(
            rows=rows,
            columns=columns,
            options=options,
            hidden=hidden,
            inputs=inputs,
            units_per_die=units,
            h_per_die=h,
            x_per_die=x,
        )


@dataclass(frozen=True, slots=True)
class Stepped:
    """The reply to STEP and STEP_N."""

    cycles: int
    saturations: int
    hidden: bytes

    def encode(self) -> bytes:
        """Return the payload."""
        return STEP_HEAD.pack(self.cycles, self.saturations) + self.hidden

    @classmethod
    def decode(cls, payload: bytes, hidden_bytes: int) -> Self:
        """Read the payload. Raises Junk for another size."""
        if len(payload) != STEP_HEAD.size + hidden_bytes:
            raise Junk(f"a step's reply of {len(payload)} bytes")
        cycles, saturations = STEP_HEAD.unpack_from(payload)
        return cls(cycles, saturations, payload[STEP_HEAD.size :])


@dataclass(frozen=True, slots=True)
class StatePart:
    """A part of a state, as STATE_GET returns and STATE_SET takes it."""

    step: int
    crc: int
    """Of the step number and all bytes up to the end of this part."""

    content: bytes

    def encode(self) -> bytes:
        """Return the payload."""
        return STATE_HEAD.pack(self.step, self.crc) + self.content

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read the payload. Raises Junk if it is too short."""
        if len(payload) < STATE_HEAD.size:
            raise Junk(f"a state of {len(payload)} bytes")
        step, crc = STATE_HEAD.unpack_from(payload)
        return cls(step, crc, payload[STATE_HEAD.size :])


def state_crc(step: int, state: bytes) -> int:
    """Return the running CRC of a state, or of its beginning."""
    return zlib.crc32(state, zlib.crc32(step.to_bytes(4, "little")))


@dataclass(frozen=True, slots=True)
class StateRefusal:
    """Why an operation on a context was refused."""

    is_configured: bool
    context: int
    """0 invalid, 1 valid, 2 within a STATE_SET."""

    step: int

    def encode(self) -> bytes:
        """Return the payload."""
        return _REFUSAL.pack(self.is_configured, self.context, 0, self.step)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read the payload. Raises Junk for another size."""
        if len(payload) != _REFUSAL.size:
            raise Junk(f"STATE of {len(payload)} bytes")
        configured, context, _, step = _REFUSAL.unpack(payload)
        return cls(bool(configured), context, step)


@dataclass(frozen=True, slots=True)
class FaultReport:
    """What the dies say that broke a step."""

    cause: int
    phase: int
    gate: int

    def encode(self) -> bytes:
        """Return the payload."""
        return _FAULT.pack(self.cause, self.phase, self.gate, 0)

    @classmethod
    def decode(cls, payload: bytes) -> Self:
        """Read the payload. Raises Junk for another size."""
        if len(payload) != _FAULT.size:
            raise Junk(f"FAULT of {len(payload)} bytes")
        cause, phase, gate, _ = _FAULT.unpack(payload)
        return cls(cause, phase, gate)

    def __str__(self) -> str:
        cause = CAUSES.get(self.cause, f"cause {self.cause}")
        phase = PHASES[self.phase] if self.phase < len(PHASES) else f"{self.phase}"
        return f"{cause} in phase {phase}, gate {self.gate}"
