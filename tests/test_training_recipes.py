"""Stages of learning: which one an epoch belongs to, and what none can be."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from training.recipes import RECIPES, BadRecipe, Recipe, Stage, read_recipe


def of_stages(*stages: Stage) -> Recipe:
    return replace(RECIPES["munt-1x96-mfcc"], stages=stages)


def test_two_equal_stages_are_two_stages() -> None:
    recipe = of_stages(Stage(epochs=2), Stage(epochs=2))
    assert [recipe.stage_of(epoch) for epoch in range(4)] == [0, 0, 1, 1]
    assert [recipe.epochs_before(stage) for stage in range(2)] == [0, 2]


def test_an_epoch_beyond_the_end_is_named() -> None:
    with pytest.raises(ValueError, match="epoch 7 is beyond the 5 of munt-1x96-mfcc"):
        of_stages(Stage(epochs=2), Stage(epochs=3)).stage_of(7)


@pytest.mark.parametrize(
    ("field", "value", "limit"),
    [
        ("epochs", 0, "1 or more"),
        ("learning_rate", 0.0, "above 0"),
        ("warmup_steps", -1, "0 or more"),
        ("flat_share", 1.0, r"in \[0, 1\)"),
        ("final_share", 1.1, r"in \[0, 1\]"),
        ("weight_decay", -0.1, "0 or more"),
        ("dropout", 1.0, r"in \[0, 1\)"),
        ("distorted_share", -0.1, r"in \[0, 1\]"),
        ("sequence_share", 1.5, r"in \[0, 1\]"),
        ("norm_limit", 0.0, "above 0"),
    ],
)
def test_a_stage_refuses_nonsense_by_field_value_and_limit(
    field: str, value: float, limit: str
) -> None:
    wrong: dict[str, Any] = {field: value}
    with pytest.raises(ValueError, match=f"{field}={value} must be {limit}"):
        replace(Stage(epochs=1), **wrong)


SHORT = """
name = "short"
layers = 1
hidden = 24
frontend = "mfcc"
output_delay = 3

[[stages]]
epochs = 2

[[stages]]
epochs = 1
on_grid = true
"""


def test_a_recipe_of_ones_own_is_read_from_toml(tmp_path: Path) -> None:
    file = tmp_path / "short.toml"
    file.write_text(SHORT)
    recipe = read_recipe(file)
    assert (recipe.hidden, recipe.output_delay, recipe.epochs) == (24, 3, 3)
    assert recipe.stages == (Stage(epochs=2), Stage(epochs=1, on_grid=True))


@pytest.mark.parametrize(
    ("line", "by", "message"),
    [
        ('frontend = "mfcc"', 'frontend = "plp"', "plp.*fbank"),
        ("hidden = 24", "", "hidden"),
        ("hidden = 24", "hiden = 24", "hiden"),
        ("epochs = 2", "epochs = 0", "epochs=0"),
        ("layers = 1", "layers = ", "line"),
    ],
)
def test_a_recipe_that_cannot_be_trained_names_file_and_field(
    line: str, by: str, message: str, tmp_path: Path
) -> None:
    file = tmp_path / "short.toml"
    file.write_text(SHORT.replace(line, by))
    with pytest.raises(BadRecipe, match=f"short.toml: .*{message}"):
        read_recipe(file)
