"""The integer backend against the training graph: do they compute the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from training.fixedpoint import fixed_point
from training.network import PhonemeNetwork
from vau.model import Model
from vau_backends.host import normalise
from vau_backends.muntaniala import cell
from vau_backends.muntaniala.array import DieArray
from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    ACTIVATION_FRACTION_BITS,
    INPUT_SHIFT,
    to_s8,
)
from vau_backends.muntaniala.kernel import Kernel, Lanes
from vau_backends.muntaniala.weights import from_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far backend and graph agree, and what of it is proven."""

    array: str
    utterances: int
    frames: int
    equal_frames: float
    """Share of the frames whose logits are equal to the bit."""

    largest_difference: float
    """Of a logit; 1.0 is one nat at temperature 1."""

    proven_lanes: float
    """Share of the sums within a die that cannot saturate, by the norms of their factors."""

    saturations_per_frame: float
    """Clamps in dies, row chain and cell, by the backend's count."""


def agreement(model: Model, spoken: Sequence[NDArray[np.float32]]) -> Agreement:
    """Compare the two over some utterances.

    spoken: raw features, shape (frames, inputs) each.
    Raises  ArithmeticError if logits differ in an utterance in which no die can saturate:
            there the two are one specification, and equal to the bit.
    """
    array = DieArray.square_for(model.network.hidden)
    kernel = Kernel(from_model(model), array.tile(model.network))
    network = _network_of(model)
    frames = equal = saturations = lanes_seen = doubtful = 0
    largest = 0.0
    for at, features in enumerate(spoken):
        z = normalise(features, model)
        lanes = Lanes()
        x = to_s8(z, ACTIVATION_FRACTION_BITS - INPUT_SHIFT)
        (answer,) = kernel.run([x], [cell.State.zero(model.network)], lanes)
        with torch.no_grad():
            inputs = torch.from_numpy(z)[:, None]
            logits, _ = fixed_point(network, inputs, network.zero_state(1), array.columns)
        of_graph = logits[:, 0].numpy() * 2**ACCUMULATOR_FRACTION_BITS
        differences = np.abs(of_graph - answer.logits).max(axis=1)
        if differences.any() and not lanes.doubtful:
            raise ArithmeticError(
                f"utterance {at}: backend and graph differ by {differences.max():.0f} in the "
                "last place of a logit, though no die can saturate: one of them is wrong"
            )
        frames += len(features)
        equal += int((differences == 0).sum())
        largest = max(largest, float(differences.max()) / 2**ACCUMULATOR_FRACTION_BITS)
        saturations += sum(answer.saturations)
        lanes_seen += lanes.total
        doubtful += lanes.doubtful
    return Agreement(
        array=str(array),
        utterances=len(spoken),
        frames=frames,
        equal_frames=equal / frames,
        largest_difference=largest,
        proven_lanes=1 - doubtful / lanes_seen,
        saturations_per_frame=saturations / frames,
    )


def _network_of(model: Model) -> PhonemeNetwork:
    """Put the float master of a bundle back into torch."""
    shape = model.network
    network = PhonemeNetwork(
        inputs=shape.inputs, hidden=shape.hidden, layers=shape.layers, classes=shape.classes
    )
    weights = {
        "output.weight": model.master["w_out"],
        "output.bias": model.master["b_out"],
    }
    for layer in range(shape.layers):
        weights[f"lstm.weight_ih_l{layer}"] = model.master[f"w_x_{layer}"]
        weights[f"lstm.weight_hh_l{layer}"] = model.master[f"w_h_{layer}"]
        weights[f"lstm.bias_ih_l{layer}"] = model.master[f"b_{layer}"]
        weights[f"lstm.bias_hh_l{layer}"] = np.zeros_like(model.master[f"b_{layer}"])
    network.load_state_dict({name: torch.from_numpy(each) for name, each in weights.items()})
    network.eval()
    return network
