"""An archive of recordings to phones, beside what one would use instead.

    ./run bench batch [--short] [--json]
    ./run bench batch --manifest corpus/manifest.tsv --split test

Timed, on all cores: whole processes, from their start to their end. Ours is ``vau transcribe -
--out`` as a user runs it, so it reads, searches, adds up digests and energies, and writes
transcripts and a journal. ``torch_psf`` is python-speech-features and ``nn.LSTM`` in float32
over padded batches (``_batch_torch``), in the fastest of its ways to use the cores; it searches
and writes less. ``pocketsphinx`` (``_batch_pocketsphinx``) is so slow that it hears each
so manieth file alone, and its start is not counted.

They take turns, round by round. A ratio is our hours of audio per hour over theirs, the median
over rounds, with the extremes as its spread. Before anything is timed, torch's best phone of
each frame must be ours in nine of ten, and no phone error rate may be absurd.

Then, ours alone: resident memory for one file of an hour, and its growth over many short files.

By default the speech is what Debian packages with pocketsphinx, half a minute by two speakers,
cut and joined into utterances of 2 to 20 s.
"""

import json
import math
import os
import shutil
import sys
from argparse import ArgumentParser, Namespace
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any, Final

import numpy as np

from tests.bench._agreement import NotTheSame
from tests.bench._archive import (
    Heard,
    of_manifest,
    read_readings,
    seconds_of,
    write_archive,
    write_long,
    write_short,
)
from tests.bench._batch_check import Sayings
from tests.bench._batch_torch import MODEL
from tests.bench._measure import host, report
from tests.bench._runs import Failed, Growth, MemoryOfTree, Ran, run
from vau.errors import VauError
from vau.model import find_model
from vau.processes import core_count
from vau_backends.muntaniala.kernel import choose

VAU: Final = Path(sys.executable).with_name("vau")
CHECKED_FILES: Final = 6
TRIED_FILES: Final = 32  # in each way that torch may use the cores: a whole batch
TRIES: Final = 2  # of which the faster counts: other work on the machine is not to choose
POCKETSPHINX_EVERY: Final = 16  # files: it takes a hundred times as long as we do
SHORT_FILE_S: Final = 0.25
MB: Final = 1_000_000

AT_LEAST: Final = {"vs_torch_psf": 3.0, "vs_pocketsphinx": 20.0}
AT_MOST: Final = {"rss_mb_one_hour_file": 300.0, "leak_bytes_per_file": 1000.0}


@dataclass(frozen=True, slots=True, kw_only=True)
class Size:
    """How much there is to do."""

    rounds: int
    archive_hours: float
    short_files: int
    long_hours: float = 1.0


WHOLE: Final = Size(rounds=3, archive_hours=0.4, short_files=10_000)
BRIEF: Final = Size(rounds=1, archive_hours=0.1, short_files=1000)


@dataclass(frozen=True, slots=True)
class Bench:
    """A folder to work in."""

    folder: Path

    def listed(self, files: Sequence[Path]) -> Path:
        """Write a list of files."""
        found = self.folder / "list"
        found.write_text("".join(f"{file}\n" for file in files))
        return found

    def vau(self, files: Sequence[Path], formats: str = "jsonl", **watch: Any) -> Ran:  # noqa: ANN401
        """Let ours hear some files, into a folder that is new."""
        shutil.rmtree(self.out, ignore_errors=True)
        command = (VAU, "transcribe", "-", "--out", self.out, "--format", formats)
        set_by_run = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS")  # which a user does not do
        of_a_user = {
            name: value for name, value in os.environ.items() if name not in set_by_run
        }
        return run(command, self.listed(files), environment=of_a_user, **watch)

    def peer(self, name: str, files: Sequence[Path], *arguments: str) -> Ran:
        """Let a peer hear some files."""
        listed, module = self.listed(files), f"tests.bench._batch_{name}"
        return run((sys.executable, "-m", module, listed, self.said(name), *arguments), listed)

    @property
    def out(self) -> Path:
        """Where our transcripts are."""
        return self.folder / "out"

    def said(self, name: str) -> Path:
        """Return where a peer wrote what it heard."""
        return self.folder / f"{name}.json"


def torch_ways() -> list[tuple[str, ...]]:
    """Return the ways in which torch may use all cores: processes or threads, two libraries."""
    cores = core_count()
    shares = {(cores, 1), (1, cores)}
    return [
        ("--jobs", str(jobs), "--threads", str(threads), *library)
        for jobs, threads in sorted(shares, reverse=True)
        for library in ((), ("--without-mkldnn",))
    ]


