"""All promises, tried one after the other: each is kept, or what was due and what came."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Final

from vau.boards import Say
from vau.errors import DeviceTimeout
from vau_backends.board.transport.port import Port
from vau_backends.board.workbench.conformance.contexts import CONTEXTS
from vau_backends.board.workbench.conformance.dies import DIES
from vau_backends.board.workbench.conformance.frames import FIRST, FRAMES
from vau_backends.board.workbench.conformance.order import LAST, ORDER
from vau_backends.board.workbench.conformance.probe import NoAnswer, Probe, Unkept
from vau_backends.board.workbench.conformance.promise import Promise

PROMISES: Final = (*FIRST, *FRAMES, *ORDER, *DIES, *CONTEXTS, *LAST)


@dataclass(frozen=True, slots=True)
class Verdict:
    """What came of a promise."""

    promise: Promise
    broken: Unkept | None = None
    is_tried: bool = True

    @property
    def line(self) -> str:
        """For a person, of what was tried."""
        what = f"FAILED: {self.broken}" if self.broken else "ok"
        return f"{self.promise.section:<4} {self.promise.text}: {what}"

    @property
    def facts(self) -> dict[str, Any]:
        """For a program."""
        facts = {
            "section": self.promise.section,
            "promise": self.promise.text,
            "is_kept": self.broken is None if self.is_tried else None,
        }
        if self.broken:
            facts |= {"expected": self.broken.expected, "saw": self.broken.saw}
        return facts


def verdicts(port: Port, say: Say) -> Sequence[Verdict]:
    """Try every promise on the board behind a port.

    What follows is not tried any more once the board answers nothing at all.
    Raises DeviceLost if it hangs up, BackendBusy if somebody else holds it.
    """
    probe, found = Probe(port), list[Verdict]()
    for promise in PROMISES:
        broken = _tried(promise, probe)
        found.append(Verdict(promise, broken))
        if isinstance(broken, NoAnswer) and not _answers(probe):
            say(f"the board answers nothing any more; silent since {promise.text!r}")
            found += [Verdict(each, is_tried=False) for each in PROMISES[len(found) :]]
            break
    return found


def _tried(promise: Promise, probe: Probe) -> Unkept | None:
    try:
        promise.attempt(probe)
    except Unkept as broken:
        return broken
    except DeviceTimeout as broken:  # it does not read
        return NoAnswer("an answer", str(broken))
    return None


def _answers(probe: Probe) -> bool:
    try:
        probe.look()
    except (NoAnswer, DeviceTimeout):
        return False
    except Unkept:
        pass
    return True
