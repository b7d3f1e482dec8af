"""The energy of a frame: of chip and DRAM, as it counts, and of the chip, as published."""

from collections.abc import Iterator

from vau.estimate import Reading
from vau_backends.rpu.energy import METHOD
from vau_backends.rpu.estimate.laid_out import LaidOut


def readings(found: LaidOut) -> Iterator[Reading]:
    """Yield the energy of a frame at both boundaries, which never mix."""
    account = found.account
    for name, joules, parts, text in (
        ("system", account.system_j, account.system_parts, "chip and DRAM"),
        ("core", account.core_j, account.core_parts, "the chip, the published boundary"),
    ):
        yield Reading(
            name=name,
            joules=found.a_frame(joules),
            boundary="system" if name == "system" else "core",
            method=METHOD,
            status=found.energy_status,
            text=f"{text}, nothing while idle; the split is assumed",
            parts=tuple((part, found.a_frame(of_part)) for part, of_part in parts),
        )
