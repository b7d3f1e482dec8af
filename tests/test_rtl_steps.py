"""The RTL in simulation beside the model: bits, clamps, cycles, on small dies of many shapes.

Needs Verilator and a C++ compiler; ``./run e2e-board`` installs them, and fails without.
"""

from typing import Final

import numpy as np
import pytest

from tests.rtl.defects import MUTANTS, Mutant
from tests.rtl.marks import simulated
from tests.rtl.simulation import Shape, driven, network
from vau_backends.board.virtual.build import Build, build
from vau_backends.board.virtual.parameters import Parameters
from vau_backends.board.workbench.side_by_side import Reference, compared, inputs
from vau_backends.muntaniala.cycles import LayerCycles
from vau_hardware import RTL

SQUARE: Final = Parameters(rows=2, columns=2, units=4, inputs=8, most_payload=256)
SINGLE: Final = Parameters(rows=1, columns=1, units=3, inputs=5, contexts=2, most_payload=256)
WIDE: Final = Parameters(rows=1, columns=3, units=6, inputs=4, most_payload=256)
TALL: Final = Parameters(rows=3, columns=2, units=2, inputs=7, most_payload=256)

CASES: Final = (
    (SQUARE, Shape(hidden=8, inputs=16)),
    (SQUARE, Shape(hidden=7, inputs=11)),
    (SQUARE, Shape(hidden=5, inputs=1)),
    (SINGLE, Shape(hidden=3, inputs=5)),
    (SINGLE, Shape(hidden=1, inputs=1)),
    (WIDE, Shape(hidden=6, inputs=13)),
    (WIDE, Shape(hidden=4, inputs=7)),
    (TALL, Shape(hidden=6, inputs=9)),
    (TALL, Shape(hidden=5, inputs=2)),
)


@simulated
@pytest.mark.parametrize("most", [3, 40, 127])
@pytest.mark.parametrize(("parameters", "shape"), CASES)
def test_bits_clamps_and_cycles_are_the_models(
    parameters: Parameters, shape: Shape, most: int
) -> None:
    weights = network(shape, seed=most, most=most)
    with driven(build(parameters), weights) as driver:
        found = compared(driver, weights, 100, 5, lambda _: None)
        readings = driver.readings()
        (layer,) = driver.board.layers
        assert found.mismatches == 0
        assert found.steps == 100
        assert (found.saturations > 0) == (most == 127) or most == 40
        # All that ran on the board took the cycles of the formula, known answers included.
        assert readings.core.cycles == readings.core.steps * LayerCycles.of(layer.tiling).total


@simulated
@pytest.mark.parametrize("seed", [1, 2])
def test_what_was_never_written_changes_no_bit(seed: int) -> None:
    weights = network(Shape(hidden=7, inputs=11), seed=9)
    with driven(build(SQUARE, Build(is_proof=True)), weights, seed) as driver:
        assert compared(driver, weights, 60, seed, lambda _: None).mismatches == 0


@simulated
def test_the_board_in_one_piece_is_the_board_in_pieces() -> None:
    weights = network(Shape(hidden=8, inputs=16), seed=4)
    with driven(build(SQUARE, Build(is_whole=True, is_proof=True)), weights) as driver:
        assert compared(driver, weights, 60, 6, lambda _: None).mismatches == 0


@simulated
def test_streams_beyond_the_contexts_of_the_board_keep_their_states_apart() -> None:
    weights = network(Shape(hidden=3, inputs=5), seed=2)
    with driven(build(SINGLE), weights) as driver:
        tilings = tuple(layer.tiling for layer in driver.board.layers)
        streams = [driver.begin() for _ in range(5)]
        references = [Reference(weights, tilings) for _ in streams]
        frames = [inputs(5, seed) for seed in range(5)]
        order = np.random.default_rng(0).integers(0, 5, 80)
        for at in order:
            x = next(frames[at])
            hidden, saturations = driver.run(streams[at], x[np.newaxis])
            right, events = references[at].step(x)
            assert np.array_equal(hidden[0], right)
            assert saturations == events


@pytest.mark.parametrize("mutant", MUTANTS, ids=lambda each: each.name)
def test_the_text_that_a_mutant_changes_stands_there_once(mutant: Mutant) -> None:
    text = (RTL / mutant.file).read_text()
    assert text.count(mutant.old) == 1
    assert mutant.old != mutant.new
