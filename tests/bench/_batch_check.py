"""Before archives are timed: does everybody hear the same files, and something sensible?"""

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

import numpy as np

from tests.bench._agreement import LEAST_AGREEMENT, NotTheSame
from tests.bench._archive import Heard
from vau.evaluation.edits import Edits, count_edits
from vau.evaluation.manifest import Inventory
from vau.model import Model

MOST_ERRORS: Final = 0.8  # a recogniser that hears the wrong files, or nothing, has more


@dataclass(frozen=True, slots=True)
class Sayings:
    """What was heard in some files, by recogniser and file."""

    vau: Path
    """The folder of our transcripts, ``jsonl`` and ``npz``."""

    peers: Mapping[str, Mapping[str, Any]]
    """What the peers wrote, by name."""

    def frames_agreeing(self, peer: str) -> float:
        """Return in what share of the frames the best class of a peer is ours.

        Raises NotTheSame if it is too small, or another number of frames was heard.
        """
        same, frames = 0, 0
        for file, said in self.peers[peer].items():
            with np.load(self.vau / f"{Path(file).stem}.npz") as ours:
                best = ours["log_posterior"].argmax(axis=-1)
            if len(best) != len(said["best"]):
                raise NotTheSame(
                    f"{peer} heard {len(said['best'])} frames of {file}, and we {len(best)}"
                )
            same += int((best == said["best"]).sum())
            frames += len(best)
        if same < LEAST_AGREEMENT * frames:
            raise NotTheSame(
                f"{peer}: the best phone is ours in {same / frames:.1%} of the frames, less "
                f"than {LEAST_AGREEMENT:.0%}"
            )
        return round(same / frames, 4)

    def error_rates(self, archive: Sequence[Heard], model: Model) -> dict[str, float]:
        """Return each one's phone error rate.

        Against the manifest's phones, or against what we heard if nobody knows what was said.
        Raises NotTheSame if one is too great, or a peer heard other files.
        """
        ours = {str(each.file): self._ours(each.file, model) for each in archive}
        heard = {"vau": ours} | {
            name: {file: tuple(said["phones"]) for file, said in of_peer.items()}
            for name, of_peer in self.peers.items()
        }
        inventory = Inventory(model.phonemes, frozenset(silences_of(model)))
        said = {
            str(each.file): tuple(map(inventory.fold, each.phones)) or ours[str(each.file)]
            for each in archive
        }
        return {name: _error_rate(name, said, of_one) for name, of_one in heard.items()}

    def _ours(self, file: Path, model: Model) -> tuple[str, ...]:
        lines = (self.vau / f"{file.stem}.jsonl").read_text().splitlines()
        silences = silences_of(model)
        return tuple(
            phone["symbol"]
            for line in lines
            for phone in json.loads(line).get("phones", ())
            if phone["symbol"] not in silences
        )


def silences_of(model: Model) -> set[str]:
    """Return the names of what counts as nothing said."""
    return {model.phonemes[each] for each in model.silence_ids}


def _error_rate(
    name: str,
    said: Mapping[str, Sequence[str]],
    heard: Mapping[str, Sequence[str]],
) -> float:
    if said.keys() != heard.keys():
        raise NotTheSame(f"{name} heard other files: {set(said) ^ set(heard)}")
    edits = sum((count_edits(said[file], heard[file]) for file in said), Edits())
    rate = edits.errors / max(1, sum(map(len, said.values())))
    if rate > MOST_ERRORS:
        raise NotTheSame(f"{name}: {rate:.0%} of the phones are wrong; it heard something else")
    return round(rate, 4)
