"""The numbers behind the estimates, each with its unit, source and status."""

import math
from collections.abc import Sequence
from dataclasses import asdict
from textwrap import wrap
from typing import Any, Final

from vau.estimate import Constant, OperatingPoint

COLUMNS: Final = 96
NAME_COLUMNS: Final = 35
PREFIXES: Final = {12: "T", 9: "G", 6: "M", 3: "k", 0: "", -3: "m", -6: "µ", -9: "n", -12: "p"}
SI_UNITS: Final = frozenset({"Hz", "s", "m", "W", "V", "J", "OP/s", "OP/s/W", "OP/s/m2", "B/s"})
"""Units that take a prefix; what is counted does not."""


def engineering(value: float, unit: str) -> str:
    """Write a constant with four digits, and the prefix of its unit if that takes one."""
    if unit not in SI_UNITS or value == 0.0:
        return f"{value:,.10g} {unit}"
    power = min(12, max(-12, 3 * math.floor(math.log10(abs(value)) / 3)))
    return f"{value / 10.0**power:.4g} {PREFIXES[power]}{unit}"


def constants_report(
    constants: Sequence[Constant], points: Sequence[OperatingPoint]
) -> dict[str, Any]:
    """Return constants and operating points for a program, in SI units."""
    return {
        "constants": [asdict(each) for each in constants],
        "operating_points": [asdict(each) for each in points],
    }


def constants_table(
    constants: Sequence[Constant], points: Sequence[OperatingPoint]
) -> list[str]:
    """Return constants and operating points for a person, no wider than 96 columns."""
    lines = [f"{'constant':<{NAME_COLUMNS}}{'value':>15}  {'status':<11}source"]
    for each in constants:
        lines += _constant_lines(each)
    heads = f"{'clock':>11}{'power':>10}{'peak':>13}{'efficiency':>14}"
    lines += ["", f"{'operating point':<19}{heads}  status"]
    return [line[:COLUMNS] for line in (*lines, *map(_point_line, points))]


def _constant_lines(constant: Constant) -> list[str]:
    """Return a row, broken where a name or source does not fit, and the reasoning below."""
    name, source = constant.name, constant.source
    known = f"{engineering(constant.value, constant.unit):>15}  {constant.status:<11}"
    lines = [] if len(name) < NAME_COLUMNS else [name]
    row = f"{'' if lines else name:<{NAME_COLUMNS}}{known}"
    fits = len(row) + len(source) <= COLUMNS
    lines += [row + source] if fits else [row.rstrip(), f"{source:>{COLUMNS}}"]
    return lines + wrap(
        constant.reasoning, COLUMNS, initial_indent="    ", subsequent_indent="    "
    )


def _point_line(point: OperatingPoint) -> str:
    known = (
        (point.clock_hz, "Hz", 11),
        (point.power_w, "W", 10),
        (point.operations_per_s, "OP/s", 13),
        (point.operations_per_j, "OP/s/W", 14),
    )
    shown = "".join(
        f"{'unknown' if value is None else engineering(value, unit):>{width}}"
        for value, unit, width in known
    )
    other = ", another chip" * point.for_comparison
    return f"{point.name:<19}{shown}  {point.status}{other}"
