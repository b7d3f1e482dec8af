"""What the tools found, read from the reports that they write, and put in words.

yosys:    ``stat -json``: cells of the netlist by type
nextpnr:  ``--report``: sites of the chip, used and available; the highest clock by net
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final

from vau_hardware.fpga.chips import Chip, Resource, Trial

HONESTLY: Final = "synthesis and place-and-route results; no board has been run"
NOMINAL_HZ: Final = 10_000_000
"""The clock that all published figures of the dies are for."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Placement:
    """What nextpnr made of a netlist."""

    used: dict[Resource, int]
    fastest_hz: float
    """The highest clock at which every path is in time, as estimated from the routes."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Report:
    """All that there is to say about one die, or its board, in one chip."""

    trial: Trial
    yosys: str
    nextpnr: str | None
    synthesized: dict[Resource, int]
    """What the netlist asks for: logic cells before those that only pass something through."""

    placement: Placement | None
    refusal: str | None
    """Why there is none, in the words of nextpnr; None if there is one, or nobody tried."""

    @property
    def used(self) -> dict[Resource, int]:
        """What is known best: of the placement, or else of the netlist."""
        placed = self.placement.used if self.placement else {}
        return {**self.synthesized, **placed}

    @property
    def fits(self) -> bool:
        """Tell whether it is in the chip, or should be if nobody tried."""
        return self.refusal is None and all(
            count <= self.trial.chip.capacity[resource] for resource, count in self.used.items()
        )

    @property
    def is_fast_enough(self) -> bool | None:
        """Tell whether it takes the nominal clock; None if that is not known."""
        return None if self.placement is None else self.placement.fastest_hz >= NOMINAL_HZ


def of_netlist(statistics: Mapping[str, Any], chip: Chip) -> dict[Resource, int]:
    """Count what the netlist takes of the chip.

    statistics: what yosys writes with ``stat -json``.
    """
    counts = dict.fromkeys(Resource, 0)
    for cell, number in statistics["design"]["num_cells_by_type"].items():
        for beginning, (resource, each) in chip.family.cells.items():
            if cell.startswith(beginning):
                counts[resource] += number * each
    return counts


def of_placement(found: Mapping[str, Any], chip: Chip) -> Placement:
    """Read what nextpnr writes with ``--report``.

    Raises ValueError if the design has not exactly one clock, or the chip is another.
    """
    if len(found["fmax"]) != 1:
        raise ValueError(f"one clock was expected, not {sorted(found['fmax'])}")
    (clock,) = found["fmax"].values()
    used = {}
    for site, resource in chip.family.sites.items():
        counted = found["utilization"][site]
        if counted["available"] != chip.capacity[resource]:
            raise ValueError(
                f"{chip.name} has {chip.capacity[resource]} {resource}, but nextpnr knows of"
                f" {counted['available']}: chips.py names another chip than its flags do"
            )
        used[resource] = counted["used"]
    return Placement(used=used, fastest_hz=clock["achieved"] * 1e6)


def as_json(report: Report) -> dict[str, Any]:
    """Return the report for a machine: frequencies in Hz, everything else counted."""
    trial, chip = report.trial, report.trial.chip
    return {
        "design": "board" if trial.is_board else "die",
        "size": trial.units,
        "features": trial.features,
        "contexts": trial.contexts,
        "baud": trial.baud if trial.is_board else None,
        "rtl_hash": trial.rtl_hash if trial.is_board else None,
        "chip": chip.name,
        "tools": {"yosys": report.yosys, "nextpnr": report.nextpnr},
        "synthesis": {_key(resource): count for resource, count in report.synthesized.items()},
        "place_and_route": None
        if report.placement is None
        else {_key(resource): count for resource, count in report.placement.used.items()},
        "capacity": {_key(resource): count for resource, count in chip.capacity.items()},
        "fastest_hz": report.placement and round(report.placement.fastest_hz),
        "goal_hz": chip.clock_hz,
        "nominal_hz": NOMINAL_HZ,
        "fits": report.fits,
        "refusal": report.refusal,
        "note": HONESTLY,
    }


def as_text(report: Report) -> str:
    """Return the report for a person."""
    return "\n".join(_lines(report)) + "\n"


def _lines(report: Report) -> Iterator[str]:
    trial, chip = report.trial, report.trial.chip
    rows = 4 * (trial.features + trial.units) + 4
    yield f"{trial.subject} on {chip.name} ({chip.family.name})"
    yield (
        f"{trial.features} features and {trial.units} h per gate ({rows} rows of weights),"
        f" {trial.contexts} {'context' if trial.contexts == 1 else 'contexts'}"
    )
    if trial.is_board:
        yield f"host and serial port: {trial.baud:,} baud"
        yield f"RTL      {trial.rtl_hash}"
    yield ""
    yield f"{'':16}{'synthesis':>10}{'placed':>10}{'of':>10}"
    for resource, count in report.synthesized.items():
        placed = None if report.placement is None else report.placement.used.get(resource)
        yield (
            f"{resource:16}{count:>10}{'-' if placed is None else placed:>10}"
            f"{chip.capacity[resource]:>10}{_share(report.used[resource], chip, resource):>8}"
        )
    yield ""
    yield from _verdict(report)
    yield f"yosys    {report.yosys}"
    if report.nextpnr:
        yield f"nextpnr  {report.nextpnr}"
    yield HONESTLY


def _verdict(report: Report) -> Iterator[str]:
    if report.placement is not None:
        fastest, goal = report.placement.fastest_hz, report.trial.chip.clock_hz
        yield (
            f"Fmax     {fastest / 1e6:.1f} MHz; aimed at {goal / 1e6:g} MHz,"
            f" and the nominal clock is {NOMINAL_HZ / 1e6:g} MHz"
        )
    elif report.refusal is None:
        yield "Fmax     not known: synthesis only"
    if report.refusal is not None:
        yield f"fits     no: {report.refusal}"
        return
    resource, share = _fullest(report)
    yield (
        f"fits     {'yes' if report.fits else 'no'}: fullest are the {resource},"
        f" {share:.0%} of the chip"
        + ("" if report.placement else ", as far as a netlist tells")
    )


def _fullest(report: Report) -> tuple[Resource, float]:
    capacity = report.trial.chip.capacity
    fullest = max(report.used, key=lambda resource: report.used[resource] / capacity[resource])
    return fullest, report.used[fullest] / capacity[fullest]


def _share(count: int, chip: Chip, resource: Resource) -> str:
    return f"{count / chip.capacity[resource]:.0%}"


def _key(resource: Resource) -> str:
    return resource.value.lower().replace("-", "_").replace(" ", "_")
