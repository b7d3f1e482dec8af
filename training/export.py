"""From a trained network to a bundle: decoder tables, tuning on dev, rounding, error rates.

What is tuned and what goes on the card is measured on the bundle itself, by the backends
that will serve it, not on the network in torch.
"""

import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import Any, Final

import numpy as np
import torch
from numpy.typing import NDArray

from training import decoding
from training.agreement import agreement
from training.cache import Playback, Statistics, frame_labels
from training.calibration import calibrate, tempered
from training.corpus import MANIFEST, TRAIN_SPLITS, Utterance, read_corpus, read_phonemes
from training.decoding import Spoken
from training.recipes import Recipe
from training.source import Source
from vau.batch import Choice, Failed
from vau.bundle import write_bundle
from vau.commands.evaluate import EvaluatePlan, evaluate
from vau.evaluation.report import report
from vau.model import DecoderTables, Model, Network, load_model
from vau_backends.muntaniala.weights import SPEC, quantise

COMPARED: Final = 8  # utterances of dev, for the arithmetic
BACKEND: Final = "muntaniala"  # tunes the decoder; evaluate puts float beside it


@dataclass(frozen=True, slots=True)
class Trained:
    """What a finished run left behind."""

    recipe: Recipe
    phonemes: Sequence[str]
    """Silence first."""

    master: Mapping[str, NDArray[np.float32]]
    statistics: Statistics


def read_run(recipe: Recipe, run: Path, phonemes: Sequence[str]) -> Trained:
    """Take the network out of the last checkpoint of a run.

    Raises ValueError if the run has not come to its end.
    """
    saved = torch.load(run / "checkpoint.pt", weights_only=True, map_location="cpu")
    if saved["epoch"] != recipe.epochs:
        raise ValueError(
            f"{run}: epoch {saved['epoch']} of {recipe.epochs}; train it to its end first"
        )
    weights = saved["network"]
    statistics = Statistics.read(run / "statistics.npz")
    return Trained(recipe, phonemes, master_of(weights, recipe.layers), statistics)


def master_of(weights: Mapping[str, Any], layers: int) -> dict[str, NDArray[np.float32]]:
    """Rename torch's weights; its two biases per gate become one, added in float64."""
    arrays = {name: values.double().numpy() for name, values in weights.items()}
    master = {"w_out": arrays["output.weight"], "b_out": arrays["output.bias"]}
    for layer in range(layers):
        master[f"w_x_{layer}"] = arrays[f"lstm.weight_ih_l{layer}"]
        master[f"w_h_{layer}"] = arrays[f"lstm.weight_hh_l{layer}"]
        both = arrays[f"lstm.bias_ih_l{layer}"], arrays[f"lstm.bias_hh_l{layer}"]
        master[f"b_{layer}"] = both[0] + both[1]
    return {name: values.astype(np.float32) for name, values in master.items()}


def write(
    folder: Path,
    trained: Trained,
    decoder: DecoderTables,
    temperature: float,
    facts: Mapping[str, Any],
) -> Model:
    """Write the bundle and return it as it will be served."""
    recipe = trained.recipe
    write_bundle(
        folder,
        name=recipe.name,
        network=Network(
            layers=recipe.layers,
            hidden=recipe.hidden,
            inputs=recipe.frontend.feature_dim,
            classes=len(trained.phonemes),
        ),
        frontend=recipe.frontend,
        output_delay=recipe.output_delay,
        temperature=temperature,
        phonemes=trained.phonemes,
        silence=trained.phonemes[:1],
        mean=trained.statistics.mean,
        inv_std=trained.statistics.inv_std,
        master=trained.master,
        integers={SPEC: quantise},
        decoder=decoder,
        facts=facts,
    )
    return load_model(folder)


def listen(folder: Path, spoken: Sequence[Utterance]) -> list[NDArray[np.float32]]:
    """Return the quantised network's log posteriors of each utterance."""
    heard = []
    with Choice(model=str(folder), backend=BACKEND).open() as batch:
        for at, done in batch.transcribe([utterance.path for utterance in spoken]):
            if isinstance(done, Failed):
                raise done.error
            if done.posteriors is None:
                raise ValueError(f"{done.file}: its posteriors were not kept")
            heard.append((at, done.posteriors.astype(np.float32)))
    return [log_prob for _, log_prob in sorted(heard, key=lambda each: each[0])]


def measure(folder: Path, manifest: Path, split: str, jobs: int) -> dict[str, Any]:
    """Score the bundle on one split, quantised and float, for the card."""
    plan = EvaluatePlan(
        manifest=manifest, split=split, model=str(folder), backend=BACKEND, jobs=jobs
    )
    figures = report(*evaluate(plan, lambda _done, _total: None, print))
    kept = (
        "utterances",
        "phone_count",
        "per",
        "counts",
        "per_float",
        "counts_float",
        "frame_accuracy",
        "ece",
    )
    return {name: figures[name] for name in kept}


def export(recipe: Recipe, source: Source, run: Path, out: Path, jobs: int) -> None:
    """Calibrate, tune, compare with the training graph, measure, and write the bundle."""
    corpus = source.folder
    phonemes = read_phonemes(corpus)
    trained = read_run(recipe, run, phonemes)
    spoken_in_training = read_corpus(corpus, TRAIN_SPLITS)
    tables = decoding.tables(spoken_in_training, len(phonemes))
    dev = read_corpus(corpus, ["dev"])
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch)
        model = write(folder, trained, tables, 1.0, {})
        heard = listen(folder, dev)
        labels = [
            frame_labels(each.labels, len(log_prob), 1.0)
            for each, log_prob in zip(dev, heard, strict=True)
        ]
        temperature = calibrate(list(zip(heard, labels, strict=True)))
        spoken = [
            Spoken(tempered(log_prob, temperature), each.phones)
            for each, log_prob in zip(dev, heard, strict=True)
        ]
        tuned = decoding.tune(model, spoken)
        model = write(folder, trained, tuned, temperature, {})
        agreed = agreement(
            model,
            [
                Playback().features(each, (), recipe.frontend).astype(np.float32)
                for each in dev[:: -(-len(dev) // COMPARED)]
            ],
        )
        manifest = corpus / MANIFEST
        measured = {split: measure(folder, manifest, split, jobs) for split in ("dev", "test")}
    facts = {
        "description": f"{recipe.layers} LSTM layers of {recipe.hidden} units over "
        f"{recipe.frontend.feature_dim} {recipe.frontend.kind} features",
        "licence": "Apache-2.0",
        "corpus": {
            **source.facts,
            "splits": {
                "train": sorted({each.split for each in spoken_in_training}),
                "choose": "dev",
            },
        },
        "made": {
            "date": datetime.now(UTC).date().isoformat(),
            "stages": [asdict(stage) for stage in recipe.stages],
            "quantisation": "rounding; the last stages learn with weights and inputs rounded",
        },
        "arithmetic": asdict(agreed),
        "measured": {
            "unit": "phoneme error rate, silence left out",
            "backends": {"per": "munt-spec-0", "per_float": "float32"},
            **measured,
        },
    }
    write(out, trained, tuned, temperature, facts)
    print(f"{out}: {measured}")
