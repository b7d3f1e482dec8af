"""One board, kept going: opened, loaded and proven, and mended where that can be done.

It knows nothing of streams, but says when the board has forgotten their contexts.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from typing import Final

from vau.errors import BackendError, BackendFault
from vau_backends.board.device.acceptance import Trusts
from vau_backends.board.device.board import Board, Stage
from vau_backends.board.device.deadline import DEFAULT_LIMIT_S, Deadline
from vau_backends.board.device.exchange import Exchange
from vau_backends.board.device.held import when_let_go
from vau_backends.board.device.image import LayerImage, Memory
from vau_backends.board.device.link_errors import LinkErrors
from vau_backends.board.device.upsets import (
    DieFault,
    MemoryUpset,
    OutOfStep,
    Rebooted,
    Silent,
    Upset,
    verdict,
)
from vau_backends.board.link.info import Info
from vau_backends.board.transport.port import Port

logger = logging.getLogger(__name__)

MOST_UPSETS: Final = 4
"""Of one call. A board that needs more help than that is not to be trusted with a stream."""

OPEN_LIMIT_S: Final = 2.0
LOAD_SLACK: Final = 2.0  # for what is sent again while weights are written

Lay = Callable[[Info], tuple[LayerImage, ...]]
"""Lays a network out for a board. Raises ModelTooLarge."""


class Keeper:
    """Owns one board, and opens it anew once it was lost. One thread calls it."""

    def __init__(
        self,
        open_port: Callable[[float], Port],
        lay: Lay,
        trusts: Trusts,
        forget_contexts: Callable[[], None],
    ) -> None:
        """Open nothing yet.

        open_port:       opens the port within so many seconds; called again after the board is
                         lost.
        trusts:          as ``Board`` takes it.
        forget_contexts: is called when nothing that was in a context is there any more.
        """
        self._open_port, self._lay, self._trusts = open_port, lay, trusts
        self._forget_contexts = forget_contexts
        self.deadline = Deadline()
        """Of the call at hand, for all that is done to answer it."""

        self._board: Board | None = None
        self._known: Info | None = None  # of the board that was started first
        self._layers: tuple[LayerImage, ...] = ()  # as they were laid out on it
        self._is_starting = False
        self.contexts = 0
        """How many it has; 0 before it was opened."""

        self.last_error = ""
        self.link_errors = LinkErrors()
        """Of the link, from the first start on."""

        self.mended: Counter[str] = Counter()
        """What was put right, by its kind; never changed, but replaced: others read it."""

    @property
    def name(self) -> str:
        """As errors call the board."""
        return self._board.exchange.port.name if self._board is not None else "board"

    @property
    def board(self) -> Board:
        """The board. Raises ValueError before ``start``."""
        if self._board is None:
            raise ValueError("no board was opened yet")
        return self._board

    @property
    def is_lost(self) -> bool:
        """Whether the board has to be opened anew before it is of any use."""
        return self._is_starting or self._board is None or self._board.stage is Stage.FAULT

    def start(self) -> Info:
        """Open the board, load it and prove it.

        Raises BackendError or ModelError; the port is closed then. A second time DeviceLost,
        too, if it is another board than the first time.
        """
        self._is_starting = True
        try:
            return self._start()
        finally:
            self._is_starting = False

    def _start(self) -> Info:
        if self._board is not None:
            self._board.close()
        info = when_let_go(self._started)
        self.contexts = info.contexts
        self._forget_contexts()
        return info

    def _started(self) -> Info:
        try:
            limit_s = self.deadline.left_s(OPEN_LIMIT_S, self.name, "open")
            port = self._open_port(limit_s)
            exchange = Exchange(port, self.deadline, self.link_errors)
            self._board = Board(exchange, self._trusts, self._known)
            info = self._board.open()
            self._layers = self._layers or self._lay(info)
            self._board.configure(self._layers)
            self._give_time_for(self._board.memories)
            self._board.load()
        except Upset as upset:
            raise self._given_up(upset) from upset
        except BaseException as error:  # Ctrl-C, too
            self.failed(error)
            raise
        self._known = info
        return info

    def close(self) -> None:
        """Let go of the board. Never fails."""
        if self._board is not None:
            self._board.close()

    # --- mending ----------------------------------------------------------------------------

    def guarded(self, call: Callable[[], None], limit_s: float = DEFAULT_LIMIT_S) -> None:
        """Call, and call again after what went wrong was put right, all within the limit."""
        upsets: list[Upset] = []
        with self.deadline.within(limit_s):
            self.revive()
            while True:
                try:
                    call()
                except Upset as upset:
                    upsets.append(upset)
                    self.mend(upset, upsets)
                except BackendError as error:
                    self.failed(error)
                    raise
                else:
                    return

    def revive(self) -> None:
        """Open a board anew that was lost. Raises as ``start`` does."""
        if self.is_lost:
            self.start()
            self.note("reopened", "the board was opened anew")

    def mend(self, upset: Upset, so_far: Sequence[Upset]) -> None:
        """Put right what can be. Raises a BackendFault if it is hopeless."""
        if len(so_far) > MOST_UPSETS or sum(isinstance(each, DieFault) for each in so_far) > 1:
            raise self._given_up(upset, so_far[-2].remedy) from upset
        self.note(upset.kind, str(upset))
        try:
            match upset:
                case OutOfStep():
                    pass  # its stream has left the context, and is put back from the host
                case MemoryUpset():
                    self._forget_contexts()
                    self.remade()
                case DieFault() | Silent():
                    self.board.exchange.reset()
                    self._reopened()
                case Rebooted():
                    self._reopened()
        except Upset as another:
            if isinstance(upset, Silent) or isinstance(another, Silent):
                raise self._given_up(another, upset.remedy) from another
            self.mend(another, [*so_far, another])
        except BackendError as error:
            self.failed(error)
            raise

    def _reopened(self) -> None:
        """Own the board again, and see that it holds what it should."""
        self.contexts = self.board.open().contexts
        self._forget_contexts()
        self.board.configure(self._layers)
        self.remade()

    def remade(self) -> int:
        """Write anew what is wrong, and prove all of it if anything was; return how many."""
        wrong = self.board.wrong_memories()
        if wrong:
            self._give_time_for(wrong)
            self.board.write(wrong)
            self._forget_contexts()
            self.board.prove()
        else:
            self.board.stage = Stage.LOADED
        return len(wrong)

    def _give_time_for(self, memories: Sequence[tuple[int, Memory]]) -> None:
        """Let what is under way end later by as long as it takes to write these."""
        self.deadline.extend(LOAD_SLACK * self.board.line_s(memories))

    def _given_up(self, upset: Upset, tried: str = "") -> BackendFault:
        error = verdict(self.name, upset, tried)
        self.failed(error)
        return error

    def failed(self, error: BaseException) -> None:
        """Let go of a board that failed for good; the next call opens it anew."""
        self.last_error = str(error)
        self._forget_contexts()
        if self._board is not None:
            self._board.stage = Stage.FAULT
            self._board.exchange.port.close()

    def note(self, kind: str, what: str) -> None:
        """Count and log what was put right."""
        self.mended = self.mended + Counter([kind])
        logger.warning("board %s: %s", self.name, what)