def check(bench: Bench, archive: Sequence[Heard], way: Sequence[str]) -> dict[str, object]:
    """Return what all hear in some files, in figures. Raises NotTheSame for nonsense."""
    some = evenly(archive, CHECKED_FILES)
    files = [each.file for each in some]
    bench.vau(files, "jsonl,npz")
    bench.peer("torch", files, *way)
    bench.peer("pocketsphinx", files, "--jobs", str(core_count()))
    wrote = {"torch_psf": bench.said("torch"), "pocketsphinx": bench.said("pocketsphinx")}
    peers = {name: json.loads(file.read_text()) for name, file in wrote.items()}
    sayings = Sayings(bench.out, peers)
    return {
        "files": len(some),
        "same_best_phone_as_torch": sayings.frames_agreeing("torch_psf"),
        "phone_error_rates": sayings.error_rates(some, find_model(MODEL)),
        "against": "the manifest" if any(each.phones for each in some) else "what vau heard",
    }


def evenly(archive: Sequence[Heard], most: int) -> list[Heard]:
    """Return so many, spread over all."""
    count = min(most, len(archive))
    return [archive[at * len(archive) // count] for at in range(count)]


def compared(
    bench: Bench, archive: Sequence[Heard], way: Sequence[str], rounds: int
) -> dict[str, Any]:
    """Let all take turns at the archive."""
    files = [each.file for each in archive]
    some = archive[::POCKETSPHINX_EVERY]
    audio_s, some_s = seconds_of(archive), seconds_of(some)
    jobs = ("--jobs", str(core_count()))
    few = [min(files, key=lambda file: file.stat().st_size)]
    start = {
        "vau": bench.vau(few),
        "torch_psf": bench.peer("torch", few, *way),
        "pocketsphinx": bench.peer("pocketsphinx", few, *jobs),
    }
    took: dict[str, list[Ran]] = {name: [] for name in start}
    for _ in range(rounds):
        took["vau"].append(bench.vau(files))
        took["torch_psf"].append(bench.peer("torch", files, *way))
        took["pocketsphinx"].append(
            bench.peer("pocketsphinx", [each.file for each in some], *jobs)
        )
    walls = {name: np.array([ran.wall_s for ran in each]) for name, each in took.items()}
    rates = {
        "vau": audio_s / walls["vau"],
        "torch_psf": audio_s / walls["torch_psf"],
        "pocketsphinx": some_s / (walls["pocketsphinx"] - start["pocketsphinx"].wall_s),
    }
    running = {name: walls[name] - start[name].wall_s for name in ("vau", "torch_psf")}
    return {
        **figures("hours_per_hour", rates["vau"]),
        **figures("vs_torch_psf", rates["vau"] / rates["torch_psf"]),
        **figures("vs_pocketsphinx", rates["vau"] / rates["pocketsphinx"]),
        **figures("vs_torch_psf_started", running["torch_psf"] / running["vau"]),
        "sides": {
            name: {
                "hours_per_hour": round(float(np.median(rates[name])), 1),
                "start_s": round(start[name].wall_s, 2),
                "cpu_s_per_audio_hour": round(
                    3600
                    * float(np.median([ran.cpu_s for ran in took[name]]))
                    / (some_s if name == "pocketsphinx" else audio_s),
                    1,
                ),
            }
            for name in took
        },
        "torch_way": " ".join(way),
        "archive": {
            "files": len(files),
            "hours": round(audio_s / 3600, 3),
            "pocketsphinx_files": len(some),
            "pocketsphinx_hours": round(some_s / 3600, 4),
        },
    }


def figures(name: str, found: Any) -> dict[str, object]:  # noqa: ANN401  an array
    """Return a median and its spread."""
    spread = [round(float(np.min(found)), 2), round(float(np.max(found)), 2)]
    return {name: round(float(np.median(found)), 2), f"{name}_spread": spread}


def in_memory(bench: Bench, speech: Sequence[Any], size: Size) -> dict[str, object]:
    """Measure what one long file takes, and whether many short ones leave something behind."""
    long_file = write_long(speech, size.long_hours, bench.folder / "long.flac")
    memory = MemoryOfTree()
    ran = bench.vau([long_file], "jsonl,npz", watch=memory.look)
    long_file.unlink()
    short = bench.folder / "short"
    write_short(speech, size.short_files, SHORT_FILE_S, short)
    growth = Growth(bench.out / "manifest.jsonl", size.short_files)
    quick = bench.vau(sorted(short.iterdir()), watch=growth.look)
    return {
        "rss_mb_one_hour_file": round(memory.most_bytes / MB, 1),
        "hours_per_hour_one_hour_file": round(size.long_hours * 3600 / ran.wall_s, 1),
        "leak_bytes_per_file": round(growth.bytes_per_file(), 1),
        "short_files": size.short_files,
        "short_files_per_s": round(size.short_files / quick.wall_s, 1),
    }


def goals(result: Mapping[str, Any]) -> dict[str, object]:
    """Return each goal with whether it is met."""
    least = {
        name: {"at_least": goal, "met": result[name] >= goal} for name, goal in AT_LEAST.items()
    }
    most = {
        name: {"at_most": goal, "met": result[name] <= goal} for name, goal in AT_MOST.items()
    }
    return {**least, **most}


def show(result: Mapping[str, Any]) -> None:
    """Print what a person would look for, to stderr."""
    lines = [f"{'':14}{'hours/hour':>12}{'start, s':>10}{'CPU s/h':>10}"]
    lines += [
        f"{name:14}{side['hours_per_hour']:12}{side['start_s']:10}"
        f"{side['cpu_s_per_audio_hour']:10}"
        for name, side in result["sides"].items()
    ]
    for name, goal in result["goals"].items():
        limit = " ".join(f"{word.replace('_', ' ')} {goal[word]:g}" for word in list(goal)[:1])
        met = "met" if goal["met"] else "missed"
        lines.append(f"{name:22}{result[name]:>10}  goal {limit}: {met}")
    print("\n".join(lines), file=sys.stderr)


def arguments() -> Namespace:
    """Read the command line."""
    parser = ArgumentParser(prog="./run bench batch")
    parser.add_argument(
        "--speech",
        type=Path,
        required=True,
        help="a folder of recordings to make archives of, by its path from the project's "
        "folder; unless it is given, ./run gives the readings that Debian packages",
    )
    parser.add_argument("--manifest", type=Path, help="hear these utterances instead")
    parser.add_argument("--split", default="", help="of the manifest, those of this alone")
    parser.add_argument(
        "--short", action="store_true", help="one round of a small archive, in a minute or two"
    )
    parser.add_argument("--json", action="store_true", help="the JSON line alone, no table")
    return parser.parse_args()


def measured(asked: Namespace, folder: Path) -> dict[str, Any]:
    """Make an archive, check what is heard in it, and let all take turns."""
    size, bench = BRIEF if asked.short else WHOLE, Bench(folder)
    speech = read_readings(asked.speech)
    if asked.manifest:
        archive = of_manifest(asked.manifest.resolve(), asked.split)
    else:
        archive = write_archive(speech, size.archive_hours, folder / "archive")
    seconds_of(archive)
    tried = [each.file for each in evenly(archive, TRIED_FILES)]
    took_s = dict.fromkeys(torch_ways(), math.inf)
    for _ in range(TRIES):
        for way, best_s in took_s.items():
            took_s[way] = min(best_s, bench.peer("torch", tried, *way).wall_s)
    way = min(took_s, key=took_s.__getitem__)
    agreement = check(bench, archive, way)
    return {
        **compared(bench, archive, way, size.rounds),
        **in_memory(bench, speech, size),
        "torch_ways_s": {" ".join(way): round(each, 1) for way, each in took_s.items()},
        "agreement": agreement,
        "rounds": size.rounds,
    }


def main() -> None:
    """Measure, report."""
    asked = arguments()
    try:
        with TemporaryDirectory() as folder:
            result = measured(asked, Path(folder))
    except (VauError, FileNotFoundError, NotTheSame, Failed) as cause:
        raise SystemExit(f"bench batch: {cause}") from cause
    result = {
        "bench": "batch",
        **result,
        "goals": goals(result),
        "model": MODEL,
        "tier": choose(),
        "jobs": core_count(),
        "clock": "wall",
        "host": host("numpy", "torch", "pocketsphinx", "python-speech-features"),
    }
    if not asked.json:
        show(result)
    report(**result)


if __name__ == "__main__":
    main()
