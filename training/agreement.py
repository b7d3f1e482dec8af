"""The integer backend against the same specification in torch: do they compute the same."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import torch
from numpy.typing import NDArray

from training.fixedpoint import fixed_point
from training.network import PhonemeNetwork
from vau.model import Model, Network
from vau_backends.host import normalise
from vau_backends.muntaniala.array import DieArray
from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    ACTIVATION_FRACTION_BITS,
    INPUT_SHIFT,
    to_s8,
)
from vau_backends.muntaniala.kernel import Kernel, Lanes, open_kernel
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import from_model


@dataclass(frozen=True, slots=True, kw_only=True)
class Agreement:
    """How far backend and torch agree, and what of it is proven."""

    array: str
    utterances: int
    frames: int
    proven_frames: int
    """In which no die can saturate: there the two are equal to the bit."""

    equal_frames: float
    """Share of all frames whose logits are equal to the bit, each from the backend's state."""

    largest_difference: float
    """Of a logit, over all frames; 1.0 is one nat at temperature 1."""

    proven_lanes: float
    """Share of the sums within a die that cannot saturate, by the norms of their factors."""

    saturations_per_frame: float
    """Clamps in dies, row chain and cell, by the backend's count."""


@dataclass(frozen=True, slots=True)
class _Step:
    """One frame through the backend."""

    before: States
    """Of one row, as it was."""

    logits: NDArray[np.int32]
    lanes: Lanes
    saturations: int


def agreement(model: Model, spoken: Sequence[NDArray[np.float32]]) -> Agreement:
    """Compare the two frame by frame over some utterances.

    spoken: raw features, shape (frames, inputs) each.
    Raises  ArithmeticError if logits differ in a frame in which no die can saturate, for
            there the two are one specification; or if there is no such frame.
    """
    array = DieArray.square_for(model.network.hidden)
    kernel = open_kernel(from_model(model), array.tile(model.network), array.knobs)
    network = _network_of(model)
    steps: list[_Step] = []
    differences = []
    for features in spoken:
        z = normalise(features, model)
        taken = _steps(kernel, to_s8(z, ACTIVATION_FRACTION_BITS - INPUT_SHIFT), model.network)
        of_torch = _one_frame_each(network, z, [step.before for step in taken], array.columns)
        of_backend = np.array([step.logits for step in taken])
        differences.append(np.abs(of_torch - of_backend).max(axis=1))
        steps += taken
    difference = np.concatenate(differences)
    proven = np.array([not step.lanes.doubtful for step in steps])
    if not proven.any():
        raise ArithmeticError(
            f"in all of {len(steps)} frames a die may saturate: none compared"
        )
    if difference[proven].any():
        raise ArithmeticError(
            f"backend and torch differ by {difference[proven].max():.0f} in the last place of "
            "a logit, in a frame in which no die can saturate: one of them is wrong"
        )
    return Agreement(
        array=str(array),
        utterances=len(spoken),
        frames=len(steps),
        proven_frames=int(proven.sum()),
        equal_frames=float((difference == 0).mean()),
        largest_difference=float(difference.max()) / 2**ACCUMULATOR_FRACTION_BITS,
        proven_lanes=1
        - sum(step.lanes.doubtful for step in steps) / sum(step.lanes.total for step in steps),
        saturations_per_frame=sum(step.saturations for step in steps) / len(steps),
    )


def _steps(kernel: Kernel, x: NDArray[np.int8], shape: Network) -> list[_Step]:
    """Take the frames of an utterance through the backend, one at a time."""
    steps = []
    states = States.zero(1, shape)
    for frame in range(len(x)):
        lanes = Lanes()
        before = States(states.h.copy(), states.c.copy())
        answer = kernel.run(x[frame : frame + 1], [1], states, [0], lanes)
        steps.append(_Step(before, answer.logits[0], lanes, int(answer.saturations.sum())))
    return steps


def _one_frame_each(
    network: PhonemeNetwork,
    z: NDArray[np.float32],
    states: Sequence[States],
    columns: int,
) -> NDArray[np.float64]:
    """Return torch's logits of each frame, in last places, from the state before it."""
    h = np.concatenate([state.h for state in states]) / 2**ACTIVATION_FRACTION_BITS
    c = np.concatenate([state.c for state in states]) / 2**ACCUMULATOR_FRACTION_BITS
    before = torch.from_numpy(h.swapaxes(0, 1)), torch.from_numpy(c.swapaxes(0, 1))
    with torch.no_grad():
        logits, _ = fixed_point(network, torch.from_numpy(z)[None], before, columns)
    in_places: NDArray[np.float64] = logits[0].numpy() * 2**ACCUMULATOR_FRACTION_BITS
    return in_places


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
