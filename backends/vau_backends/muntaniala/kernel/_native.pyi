"""The C module, see native/module.c."""

from typing import Any

from numpy.typing import NDArray

Buffer = bytes | NDArray[Any]

def tiers() -> list[str]: ...
def amx_peak() -> float: ...

class Network:
    def __init__(
        self,
        tier: str,
        acc: int,
        tanh: Buffer,
        sigmoid: Buffer,
        layers: list[Any],
        classes: int,
        w_out: Buffer,
        b_out: Buffer,
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
        events: Buffer,
        /,
    ) -> tuple[int, int]: ...
    def read_s(self) -> float: ...
