"""Confusions and calibration, drawn."""

from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from vau.errors import ConfigInvalid
from vau.evaluation.frames import BINS
from vau.evaluation.report import Evaluation
from vau.evaluation.scores import Score
from vau.panels import BY_MANNER
from vau.pictures import new_figure, save


def draw(found: Evaluation, folder: Path) -> list[Path]:
    """Write the PNGs of an evaluation, named after its model, and return their paths.

    Without frame labels there is no calibration to draw.
    Raises ConfigInvalid if matplotlib is not installed, or the folder cannot be written to.
    """
    figures = {"confusions": confusion_figure(found.score)}
    if found.score.frame_counts is not None:
        figures["calibration"] = calibration_figure(found)
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as cause:
        raise ConfigInvalid(
            f"plots={folder}: cannot be made: {cause.strerror or cause}; choose another folder",
            field="plots",
        ) from cause
    files = [folder / f"{found.score.model}-{name}.png" for name in figures]
    for figure, file in zip(figures.values(), files, strict=True):
        save(figure, file, field="plots")
    return files


def confusion_shares(score: Score) -> tuple[list[str], NDArray[np.float64]]:
    """Return the phones, and which share of each was heard as what.

    Shape (phones + 1, phones + 1): a row per phone said, and the insertions; a column per
    phone heard, and the deletions. A row sums to 1, or to 0 where nothing was said.
    """
    confusions = score.confusions
    names = {name for pair in confusions for name in pair if name is not None}
    known = [name for name in BY_MANNER if name in names]
    phones = [*known, *sorted(names - set(known))]
    place = {name: index for index, name in enumerate(phones)}
    counts = np.zeros((len(phones) + 1, len(phones) + 1))
    for (said, heard), count in confusions.items():
        row = len(phones) if said is None else place[said]
        column = len(phones) if heard is None else place[heard]
        counts[row, column] = count
    return phones, counts / np.maximum(counts.sum(axis=1, keepdims=True), 1)


def confusion_figure(score: Score) -> Any:  # noqa: ANN401
    """Draw what was heard for what was said."""
    phones, shares = confusion_shares(score)
    figure = new_figure(9.5, 9.0)
    axes = figure.subplots()
    # The square root shows a confusion of one in a hundred beside a phone always right.
    image = axes.imshow(np.sqrt(shares), cmap="Blues", vmin=0.0, vmax=1.0)
    places = range(len(shares))
    axes.set_xticks(places, labels=[*phones, "deleted"], fontsize=7, rotation=90)
    axes.set_yticks(places, labels=[*phones, "inserted"], fontsize=7)
    axes.set_xlabel("heard")
    axes.set_ylabel("said")
    axes.set_title(f"{score.model} on {score.backend}: PER {score.per:.1%}")
    bar = figure.colorbar(image, ax=axes, shrink=0.6, label="share of the row")
    ticks = [0.0, 0.01, 0.05, 0.2, 0.5, 1.0]
    bar.set_ticks(np.sqrt(ticks), labels=[f"{tick:.0%}" for tick in ticks])
    return figure


def calibration_figure(found: Evaluation) -> Any:  # noqa: ANN401
    """Draw how often frames are right by how sure the network is, and how many there are."""
    counts = found.score.frame_counts
    if counts is None:
        raise ValueError("without frame labels there is no calibration to draw")
    frames = np.array(counts.frames)
    filled = frames > 0
    accuracy = np.array(counts.right)[filled] / frames[filled]
    confidence = np.array(counts.confidence_sum)[filled] / frames[filled]
    middles = (np.arange(BINS) + 0.5) / BINS
    figure = new_figure(5.5, 6.5)
    upper, lower = figure.subplots(2, sharex=True, height_ratios=[3, 1])
    upper.bar(middles[filled], accuracy, width=0.9 / BINS, color="tab:blue", label="right")
    upper.plot([0, 1], [0, 1], color="black", linewidth=0.8, linestyle=":", label="calibrated")
    upper.plot(confidence, accuracy, "o", color="tab:orange", label="mean confidence")
    upper.set_ylabel("share of frames that are right")
    upper.set_title(f"{found.score.model}: ECE {counts.ece:.2%}")
    upper.legend()
    lower.bar(middles, frames / frames.sum(), width=0.9 / BINS, color="tab:gray")
    lower.set_ylabel("share of frames")
    lower.set_xlabel("confidence: posterior of the best class")
    lower.set_xlim(0, 1)
    return figure
