"""Defects put into the RTL one at a time: the comparison with the model must notice each.

    python -m tests.rtl.mutants [--json] [--only NAME]

A mutant is one edit of one file. It is built for small dies, loaded through the driver, and
stepped beside the reference. It is killed by a wrong bit, a wrong count of clamps or cycles, or
by a driver that refuses the board; failing these, by a broken promise of the link.
"""

import argparse
import json
import shutil
import sys
import tempfile
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import vau_hardware
from tests.rtl.promises import broken
from tests.rtl.simulation import Shape, driven, network
from vau.errors import VauError
from vau_backends.board.device.upsets import Upset
from vau_backends.board.virtual.build import Build, build
from vau_backends.board.virtual.parameters import Parameters
from vau_backends.board.workbench.side_by_side import compared

STEPS: Final = 60
SMALL: Final = Parameters(rows=2, columns=2, units=4, inputs=8, most_payload=256)
NETWORKS: Final = (
    ("full dies, weights of the whole range", network(Shape(hidden=8, inputs=14), seed=1)),
    ("short slices, small weights", network(Shape(hidden=7, inputs=11), seed=2, most=12)),
)


@dataclass(frozen=True, slots=True)
class Mutant:
    """One edit, whose old text stands in its file once."""

    name: str
    file: str
    old: str
    new: str


MUTANTS: Final = (
    Mutant(
        "a sum wraps",
        "lanes.sv",
        "wide[16] == wide[15] ? wide[15:0] : {wide[16], {15{~wide[16]}}};",
        "wide[15:0];",
    ),
    Mutant("clamps of a sum are not counted", "lanes.sv", "wide[16] != wide[15];", "1'b0;"),
    Mutant(
        "bias shifted by 6",
        "lanes.sv",
        "{row[8*unit+7], row[8*unit+:8], 7'd0}",
        "{row[8*unit+7], row[8*unit+7], row[8*unit+:8], 6'd0}",
    ),
    Mutant(
        "weights without a sign",
        "lanes.sv",
        "product = weight * activation;",
        "product = 16'({8'd0, weight}) * activation;",
    ),
    Mutant(
        "the chain wraps",
        "row_chain.sv",
        "overflows ? {exact[16], {15{~exact[16]}}} : exact[15:0];",
        "exact[15:0];",
    ),
    Mutant("a die forgets its own sum", "row_chain.sv", "+ 17'(own);", "+ 17'sd0;"),
    Mutant(
        "bytes of a partial sum swapped",
        "row_chain.sv",
        "east_data <= launched[7:0];",
        "east_data <= launched[15:8];",
    ),
    Mutant(
        "parity of a link inverted",
        "row_chain.sv",
        "east_parity = ~^east_data;",
        "east_parity = ^east_data;",
    ),
    Mutant(
        "c wraps",
        "cell_path.sv",
        "next_cell <= overflows ? {exact[31], {15{~exact[31]}}} : exact[15:0];",
        "next_cell <= exact[15:0];",
    ),
    Mutant(
        "one floor instead of two",
        "cell_path.sv",
        "(kept_part >>> 12) + (new_part >>> 12);",
        "(kept_part + new_part) >>> 12;",
    ),
    Mutant(
        "shift without a sign",
        "cell_path.sv",
        "(kept_part >>> 12) + (new_part >>> 12);",
        "(kept_part >> 12) + (new_part >>> 12);",
    ),
    Mutant("h one bit off", "cell_path.sv", "<= product[24:17];", "<= product[23:16];"),
    Mutant(
        "gates f and g exchanged",
        "cell_path.sv",
        "g <= candidate[unit[UNIT_BITS-1:0]];",
        "g <= forget_gate[unit[UNIT_BITS-1:0]];",
    ),
    Mutant(
        "no clamp of the index", "cell_path.sv", "? clamp8(argument[15:7])", "? argument[14:7]"
    ),
    Mutant(
        "index of the sigmoid one off",
        "cell_path.sv",
        ": argument[15:8];",
        ": argument[15:8] + 8'd1;",
    ),
    Mutant(
        "tables exchanged",
        "cell_path.sv",
        "{!of_tanh, ~k[7], k[6:0]}",
        "{of_tanh, ~k[7], k[6:0]}",
    ),
    Mutant(
        "an entry of tanh one too large",
        "activation_rom.sv",
        "entries[128] = 17'h00040;",
        "entries[128] = 17'h10041;",
    ),
    Mutant(
        "the last row of weights skipped",
        "sequencer.sv",
        "last_index = 16'(rows) - 16'd1;",
        "last_index = 16'(rows) - 16'd2;",
    ),
    Mutant("drain of one cycle", "sequencer.sv", "DRAIN_CYCLES = 2;", "DRAIN_CYCLES = 1;"),
    Mutant(
        "drain of the cell of five cycles",
        "sequencer.sv",
        "CELL_DRAIN_CYCLES = 6;",
        "CELL_DRAIN_CYCLES = 5;",
    ),
    Mutant(
        "a slice one too long",
        "slice_counter.sv",
        "offset == length - 8'd1;",
        "offset == length;",
    ),
    Mutant(
        "h stored where x belongs",
        "die.sv",
        "SLICE_BITS'(offset + (returns_h ? x_slice : 8'd0))};",
        "SLICE_BITS'(offset)};",
    ),
    Mutant(
        "elements are not cleared",
        "die.sv",
        "wire writes_element = arrives || stores_element || clearing;",
        "wire writes_element = arrives || stores_element;",
    ),
    Mutant("another beginning of the CRC", "checksum.sv", "32'hFFFFFFFF", "32'hFFFFFFFE"),
    Mutant("another polynomial of the CRC", "checksum.sv", "32'hEDB88320", "32'hEDB88321"),
    Mutant(
        "a step of any number is taken",
        "judge.sv",
        "words::STEP, words::STEP_N: comes_right = valid && number == steps;",
        "words::STEP, words::STEP_N: comes_right = valid;",
    ),
    Mutant(
        "what the host mishears is forgotten",
        "executor.sv",
        "if (then_go != TOLD && !found && (take",
        "if (1'b0 && (take",
    ),
    Mutant(
        "a WRITE between its parts disturbs a state",
        "executor.sv",
        "if (passes && op == words::STATE_SET) begin",
        "if (passes && (op == words::STATE_SET || op == words::WRITE)) begin",
    ),
    Mutant(
        "the last beat of h alone is told of",
        "executor.sv",
        "if (mistimed && !late) found_what",
        "if (mistimed && left == 16'd1) found_what",
    ),
    Mutant(
        "a watchdog hides what was found before",
        "executor.sv",
        "if (!late) found_what",
        "found_what",
    ),
    Mutant(
        "a part that is refused does not end its transfer",
        "host.sv",
        "!(good && (is_get || is_set))",
        "!(is_get || is_set)",
    ),
)


