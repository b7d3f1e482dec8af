"""The parameters of a board, as rtl/board.sv takes them."""

import hashlib
import re
from dataclasses import asdict, dataclass
from typing import Final, Self

import vau_hardware
from vau.errors import ConfigInvalid

_MOST_SIDE: Final = 15
_GRID: Final = re.compile(r"(\d{1,2})x(\d{1,2})")
RTL_HASH_BYTES: Final = 16


@dataclass(frozen=True, slots=True, kw_only=True)
class Parameters:
    """Sizes of dies, array and host. The defaults are munt-spec-0's die, two by two of them."""

    rows: int = 2
    columns: int = 2
    units: int = 96
    """N: accumulators of a die."""

    inputs: int = 123
    """NX: rows of weights for features, per gate; there are N more for h."""

    contexts: int = 4
    cycles_per_beat: int = 2
    is_parity_checked: bool = True
    most_payload: int = 1024
    window: int = 4
    buffer_bytes: int = 8192

    def __post_init__(self) -> None:
        """Refuse what the RTL cannot be built for."""
        self._check("rows", 1, _MOST_SIDE)
        self._check("columns", 1, _MOST_SIDE)
        self._check("units", 2, 128)
        self._check("inputs", 1, 255 - self.units)
        if self.cycles_per_beat != 2:
            raise ConfigInvalid(
                f"cycles_per_beat={self.cycles_per_beat}: the RTL works with 2 cycles per beat "
                "only; leave it out",
                field="cycles_per_beat",
            )
        for name, choices in (
            ("contexts", (2, 4, 8, 16)),
            ("most_payload", (256, 1024, 4096)),
            ("window", (2, 4, 8, 16, 32)),
            ("buffer_bytes", tuple(2**bits for bits in range(8, 17))),
        ):
            if getattr(self, name) not in choices:
                raise ConfigInvalid(
                    f"{name}={getattr(self, name)} is none of {', '.join(map(str, choices))}",
                    field=name,
                )

    def _check(self, name: str, least: int, most: int) -> None:
        value = getattr(self, name)
        if not least <= value <= most:
            raise ConfigInvalid(f"{name}={value} is outside {least}..{most}", field=name)

    @classmethod
    def of_grid(cls, grid: str) -> Self:
        """Read 'RxC', a board of full dies. Raises ConfigInvalid for anything else."""
        found = _GRID.fullmatch(grid)
        if found is None:
            raise ConfigInvalid(f"array={grid!r} is not like 2x2", field="array")
        rows, columns = map(int, found.groups())
        return cls(rows=rows, columns=columns)

    @property
    def of_die(self) -> dict[str, int]:
        """Return what rtl/die.sv calls its parameters."""
        return {
            "N": self.units,
            "NX": self.inputs,
            "CONTEXTS": self.contexts,
            "KAPPA": self.cycles_per_beat,
            "PARITY": int(self.is_parity_checked),
        }

    @property
    def of_host(self) -> dict[str, int]:
        """Return what rtl/host.sv and rtl/board.sv call theirs."""
        return {
            **self.of_die,
            "ROWS": self.rows,
            "COLUMNS": self.columns,
            "MAX_PAYLOAD": self.most_payload,
            "WINDOW": self.window,
            "BUFFER_BYTES": self.buffer_bytes,
        }

    def rtl_hash(self) -> bytes:
        """Return what INFO calls the RTL: 16 bytes of SHA-256 over sources and parameters.

        Over the files of ``vau_hardware.BOARD`` in that order, each as its name, a 0 and its
        bytes, then each parameter above as ``NAME=value`` and a line feed.
        """
        digest = hashlib.sha256()
        for source in vau_hardware.sources(vau_hardware.BOARD):
            digest.update(source.name.encode() + b"\0" + source.read_bytes())
        for name, value in self.of_host.items():
            digest.update(f"{name}={value}\n".encode())
        return digest.digest()[:RTL_HASH_BYTES]

    def as_text(self) -> str:
        """Return all of them, for whoever caches what was made of them."""
        return repr(sorted(asdict(self).items()))
