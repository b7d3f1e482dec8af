"""The curves of a training run, drawn from its log."""

import json
from pathlib import Path

import matplotlib as mpl
from matplotlib.figure import Figure

AVERAGED_NOTES = 10  # single losses jump: each point is the mean of so many


def draw(log: Path, picture: Path) -> None:
    """Draw loss, frame accuracy on dev and learning rate against steps, as a PNG."""
    notes = [json.loads(line) for line in log.read_text(encoding="utf-8").splitlines()]
    steps = [note for note in notes if "loss" in note]
    epochs = [note for note in notes if "dev_loss" in note]
    with mpl.rc_context({"font.size": 9}):
        figure = Figure(figsize=(9, 5), layout="constrained")
        losses, rates = figure.subplots(2, 1, sharex=True, height_ratios=(3, 1))
        groups = [
            steps[at : at + AVERAGED_NOTES] for at in range(0, len(steps), AVERAGED_NOTES)
        ]
        losses.plot(
            [group[-1]["step"] for group in groups],
            [sum(note["loss"] for note in group) / len(group) for group in groups],
            label="loss of the stage, training",
        )
        at = [note["step"] for note in epochs]
        losses.plot(at, [note["dev_loss"] for note in epochs], "o-", label="cross-entropy, dev")
        losses.set_ylabel("nats a frame")
        accuracy = losses.twinx()
        accuracy.plot(
            at,
            [note["dev_accuracy"] for note in epochs],
            "s--",
            color="tab:green",
            label="frame accuracy, dev",
        )
        accuracy.set_ylabel("frame accuracy, dev", color="tab:green")
        rates.semilogy([note["step"] for note in steps], [note["rate"] for note in steps])
        rates.set_ylabel("learning rate")
        rates.set_xlabel("step")
        figure.legend(loc="outside upper center", ncols=3)
        figure.savefig(picture, dpi=120)
