"""Known answers: bits of ``munt-spec-0`` that no change of the code may move.

The digests are over logits, h, c and saturation counts, little-endian. They were taken when
the reference agreed with the worked example of docs/munt-spec-0.md, section 9, and every tier
agreed with the reference.
"""

import hashlib
from typing import Final

import numpy as np
import pytest

from tests.lstm_cases import TIERS, Case, Outcome, Shape, make
from vau_backends.muntaniala.array import Knobs, Tiling
from vau_backends.muntaniala.cell import look_up
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.tables import SIGMOID, SIGMOID_SHIFT, TANH, TANH_SHIFT
from vau_backends.muntaniala.weights import LayerWeights, NetworkWeights


def every_entry() -> Case:
    """Return 256 streams of which each reads its own entry of both tables, where it counts.

    With x twice as input, f has the pre-activation -256 * (x + 1) and g has -128 * (x + 1):
    both have the index -(x + 1), and x goes from -128 to 127. i is 4095, by way of h, and c
    is 16,384: an entry of f counts four times in the new c, and one of g once.
    """
    layer = LayerWeights(
        w_x=np.array([[0, 0], [-128, -128], [-128, 0], [0, 0]], np.int8),
        w_h=np.array([[-128], [0], [0], [0]], np.int8),
        bias=np.array([127, -2, -1, 127], np.int8),
    )
    streams = (256, 1, 1)
    return Case(
        weights=NetworkWeights((layer,), np.ones((1, 1), np.int8), np.zeros(1, np.int8)),
        tilings=(Tiling(rows=1, columns=1, hidden=1, inputs=2),),
        knobs=Knobs(),
        inputs=[np.full((1, 2), x, np.int8) for x in range(-128, 128)],
        states=States(np.full(streams, -128, np.int8), np.full(streams, 16_384, np.int16)),
    )


def busy(**knobs: object) -> Case:
    """Return streams that saturate in the dies, along the rows and in the cells."""
    shape = Shape(layers=2, hidden=11, inputs=13, columns=3, **knobs)  # type: ignore[arg-type]
    return make(2021, (6,) * 64, shape)


CASES: Final[dict[str, Case]] = {
    "every entry": every_entry(),
    "sat": busy(),
    "sat, peepholes": busy(peephole=True),
    "wrap": busy(acc="wrap"),
    "wide, peepholes": busy(acc="wide", peephole=True),
}
KNOWN: Final = {
    "every entry": "d302ff975f37057c7869c65e2fba3dd102106c808de58d8ffe462518bd1228e3",
    "sat": "61e60a8d0b398b82fb50ef0a4b0d02ff0acb3319a5ca45f702ea831782229fe1",
    "sat, peepholes": "1d87ed31f2e87e9e86916d5a153579e448bed3c9ddee54dbec362e25229f6b50",
    "wrap": "832234f2c9c7a1e2b9b68ce6909c540cd451a6af462fc17600a05a91731a689d",
    "wide, peepholes": "e004a5d5e46123a19747c6d43f09773b8e555bf59c0fc3b81b43c182e4423712",
}


def digest(outcome: Outcome) -> str:
    counts = np.array(outcome.saturations, "<i8")
    parts = (
        *(logits.astype("<i4") for logits in outcome.logits),
        outcome.states.h,
        outcome.states.c.astype("<i2"),
        counts,
    )
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


@pytest.mark.parametrize("name", CASES)
def test_the_reference_gives_the_known_answer(name: str) -> None:
    is_known = digest(CASES[name].reference()) == KNOWN[name]
    assert is_known, f"{name}: the reference gives other bits than munt-spec-0"


@pytest.mark.parametrize("tier", TIERS)
@pytest.mark.parametrize("name", CASES)
def test_a_tier_gives_the_known_answer(name: str, tier: str) -> None:
    is_known = digest(CASES[name].on_tier(tier)) == KNOWN[name]
    assert is_known, f"{name}: tier {tier} gives other bits than munt-spec-0"


def test_the_first_of_them_reads_every_entry_of_both_tables() -> None:
    k = np.arange(-128, 128)
    np.testing.assert_array_equal(look_up(SIGMOID, SIGMOID_SHIFT, 256 * k), SIGMOID)
    np.testing.assert_array_equal(look_up(TANH, TANH_SHIFT, 128 * k), TANH)
    case = CASES["every entry"]
    x = np.array([each[0, 0] for each in case.inputs], np.int64)
    sums = case.weights.layers[0].w_x.sum(axis=1, dtype=np.int64)[:, np.newaxis] * x
    a = sums + (case.weights.layers[0].bias.astype(np.int64)[:, np.newaxis] << 7)
    assert set((a[1] >> SIGMOID_SHIFT).tolist()) == set(k.tolist())
    assert set((a[2] >> TANH_SHIFT).tolist()) == set(k.tolist())
    assert sum(counts[0] for counts in case.reference().saturations) == 0  # nothing is hidden


def test_the_others_saturate_wherever_they_can() -> None:
    least = {"sat": 1000, "sat, peepholes": 1000, "wrap": 1, "wide, peepholes": 100}
    for name, count in least.items():
        assert sum(map(sum, CASES[name].reference().saturations)) >= count, name
