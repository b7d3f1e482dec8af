"""What the peers of an archive have in common: a process that hears a list of files.

LIST has a path a line. OUT becomes a JSON object of what was heard, by path. Workers are
forked, so that what they share is loaded once.
"""

import json
import multiprocessing
from argparse import ArgumentParser
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TypeAlias

import soundfile

Said: TypeAlias = Mapping[str, object]
"""What was heard in one file: its ``phones``, and what else a peer can tell."""

Hear: TypeAlias = Callable[[Sequence[str]], list[Said]]
"""Hears a batch of files."""


def peer_arguments(name: str) -> ArgumentParser:
    """Return what every peer takes."""
    parser = ArgumentParser(prog=f"python -m tests.bench.{name}")
    parser.add_argument("list", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--jobs", type=int, default=1, help="processes")
    return parser


def hear_all(hear: Hear, files: Path, out: Path, *, jobs: int, batch_files: int) -> None:
    """Let processes take batches of a list of files, the longest files first."""
    paths = sorted(files.read_text().splitlines(), key=_seconds, reverse=True)
    batch_files = min(batch_files, -(-len(paths) // jobs))
    batches = [paths[at : at + batch_files] for at in range(0, len(paths), batch_files)]
    if jobs == 1:
        heard = list(map(hear, batches))
    else:
        with multiprocessing.get_context("fork").Pool(jobs) as pool:
            heard = pool.map(hear, batches, chunksize=1)
    said = [each for batch in heard for each in batch]
    out.write_text(json.dumps(dict(zip(paths, said, strict=True))))


def _seconds(file: str) -> float:
    return float(soundfile.info(file).duration)
