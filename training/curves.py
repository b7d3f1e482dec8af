"""Pictures of training: the curves of a run, and what output delay costs.

python -m training.curves docs/training/munt-3x384.jsonl    draws its curves beside a log
python -m training.curves docs/training/output-delay.tsv    ... or the delays of a table
"""

import csv
import json
import sys
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


def draw_delays(table: Path, picture: Path) -> None:
    """Draw error rates against output delays, as a PNG.

    table: TSV with the columns delay_frames and dev_per.
    """
    with table.open(encoding="utf-8", newline="") as file:
        rows = list(csv.DictReader(file, delimiter="\t"))
    figure = Figure(figsize=(6, 3.5), layout="constrained")
    axes = figure.subplots()
    delays = [int(row["delay_frames"]) for row in rows]
    axes.plot(delays, [100 * float(row["dev_per"]) for row in rows], "o-")
    axes.set_xlabel("output delay, frames of 10 ms")
    axes.set_ylabel("PER on dev, %")
    axes.grid(alpha=0.3)
    figure.savefig(picture, dpi=120)


if __name__ == "__main__":
    source = Path(sys.argv[1])
    (draw_delays if source.suffix == ".tsv" else draw)(source, source.with_suffix(".png"))
