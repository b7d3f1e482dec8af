"""The C module, see native/module.c. Each array is a contiguous buffer."""

import numpy as np
from numpy.typing import NDArray

from vau.search.tables import Floats, Nodes, Small

Remembered = tuple[Floats, Floats, Small, Small, Small, Small]
Summed = tuple[Floats, Floats, Floats]
Told = tuple[int, Nodes, Floats]

def push(
    sizes: tuple[int, ...],
    beam: float,
    frame: int,
    root_start: int,
    frames: int,
    follow: Floats,
    prior: Floats,
    remembered: Remembered,
    ends: Floats,
    summed: Summed,
    kept_rows: NDArray[np.float32],
    rows: Floats,
    posteriors: Floats,
    told: Told,
) -> tuple[int, int]: ...
def tell(
    sizes: tuple[int, ...],
    frame: int,
    root_start: int,
    remembered: Remembered,
    summed: Summed,
    told: Told,
) -> tuple[int, int, int]: ...
def living(
    sizes: tuple[int, ...],
    frame: int,
    root_start: int,
    remembered: Remembered,
    places: Nodes,
    nodes: Nodes,
) -> int: ...
def path_to(
    sizes: tuple[int, ...], root_start: int, node: int, remembered: Remembered, path: Nodes
) -> int: ...
