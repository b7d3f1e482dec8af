"""Train a network and export it as a bundle: ``./run train --corpus DIR --recipe NAME``."""

import argparse
import os
from collections.abc import Mapping
from pathlib import Path

import torch
from rich.progress import (
    BarColumn,
    Progress,
    TextColumn,
    TimeElapsedColumn,
    TimeRemainingColumn,
)

from training import curves
from training.corpora.forms import prepare
from training.corpus import TRAIN_SPLITS, BadCorpus, read_corpus
from training.export import export
from training.recipes import RECIPES, BadRecipe, Recipe, read_recipe
from training.source import read_source
from training.train import AnotherRun, Data, Training, load_data
from vau.errors import ConfigInvalid


def main() -> None:
    """Go on where an earlier run was cut off, to the end, then export."""
    parser = argparse.ArgumentParser(prog="./run train", description=__doc__)
    parser.add_argument(
        "--corpus", type=Path, required=True, help="labelled, LibriSpeech or TIMIT"
    )
    what = parser.add_mutually_exclusive_group()
    what.add_argument("--recipe", choices=RECIPES, default="munt-3x384")
    what.add_argument("--config", type=Path, help="a recipe of your own, in TOML")
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="checkpoints and logs")
    parser.add_argument("--cache", type=Path, default=Path(".cache/features"))
    parser.add_argument("--out", type=Path, help="the bundle; default: service/vau/models/NAME")
    parser.add_argument(
        "--jobs", type=int, default=os.cpu_count() or 1, help="threads and processes"
    )
    parser.add_argument(
        "--corpus-card", type=Path, help="what the model's card says of it; default: its own"
    )
    options = parser.parse_args()
    try:
        make(options)
    except (BadCorpus, BadRecipe, AnotherRun, ConfigInvalid) as error:
        parser.exit(2, f"{parser.prog}: {error}\n")
    except KeyboardInterrupt:
        parser.exit(130, f"\n{parser.prog}: stopped; called again, it goes on\n")


def make(options: argparse.Namespace) -> None:
    """Train and export what the flags ask for."""
    recipe = read_recipe(options.config) if options.config else RECIPES[options.recipe]
    corpus = prepare(options.corpus, options.cache, options.jobs)
    source = read_source(corpus, options.corpus_card)
    for splits in (TRAIN_SPLITS, ["dev"], ["test"]):
        read_corpus(corpus, splits)  # what is missing is missed now, not after a night
    run = options.runs / recipe.name
    torch.set_num_threads(options.jobs)
    train(recipe, load_data(corpus, options.cache, recipe, options.jobs), run)
    out = options.out or Path("service/vau/models") / recipe.name
    export(recipe, source, run, out, options.jobs)


def train(recipe: Recipe, data: Data, run: Path) -> None:
    """Train to the end with a line that tells how far, and draw the curves."""
    with Progress(
        TextColumn("{task.description}"),
        BarColumn(),
        TextColumn("{task.percentage:.1f} %"),
        TimeElapsedColumn(),
        TimeRemainingColumn(),
    ) as progress:
        task = progress.add_task(recipe.name, total=recipe.epochs)

        def show(note: Mapping[str, float]) -> None:
            if "epoch" in note:
                progress.console.print(
                    f"epoch {note['epoch']:.0f} of {recipe.epochs}: dev loss "
                    f"{note['dev_loss']:.3f}, frame accuracy {note['dev_accuracy']:.2%}"
                )
            else:
                said = f"{recipe.name}: step {note['step']:.0f}, loss {note['loss']:.3f}"
                progress.update(task, description=said, completed=training.epochs_done)

        training = Training(recipe, data, run, show)
        training.run()
    curves.draw(run / "log.jsonl", run / "curves.png")


if __name__ == "__main__":
    main()
