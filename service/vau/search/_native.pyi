"""The C module, see native/module.c."""

from typing import Any

from numpy.typing import NDArray

def best(
    classes: int,
    layers: int,
    frame: int,
    score: NDArray[Any],
    start: NDArray[Any],
    gain: NDArray[Any],
    /,
) -> int: ...
def living(count: int, score: NDArray[Any], places: NDArray[Any], /) -> int: ...
def go_back(
    count: int, later: int, links: int, nodes: NDArray[Any], before: NDArray[Any], /
) -> None: ...
def advance(
    classes: int,
    min_frames: int,
    followed: int,
    kept_frames: int,
    beam: float,
    first: int,
    frames: int,
    follow: NDArray[Any],
    score: NDArray[Any],
    start: NDArray[Any],
    before: NDArray[Any],
    posterior_sums: NDArray[Any],
    endings: NDArray[Any],
    ends: NDArray[Any],
    gains: NDArray[Any],
    sums: NDArray[Any],
    /,
) -> None: ...
