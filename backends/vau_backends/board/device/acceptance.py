"""Which boards are driven: what their INFO has to say."""

from collections.abc import Callable
from typing import Final

from vau.errors import DeviceLost
from vau_backends.board.device.image import TABLES_CRC
from vau_backends.board.device.replies import mismatch
from vau_backends.board.link.info import Info
from vau_backends.board.link.words import VERSION, Capability
from vau_backends.muntaniala.weights import SPEC

Trusts = Callable[[Info], bool]
"""Tells whether the RTL of a board is one that is known here, or that a person has named."""

REQUIRED: Final = Capability.SUM | Capability.STATE_IO


def accept(name: str, info: Info, trusts: Trusts, known: Info | None) -> None:
    """Let a board pass that we can drive, and that is the one which we knew, if any.

    Raises FirmwareMismatch, or DeviceLost if another one was put in its place: streams were
    begun on the arithmetic of the one before.
    """
    lowest, highest = info.versions
    if not lowest <= VERSION <= highest:
        raise mismatch(name, f"it speaks vau-link {lowest} to {highest}, not {VERSION}", "link")
    if nonsense := info.out_of_bounds():
        raise mismatch(name, f"its INFO is not of vau-link/1: {nonsense[0]}", "info")
    if known is not None and (changed := info.difference(known)):
        raise DeviceLost(
            f"{name}: another board is in its place: {changed}; put the board back, or serve "
            "this one by a start of its own"
        )
    if info.spec != SPEC:
        raise mismatch(name, f"it computes {info.spec!r}, not {SPEC}", "arithmetic")
    if info.tables_crc != TABLES_CRC:
        raise mismatch(
            name,
            f"its tables have the CRC {info.tables_crc:08x}, not {TABLES_CRC:08x}",
            "tables",
        )
    if missing := REQUIRED & ~info.capabilities:
        raise mismatch(name, f"it cannot do {missing!r}, which is needed", "capabilities")
    if not trusts(info):
        raise mismatch(
            name,
            f"its RTL {info.rtl_hash.hex()} is not known here; to take it all the same, "
            f"add +rtl={info.rtl_hash.hex()} to its URL",
            "rtl",
        )
