"""The numbers behind the estimates, each with its unit, source and status."""

from collections.abc import Sequence
from dataclasses import asdict
from textwrap import wrap
from typing import Any, Final

from vau.estimate import Constant, OperatingPoint, engineering

COLUMNS: Final = 96
NAME_COLUMNS: Final = 35


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
