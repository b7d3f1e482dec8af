"""The verbs of ``vau board``."""

import json
from typing import TYPE_CHECKING, Final

import typer

from vau.commands import flags
from vau.commands.flags import boards as boarding
from vau.errors import ConfigInvalid
from vau.verbs.outcome import DONE, SOME_FAILED, inform

if TYPE_CHECKING:
    from vau.boards import Finding

VIRTUAL_DIES: Final = "2x2"


def _show(finding: "Finding", as_json: bool) -> int:
    """Print what was found out about boards; return the exit status."""
    print(json.dumps(finding.facts) if as_json else "\n".join(finding.lines), flush=True)
    return DONE if finding.is_good else SOME_FAILED


def board_list(*, as_json: flags.Json = False, _config: flags.Config = None) -> int:
    """List the boards in VAU_BOARDS and on USB, by their serial numbers."""
    from vau.boards import boards

    return _show(boards().sightings(), as_json)


def board_serve(
    *,
    array: boarding.Array = VIRTUAL_DIES,
    listen: boarding.Listen = "127.0.0.1:0",
    serial: boarding.Serial = 1,
    _config: flags.Config = None,
) -> None:
    """Simulate the RTL of a board and serve it, until SIGTERM or SIGINT.

    The first time it is built, which takes Verilator, a C++ compiler and some minutes.
    """
    from vau.boards import boards
    from vau.config import is_loopback

    host = listen.rpartition(":")[0]
    if host and not is_loopback(host):
        inform(f"whoever reaches {listen} drives the board: the link has no door")
    boards().serve(array, listen, serial)


def board_check(
    *,
    url: boarding.Url,
    model: boarding.Model = "",
    steps: boarding.Steps = 50,
    seed: boarding.Seed = 0,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> int:
    """Try each promise of vau-link/1, load a network, and compare steps with the reference.

    Every promise has a line: ok, or what was expected and what came. The board is reset.
    """
    from vau.boards import Bench, boards

    bench = Bench(board=url, model=model, count=steps, seed=seed)
    return _show(boards().check(bench, inform), as_json)


def _chosen(context: typer.Context, board: str, array: str) -> str:
    """Return the board that was named, or else a virtual one of so many dies.

    Raises ConfigInvalid for both: a board that is there has the dies that it has.
    """
    if board and flags.is_given(context, "array"):
        raise ConfigInvalid(
            f"array={array} makes a virtual board, and {board} is there: name one of them",
            field="array",
        )
    return board or f"virtual:{array}"


def board_selftest(
    context: typer.Context,
    *,
    array: boarding.Array = VIRTUAL_DIES,
    board: boarding.Board = "",
    model: boarding.Model = "",
    steps: boarding.Steps = 1000,
    seed: boarding.Seed = 0,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> int:
    """Step a board and the reference side by side: bits, cycles and saturations."""
    from vau.boards import Bench, boards

    bench = Bench(board=_chosen(context, board, array), model=model, count=steps, seed=seed)
    return _show(boards().selftest(bench, inform), as_json)


def board_chaos(
    context: typer.Context,
    *,
    array: boarding.Array = VIRTUAL_DIES,
    board: boarding.Board = "",
    model: boarding.Model = "",
    faults: boarding.Faults = 10_000,
    slow: boarding.Slow = 20,
    seed: boarding.Seed = 1,
    as_json: flags.Json = False,
    _config: flags.Config = None,
) -> int:
    """Let everything go wrong between driver and board: never a wrong bit, never a hang."""
    from vau.boards import Bench, boards

    bench = Bench(
        board=_chosen(context, board, array),
        model=model,
        count=faults,
        seed=seed,
        slow_each=slow,
    )
    return _show(boards().chaos(bench, inform), as_json)
