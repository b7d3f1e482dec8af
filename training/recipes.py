"""The shipped networks: what each is and how long it learns."""

from dataclasses import dataclass
from typing import Final

from vau.frontend import FBANK, MFCC, FrontendConfig


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One network and its schedule. Frames are steps of 10 ms."""

    name: str
    layers: int
    hidden: int
    frontend: FrontendConfig
    output_delay: int = 5
    epochs: int = 12
    dropout: float = 0.2
    learning_rate: float = 2e-3
    batch_streams: int = 32
    chunk_frames: int = 100
    warmup_steps: int = 300
    flat_share: float = 0.3  # of all steps at full rate, then a cosine down to final_share
    final_share: float = 0.02
    gain_nats: float = 1.0  # deviation of the random log-power gain of an utterance
    band_masks: int = 2
    band_mask_width: int = 7
    time_mask_frames: int = 10
    seed: int = 1


RECIPES: Final = {
    recipe.name: recipe
    for recipe in (
        Recipe(name="munt-3x384", layers=3, hidden=384, frontend=FBANK),
        Recipe(name="munt-1x192", layers=1, hidden=192, frontend=FBANK, dropout=0.1),
        Recipe(name="munt-1x96-mfcc", layers=1, hidden=96, frontend=MFCC, dropout=0.05),
    )
}
