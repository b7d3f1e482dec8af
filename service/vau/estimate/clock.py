"""The clock that an ask means."""

from collections.abc import Sequence

from vau.errors import ConfigInvalid
from vau.estimate.ask import Ask
from vau.estimate.constants import OperatingPoint


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
            f"operating_point={ask.operating_point!r} is not one of {accelerator}'s; there are "
            f"{', '.join(own)}, or ask for a clock of your own",
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
