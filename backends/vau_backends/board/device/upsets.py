"""What a board reports that its driver can mend. None of them reaches a caller as it is."""

from vau.errors import BackendFault, DeviceCorrupt, DeviceLost, DeviceTimeout
from vau_backends.board.link.payloads import FaultReport


class Upset(Exception):
    """Something went wrong that may be put right."""

    kind = ""
    """By which it is counted."""

    remedy = ""
    """What its driver does about it, in words."""


class Rebooted(Upset):
    """The board has forgotten us: it restarted, or somebody else took it."""

    kind = "rebooted"
    remedy = "it was opened anew"

    def __str__(self) -> str:
        return "the board has forgotten its session: it restarted, or another program took it"


class Silent(Upset):
    """The board does not answer, not even INFO."""

    kind = "silent"
    remedy = "it was reset"


class OutOfStep(Upset):
    """A context is not where the driver believes it is."""

    kind = "out_of_step"
    remedy = "its state was put back"

    def __str__(self) -> str:
        return "a context is out of step"


class MemoryUpset(Upset):
    """A parity error in a memory of a die."""

    kind = "memory"
    remedy = "what was wrong in its memories was written anew"

    def __init__(self, die: int, region: int, row: int) -> None:
        super().__init__(f"parity error in die {die}, region {region}, row {row}")
        self.die = die


class DieFault(Upset):
    """The dies could not finish a step."""

    kind = "die_fault"
    remedy = "it was reset"

    def __init__(self, die: int, report: FaultReport) -> None:
        super().__init__(f"die {die}: {report}")
        self.die = die


def verdict(name: str, upset: Upset, tried: str) -> BackendFault:
    """Return what a caller is told of an upset that could not be mended.

    tried: what was done about it; nothing if nothing was.
    """
    text = f"{name}: {upset}" + (f"; {tried}, and that did not help" if tried else "")
    match upset:
        case Silent():
            return DeviceTimeout(text, stage="link")
        case Rebooted():
            return DeviceLost(text)
        case DieFault():
            return BackendFault(text, die=upset.die)
        case MemoryUpset():
            return DeviceCorrupt(text, die=upset.die)
    return DeviceCorrupt(text)
