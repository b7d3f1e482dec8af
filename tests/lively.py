"""A tiny network that hears many phonemes in noise, and soon; it knows none of them."""

from pathlib import Path
from typing import Final

from tests.models import tiny_model, write_tiny_bundle

WEIGHT_STD: Final = 4.0
SEED: Final = 1
LIVELY: Final = tiny_model(weight_std=WEIGHT_STD, seed=SEED)


def write_lively_bundle(folder: Path) -> None:
    """Write the bundle of ``LIVELY`` into ``folder``."""
    folder.mkdir(exist_ok=True)
    write_tiny_bundle(folder, weight_std=WEIGHT_STD, seed=SEED)
