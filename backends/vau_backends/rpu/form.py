"""What one chip holds, and in which form it is asked to carry a network.

All sizes are assumed: the paper's abstract gives none of them (docs/rpu-spec-0.md, section 6).
"""

import re
from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any, Final, Literal, Self, get_args

from vau.errors import BackendNotFound
from vau.estimate import Residency
from vau.model import Network

Schedule = Literal["hybrid", "serial"]
"""Gates side by side, chunk by chunk, element-wise work hidden; or one thing at a time."""

GATES: Final = 4
CLUSTERS: Final = GATES  # one for each gate
UNITS_PER_TILE: Final = 32  # hidden units that a cluster takes at a time: its lanes
LANES: Final = CLUSTERS * UNITS_PER_TILE
BANKS: Final = 32
BANK_BYTES: Final = 8 * 1024
SRAM_BYTES: Final = BANKS * BANK_BYTES  # 256 KB
WEIGHT_BYTES: Final = 2  # 16 bits

INPUT_FRACTION_BITS: Final = 12
INPUT_FRACTION_RANGE: Final = range(8, 16)


@dataclass(frozen=True, slots=True, kw_only=True)
class Form:
    """How the chip is used; written ``resident+schedule=serial+fx=10``."""

    residency: Residency
    schedule: Schedule = "hybrid"
    input_fraction_bits: int = INPUT_FRACTION_BITS
    """Binary places of the normalised features: part of the arithmetic."""

    def __post_init__(self) -> None:
        legal: dict[str, tuple[Any, ...]] = {
            "residency": get_args(Residency),
            "schedule": get_args(Schedule),
            "input_fraction_bits": tuple(INPUT_FRACTION_RANGE),
        }
        for name, values in legal.items():
            value = getattr(self, name)
            if value not in values:
                offered = ", ".join(map(str, values))
                raise ValueError(f"{name}={value!r} is not offered; take one of {offered}")

    @classmethod
    def parse(cls, instance: str, network: Network) -> Self:
        """Read what stands behind ``rpu:``, for example "streamed", "+fx=10" or "".

        network: decides the residency where ``instance`` does not: resident if its LSTM
                 weights fit one chip, else streamed.
        Raises   BackendNotFound if it says anything else.
        """
        residency, *settings = instance.split("+")
        if residency not in {"", *get_args(Residency)}:
            raise BackendNotFound(
                f"rpu:{instance}: weights are resident or streamed, {residency!r} is neither; "
                "write for example rpu:streamed or rpu:resident+schedule=serial",
                field="backend",
            )
        names = [setting.partition("=")[0] for setting in settings]
        if len(set(names)) < len(names):
            raise BackendNotFound(
                f"rpu:{instance}: a knob is set twice; name each once", field="backend"
            )
        form = cls(residency=_default_residency(network))
        try:
            if residency:
                form = replace(form, residency=residency)  # type: ignore[arg-type]
            for setting in settings:
                form = form.turned(setting)
        except ValueError as cause:
            raise BackendNotFound(f"rpu:{instance}: {cause}", field="backend") from cause
        return form

    def __str__(self) -> str:
        serial = "+schedule=serial" if self.schedule == "serial" else ""
        bits = self.input_fraction_bits
        inputs = "" if bits == INPUT_FRACTION_BITS else f"+fx={bits}"
        return f"{self.residency}{serial}{inputs}"

    def turned(self, setting: str) -> Self:
        """Return it with one knob turned. Raises ValueError, saying what is legal."""
        name, _, value = setting.partition("=")
        if name == "schedule":
            return replace(self, schedule=value)  # type: ignore[arg-type]
        if name == "fx" and re.fullmatch(r"[0-9]{1,2}", value, re.ASCII):
            return replace(self, input_fraction_bits=int(value))
        raise ValueError(
            f"{setting!r} sets no knob; there are schedule=hybrid, schedule=serial and "
            f"fx={INPUT_FRACTION_RANGE[0]} to fx={INPUT_FRACTION_RANGE[-1]}"
        )


def layer_inputs(network: Network) -> Iterator[int]:
    """Yield how many inputs each layer has, the lowest first."""
    yield network.inputs
    for _ in range(network.layers - 1):
        yield network.hidden


def weight_bytes(network: Network) -> int:
    """Return the bytes of the LSTM weights; biases and the output layer are kept elsewhere."""
    columns = sum(inputs + network.hidden for inputs in layer_inputs(network))
    return WEIGHT_BYTES * GATES * network.hidden * columns


def chips_for_residency(network: Network) -> int:
    """Return how many chips it takes to hold the LSTM weights, by their bytes alone."""
    return ceil_div(weight_bytes(network), SRAM_BYTES)


def ceil_div(total: int, size: int) -> int:
    """Return how many pieces of a size it takes for a total; the last may be smaller."""
    return -(-total // size)


def _default_residency(network: Network) -> Residency:
    return "resident" if chips_for_residency(network) == 1 else "streamed"