def noticed(rtl: Path) -> str:
    """Return how a board of these sources differs from the model; empty if it does not."""
    library = build(SMALL, Build(rtl=rtl))
    for name, weights in NETWORKS:
        try:
            with driven(library, weights) as driver:
                found = compared(driver, weights, STEPS, 3, lambda _: None)
        except (VauError, Upset) as refusal:
            return f"{name}: refused: {refusal}"
        if found.mismatches:
            return f"{name}: {found.mismatches} of {found.steps} steps differ"
    return broken(rtl)


def killed(mutant: Mutant) -> str:
    """Return how a mutant was noticed. Raises ValueError if its old text is not there once."""
    with tempfile.TemporaryDirectory() as folder:
        rtl = Path(folder) / "rtl"
        shutil.copytree(vau_hardware.RTL, rtl)
        source = rtl / mutant.file
        text = source.read_text()
        if text.count(mutant.old) != 1:
            raise ValueError(f"{mutant.name}: {mutant.file} does not have its text once")
        source.write_text(text.replace(mutant.old, mutant.new))
        return noticed(rtl)


def main(words: Sequence[str] | None = None) -> int:
    """Try each; 1 if one survives, or if the RTL as it is does not pass."""
    parser = argparse.ArgumentParser(prog="./run rtl-mutants")
    parser.add_argument("--json", action="store_true", help="one line for programs")
    parser.add_argument(
        "--only", default="", metavar="TEXT", help="those with this in the name"
    )
    asked = parser.parse_args(words)
    healthy = noticed(vau_hardware.RTL)
    if healthy:
        print(f"the RTL itself does not pass: {healthy}", file=sys.stderr)
        return 1
    mutants = [each for each in MUTANTS if asked.only in each.name]
    with ThreadPoolExecutor(2) as pool:
        found = dict(zip(mutants, pool.map(killed, mutants), strict=True))
    survivors = [mutant.name for mutant, how in found.items() if not how]
    if asked.json:
        figures = {
            "mutants": len(found),
            "killed": len(found) - len(survivors),
            "survivors": survivors,
            "how": {mutant.name: how for mutant, how in found.items()},
        }
        print(json.dumps(figures))
    else:
        for mutant, how in found.items():
            print(f"{'killed' if how else 'SURVIVED':8}  {mutant.file:18} {mutant.name}: {how}")
        print(f"{len(found) - len(survivors)} of {len(found)} killed")
    return int(bool(survivors))


if __name__ == "__main__":
    sys.exit(main())
