"""Promises about CONFIG and memories: sections 4.1 and 4.2 of docs/vau-link-1.md."""

import zlib
from dataclasses import replace
from typing import Final

from vau_backends.board.device.image import TABLE_ROWS, TABLES_CRC
from vau_backends.board.link.payloads import CHECKSUM, COUNT
from vau_backends.board.link.words import (
    NO_DIE,
    Operation,
    Region,
    Status,
    address,
)
from vau_backends.board.workbench.conformance.laid import lay
from vau_backends.board.workbench.conformance.probe import Probe, expect
from vau_backends.board.workbench.conformance.promise import promise

OPTIONS: Final = (1, 2, 4, 8)


@promise("4.1", "CONFIG and all rows of weights and biases are taken")
def _a_layer_is_laid(probe: Probe) -> None:
    lay(probe)


@promise("4.1", "CONFIG with an option is UNSUPPORTED")
def _options_are_refused(probe: Probe) -> None:
    laid = lay(probe)
    for option in OPTIONS:
        wrong = replace(laid.image.config, options=option).encode()
        probe.call(probe.request(Operation.CONFIG, wrong), Status.UNSUPPORTED)


@promise(
    "4.1", "CONFIG of a wrong length or quotient, or past a limit, is RANGE; the old one stays"
)
def _limits_are_checked(probe: Probe) -> None:
    laid, info = lay(probe), probe.info
    right = laid.image.config
    for wrong in (
        right.encode()[:-1],
        right.encode() + b"\0",
        replace(right, rows=0).encode(),
        replace(right, columns=info.columns + 1).encode() if info.columns < 0xFF else b"",
        replace(right, hidden=0).encode(),
        replace(right, inputs=0).encode(),
        replace(right, inputs=info.most_payload + 1).encode(),
        replace(right, hidden=info.most_payload).encode(),
        replace(right, units_per_die=info.units + 1).encode(),
        replace(right, units_per_die=right.units_per_die - 1).encode(),
        replace(right, h_per_die=right.h_per_die - 1).encode(),
        replace(right, x_per_die=right.x_per_die - 1).encode(),
        replace(right, x_per_die=info.inputs + info.units).encode(),
    ):
        probe.call(probe.request(Operation.CONFIG, wrong), Status.RANGE)
    probe.call(probe.request(Operation.STATE_RESET))


@promise("4.2", "READ returns the rows that were written, SUM is their CRC-32")
def _memories_are_read_back(probe: Probe) -> None:
    laid = lay(probe)
    for memory in laid.image.memories:
        at, total = address(memory.region, 0), len(memory.rows)
        summed = probe.request(Operation.SUM, COUNT.pack(total), die=memory.die, at=at)
        reply = probe.call(summed, size=CHECKSUM.size)
        crc = CHECKSUM.unpack(reply.payload)[0]
        what = f"CRC of {memory.region.name.lower()} of die {memory.die}"
        expect(what, f"{crc:08x}", f"{memory.crc:08x}")
        last = total - 1
        right = memory.rows[last].tobytes()
        at = address(memory.region, last)
        read = probe.request(Operation.READ, COUNT.pack(1), die=memory.die, at=at)
        reply = probe.call(read, size=len(right))
        expect(f"row {last} of it", reply.payload.hex(), right.hex())


@promise("4.2", "SUM and READ of the activation tables are those of munt-spec-0")
def _tables_are_read_back(probe: Probe) -> None:
    probe.begin()
    at = address(Region.TABLES, 0)
    reply = probe.call(
        probe.request(Operation.SUM, COUNT.pack(TABLE_ROWS), die=0, at=at), size=CHECKSUM.size
    )
    expect("CRC", f"{CHECKSUM.unpack(reply.payload)[0]:08x}", f"{TABLES_CRC:08x}")
    part = min(TABLE_ROWS, probe.info.most_payload // 2)
    whole = b""
    for first in range(0, TABLE_ROWS, part):
        at, rows = address(Region.TABLES, first), min(part, TABLE_ROWS - first)
        request = probe.request(Operation.READ, COUNT.pack(rows), die=0, at=at)
        whole += probe.call(request, size=2 * rows).payload
    expect("CRC of what is read", f"{zlib.crc32(whole):08x}", f"{TABLES_CRC:08x}")


@promise("4.2", "WRITE of the tables, SUM of features, regions that are none: UNSUPPORTED")
def _regions_are_refused(probe: Probe) -> None:
    probe.begin()
    rows, row = COUNT.pack(1), bytes(probe.info.units)
    for op, region, payload in (
        (Operation.WRITE, Region.TABLES, row),
        (Operation.WRITE, Region.FEATURES, row),
        (Operation.SUM, Region.FEATURES, rows),
        (Operation.READ, 6, rows),
        (Operation.SUM, 0xFF, rows),
    ):
        request = probe.request(op, payload, die=0, at=address(region, 0))
        probe.call(request, Status.UNSUPPORTED)


@promise("4.2", "dies and rows past the last, no rows and parts of rows are RANGE")
def _rows_are_checked(probe: Probe) -> None:
    probe.begin()
    info = probe.info
    one, row = COUNT.pack(1), bytes(info.units)
    past = info.rows * info.columns
    for op, die, number, payload in (
        (Operation.SUM, NO_DIE, 0, one),
        (Operation.READ, past, 0, one),
        (Operation.WRITE, past, 0, row),
        (Operation.SUM, 0, info.weight_rows, one),
        (Operation.READ, 0, info.weight_rows, one),
        (Operation.WRITE, 0, info.weight_rows, row),
        (Operation.SUM, 0, 0, COUNT.pack(0)),
        (Operation.READ, 0, 0, b"\1"),
        (Operation.READ, 0, 0, COUNT.pack(info.most_payload // info.units + 1)),
        (Operation.WRITE, 0, 0, b""),
        *(((Operation.WRITE, 0, info.weight_rows - 1, row + b"\1"),) if info.units > 1 else ()),
    ):
        request = probe.request(op, payload, die=die, at=address(Region.WEIGHTS, number))
        probe.call(request, Status.RANGE)


@promise("5", "an array or context past the last is RANGE")
def _places_are_checked(probe: Probe) -> None:
    lay(probe)
    info = probe.info
    probe.call(probe.request(Operation.STATE_RESET, array=info.arrays), Status.RANGE)
    past = address(info.contexts, 0)
    probe.call(probe.request(Operation.STATE_RESET, at=past), Status.RANGE)


DIES: Final = (
    _a_layer_is_laid,
    _options_are_refused,
    _limits_are_checked,
    _memories_are_read_back,
    _tables_are_read_back,
    _regions_are_refused,
    _rows_are_checked,
    _places_are_checked,
)
