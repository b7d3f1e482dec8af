"""What became of the recordings of one run."""

from dataclasses import dataclass

from vau.backend import Cost
from vau.batch import Failed
from vau.commands.display import energy_in_total
from vau.commands.transcribe.plan import Kept, Result


@dataclass(slots=True)
class Totals:
    """Counts of files, and what those that were heard add up to."""

    heard: int = 0
    kept: int = 0
    failed: int = 0
    audio_s: float = 0.0
    """Of the files that were heard, like the cost."""

    cost: Cost = Cost()  # noqa: RUF009 - it is frozen

    def add(self, outcome: Result) -> None:
        """Take note of one file."""
        if isinstance(outcome, Failed):
            self.failed += 1
        elif isinstance(outcome, Kept):
            self.kept += 1
        else:
            self.heard += 1
            self.audio_s += outcome.audio_s
            self.cost += Cost(energies=outcome.energies)

    def lines(self, wall_s: float) -> list[str]:
        """Return the figures, a line each; what is not known is left out."""
        lines = [
            f"files    {self.heard} heard, {self.kept} left as they were, {self.failed} failed"
        ]
        if self.heard:
            speed = f"{self.audio_s / wall_s:.1f} x real time"
            lines.append(f"audio    {self.audio_s / 3600:.4f} h in {wall_s:.1f} s, {speed}")
        return lines + [f"energy   {energy_in_total(energy)}" for energy in self.cost.energies]
