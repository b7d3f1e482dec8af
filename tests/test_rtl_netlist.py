"""What synthesis leaves of the RTL does what the RTL does: gates beside the model.

Needs yosys, Verilator and a C++ compiler; ``./run e2e-board`` installs them. The netlist of a
whole board takes minutes more: ``./run e2e-board -m slow``.
"""

from functools import partial
from pathlib import Path
from typing import Final

import pytest

from tests.commands import PATIENCE_S
from tests.rtl.marks import simulated
from tests.rtl.netlist import netlist
from tests.rtl.serial_line import SerialBoard
from tests.rtl.simulation import Shape, driven, network
from vau_backends.board.device.exchange import Exchange
from vau_backends.board.link.frame import Frame
from vau_backends.board.virtual.build import SERIAL_CLOCK_HZ, Build, build
from vau_backends.board.virtual.parameters import Parameters
from vau_backends.board.workbench.side_by_side import compared
from vau_backends.muntaniala.cycles import LayerCycles

PAIR: Final = Parameters(
    rows=1, columns=2, units=3, inputs=5, contexts=2, most_payload=256, buffer_bytes=1024
)
SINGLE: Final = Parameters(
    rows=1, columns=1, units=2, inputs=4, contexts=2, most_payload=256, buffer_bytes=256
)
BAUD: Final = 250_000


@simulated
def test_the_netlist_of_a_die_has_the_bits_clamps_and_cycles_of_the_model(
    tmp_path: Path,
) -> None:
    library = build(PAIR, Build(netlist=netlist("die", PAIR.of_die, tmp_path)))
    for seed, most, shape in (
        (1, 127, Shape(hidden=3, inputs=10)),
        (2, 40, Shape(hidden=3, inputs=7)),
        (3, 127, Shape(hidden=2, inputs=3)),
    ):
        weights = network(shape, seed, most)
        with driven(library, weights) as driver:
            found = compared(driver, weights, 100, seed, lambda _: None)
            core = driver.readings().core
            (layer,) = driver.board.layers
            assert (found.steps, found.mismatches) == (100, 0)
            assert core.cycles == core.steps * LayerCycles.of(layer.tiling).total


@simulated
@pytest.mark.slow
def test_the_netlist_of_a_whole_board_answers_through_its_pins(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    ask = Exchange._ask  # noqa: SLF001 - gates in simulation take longer to say who is there

    def patiently(board: Exchange, request: Frame, _limit_s: float, tries: int) -> Frame:
        return ask(board, request, PATIENCE_S, tries)

    monkeypatch.setattr(Exchange, "_ask", patiently)
    line = {"CLOCK_HZ": SERIAL_CLOCK_HZ, "BAUD": BAUD}
    values = {**SINGLE.of_host, **line, "RTL_HASH": f"128'h{SINGLE.rtl_hash().hex()}"}
    made = netlist("board_uart", values, tmp_path)
    library = build(SINGLE, Build(netlist=made, baud=BAUD))
    weights = network(Shape(hidden=2, inputs=4), seed=1)
    with driven(library, weights, opened=partial(SerialBoard, baud=BAUD)) as driver:
        assert compared(driver, weights, 10, 5, lambda _: None).mismatches == 0
