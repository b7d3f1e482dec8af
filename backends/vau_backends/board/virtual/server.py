"""The process behind a virtual board: a port on one side, clock edges on the other.

    python -m vau_backends.board.virtual --array 2x2 --tcp 127.0.0.1:0

It prints one line of JSON (url, serial, rtl_hash) once it can be reached, and exits at SIGTERM
or SIGINT, when its parent is gone, or when nothing was heard for --max-idle seconds. It sleeps
while the board has nothing to do; what a client does not read stops the board.
"""

import argparse
import json
import os
import re
import select
import signal
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Final, NoReturn

from vau.errors import BackendFault, ConfigInvalid
from vau.signals import ENDING
from vau_backends.board.link.frame import Frame
from vau_backends.board.link.payloads import OWNER, Config
from vau_backends.board.link.words import Operation, address
from vau_backends.board.transport.places import MOST_PORT, place_of
from vau_backends.board.virtual.build import PLAIN, Build, build
from vau_backends.board.virtual.library import SimulatedBoard
from vau_backends.board.virtual.parameters import Parameters
from vau_backends.board.virtual.ports import Port, PtyPort, TcpPort

LOOK_S: Final = 0.25
"""How often it looks for its parent and the time, at the longest."""

SLICE_CYCLES: Final = 20_000
"""Clock edges between two looks at the port: about 20 ms of a board of four full dies."""

RATE_STEPS: Final = 5
USAGE: Final = 2
UNUSABLE: Final = 3
SIGNALLED: Final = 128
_FULL: Final = Parameters()


@dataclass(frozen=True, slots=True, kw_only=True)
class Served:
    """A board that somebody serves."""

    parameters: Parameters
    tcp: tuple[str, int] | None = ("127.0.0.1", 0)
    """Host and port; 0 takes a free one. None: a pseudo terminal instead."""

    serial: int = 1
    max_idle_s: float | None = None
    parent: int | None = None
    """The process without which it ends."""

    how: Build = PLAIN
    faults: tuple[tuple[int, int, int, int], ...] = ()
    """What is broken from the first step on: die, kind, where, bit, see rtl/die.sv."""


def serve(wanted: Served, announce: Callable[[dict[str, str | int]], None]) -> None:
    """Build the board if need be, serve it, and return when it is to end.

    announce: called once, with url, serial and rtl_hash, when clients may come.
    Raises BackendFault if it cannot be built, ConfigInvalid if its port cannot be had.
    """
    with _ended_at_once():
        library = build(wanted.parameters, wanted.how)
    with ExitStack() as until_the_end:
        stop = until_the_end.enter_context(_Stop())
        port = _open(wanted)
        until_the_end.callback(port.close)
        board = until_the_end.enter_context(
            SimulatedBoard(library, serial=wanted.serial, rate_hz=_rate_hz(wanted, library))
        )
        for fault in wanted.faults:
            board.inject(*fault)
        announce(
            {
                "url": port.url,
                "serial": f"{wanted.serial:016x}",
                "rtl_hash": wanted.parameters.rtl_hash().hex(),
            }
        )
        _loop(wanted, board, port, stop)


def _open(wanted: Served) -> Port:
    if wanted.tcp is None:
        return PtyPort()
    try:
        return TcpPort(*wanted.tcp)
    except OSError as cause:
        raise ConfigInvalid(
            f"{wanted.tcp[0]}:{wanted.tcp[1]} cannot be listened on: {cause.strerror}",
            field="tcp",
        ) from cause


