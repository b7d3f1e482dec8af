"""The INFO block: what a board is and can do.

Ref: docs/vau-link-1.md, section 4.6.
"""

import struct
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Final, Self

from vau_backends.board.link.junk import Junk
from vau_backends.board.link.words import NO_DIE, Capability, Kind

BLOCK: Final = struct.Struct("<BBBB16s16sQHHBBBBIHBBIIIII")
LEAST_BYTES: Final = 76
"""All but what was appended: the receive buffer."""

_IDENTITY: Final[dict[str, Callable[[Any], str]]] = {
    "serial": "{:016x}".format,
    "kind": str,
    "rtl_hash": bytes.hex,
    **dict.fromkeys(
        ("rows", "columns", "arrays", "units", "inputs", "clock_hz", "most_payload"), str
    ),
}
"""What stays while a board is in use, and how it is written."""

PAYLOADS: Final = (256, 1024, 4096)
"""What the longest payload may be."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Info:
    """What a board says of itself."""

    versions: tuple[int, int] = (1, 1)
    """Lowest and highest that it speaks."""

    kind: int = Kind.SOFTWARE
    spec: str = "munt-spec-0"
    rtl_hash: bytes = bytes(16)
    serial: int = 0
    units: int
    """N of a die."""

    inputs: int
    """NX of a die."""

    rows: int
    columns: int
    arrays: int = 1
    contexts: int = 1
    """States of each array."""

    clock_hz: int
    most_payload: int = 1024
    window: int = 8
    cycles_per_beat: int = 2
    capabilities: Capability = Capability.STEP_N | Capability.SUM | Capability.STATE_IO
    nonce: int = 0
    tables_crc: int
    rate_hz: int
    """Cycles that it really does in a second: its clock, but for a simulation."""

    buffer_bytes: int = 0
    """What it takes in without losing any; 0: it makes the sender wait."""

    @property
    def stable_id(self) -> str:
        """Return its name, whatever port it is on."""
        return f"{self.serial:016x}"

    @property
    def is_hardware(self) -> bool:
        """Whether its cycles are time."""
        return self.kind == Kind.FPGA

    def out_of_bounds(self) -> list[str]:
        """Return what it says that no board may say, in words; nothing if all may be so."""
        said = [
            f"{name} {value} is outside {least} to {most}"
            for name, value, least, most in (
                *(("N", self.units, 1, self.most_payload), ("NX", self.inputs, 1, 0xFFFF)),
                *(("R", self.rows, 1, 0xFF), ("C", self.columns, 1, 0xFF)),
                *(("arrays", self.arrays, 1, 0xFF), ("contexts", self.contexts, 1, 0xFF)),
                *(
                    ("R * C", self.rows * self.columns, 1, NO_DIE),
                    ("window", self.window, 1, 32),
                ),
            )
            if not least <= value <= most
        ]
        if self.most_payload not in PAYLOADS:
            said.insert(
                0, f"max_payload {self.most_payload} is none of {', '.join(map(str, PAYLOADS))}"
            )
        return said

    def difference(self, other: Self) -> str:
        """Say what makes it another board than ``other``; nothing if it is the same one."""
        for name, form in _IDENTITY.items():
            ours, theirs = getattr(self, name), getattr(other, name)
            if ours != theirs:
                return f"its {name} is {form(ours)}, and was {form(theirs)}"
        return ""

    @property
    def weight_rows(self) -> int:
        """Rows of weights of a die."""
        return 4 * (self.inputs + self.units)

    def encode(self) -> bytes:
        """Return the block."""
        return BLOCK.pack(
            *(*self.versions, self.kind, BLOCK.size, self.spec.encode("ascii"), self.rtl_hash),
            *(self.serial, self.units, self.inputs, self.rows, self.columns, self.arrays),
            *(self.contexts, self.clock_hz, self.most_payload, self.window),
            *(self.cycles_per_beat, self.capabilities, self.nonce, self.tables_crc),
            *(self.rate_hz, self.buffer_bytes),
        )

    @classmethod
    def decode(cls, block: bytes) -> Self:
        """Read a block; of a longer one the fields that are known. Raises Junk for no block."""
        if len(block) < LEAST_BYTES or block[3] != len(block):
            raise Junk(f"an INFO block of {len(block)} bytes")
        values = BLOCK.unpack(block[: BLOCK.size].ljust(BLOCK.size, b"\0"))
        lowest, highest, kind, _, spec, rtl_hash, serial, units, inputs = values[:9]
        rows, columns, arrays, contexts, clock_hz, most_payload, window = values[9:16]
        cycles_per_beat, capabilities, nonce, tables_crc, rate_hz, buffer_bytes = values[16:]
        return cls(
            versions=(lowest, highest),
            kind=kind,
            spec=spec.rstrip(b"\0").decode("ascii", "replace"),
            rtl_hash=rtl_hash,
            serial=serial,
            units=units,
            inputs=inputs,
            rows=rows,
            columns=columns,
            arrays=arrays,
            contexts=contexts,
            clock_hz=clock_hz,
            most_payload=most_payload,
            window=window,
            cycles_per_beat=cycles_per_beat,
            capabilities=Capability(capabilities),
            nonce=nonce,
            tables_crc=tables_crc,
            rate_hz=rate_hz,
            buffer_bytes=buffer_bytes,
        )
