"""Two servers, and a board behind one of them: what a Prometheus scrapes here."""

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, replace
from datetime import timedelta
from itertools import count
from pathlib import Path
from typing import Final

from tests.board_server import BoardServer, served
from tests.certificates import Authority
from tests.guests import Guests
from tests.real_server import RealServer, real_server
from tests.software_board import SoftwareBoard, board_info
from vau.client import Access
from vau_backends.board.link.words import Kind
from vau_backends.board.virtual.parameters import Parameters

ONE_DIE: Final = "muntaniala:1x1"
"""A model of the board, to the bit."""

SLOTS: Final = 8
DESK_LOAD: Final = 3  # streams that the load keeps there
SLOW_MS: Final = 1.0  # there, so that some are slow on any machine
POWER_W: Final = 0.0023
LOST_EACH: Final = 97  # of so many answers of the board the cable loses one


@dataclass(frozen=True, slots=True)
class Site:
    """All of it."""

    front: RealServer
    """Behind a door: TLS and tokens. Muntaniala and the RPU, with a shadow in float."""

    access: Access
    """How one comes in there."""

    guests: Guests
    desk: RealServer
    """A board and a model of it, which is its shadow as well; plaintext, few streams."""

    board: BoardServer
    board_id: str


@contextmanager
def site(folder: Path) -> Iterator[Site]:
    """Start everything, and end it with the block."""
    authority = Authority(folder / "authority")
    pair = authority.issue("vau", ends=timedelta(days=90))
    (folder / "guests").mkdir()
    guests = Guests(folder / "guests")
    with ExitStack() as stack:
        board = stack.enter_context(served(_board()))
        _lose(board)
        url = board.url.partition("+")[0]  # its RTL is known
        desk = stack.enter_context(
            real_server(
                *("--model", "munt-1x96-mfcc", "--max-streams", SLOTS),
                *("--slow-stream-ms", SLOW_MS),
                *("--backend", "board", "--board", url),
                *("--backend", ONE_DIE, "--shadow", ONE_DIE),
                log=folder / "desk.log",
            )
        )
        front = stack.enter_context(
            real_server(
                *("--model", "munt-3x384", "--shadow", "float"),
                *("--backend", "muntaniala", "--backend", "rpu"),
                *("--tls-cert", pair.cert, "--tls-key", pair.key, "--tokens", guests.file),
                *("--max-streams", 4 * SLOTS),
                log=folder / "front.log",
            )
        )
        access = replace(guests.alice, tls_ca=authority.cert)
        yield Site(front, access, guests, desk, board, f"board:{url}")


def _board() -> SoftwareBoard:
    """Make a die of software that says it is hardware, and has a meter of its supply."""
    die = Parameters(rows=1, columns=1)
    sizes = ("rows", "columns", "units", "inputs", "contexts", "most_payload", "window")
    info = board_info(
        **{name: getattr(die, name) for name in sizes},
        arrays=1,
        buffer_bytes=die.buffer_bytes,
        kind=Kind.FPGA,
        rtl_hash=die.rtl_hash(),
    )
    board = SoftwareBoard(info)
    board.power_w = POWER_W
    return board


def _lose(board: BoardServer) -> None:
    said = count(1)

    def edit(reply: bytes) -> bytes:
        return b"" if next(said) % LOST_EACH == 0 else reply

    board.edit = edit
