"""The shipped networks: what each is, and the stages in which it learns."""

import tomllib
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

from vau.frontend import FBANK, MFCC, FrontendConfig


class BadRecipe(ValueError):
    """A recipe that cannot be trained; the message says what to mend."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Stage:
    """A stretch of epochs under one learning rate schedule: warm-up, flat, cosine."""

    epochs: int
    learning_rate: float = 2e-3
    warmup_steps: int = 300
    flat_share: float = 0.3  # of the stage's steps at full rate, then a cosine to final_share
    final_share: float = 0.02
    weight_decay: float = 0.0
    dropout: float = 0.2
    distorted_share: float = 0.0  # of the utterances, drawn anew every epoch
    sequence_share: float = 0.0  # of the loss; the rest is framewise cross-entropy
    on_grid: bool = False  # weights and features as eight bits hold them
    norm_limit: float | None = None  # of a row of the first layer's input weights

    def __post_init__(self) -> None:
        """Refuse what cannot be trained."""
        limit = self.norm_limit
        for field, holds, wanted in (
            ("epochs", self.epochs >= 1, "1 or more"),
            ("learning_rate", self.learning_rate > 0, "above 0"),
            ("warmup_steps", self.warmup_steps >= 0, "0 or more"),
            ("flat_share", 0 <= self.flat_share < 1, "in [0, 1)"),
            ("final_share", 0 <= self.final_share <= 1, "in [0, 1]"),
            ("weight_decay", self.weight_decay >= 0, "0 or more"),
            ("dropout", 0 <= self.dropout < 1, "in [0, 1)"),
            ("distorted_share", 0 <= self.distorted_share <= 1, "in [0, 1]"),
            ("sequence_share", 0 <= self.sequence_share <= 1, "in [0, 1]"),
            ("norm_limit", limit is None or limit > 0, "above 0, or None"),
        ):
            if not holds:
                raise ValueError(f"{field}={getattr(self, field)} must be {wanted}")


@dataclass(frozen=True, slots=True, kw_only=True)
class Recipe:
    """One network and its stages. Frames are steps of 10 ms."""

    name: str
    layers: int
    hidden: int
    frontend: FrontendConfig
    stages: tuple[Stage, ...]
    output_delay: int = 5
    batch_streams: int = 32
    chunk_frames: int = 100
    gain_nats: float = 1.0  # deviation of the random log-power gain of an utterance
    band_masks: int = 2
    band_mask_width: int = 7
    time_mask_frames: int = 10
    seed: int = 1

    @property
    def epochs(self) -> int:
        """Of all stages."""
        return sum(stage.epochs for stage in self.stages)

    def epochs_before(self, stage: int) -> int:
        """Return how many epochs come before a stage, which is named by its number from 0."""
        return sum(each.epochs for each in self.stages[:stage])

    def stage_of(self, epoch: int) -> int:
        """Return the number of the stage that an epoch belongs to, both counted from 0."""
        for stage in range(len(self.stages)):
            if epoch < self.epochs_before(stage + 1):
                return stage
        raise ValueError(f"epoch {epoch} is beyond the {self.epochs} of {self.name}")


def _stages(
    *,
    clean: int,
    conditions: int,
    sequences: int,
    dropout: float,
    weight_decay: float,
    distorted_share: float,
    sequence_rate: float,
) -> tuple[Stage, Stage, Stage]:
    """Return clean speech, then all conditions, then whole sequences, of so many epochs."""
    regularised = Stage(
        epochs=conditions,
        learning_rate=1.5e-3,
        weight_decay=weight_decay,
        dropout=dropout,
        distorted_share=distorted_share,
        on_grid=True,
        norm_limit=0.8,
    )
    return (
        Stage(epochs=clean, dropout=dropout),
        regularised,
        replace(
            regularised,
            epochs=sequences,
            learning_rate=sequence_rate,
            flat_share=0.2,
            sequence_share=0.7,
        ),
    )


def _small(dropout: float) -> tuple[Stage, Stage, Stage]:
    """Return the stages of a network of one layer, which has less to spare for bad speech."""
    return _stages(
        clean=12,
        conditions=10,
        sequences=4,
        dropout=dropout,
        weight_decay=0.02,
        distorted_share=0.3,
        sequence_rate=5e-4,
    )


RECIPES: Final = {
    recipe.name: recipe
    for recipe in (
        Recipe(
            name="munt-3x384",
            layers=3,
            hidden=384,
            frontend=FBANK,
            stages=_stages(
                clean=12,
                conditions=10,
                sequences=3,
                dropout=0.2,
                weight_decay=0.05,
                distorted_share=0.4,
                sequence_rate=3e-4,
            ),
        ),
        Recipe(
            name="munt-1x192", layers=1, hidden=192, frontend=FBANK, stages=_small(dropout=0.1)
        ),
        Recipe(
            name="munt-1x96-mfcc",
            layers=1,
            hidden=96,
            frontend=MFCC,
            stages=_small(dropout=0.05),
        ),
    )
}


def read_recipe(file: Path) -> Recipe:
    """Read a recipe of one's own from TOML: the fields of ``Recipe``, and [[stages]].

    ``frontend`` is "fbank" or "mfcc".
    Raises BadRecipe, naming the file and what is wrong in it.
    """
    try:
        fields = tomllib.loads(file.read_text(encoding="utf-8"))
        frontend = {"fbank": FBANK, "mfcc": MFCC}[fields.pop("frontend")]
        stages = tuple(Stage(**stage) for stage in fields.pop("stages"))
        return Recipe(frontend=frontend, stages=stages, **fields)
    except KeyError as cause:
        raise BadRecipe(
            f"{file}: {cause} is missing or unknown; it needs name, layers, hidden, frontend "
            '("fbank" or "mfcc") and one [[stages]] at least, with epochs'
        ) from cause
    except (OSError, TypeError, ValueError) as cause:
        raise BadRecipe(f"{file}: {cause}") from cause