def _rate_hz(wanted: Served, library: Path) -> int:
    """Measure how many cycles a second it does, on a board of its own that runs empty steps."""
    board_of = wanted.parameters
    inputs = min(board_of.inputs, board_of.most_payload)
    hidden = min(board_of.rows * board_of.units, board_of.most_payload - 8)
    config = Config(
        rows=board_of.rows,
        columns=board_of.columns,
        hidden=hidden,
        inputs=inputs,
        units_per_die=-(-hidden // board_of.rows),
        h_per_die=-(-hidden // board_of.columns),
        x_per_die=-(-inputs // board_of.columns),
    )
    requests = [
        Frame(op=Operation.OPEN, payload=OWNER.pack(1, 1)),
        Frame(op=Operation.CONFIG, session=1, seq=1, payload=config.encode()),
    ]
    for n in range(RATE_STEPS):  # its memory is zeros, whose parity is wrong: these are void
        reset = Frame(op=Operation.STATE_RESET, session=1, seq=2 * n + 2, address=address(0, 0))
        step = Frame(
            op=Operation.STEP,
            session=1,
            seq=2 * n + 3,
            address=address(0, 0),
            payload=bytes(inputs),
        )
        requests += [reset, step]
    with SimulatedBoard(library) as board:
        begin = time.process_time()
        for request in requests:
            board.put(request.encode())
            while not board.is_idle:
                board.run(SLICE_CYCLES)
                board.get()
        return max(1, int(board.cycles / max(time.process_time() - begin, 1e-6)))


@contextmanager
def _ended_at_once() -> Iterator[None]:
    """Let a signal end it as an error would: what was begun is cleared away."""

    def end(number: int, _: object) -> NoReturn:
        raise SystemExit(SIGNALLED + number)

    for number in ENDING:
        signal.signal(number, end)
    try:
        yield
    finally:
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)


class _Stop:
    """Signals that end it, as a descriptor that becomes readable."""

    def __init__(self) -> None:
        self.reader, self._writer = os.pipe()
        os.set_blocking(self._writer, False)

    def __enter__(self) -> "_Stop":
        signal.set_wakeup_fd(self._writer, warn_on_full_buffer=False)
        for number in ENDING:
            signal.signal(number, lambda *_: None)
        return self

    def __exit__(self, *_: object) -> None:
        signal.set_wakeup_fd(-1)
        for number in ENDING:
            signal.signal(number, signal.SIG_DFL)
        os.close(self.reader)
        os.close(self._writer)


def _loop(wanted: Served, board: SimulatedBoard, port: Port, stop: _Stop) -> None:
    last_heard = time.monotonic()
    unsent = b""
    while True:
        # What was not taken yet keeps the board standing: bytes wait, none is lost.
        runs = not unsent and not board.is_idle
        client = port.writes_to()
        writers = [client] if unsent and client is not None else []
        readers = [stop.reader, *([] if unsent else port.readers())]
        ready, _, _ = select.select(readers, writers, [], 0.0 if runs else LOOK_S)
        if stop.reader in ready or _is_orphan(wanted.parent):
            return
        data = port.look(ready)
        if data:
            last_heard = time.monotonic()
            board.put(data)
        if not unsent:
            board.run(SLICE_CYCLES)
            unsent = board.get()
        unsent = unsent[port.write(unsent) :] if unsent else unsent
        if wanted.max_idle_s is not None and time.monotonic() - last_heard > wanted.max_idle_s:
            return


def _is_orphan(parent: int | None) -> bool:
    return parent is not None and os.getppid() != parent


def _say(what: dict[str, str | int]) -> None:
    sys.stdout.write(json.dumps(what) + "\n")
    sys.stdout.flush()


def arguments(words: Sequence[str]) -> Served:
    """Return what a command line wants. Raises ConfigInvalid for what cannot be built."""
    parser = argparse.ArgumentParser(prog="python -m vau_backends.board.virtual")
    parser.add_argument("--array", default="2x2", help="dies, rows x columns")
    parser.add_argument("--units", type=int, default=_FULL.units)
    parser.add_argument("--inputs", type=int, default=_FULL.inputs)
    parser.add_argument("--contexts", type=int, default=_FULL.contexts)
    parser.add_argument("--max-payload", type=int, default=_FULL.most_payload)
    parser.add_argument(
        "--tcp",
        type=_endpoint,
        default="127.0.0.1:0",
        help="host:port; port 0 takes a free one",
    )
    parser.add_argument("--pty", action="store_true", help="a pseudo terminal instead of TCP")
    parser.add_argument("--serial", type=_serial, default=1)
    parser.add_argument(
        "--max-idle", type=float, help="seconds without a byte after which it ends"
    )
    parser.add_argument("--parent", type=int, help="end when this is not the parent any more")
    parser.add_argument(
        "--fault",
        type=_fault,
        action="append",
        default=[],
        help="die,kind,where,bit: see rtl/die.sv",
    )
    found = parser.parse_args(words)
    grid = Parameters.of_grid(found.array)
    return Served(
        parameters=Parameters(
            rows=grid.rows,
            columns=grid.columns,
            units=found.units,
            inputs=found.inputs,
            contexts=found.contexts,
            most_payload=found.max_payload,
        ),
        tcp=None if found.pty else found.tcp,
        serial=found.serial,
        max_idle_s=found.max_idle,
        parent=found.parent,
        how=Build(has_faults=bool(found.fault)),
        faults=tuple(found.fault),
    )


def _endpoint(text: str) -> tuple[str, int]:
    place = place_of(text)
    if place is None:
        raise argparse.ArgumentTypeError(
            f"{text!r} is no host:port, with a port of at most {MOST_PORT}"
        )
    return place


def _serial(text: str) -> int:
    if not re.fullmatch(r"[0-9a-fA-F]{1,16}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not 1 to 16 hexadecimal digits")
    return int(text, 16)


def _fault(text: str) -> tuple[int, int, int, int]:
    if not re.fullmatch(r"[0-9]{1,5}(,[0-9]{1,5}){3}", text):
        raise argparse.ArgumentTypeError(f"{text!r} is not die,kind,where,bit, four numbers")
    die, kind, where, bit = map(int, text.split(","))
    return die, kind, where, bit


def main(words: Sequence[str] | None = None) -> int:
    """Serve what the command line says. Returns USAGE or UNUSABLE if that cannot be."""
    try:
        serve(arguments(sys.argv[1:] if words is None else words), _say)
    except (BackendFault, ConfigInvalid) as error:
        sys.stderr.write(f"vau: error: {error}\n")
        return USAGE if isinstance(error, ConfigInvalid) else UNUSABLE
    return 0
