"""Hundreds of thousands of steps of the RTL beside the reference: ``./run test-slow``.

Every bit of h, the last c, the clamps, and the cycles of every request, which the driver holds
to the schedule. How many steps that were is what the board itself counted. Needs Verilator and
a C++ compiler; ``./run test-slow`` and ``./run e2e-board`` install them.
"""

from collections.abc import Callable
from dataclasses import replace
from itertools import count
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.bench._speech import read_speech
from tests.commands import ROOT
from tests.lstm_cases import STYLES, Case, Outcome, Shape, assert_equal, make
from tests.rtl.marks import simulated
from tests.rtl.simulation import driven
from vau.model import find_model
from vau_backends.board.device.state import LayerState
from vau_backends.board.device.streams import Driver
from vau_backends.board.virtual.build import build
from vau_backends.board.virtual.parameters import Parameters
from vau_backends.muntaniala.array import DieArray, Knobs
from vau_backends.muntaniala.cycles import LayerCycles
from vau_backends.muntaniala.fixedpoint import ACTIVATION_FRACTION_BITS, INPUT_SHIFT, to_s8
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import NetworkWeights, from_model

pytestmark = [pytest.mark.slow, simulated]

Record = Callable[[str, object], None]
CLIP: Final = ROOT / ".cache/sense_and_sensibility.wav"
STEPS: Final = 300_000
"""At least, on small dies."""

STREAMS: Final = 8
FRAMES: Final = 200
PIECES: Final = (1, 1, 2, 7, 30)
"""Frames of a call; a request takes as many of them as fit."""


def grid(rows: int, columns: int, units: int, inputs: int) -> Parameters:
    return Parameters(rows=rows, columns=columns, units=units, inputs=inputs, contexts=STREAMS)


GRIDS: Final = (
    grid(2, 2, 8, 16),
    grid(1, 1, 3, 5),
    grid(1, 3, 6, 4),
    grid(3, 2, 4, 7),
)


def case_of(on: Parameters, seed: int) -> Case:
    """Draw a network, every other one as large as the dies take, with streams under way."""
    rng = np.random.default_rng(seed)
    rows_of_die = on.inputs + on.units
    most = min(on.rows * on.units, on.columns * (rows_of_die - 1))
    hidden = most if seed % 2 else int(rng.integers(1, most + 1))
    widest = on.columns * (rows_of_die - -(-hidden // on.columns))
    inputs = widest if seed % 4 == 1 else int(rng.integers(1, widest + 1))
    shape = Shape(
        layers=1,
        hidden=hidden,
        inputs=inputs,
        rows=on.rows,
        columns=on.columns,
        style=STYLES[seed % 3],
    )
    return with_h_for_logits(make(seed, (FRAMES,) * STREAMS, shape))


def with_h_for_logits(case: Case) -> Case:
    """Let the output layer hand h out as it is, so that what is compared is h."""
    (layer,) = case.weights.layers
    hidden = layer.w_h.shape[1]
    bare = NetworkWeights((layer,), np.eye(hidden, dtype=np.int8), np.zeros(hidden, np.int8))
    return replace(case, weights=bare)


def on_board(driver: Driver, case: Case, seed: int) -> Outcome:
    """Take the streams of a case through a board, in turns of chance."""
    rng = np.random.default_rng(seed)
    streams = [driver.begin() for _ in case.inputs]
    for row, stream in enumerate(streams):
        driver.put(stream, [LayerState.of(0, case.states.h[row, 0], case.states.c[row, 0])])
    left = dict(enumerate(case.inputs))
    heard = [list[NDArray[np.int8]]() for _ in streams]
    clamps = [0] * len(streams)
    while left:
        row = int(rng.choice([*left]))
        frames = int(rng.choice(PIECES))
        hidden, (events,) = driver.run(streams[row], left[row][:frames])
        heard[row].append(hidden)
        clamps[row] += events
        left[row] = left[row][frames:]
        if not len(left[row]):
            del left[row]
    states = [driver.states(stream)[0] for stream in streams]
    return Outcome(
        logits=[np.concatenate(each).astype(np.int32) for each in heard],
        states=States(
            np.stack([[state.h] for state in states]), np.stack([[state.c] for state in states])
        ),
        saturations=[(events,) for events in clamps],
    )


def compare(library: Path, case: Case, seed: int) -> int:
    """Hold the board to the reference; return how many steps it counted."""
    with driven(library, case.weights) as driver:
        (layer,) = driver.board.layers
        assert [layer.tiling] == [*case.tilings]
        before = driver.readings().core
        found = on_board(driver, case, seed)
        after = driver.readings().core
    assert_equal(found, case.reference())
    steps = after.steps - before.steps
    assert steps == case.steps
    assert after.cycles - before.cycles == steps * LayerCycles.of(layer.tiling).total
    assert not driver.mended
    return steps


@pytest.mark.parametrize(
    "parameters", GRIDS, ids=lambda on: f"{on.rows}x{on.columns}x{on.units}"
)
def test_random_networks_in_random_pieces(
    parameters: Parameters, record_property: Record
) -> None:
    library, steps = build(parameters), 0
    for seed in count():
        steps += compare(library, case_of(parameters, seed), seed)
        if steps * len(GRIDS) >= STEPS:
            break
    record_property("rtl steps", steps)


@pytest.mark.skipif(not CLIP.exists(), reason="./run test-slow fetches the clip of ./run demo")
def test_speech_on_full_dies(record_property: Record) -> None:
    parameters, model = Parameters(), find_model("munt-1x192")
    (clip,) = read_speech([CLIP], 1, model)
    x = to_s8(clip.z, ACTIVATION_FRACTION_BITS - INPUT_SHIFT)
    streams = parameters.contexts  # each from a place of its own, going round
    case = Case(
        weights=from_model(model),
        tilings=DieArray(rows=parameters.rows, columns=parameters.columns).tile(model.network),
        knobs=Knobs(),
        inputs=[np.roll(x, len(x) * at // streams, axis=0) for at in range(streams)],
        states=States.zero(streams, model.network),
    )
    steps = compare(build(parameters), with_h_for_logits(case), 0)
    assert steps == streams * len(x)
    record_property("rtl steps", steps)
