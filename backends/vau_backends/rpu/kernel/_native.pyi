"""The C module, see native/module.c."""

from typing import Any

from numpy.typing import NDArray

Buffer = bytes | NDArray[Any]

def tiers() -> list[str]: ...

class Network:
    def __init__(
        self,
        tier: str,
        sigmoid: Buffer,
        tanh: Buffer,
        layers: list[Any],
        classes: int,
        w_out: Buffer,
        b_out: Buffer,
        out_scale: float,
        /,
    ) -> None: ...
    def run(
        self,
        frames: int,
        pool_rows: int,
        lengths: list[int],
        rows: list[int],
        inputs: Buffer,
        h: Buffer,
        c: Buffer,
        logits: Buffer,
        clamps: Buffer,
        /,
    ) -> None: ...
