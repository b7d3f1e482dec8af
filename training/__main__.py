"""Train a network and export it as a bundle: ``./run train --corpus DIR --recipe NAME``."""

import argparse
import os
from pathlib import Path

import torch

from training.export import CORPUS_CARD, export, read_source
from training.recipes import RECIPES
from training.train import Training, load_data


def main() -> None:
    """Go on where an earlier run was cut off, to the end, then export."""
    parser = argparse.ArgumentParser(prog="./run train", description=__doc__)
    parser.add_argument("--corpus", type=Path, required=True, help="manifest, labels, audio")
    parser.add_argument("--recipe", choices=RECIPES, required=True)
    parser.add_argument("--runs", type=Path, default=Path("runs"), help="checkpoints and logs")
    parser.add_argument("--cache", type=Path, default=Path(".cache/features"))
    parser.add_argument(
        "--out", type=Path, help="the bundle; default: the shipped model's place"
    )
    parser.add_argument("--jobs", type=int, default=os.cpu_count() or 1, help="threads")
    parser.add_argument(
        "--corpus-card", type=Path, default=CORPUS_CARD, help="what the model's card says of it"
    )
    options = parser.parse_args()
    source = read_source(options.corpus, options.corpus_card)
    recipe = RECIPES[options.recipe]
    run = options.runs / recipe.name
    torch.set_num_threads(options.jobs)
    Training(recipe, load_data(options.corpus, options.cache, recipe), run).run()
    out = options.out or Path("service/vau/models") / recipe.name
    export(recipe, source, run, out, options.jobs)


if __name__ == "__main__":
    main()
