"""What may be asked of an estimator."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass, fields
from typing import Final, Literal, NamedTuple

from vau.audio import FRAMES_PER_S
from vau.errors import ConfigInvalid
from vau.model import Network

MOST: Final = {
    "layers": 1_000,
    "hidden": 100_000,
    "inputs": 100_000,
    "streams": 100_000,
    "chunk_frames": 100_000,
}
"""Beyond any network and any load: what is larger was mistyped, and would fill this machine's
memory, or its numbers."""


class Range(NamedTuple):
    """The rates of one kind that can be estimated."""

    least: float
    most: float
    unit: str
    noun: str


RATES: Final = {
    "clock_hz": Range(1.0, 1e12, "Hz", "clocks"),
    "frame_hz": Range(1.0, 1e12, "Hz", "frame rates"),
    "dram_bytes_per_s": Range(1.0, 1e15, "B/s", "bandwidths"),
}
"""Beyond any hardware on either side: what is outside was mistyped, or in another unit."""

Reload = Literal["parallel", "serial"]
"""How weights reach dies that take turns: all dies at once, or one after the other."""

Residency = Literal["resident", "streamed"]
"""Where weights are: on the chip for good, or read from DRAM for each call."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ask:
    """What is to be estimated. Raises ConfigInvalid for what no accelerator could be.

    An accelerator refuses what it cannot be asked by ``refuse_what_is_foreign``; that is why
    whatever only some of them know has a value that says nothing.
    """

    network: Network
    instance: str = ""
    """Which form of the accelerator, for example ``4x4``; empty lets the estimator choose."""

    clock_hz: float | None = None
    operating_point: str = ""
    """One of the estimator's by name; it sets the clock. Without either the estimator's own
    choice holds."""

    streams: int = 1
    """Live streams at a time, of ``frame_hz`` frames a second each."""

    frame_hz: float = float(FRAMES_PER_S)
    dies: int | None = None
    """How many there are, if they are too few for all layers; None for as many as needed."""

    reload: Reload = "parallel"
    """How these few get their weights."""

    chunk_frames: int = 1
    """Frames of each stream that reach the accelerator in one call."""

    residency: Residency | None = None
    """None lets the form decide."""

    dram_bytes_per_s: float | None = None
    """Bandwidth of the memory outside the chip; None is the estimator's own."""

    reuse_credit: bool = False
    """Count a weight that serves several frames as read once, although no publication does."""

    def __post_init__(self) -> None:
        for name in ("layers", "hidden", "inputs"):
            _refuse_more_than_most(name, getattr(self.network, name))
        for name, remark in (
            ("streams", "there is nothing to carry"),
            ("chunk_frames", "a call without a frame does nothing"),
        ):
            value = getattr(self, name)
            if value < 1:
                raise ConfigInvalid(f"{name}={value}: {remark}; ask for 1 or more", field=name)
            _refuse_more_than_most(name, value)
        if self.dies is not None and self.dies < 1:
            raise ConfigInvalid(
                f"dies={self.dies}: a network cannot run on no die; ask for 1 or more, or "
                "leave it out for as many as it needs",
                field="dies",
            )
        for name in RATES:
            _check_rate(name, getattr(self, name))


@dataclass(frozen=True, slots=True, kw_only=True)
class KernelAsk:
    """A loop without an end in place of a network. Raises ConfigInvalid for no clock."""

    kernel: str
    """By name; ``dense`` is a dense matrix-vector product that keeps all multipliers busy."""

    instance: str = ""
    clock_hz: float | None = None

    def __post_init__(self) -> None:
        _check_rate("clock_hz", self.clock_hz)


def refuse_what_is_foreign(
    ask: Ask, accelerator: str, known: Collection[str], remedies: Mapping[str, str]
) -> None:
    """Refuse what an accelerator cannot be asked.

    known:     fields of the ask that mean something to it. Any other one may be there, also
               one that the ask is given later, but must not say anything.
    remedies:  by field that means nothing to it: why, and what to do instead; it need not
               have all of them.
    Raises     ConfigInvalid for the first field that is not known and was given a value.
    """
    for each in fields(ask):
        value = getattr(ask, each.name)
        if each.name not in known and value != each.default:
            remedy = remedies.get(each.name, "does not know that; leave it out")
            raise ConfigInvalid(f"{each.name}={value}: {accelerator} {remedy}", field=each.name)


def is_rate(name: str, value: float) -> bool:
    """Say whether a value of a field in RATES is one that can be estimated."""
    return RATES[name].least <= value <= RATES[name].most


def rate_fault(name: str, value: float) -> str:
    """Say what is wrong with a value of a field in RATES; empty if nothing is."""
    if is_rate(name, value):
        return ""
    least, most, unit, noun = RATES[name]
    return (
        f"{name}={value:g} is outside {least:g} to {most:g} {unit}, the {noun} that can be "
        "estimated"
    )


def _refuse_more_than_most(name: str, value: int) -> None:
    if value > MOST[name]:
        raise ConfigInvalid(
            f"{name}={value} is more than {MOST[name]:,}, the most that is estimated; "
            "ask for less",
            field=name,
        )


def _check_rate(name: str, value: float | None) -> None:
    if value is not None and (fault := rate_fault(name, value)):
        raise ConfigInvalid(f"{fault}; ask for one of these", field=name)
