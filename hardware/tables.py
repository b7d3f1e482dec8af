"""Write the ROM of the dies from the tables of the model: the same 512 words on both sides.

python -m vau_hardware.tables      print rtl/activation_rom.sv, as it must stand there
"""

import sys
import zlib
from collections.abc import Sequence

import numpy as np

from vau_backends.muntaniala.tables import SIGMOID, TANH

_ROM = """\
// The activation tables, tanh and then sigmoid, each with k ascending from -128; bit 16 is odd
// parity. Written by `python -m vau_hardware.tables` from vau_backends/muntaniala/tables.py.
module activation_rom (
    input  logic        clk,
    input  logic        read,
    input  logic [8:0]  row,
    output logic [16:0] entry
`ifdef FAULT_INJECT
    , input logic       flip
    , input logic [8:0] flip_row
    , input logic [4:0] flip_bit
`endif
);
    logic [16:0] entries [0:511];

    initial begin
{entries}
    end

    always_ff @(posedge clk) begin
        if (read) entry <= entries[row];
`ifdef FAULT_INJECT
        if (flip) entries[flip_row] <= entries[flip_row] ^ (17'd1 << flip_bit);
`endif
    end
endmodule
"""


def rows() -> list[int]:
    """Return all 512 entries as the dies number them, s16."""
    return [int(entry) for entry in (*TANH, *SIGMOID)]


def checksum() -> int:
    """Return the CRC-32 of the entries as they are read: INFO's ``LUT CRC``."""
    return zlib.crc32(np.array(rows(), "<i2").tobytes())


def module(entries: Sequence[int]) -> str:
    """Return the source of the ROM."""
    words = [_with_parity(entry & 0xFFFF) for entry in entries]
    lines = [
        "        "
        + " ".join(f"entries[{at}] = 17'h{words[at]:05x};" for at in range(first, first + 4))
        for first in range(0, len(words), 4)
    ]
    return _ROM.replace("{entries}", "\n".join(lines))


def _with_parity(word: int) -> int:
    return word | (word.bit_count() + 1) % 2 << 16


if __name__ == "__main__":
    sys.stdout.write(module(rows()))
