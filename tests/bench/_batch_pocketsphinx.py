"""An archive as pocketsphinx hears its phones: a peer of ``./run bench batch``.

    python -m tests.bench._batch_pocketsphinx LIST OUT --jobs 2

Set as ``vau evaluate --peer pocketsphinx`` sets it. OUT has ``phones``.
"""

from collections.abc import Sequence
from pathlib import Path

from tests.bench._peer_process import Said, hear_all, peer_arguments
from vau.evaluation.peers import hear


def hear_batch(files: Sequence[str]) -> list[Said]:
    """Hear some files; a process loads the recogniser once."""
    return [{"phones": phones} for _, phones in hear("pocketsphinx", list(map(Path, files)))]


def main() -> None:
    """Hear a list of files."""
    asked = peer_arguments("_batch_pocketsphinx").parse_args()
    hear_all(hear_batch, asked.list, asked.out, jobs=asked.jobs, batch_files=1)


if __name__ == "__main__":
    main()
