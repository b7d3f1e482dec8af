"""The TELEM block: instruments, counters of the link, counters of the dies.

Ref: docs/vau-link-1.md, section 4.5.
"""

import struct
from dataclasses import dataclass
from enum import IntFlag
from typing import Final, Self

from vau_backends.board.link.junk import Junk

BLOCK: Final = struct.Struct("<IhHHHIIIQ8I2Q6IQ")


class Present(IntFlag):
    """Which instruments there are."""

    TEMPERATURE = 1 << 0
    CORE = 1 << 1
    IO = 1 << 2
    POWER = 1 << 3
    ENERGY = 1 << 4


@dataclass(frozen=True, slots=True, kw_only=True)
class LinkCounters:
    """What the board saw of the link since its reset. They wrap at 2**32."""

    frames: int = 0
    junk_chunks: int = 0
    junk_bytes: int = 0
    overruns: int = 0
    replays: int = 0
    out_of_order: int = 0
    foreign_sessions: int = 0
    longest_frame: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class CoreCounters:
    """What the dies did since the reset of the board."""

    steps: int = 0
    cycles: int = 0
    mac_saturations: int = 0
    row_saturations: int = 0
    cell_saturations: int = 0
    parity_errors: int = 0
    link_faults: int = 0
    watchdogs: int = 0
    uptime_cycles: int = 0


@dataclass(frozen=True, slots=True, kw_only=True)
class Readings:
    """All of it. An instrument that is not there reads None."""

    temperature_c: float | None = None
    core_v: float | None = None
    io_v: float | None = None
    power_w: float | None = None
    """Mean over ``window_s``, of ``samples``."""

    window_s: float = 0.0
    samples: int = 0
    energy_j: float | None = None
    """Since the reset, all that the supply gave."""

    link: LinkCounters = LinkCounters()
    core: CoreCounters = CoreCounters()

    def encode(self) -> bytes:
        """Return the block."""
        readings = (
            *((self.temperature_c, 10), (self.core_v, 1e3), (self.io_v, 1e3)),
            *((self.power_w, 1e6), (self.energy_j, 1e9)),
        )
        present = sum(1 << bit for bit, (value, _) in enumerate(readings) if value is not None)
        temperature, core, io, power, energy = (
            round((value or 0) * unit) for value, unit in readings
        )
        link, core_counts = self.link, self.core
        return BLOCK.pack(
            *(present, temperature, core, io, 0, power, round(self.window_s * 1e6)),
            *(self.samples, energy),
            *(link.frames, link.junk_chunks, link.junk_bytes, link.overruns, link.replays),
            *(link.out_of_order, link.foreign_sessions, link.longest_frame),
            *(core_counts.steps, core_counts.cycles, core_counts.mac_saturations),
            *(core_counts.row_saturations, core_counts.cell_saturations),
            *(core_counts.parity_errors, core_counts.link_faults, core_counts.watchdogs),
            core_counts.uptime_cycles,
        )

    @classmethod
    def decode(cls, block: bytes) -> Self:
        """Read a block; of a longer one the fields that are known. Raises Junk for none."""
        if len(block) < BLOCK.size:
            raise Junk(f"a TELEM block of {len(block)} bytes")
        values = BLOCK.unpack_from(block)
        present, temperature, core, io, _, power, window_us, samples, energy = values[:9]

        def read(bit: Present, value: int, unit: float) -> float | None:
            return value / unit if present & bit else None

        link, core_counts = values[9:17], values[17:]
        return cls(
            temperature_c=read(Present.TEMPERATURE, temperature, 10),
            core_v=read(Present.CORE, core, 1e3),
            io_v=read(Present.IO, io, 1e3),
            power_w=read(Present.POWER, power, 1e6),
            window_s=window_us / 1e6,
            samples=samples,
            energy_j=read(Present.ENERGY, energy, 1e9),
            link=LinkCounters(
                **dict(zip(LinkCounters.__dataclass_fields__, link, strict=True))
            ),
            core=CoreCounters(
                **dict(zip(CoreCounters.__dataclass_fields__, core_counts, strict=True))
            ),
        )
