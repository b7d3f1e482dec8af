"""Functions that accelerators look up: exact to any digit, and written down as tables.

A table stands in the source as text, sixteen entries a line, and is computed anew by its tests.
"""

from collections.abc import Sequence
from decimal import Decimal
from typing import Final

import numpy as np
from numpy.typing import NDArray

DIGITS: Final = 50  # of the context to compute in; no entry of ours needs more than 40
ENTRIES_PER_LINE: Final = 16


def tanh(x: Decimal) -> Decimal:
    """Return the hyperbolic tangent at the precision of the context."""
    return ((2 * x).exp() - 1) / ((2 * x).exp() + 1)


def sigmoid(x: Decimal) -> Decimal:
    """Return the logistic function at the precision of the context."""
    return 1 / (1 + (-x).exp())


def read_table(entries: str) -> NDArray[np.int16]:
    """Read a table that stands in the source; nobody may write into it."""
    table = np.array(entries.split(), np.int16)
    table.flags.writeable = False
    return table


def source_of(name: str, entries: Sequence[int]) -> str:
    """Write a table as it stands in the source."""
    rows = [
        " ".join(f"{entry:5d}" for entry in entries[at : at + ENTRIES_PER_LINE])
        for at in range(0, len(entries), ENTRIES_PER_LINE)
    ]
    return "\n".join([f'{name}: Final = read_table("""', *rows, '""")\n\n'])
