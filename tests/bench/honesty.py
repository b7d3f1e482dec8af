"""What the notices on audio are worth: how often they come when they should, and should not.

    ./run bench honesty --manifest FILE.tsv [--split NAME] [--every N] [--json]

Every recording of the manifest is heard as it is, softer, and in white noise: nothing may be
said of those, but that a second of digital silence is one. Every Nth is damaged in every way
of tests/damage.py, at full loudness, 20 dB softer, and with noise mixed in before: what ought
to be said must come within the first second of audio in which somebody speaks, by blocks of
100 ms within 20 dB of the loudest. Without a manifest it only measures what looking costs.
"""

import csv
from argparse import ArgumentParser
from collections import Counter
from collections.abc import Callable, Sequence
from concurrent.futures import ProcessPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import numpy as np

from tests.bench._measure import host, report, take_turns
from tests.damage import DAMAGES, Samples, Wave, dithered, rounded, speaking, with_noise
from vau.audio import HOP_SAMPLES
from vau.audiofile import read_recording
from vau.honesty import Kind, Scrutiny
from vau.honesty.block import BLOCK_SAMPLES, SECOND_BLOCKS

CHUNK: Final = 10 * HOP_SAMPLES
DAMAGED_S: Final = 8  # of a recording: notices that matter come in its first second
WORKERS: Final = 2

Prepare = Callable[[Wave, np.random.Generator], Wave]

LEVELS: Final[dict[str, Prepare]] = {
    "as it is": lambda wave, _: wave,
    "-20 dB": lambda wave, _: wave / 10,
    "noise 20 dB": lambda wave, rng: with_noise(wave, 20, rng),
    "noise 10 dB": lambda wave, rng: with_noise(wave, 10, rng),
}
HEALTHY: Final[dict[str, Callable[[Wave, np.random.Generator], Samples]]] = {
    "as it is": lambda wave, _: rounded(wave),
    "-20 dB": lambda wave, rng: dithered(wave / 10, rng),
    "-30 dB": lambda wave, rng: dithered(wave / 10**1.5, rng),
    "-40 dB": lambda wave, rng: dithered(wave / 100, rng),
    "noise 20 dB": lambda wave, rng: rounded(with_noise(wave, 20, rng)),
    "noise 10 dB": lambda wave, rng: rounded(with_noise(wave, 10, rng)),
    "noise 0 dB": lambda wave, rng: rounded(with_noise(wave, 0, rng)),
}


@dataclass(frozen=True, slots=True)
class Said:
    """What was said of one stream, and where in it."""

    kinds: tuple[tuple[Kind, int], ...]

    def by(self, kind: Kind, end: int) -> bool:
        return any(said is kind and at <= end for said, at in self.kinds)


def said_of(samples: Samples) -> Said:
    scrutiny = Scrutiny()
    kinds = [
        (remark.kind, at + CHUNK)
        for at in range(0, len(samples), CHUNK)
        for remark in scrutiny.hear(samples[at : at + CHUNK])
    ]
    return Said(tuple(kinds))


def deadline(wave: Wave, longer: int) -> int | None:
    """Return where in a stream so many times as long the first second of speech ends."""
    heard = np.cumsum(speaking(wave, BLOCK_SAMPLES // longer))
    enough = np.flatnonzero(heard >= SECOND_BLOCKS)
    return int(enough[0] + 1) * BLOCK_SAMPLES if len(enough) else None


def is_false(kind: Kind, samples: Samples) -> bool:
    """Tell whether nothing of the sort is in these samples, which are healthy."""
    silence = max(map(len, (samples != 0).astype(np.uint8).tobytes().split(b"\x01")))
    return kind is not Kind.ALL_ZERO or silence < SECOND_BLOCKS * BLOCK_SAMPLES


def listen_to_healthy(path: Path) -> dict[str, list[str]]:
    wave = read_recording(path).samples.astype(np.float64)
    rng = np.random.default_rng(len(wave))
    alarms: dict[str, list[str]] = {}
    for name, prepare in HEALTHY.items():
        samples = prepare(wave, rng)
        kinds = [kind for kind, _ in said_of(samples).kinds if is_false(kind, samples)]
        alarms[name] = [kind.value for kind in kinds]
    return alarms


def listen_to_damaged(path: Path) -> dict[tuple[str, str], bool]:
    wave = read_recording(path).samples[: DAMAGED_S * 16_000].astype(np.float64)
    rng = np.random.default_rng(len(wave))
    found: dict[tuple[str, str], bool] = {}
    for damage in DAMAGES:
        end = deadline(wave, damage.longer)
        if end is None:
            continue
        for name, prepare in LEVELS.items():
            said = said_of(damage.apply(prepare(wave, rng), rng))
            found[damage.name, name] = said.by(damage.kind, end)
    return found


def read(manifest: Path, split: str) -> list[Path]:
    with manifest.open(newline="", encoding="utf-8") as lines:
        rows = list(csv.DictReader(lines, delimiter="\t"))
    return [manifest.parent / row["path"] for row in rows if not split or row["split"] == split]


def measure(paths: Sequence[Path], every: int) -> dict[str, object]:
    with ProcessPoolExecutor(WORKERS) as pool:
        healthy = list(pool.map(listen_to_healthy, paths, chunksize=16))
        damaged = list(pool.map(listen_to_damaged, paths[::every], chunksize=8))
    alarms = {
        name: dict(Counter(kind for each in healthy for kind in each[name])) for name in HEALTHY
    }
    rows = []
    for damage in DAMAGES:
        row: dict[str, object] = {"damage": damage.name, "kind": damage.kind.value}
        for name in LEVELS:
            hits = [each[damage.name, name] for each in damaged if (damage.name, name) in each]
            row[name] = round(100 * sum(hits) / max(1, len(hits)), 2)
            row["recordings"] = len(hits)
        rows.append(row)
    return {"healthy": len(healthy), "false_alarms": alarms, "found_percent": rows}


def cost_us() -> dict[str, float]:
    """Return what a frame costs while it listens, and ever after, in chunks of 100 ms."""
    chunks = np.random.default_rng(0).normal(0, 2000, (400, CHUNK)).astype(np.int16)
    fresh, old = [Scrutiny() for _ in range(400)], Scrutiny()
    for chunk in chunks[:40]:
        old.hear(chunk)
    for scrutiny in fresh:
        scrutiny.hear(chunks[0])
    hear: dict[str, Callable[[int], object]] = {
        "listening": lambda step: fresh[step % 400].hear(chunks[step % 400]),
        "later": lambda step: old.hear(chunks[step % 400]),
    }
    took_us = take_turns({**hear, "nothing": lambda _: None}, rounds=9, steps=400)
    empty = float(np.median(took_us["nothing"]))
    frames = CHUNK // HOP_SAMPLES
    return {name: round((float(np.median(took_us[name])) - empty) / frames, 2) for name in hear}


def main() -> None:
    """Measure, and report."""
    parser = ArgumentParser(prog="./run bench honesty")
    parser.add_argument("--manifest", type=Path, help="TSV with a column path")
    parser.add_argument("--split", default="", help="only rows of this split")
    parser.add_argument("--every", type=int, default=4, help="damage each so manieth")
    parser.add_argument("--json", action="store_true", help="one JSON line, as without it")
    asked = parser.parse_args()
    found: dict[str, object] = {}
    if asked.manifest is not None:
        found = measure(read(asked.manifest, asked.split), asked.every)
    report(bench="honesty", us_per_frame=cost_us(), **found, host=host("numpy"))


if __name__ == "__main__":
    main()
