"""Known answers: bits of ``rpu-spec-0`` that no change of the code may move.

The digests are over logits, h, c and saturation counts, little-endian. They were taken when the
reference gave the worked example of docs/rpu-spec-0.md, section 5, and the fast path agreed.
"""

import hashlib
from typing import Final

import numpy as np
import pytest

from tests.rpu_cases import TIERS, Case, Shape, make
from vau_backends.rpu.kernel import States
from vau_backends.rpu.tables import ENTRIES
from vau_backends.rpu.weights import LayerWeights, NetworkWeights

EVERY_EIGHTH: Final = range(-32_768, 32_768, 8)


def every_entry() -> Case:
    """Return 8192 streams of one unit, which between them read every entry of both tables.

    With f_x 11, f_w 15 and W just below one, p goes where x goes: through 16 bits in steps of
    8, which is half of an entry. c is large, so that an entry for f counts as i * g does.
    """
    layer = LayerWeights(
        w_x=np.full((4, 1), 32_767, np.int16),
        w_h=np.zeros((4, 1), np.int16),
        bias=np.zeros(4, np.int32),
        f_x=11,
        f_w=15,
        f_u=15,
    )
    streams = (len(EVERY_EIGHTH), 1, 1)
    return Case(
        weights=NetworkWeights(
            (layer,), np.full((1, 1), 128, np.int16), np.zeros(1, np.int32), 8
        ),
        inputs=[np.full((1, 1), x, np.int16) for x in EVERY_EIGHTH],
        states=States(np.zeros(streams, np.int16), np.full(streams, 24_000, np.int16)),
    )


CASES: Final[dict[str, Case]] = {
    "small": make(2017, (6,) * 32, Shape(layers=2, hidden=33, inputs=13, style="small")),
    "large": make(2017, (6,) * 32, Shape(layers=2, hidden=33, inputs=13)),
    "extreme": make(2017, (6,) * 32, Shape(layers=3, hidden=9, inputs=20, style="extreme")),
    "fx": make(2017, (6,) * 32, Shape(f_x=15)),
    "every entry": every_entry(),
}
KNOWN: Final = {
    "small": "00bbc1ffb10e202390328a415cacb044580ee5a7c86c4b5dad995d6cc7766ed9",
    "large": "75408bff342c6001fde62d0c85b7e9a811a5c05e94959150065fccd84795f5d1",
    "extreme": "9312953ce40e01aea102b004c2aca912f5c6ed745fd6b43de5eaaba72f84d022",
    "fx": "10872f8d155cbc266c10fa84cddf75552f5cdae0b3c7ac666b2bc04d3fa7feb6",
    "every entry": "e26052dc2cb09ffa240f003661ff8cf7907ecfb88c6b675b936e831b4653d864",
}


def digest(case: Case, tier: str) -> str:
    answer, states = case.run(tier)
    parts = (
        answer.logits.astype("<i4"),
        states.h.astype("<i2"),
        states.c.astype("<i2"),
        answer.saturations.astype("<i8"),
    )
    return hashlib.sha256(b"".join(part.tobytes() for part in parts)).hexdigest()


@pytest.mark.parametrize("tier", [*TIERS, "reference"])
@pytest.mark.parametrize("name", CASES)
def test_a_tier_gives_the_known_answer(name: str, tier: str) -> None:
    is_known = digest(CASES[name], tier) == KNOWN[name]
    assert is_known, f"{name}: tier {tier} gives other bits than rpu-spec-0"


def test_the_last_of_them_reads_every_entry_of_both_tables() -> None:
    p = np.rint(np.array(EVERY_EIGHTH) * (32_767 / 32_768)).astype(np.int64)
    magnitude = np.where(p < 0, ~p, p)
    assert set((magnitude >> 4).clip(0, ENTRIES - 1).tolist()) == set(range(ENTRIES))
    (answer, _) = CASES["every entry"].run("numpy")
    assert len(np.unique(answer.logits)) > 1_000
