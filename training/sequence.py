"""Learning whole sequences: maximum mutual information against all that could be said.

Frames are scored as the decoder scores them (``vau.decode``): each phoneme is a chain of
states with a minimum duration, a bigram joins them. The loss is the log of how much likelier
all paths together are than those through the labels, give or take ``TOLERANCE_FRAMES``.
Ref: Povey and others, "Purely sequence-trained neural networks for ASR based on
     lattice-free MMI", Interspeech 2016, for the free phone loop instead of lattices, for
     short chunks, and for labels with a tolerance.
"""

from typing import Final

import torch
from torch import Tensor

MIN_FRAMES: Final = 3
TOLERANCE_FRAMES: Final = 3  # labels made by machine are off by a frame or two
INSERTION_BONUS: Final = 1.0  # what a phoneme gains by beginning
LANGUAGE_WEIGHT: Final = 1.5  # how the decoder weighs a bigram against a frame
STRAY: Final = 1e-6  # of a path beside the labels: keeps the sums above zero


def sequence_loss(log_prob: Tensor, targets: Tensor, follow: Tensor) -> Tensor:
    """Return the loss per labelled frame, in nats at the scale of ``log_prob``.

    log_prob: (frames, streams, classes) float32, normalised.
    targets:  (frames, streams) class ids; negative where nothing is asked.
    follow:   (classes, classes) log P(next | previous) and what entering a phoneme adds.
    """
    asked = targets >= 0
    scores = log_prob / LANGUAGE_WEIGHT
    labels = torch.zeros_like(scores).scatter_(2, targets.clamp(min=0)[..., None], 1.0)
    labels *= asked[..., None]
    near = torch.nn.functional.max_pool1d(
        labels.permute(1, 2, 0), 2 * TOLERANCE_FRAMES + 1, 1, TOLERANCE_FRAMES
    ).permute(2, 0, 1)
    peak = scores.detach().amax(dim=2, keepdim=True)
    anything = (scores - peak).exp()
    emissions = torch.cat([anything, anything * near.clamp(min=STRAY)], dim=1)
    totals = _log_totals(emissions, torch.cat([asked, asked], dim=1), follow.exp())
    everything, as_labelled = totals.chunk(2)
    return LANGUAGE_WEIGHT * (everything - as_labelled).sum() / asked.sum().clamp(min=1)


def _log_totals(emissions: Tensor, asked: Tensor, follow: Tensor) -> Tensor:
    """Return the log of the sum over all paths, shape (streams,); they may begin anywhere."""
    _, streams, classes = emissions.shape
    states = [emissions.new_full((streams, classes), 1.0 / classes) for _ in range(MIN_FRAMES)]
    total = emissions.new_zeros(streams)
    for emission, counts in zip(emissions, asked, strict=True):
        first = states[-1] @ follow
        last = states[-2] + states[-1]
        moved = [each * emission for each in (first, *states[:-2], last)]
        mass = torch.stack(moved).sum(dim=(0, 2))
        states = [
            torch.where(counts[:, None], now / mass[:, None], before)
            for now, before in zip(moved, states, strict=True)
        ]
        total = total + torch.where(counts, mass.log(), 0.0)
    return total
