"""Small networks with random weights: real bundles, made in milliseconds.

They know no phoneme from another; they only have every part that a trained one has.
"""

import tempfile
from pathlib import Path
from typing import Final

import numpy as np

from training.bundle import write_bundle
from vau.frontend import FrontendConfig
from vau.model import DecoderTables, Model, Network, load_model

TINY_FRONTEND: Final = FrontendConfig(kind="mfcc", mel_bands=26, cepstra=4)  # 12 features
TINY_PHONEMES: Final = ("SIL", "AA", "B", "IY", "S", "T")


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
