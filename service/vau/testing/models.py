"""Small networks with random weights: real bundles, made in milliseconds.

They know no phoneme from another; they only have every part that a trained one has. Integers
are made for every arithmetic that is installed: a package whose backend reads its integers
from the bundle names the function that makes them in the group ``vau.integers``, under the
name of its specification. One that rounds the float master when it opens need not.
"""

import tempfile
from importlib.metadata import entry_points
from pathlib import Path
from typing import Final

import numpy as np

from vau.bundle import Quantise, write_bundle
from vau.frontend import FrontendConfig
from vau.model import DecoderTables, Model, Network, load_model

GROUP: Final = "vau.integers"
TINY_FRONTEND: Final = FrontendConfig(kind="mfcc", mel_bands=26, cepstra=4)  # 12 features
TINY_PHONEMES: Final = ("SIL", "AA", "B", "IY", "S", "T")
LEAST_MEL_BANDS: Final = 26


def random_model(network: Network, *, seed: int = 0) -> Model:
    """Return a network of this shape with random weights.

    Raises ValueError if no front end gives ``network.inputs`` features.
    """
    return tiny_model(
        layers=network.layers,
        hidden=network.hidden,
        peephole=network.peephole,
        frontend=_frontend_of(network.inputs),
        phonemes=("SIL", *(f"P{n}" for n in range(1, network.classes))),
        seed=seed,
    )


def tiny_model(
    *,
    layers: int = 2,
    hidden: int = 8,
    peephole: bool = False,
    frontend: FrontendConfig = TINY_FRONTEND,
    phonemes: tuple[str, ...] = TINY_PHONEMES,
    output_delay: int = 2,
    temperature: float = 1.0,
    weight_std: float = 0.5,
    seed: int = 0,
) -> Model:
    """Return a network of random weights; its inputs are the features of ``frontend``."""
    with tempfile.TemporaryDirectory() as folder:
        write_tiny_bundle(
            Path(folder),
            layers=layers,
            hidden=hidden,
            peephole=peephole,
            frontend=frontend,
            phonemes=phonemes,
            output_delay=output_delay,
            temperature=temperature,
            weight_std=weight_std,
            seed=seed,
        )
        return load_model(Path(folder))


def write_tiny_bundle(
    folder: Path,
    *,
    name: str = "tiny",
    layers: int = 2,
    hidden: int = 8,
    peephole: bool = False,
    frontend: FrontendConfig = TINY_FRONTEND,
    phonemes: tuple[str, ...] = TINY_PHONEMES,
    output_delay: int = 2,
    temperature: float = 1.0,
    weight_std: float = 0.5,
    seed: int = 0,
) -> None:
    """Write the bundle of such a network into ``folder``; "SIL" is its silence."""
    rng = np.random.default_rng(seed)
    network = Network(
        layers=layers,
        hidden=hidden,
        inputs=frontend.feature_dim,
        classes=len(phonemes),
        peephole=peephole,
    )
    priors = rng.dirichlet(np.full(network.classes, 5.0))
    trigrams = rng.dirichlet(np.full(network.classes, 5.0), size=(network.classes,) * 2)
    write_bundle(
        folder,
        name=name,
        network=network,
        frontend=frontend,
        output_delay=output_delay,
        temperature=temperature,
        phonemes=phonemes,
        silence=["SIL"],
        mean=rng.normal(0.0, 1.0, network.inputs).astype(np.float32),
        inv_std=rng.uniform(0.5, 2.0, network.inputs).astype(np.float32),
        master={
            key: rng.normal(0.0, weight_std, shape).astype(np.float32)
            for key, shape in network.weight_shapes().items()
        },
        integers=installed_integers(),
        decoder=DecoderTables(
            log_trigram=np.log(trigrams).astype(np.float16),
            log_prior=np.log(priors).astype(np.float16),
            min_frames=2,
            look_back_frames=20,
            prior_weight=0.5,
            language_weight=1.0,
            insertion_bonus=0.0,
        ),
        facts={"licence": "none needed: random numbers"},
    )


def installed_integers() -> dict[str, Quantise]:
    """Return what makes the integers of each arithmetic, by its specification."""
    found = {entry.name: entry for entry in entry_points(group=GROUP)}
    return {spec: found[spec].load() for spec in sorted(found)}


def _frontend_of(feature_count: int) -> FrontendConfig:
    cepstra, rest = divmod(feature_count, 3)
    if rest:
        raise ValueError(
            f"network.inputs={feature_count} is no multiple of 3, but a frame is so many "
            "features, their deltas, and the deltas of these"
        )
    return FrontendConfig(kind="mfcc", mel_bands=max(LEAST_MEL_BANDS, cepstra), cepstra=cepstra)
