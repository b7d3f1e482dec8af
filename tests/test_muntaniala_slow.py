"""A million LSTM steps, on every tier of this machine: ``./run test-slow`` prints the count.

A step is one frame of one stream through one layer. The reference takes the streams of a case
side by side and whole; the kernel gets them as a server would, in calls that hold some of the
streams, each with as many frames as just arrived.
"""

from collections.abc import Callable
from dataclasses import replace
from typing import Final, Literal

import numpy as np
import pytest

from tests.lstm_cases import ACCUMULATORS, STYLES, TIERS, Case, Outcome, Shape, make, stacked
from vau.model import find_model
from vau_backends.muntaniala.array import DieArray
from vau_backends.muntaniala.kernel import open_kernel
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import from_model

pytestmark = pytest.mark.slow

Record = Callable[[str, object], None]
STREAMS: Final = 64
FRAMES: Final = 64
SEEDS: Final = range(144)


def shape_of(seed: int) -> Shape:
    """Draw a network, its dies and its arithmetic; every combination of knobs comes around."""
    rng = np.random.default_rng(seed)
    return Shape(
        layers=1 + seed % 3,
        hidden=int(rng.integers(1, 40)),
        inputs=int(rng.integers(1, 30)),
        rows=int(rng.integers(1, 6)),
        columns=int(rng.integers(1, 6)),
        style=STYLES[seed // 3 % 3],
        acc=ACCUMULATORS[seed // 9 % 3],
        peephole=bool(seed // 27 % 2),
    )


def in_pieces(case: Case, tier: str, seed: int) -> Outcome:
    """Take the streams of a case through a tier, some of them at a time, by some frames."""
    rng = np.random.default_rng(seed)
    kernel = open_kernel(case.weights, case.tilings, case.knobs, tier=tier)
    states = States(case.states.h.copy(), case.states.c.copy())
    left = list(case.inputs)
    logits = [np.zeros((0, len(case.weights.w_out)), np.int32) for _ in left]
    counts = np.zeros((len(left), len(case.tilings)), np.int64)
    while any(map(len, left)):
        rows = rng.permutation(len(left))[: rng.integers(1, len(left) + 1)].tolist()
        frames = {row: int(rng.integers(0, FRAMES + 1)) for row in rows}
        inputs, lengths = stacked([left[row][: frames[row]] for row in rows])
        answer = kernel.run(inputs, lengths, states, rows)
        of_works = np.split(answer.logits, np.cumsum(lengths))[:-1]
        for row, of_work in zip(rows, of_works, strict=True):
            left[row] = left[row][frames[row] :]
            logits[row] = np.concatenate([logits[row], of_work])
        counts[rows] += answer.saturations
    return Outcome(
        logits=logits, states=states, saturations=[tuple(row) for row in counts.tolist()]
    )


def mismatches(found: Outcome, expected: Outcome) -> int:
    """Count the streams of which anything differs."""
    return sum(
        not (
            np.array_equal(found.logits[stream], expected.logits[stream])
            and np.array_equal(found.states.h[stream], expected.states.h[stream])
            and np.array_equal(found.states.c[stream], expected.states.c[stream])
            and found.saturations[stream] == expected.saturations[stream]
        )
        for stream in range(len(expected.logits))
    )


def compare(case: Case, seed: int, record: Record) -> None:
    """Hold every tier to the reference, and have the steps counted."""
    expected = case.reference()
    found = {tier: mismatches(in_pieces(case, tier, seed), expected) for tier in TIERS}
    record("lstm steps", case.steps)
    record("mismatches", sum(found.values()))
    record("tiers", ", ".join(TIERS))
    assert not any(found.values()), found


def test_what_follows_is_at_least_a_million_steps() -> None:
    assert sum(shape_of(seed).layers * STREAMS * FRAMES for seed in SEEDS) >= 1_000_000


@pytest.mark.parametrize("seed", SEEDS)
def test_random_networks_in_random_pieces(seed: int, record_property: Record) -> None:
    compare(make(seed, (FRAMES,) * STREAMS, shape_of(seed)), seed, record_property)


@pytest.mark.parametrize("acc", ACCUMULATORS)
@pytest.mark.parametrize(
    ("name", "array"),
    [
        ("munt-3x384", "4x4"),
        ("munt-3x384", "5x5"),
        ("munt-1x192", "2x2"),
        ("munt-1x192", "3x3"),
        ("munt-1x96-mfcc", "1x1"),
        ("munt-1x96-mfcc", "2x2"),
    ],
)
def test_trained_networks_in_random_pieces(
    name: str, array: str, acc: Literal["sat", "wrap", "wide"], record_property: Record
) -> None:
    model, rng = find_model(name), np.random.default_rng(7)
    dies = DieArray.parse(f"{array}+acc={acc}")
    streams, shape = 12, model.network
    noise = rng.normal(0, 40, (streams, 40, shape.inputs))  # louder than speech: it saturates
    case = Case(
        weights=from_model(model),
        tilings=dies.tile(shape),
        knobs=dies.knobs,
        inputs=list(np.rint(noise).clip(-128, 127).astype(np.int8)),
        states=States.zero(streams, shape),
    )
    compare(case, 7, record_property)


def test_a_mismatch_would_be_seen() -> None:
    case = make(0, (5,) * 3)
    expected = case.reference()
    spoilt = [expected.logits[0], expected.logits[1] ^ 1, expected.logits[2]]
    assert mismatches(replace(expected, logits=spoilt), expected) == 1
