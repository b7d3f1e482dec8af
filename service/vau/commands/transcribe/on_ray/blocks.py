"""What one worker takes at a time: files whose audio lasts about as long in every block."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vau.commands.transcribe.plan import Numbered

BLOCKS_PER_WORKER: Final = 4  # so that none waits long for the last
BLOCK_S: Final = 3600.0  # of audio: of a long run a lost worker repeats no more than a part
FILES_PER_BLOCK: Final = 128  # the part of the journal is written anew for each of its files
FILE_S: Final = 1.0  # what the shortest file costs, or one that cannot be read


@dataclass(frozen=True, slots=True)
class Block:
    """Some of the items of a run."""

    number: int
    numbered: Numbered
    cost_s: float


def cut(numbered: Numbered, durations_s: Sequence[float], *, workers: int) -> list[Block]:
    """Cut items into blocks that cost alike; the order is kept, but long ones come first.

    durations_s: of the audio of each item; 0 if it is not known.
    workers:     at least 1.
    """
    costs_s = [max(seconds, FILE_S) for seconds in durations_s]
    target_s = min(BLOCK_S, sum(costs_s) / (BLOCKS_PER_WORKER * workers))
    blocks: list[Block] = []
    begin, cost_s = 0, 0.0
    for end, seconds in enumerate(costs_s, start=1):
        cost_s += seconds
        is_full = cost_s >= target_s or end - begin == FILES_PER_BLOCK
        if is_full or end == len(costs_s):
            blocks.append(Block(len(blocks), numbered[begin:end], cost_s))
            begin, cost_s = end, 0.0
    return sorted(blocks, key=lambda block: block.cost_s < 2 * target_s)
