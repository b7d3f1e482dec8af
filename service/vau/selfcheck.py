"""The consistency check: what a backend must do right before it is used.

It compares a backend with itself. That the answers are those of the network is for the tests
of the backend to show.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.backend import Backend, Result, Work
from vau.errors import BackendFault
from vau.model import Model

FRAMES: Final = 16
CUTS: Final = (1, 1, 6)  # where the second run is cut, one frame alone and one piece empty
SEED: Final = 2021


def self_check(backend: Backend, model: Model) -> None:
    """Run fixed frames twice, each time in a fresh slot: whole, then cut into pieces.

    Raises BackendFault, saying what differs, unless both give the same bits and each
    frame's posteriors are a distribution over the classes.
    """
    frames = frames_for(model)
    whole, cut = answer(backend, [frames]), answer(backend, np.split(frames, CUTS))
    expected = (FRAMES, model.network.classes)
    if whole.log_prob.shape != expected:
        raise _fault(backend, f"posteriors of shape {whole.log_prob.shape}, not {expected}")
    total = np.exp(whole.log_prob.astype(np.float64)).sum(axis=1)
    # A sum of float32 values, each with an error of 2**-24 relative to its own logarithm.
    if not np.allclose(total, 1.0, atol=1e-3):
        raise _fault(
            backend, f"posteriors of a frame sum to {total[np.abs(total - 1).argmax()]}"
        )
    for name in ("log_prob", "logits", "inputs"):
        first, second = getattr(whole, name), getattr(cut, name)
        if first is not None and not np.array_equal(first, second):
            raise _fault(backend, f"{name} depend on how the frames were cut")


def frames_for(model: Model) -> NDArray[np.float32]:
    """Return features that are, once normalised, noise of deviation 1.

    Shape (FRAMES, feature_dim), the same on every machine.
    """
    noise = np.random.default_rng(SEED).normal(size=(FRAMES, model.network.inputs))
    return (model.mean + noise / model.inv_std).astype(np.float32)


def answer(backend: Backend, pieces: list[NDArray[np.float32]]) -> Result:
    """Return what a fresh slot answers to pieces of an utterance, joined, without its cost."""
    slot = backend.open()
    try:
        results = [backend.run([Work(slot, piece)])[0] for piece in pieces]
    finally:
        backend.release(slot)
    first = results[0]
    return Result(
        log_prob=np.concatenate([result.log_prob for result in results]),
        logits=None
        if first.logits is None
        else np.concatenate([r.logits for r in results if r.logits is not None]),
        inputs=None
        if first.inputs is None
        else np.concatenate([r.inputs for r in results if r.inputs is not None]),
    )


def _fault(backend: Backend, what: str) -> BackendFault:
    return BackendFault(
        f"backend {backend.info.id}: its consistency check failed: {what}; "
        "do not trust its answers",
        backend=backend.info.id,
    )
