"""Every pin of every die in every cycle, beside a model of what they should show.

Needs Verilator and a C++ compiler; ``./run e2e-board`` installs them, and fails without.
"""

from collections.abc import Iterable
from dataclasses import replace
from pathlib import Path
from typing import Final

import numpy as np
import pytest

from tests.rtl.array_model import ArrayModel, Seen
from tests.rtl.marks import rtl_under_test, simulated
from tests.rtl.pins import Layout, first_divergence
from tests.rtl.simulation import Shape, driver_on
from tests.rtl.vectors import Vector, all_entries, vectors
from vau_backends.board.link.telemetry import CoreCounters
from vau_backends.board.virtual.build import Build, build
from vau_backends.board.virtual.library import SimulatedBoard
from vau_backends.board.virtual.parameters import Parameters

PROOF: Final = Build(is_proof=True, rtl=rtl_under_test)
FRAMES: Final = 8
"""Of each stream of chance."""


def grid(rows: int, columns: int, units: int, inputs: int) -> Parameters:
    return Parameters(
        rows=rows, columns=columns, units=units, inputs=inputs, contexts=2, most_payload=256
    )


SMALL: Final = (
    (grid(1, 1, 3, 5), Shape(hidden=3, inputs=5)),
    (grid(2, 1, 2, 6), Shape(hidden=3, inputs=5)),
    (grid(2, 2, 4, 6), Shape(hidden=7, inputs=11)),
)
MORE: Final = (
    (grid(1, 1, 2, 3), Shape(hidden=1, inputs=3)),
    (grid(1, 2, 3, 4), Shape(hidden=3, inputs=7)),
    (grid(1, 3, 6, 4), Shape(hidden=5, inputs=10)),
    (grid(1, 1, 8, 12), Shape(hidden=8, inputs=12)),
    (grid(2, 2, 8, 12), Shape(hidden=16, inputs=24)),
    (grid(2, 2, 8, 12), Shape(hidden=9, inputs=1)),
    (grid(2, 2, 2, 2), Shape(hidden=4, inputs=3)),
    (grid(3, 3, 2, 3), Shape(hidden=6, inputs=8)),
    (grid(3, 2, 4, 7), Shape(hidden=11, inputs=9)),
    (grid(2, 3, 5, 4), Shape(hidden=9, inputs=11)),
)


def diverging(library: Path, layout: Layout, of: Vector, seed: int) -> tuple[str, Seen, int]:
    """Run a vector on a board that is traced since power-up; return where its pins first differ
    from the model's, what the model went through, and how many steps that were. What the board
    counted has to be the model's, too."""
    with SimulatedBoard(library, serial=1, seed=seed) as board:
        board.trace(on=True)
        with driver_on(board, of.weights) as driver:
            streams = [driver.begin() for _ in of.streams]
            for stream, frame in of.turns():
                driver.run(streams[stream], frame[np.newaxis])
            told = driver.readings().core
        traced = layout.records(board.traced)
    model = ArrayModel(layout)
    foretold = model.foretell(traced)
    found = first_divergence(layout, traced, foretold)
    assert found or told == CoreCounters(
        steps=len(foretold.steps),
        cycles=sum(end - begin for begin, end in foretold.steps),
        mac_saturations=model.events["mac"],
        row_saturations=model.events["chain"],
        cell_saturations=model.events["cell"],
        uptime_cycles=told.uptime_cycles,
    )
    return found, model.seen, len(foretold.steps)


def check(parameters: Parameters, of: Iterable[Vector], how: Build = PROOF) -> Seen:
    """Run vectors; fail with the first cycle and pin that differ. Return what they touched."""
    library, seen = build(parameters, how), Seen()
    for seed, each in enumerate(of, 1):
        layout = Layout(parameters, is_proof=how.is_proof and not how.is_whole)
        found, touched, steps = diverging(library, layout, each, seed)
        assert not found, f"{each.name}: {found}"
        assert steps >= sum(map(len, each.streams))  # and those of the known answers
        seen.clamps += touched.clamps
        seen.tanh |= touched.tanh
        seen.sigmoid |= touched.sigmoid
    return seen


@simulated
@pytest.mark.parametrize(
    ("parameters", "shape"),
    [*SMALL, *(pytest.param(*each, marks=pytest.mark.slow) for each in MORE)],
)
def test_every_pin_is_in_every_cycle_as_the_model_says(
    parameters: Parameters, shape: Shape
) -> None:
    seen = check(parameters, vectors(shape, FRAMES))
    assert {"mac up", "mac down", "cell up", "cell down"} <= seen.clamps.keys()
    if parameters.columns > 1:
        assert {"chain up", "chain down"} <= seen.clamps.keys()


@simulated
def test_dies_in_one_netlist_show_at_their_pins_what_dies_that_are_wired_outside_do() -> None:
    parameters, shape = SMALL[-1]
    seen = check(parameters, vectors(shape, FRAMES), replace(PROOF, is_whole=True))
    assert {"chain up", "chain down"} <= seen.clamps.keys()


@simulated
def test_the_pins_show_every_entry_of_both_tables() -> None:
    seen = check(grid(1, 1, 3, 5), [all_entries(hidden=2)])
    assert seen.tanh == seen.sigmoid == set(range(-128, 128))
    assert seen.clamps["tanh index up"]
    assert seen.clamps["tanh index down"]
