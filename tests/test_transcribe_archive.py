"""Archives in bounded memory: many files leave nothing behind, and a long one is not held."""

import os
from pathlib import Path
from typing import Final

import pytest
import soundfile

from tests.audio import RATE_HZ, noise, recording
from tests.bench._runs import Growth, MemoryOfTree, run
from tests.commands import VAU, environment
from tests.lively import write_lively_bundle
from tests.process_tree import open_files

MOST_MB: Final = 300
FILES: Final = 10_000
MOST_GROWTH: Final = 1000.0  # bytes a file: malloc alone makes hundreds, one kept item more
MOST_OPEN: Final = 300  # files and pipes of three processes; one a file would be 10,000


def transcribe(folder: Path, *arguments: object) -> tuple[str | Path, ...]:
    """Return a command that reads a list of files and writes into ``out``."""
    out = folder / "out"
    return (*VAU, "transcribe", "-", "--out", out, "--progress", "none", *map(str, arguments))


def listed(folder: Path, files: list[Path]) -> Path:
    found = folder / "list"
    found.write_text("".join(f"{file}\n" for file in files))
    return found


@pytest.mark.slow
def test_ten_thousand_files_leave_nothing_behind(tmp_path: Path) -> None:
    write_lively_bundle(tmp_path / "model")
    different = [recording(tmp_path / f"{seed}.flac", 0.1, seed) for seed in range(50)]
    files = [tmp_path / f"in/{number:05}.flac" for number in range(FILES)]
    (tmp_path / "in").mkdir()
    for number, file in enumerate(files):
        os.link(different[number % len(different)], file)
    temporary = tmp_path / "temporary"
    temporary.mkdir()
    growth, most_open = Growth(tmp_path / "out/manifest.jsonl", FILES), 0

    def look(pid: int) -> None:
        nonlocal most_open
        growth.look(pid)
        most_open = max(most_open, open_files(pid))

    run(
        transcribe(
            tmp_path, "--model", tmp_path / "model", "--format", "jsonl,npz", "--jobs", 2
        ),
        listed(tmp_path, files),
        look,
        environment=environment(TMPDIR=str(temporary)),
    )
    assert growth.bytes_per_file() < MOST_GROWTH
    assert 0 < most_open < MOST_OPEN
    assert not list(temporary.iterdir())
    names = [path.name for path in (tmp_path / "out").iterdir()]
    assert len(names) == 2 * FILES + 1
    assert not [name for name in names if name.startswith(".")]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["FLAC", "WAV"])
def test_an_hour_needs_less_than_300_mb(tmp_path: Path, kind: str) -> None:
    file = tmp_path / f"hour.{kind.lower()}"
    minute = noise(60 * RATE_HZ) // 30
    with soundfile.SoundFile(file, "w", RATE_HZ, 1, "PCM_16", format=kind) as hour:
        for _ in range(60):
            hour.write(minute)
    memory = MemoryOfTree()
    run(
        transcribe(tmp_path, "--format", "jsonl,npz"),
        listed(tmp_path, [file]),
        memory.look,
        environment=environment(),
    )
    assert len((tmp_path / "out/manifest.jsonl").read_text().splitlines()) == 1
    assert 0 < memory.most_bytes < MOST_MB * 1_000_000
