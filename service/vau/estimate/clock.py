"""The clock that an ask means, and how clocks are written."""

from collections.abc import Sequence
from typing import Final

from vau.errors import ConfigInvalid
from vau.estimate.ask import Ask
from vau.estimate.constants import OperatingPoint
from vau.estimate.figures import Precision

CLOCK_DIGITS: Final = Precision(significant=6, decimals=0)
"""A clock is given and no estimate: what is printed should be enough to ask for it again."""


def megahertz(clock_hz: float, *, beside_hz: float | None = None) -> str:
    """Write a clock with six digits, or with as many as tell it from another.

    beside_hz:  a clock that is written by the same rule, and is not this one.
    """
    digits = CLOCK_DIGITS.significant
    if beside_hz is not None and beside_hz != clock_hz:
        # 17 digits tell any two floats apart
        while f"{clock_hz / 1e6:.{digits}g}" == f"{beside_hz / 1e6:.{digits}g}" and digits < 17:
            digits += 1
    return f"{clock_hz / 1e6:.{digits}g} MHz"


def clock_hz_of(
    ask: Ask, accelerator: str, points: Sequence[OperatingPoint], default_hz: float
) -> float:
    """Return the clock asked for, in hertz or by name, or else the default.

    points:  of the accelerator, and others to compare with, which cannot be asked for.
    Raises   ConfigInvalid for a name that it does not have, or two clocks at a time.
    """
    if not ask.operating_point:
        return default_hz if ask.clock_hz is None else ask.clock_hz
    own = {point.name: point for point in points if not point.for_comparison}
    point = own.get(ask.operating_point)
    if point is None:
        raise ConfigInvalid(
            f"operating_point={ask.operating_point!r} is not one of {accelerator}'s: "
            f"{', '.join(own)}; take one of these, or ask for a clock of your own",
            field="operating_point",
        )
    if point.clock_hz is None and ask.clock_hz is None:
        raise ConfigInvalid(
            f"operating_point={point.name!r}: its clock was not published; ask for a clock too",
            field="operating_point",
        )
    if point.clock_hz is not None and ask.clock_hz not in {None, point.clock_hz}:
        raise ConfigInvalid(
            f"operating_point={point.name!r} is {point.clock_hz / 1e6:g} MHz, and another "
            "clock is asked for; leave out one of the two",
            field="operating_point",
        )
    return point.clock_hz or ask.clock_hz or default_hz
