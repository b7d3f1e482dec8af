"""Streams on the contexts of a board, more of them than it has, and none lost that can be kept.

Of each stream the host knows its state some frames ago and the inputs since. So a context can
be given to another stream at any time, and whatever a board forgets (a restart, a void step,
a flipped bit) is put back and stepped through again: the arithmetic is exact, so the bits are
those of a stream to which nothing happened.
"""

import logging
from collections import Counter
from collections.abc import Callable, Sequence
from time import monotonic
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.errors import (
    BackendError,
    BackendFault,
    DeviceTimeout,
)
from vau_backends.board.device.acceptance import Trusts
from vau_backends.board.device.board import Board, Stage
from vau_backends.board.device.exchange import DEFAULT_LIMIT_S
from vau_backends.board.device.held import when_let_go
from vau_backends.board.device.image import LayerImage
from vau_backends.board.device.state import LayerState
from vau_backends.board.device.stream import Stream
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
from vau_backends.board.link.telemetry import Readings
from vau_backends.board.link.words import STEP_MODULUS
from vau_backends.board.transport.port import Port

logger = logging.getLogger(__name__)

CHECKPOINT_FRAMES: Final = 100
"""How many frames at most have to be stepped through again."""

MOST_UPSETS: Final = 4
"""Of one call. A board that needs more help than that is not to be trusted with a stream."""

OPEN_LIMIT_S: Final = 2.0

Lay = Callable[[Info], tuple[LayerImage, ...]]
"""Lays a network out for a board. Raises ModelTooLarge."""


class Driver:
    """Keeps streams going on one board, and the board going. One thread calls it."""

    def __init__(self, open_port: Callable[[float], Port], lay: Lay, trusts: Trusts) -> None:
        """Open nothing yet.

        open_port: opens the port within so many seconds; called again after the board is lost.
        trusts:    as ``Board`` takes it.
        """
        self._open_port, self._lay, self._trusts = open_port, lay, trusts
        self._board: Board | None = None
        self._known: Info | None = None  # of the board that was started first
        self._layers: tuple[LayerImage, ...] = ()  # as they were laid out on it
        self._streams: set[Stream] = set()
        self._contexts: list[Stream | None] = []
        self._clock = 0
        self._next_check = 0
        self._is_starting = False
        self.last_error = ""
        self.mended: Counter[str] = Counter()
        """What was put right, by its kind; never changed, but replaced: others read it."""

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
        self._contexts = [None] * info.contexts
        for stream in self._streams:
            stream.context = None
        return info

    def _started(self) -> Info:
        try:
            self._board = Board(self._open_port(OPEN_LIMIT_S), self._trusts, self._known)
            info = self._board.open()
            self._layers = self._layers or self._lay(info)
            self._board.configure(self._layers)
            self._board.load()
        except Upset as upset:
            raise self._given_up(upset) from upset
        except BaseException as error:
            self.last_error = str(error)
            self._fail()
            raise
        self._known = info
        return info

    def close(self) -> None:
        """Let go of the board; the streams end. Never fails."""
        self._streams.clear()
        if self._board is not None:
            self._board.close()

    # --- streams ----------------------------------------------------------------------------

    def begin(self) -> Stream:
        """Begin a stream in the zero state; the board hears of it with its first frame."""
        stream = Stream([])
        self._streams.add(stream)
        return stream

    def end(self, stream: Stream) -> None:
        """Forget a stream."""
        self._streams.discard(stream)
        self._leave(stream)

    def run(
        self, stream: Stream, x: NDArray[np.int8], limit_s: float = DEFAULT_LIMIT_S
    ) -> tuple[NDArray[np.int8], tuple[int, ...]]:
        """Take a stream through frames; return h of the last layer, and saturations by layer.

        x: shape (frames, inputs).
        Raises DeviceLost, DeviceTimeout, DeviceCorrupt or another BackendError. The stream is
               then where it was before the frames that have no answer.
        """
        hidden, saturations, done = list[NDArray[np.int8]](), Counter[int](), 0
        end_s = monotonic() + limit_s
        upsets: list[Upset] = []
        self._revive()
        while done < len(x):
            try:
                piece = x[done : done + self.board.frames_each]
                self._settle(stream, end_s)
                part, events = self._advance(stream.context or 0, stream.step, piece, end_s)
                stream.since.append(piece.copy())
                hidden.append(part)
                saturations.update(dict(enumerate(events)))
                done += len(piece)
                if stream.frames_since >= CHECKPOINT_FRAMES:
                    self._save(stream)
            except Upset as upset:
                upsets.append(upset)
                self._leave(stream)
                self._mend(upset, upsets)
            except BackendError as error:
                self._leave(stream)
                if monotonic() < end_s:  # or it is the caller's deadline, and no fault of it
                    self._failed(error)
                raise
        layers = len(self.board.layers)
        shape = (0, self.board.layers[-1].tiling.hidden)
        joined = np.concatenate(hidden) if hidden else np.zeros(shape, np.int8)
        return joined, tuple(saturations[layer] for layer in range(layers))

    def states(self, stream: Stream) -> list[LayerState]:
        """Return the state of each layer; empty for a stream that has not begun.

        Raises as ``run`` does.
        """
        self._guarded(lambda: self._brought_up_to_date(stream))
        return stream.state

    def put(self, stream: Stream, states: Sequence[LayerState]) -> None:
        """Replace the state of a stream; the board hears of it with the next frame."""
        self._leave(stream)
        stream.state = list(states)
        stream.since.clear()

    def _brought_up_to_date(self, stream: Stream) -> None:
        if stream.since:
            self._settle(stream, monotonic() + DEFAULT_LIMIT_S)
            self._save(stream)

    def _advance(
        self, context: int, step: int, x: NDArray[np.int8], end_s: float
    ) -> tuple[NDArray[np.int8], list[int]]:
        """Take a context that has had ``step`` steps through every layer."""
        saturations = list[int]()
        for layer, _ in enumerate(self.board.layers):
            limit_s = end_s - monotonic()
            if limit_s <= 0:
                raise DeviceTimeout(
                    f"{self._name}: the deadline passed before all frames were stepped through",
                    stage="step",
                )
            x, events = self.board.step(layer, context, step, x, limit_s)
            saturations.append(events)
        return x, saturations

    def _settle(self, stream: Stream, end_s: float) -> None:
        """Give the stream a context and its state, if it has lost them."""
        self._clock += 1
        stream.used = self._clock
        if stream.context is not None:
            return
        context = self._free_context()
        for array, _ in enumerate(self.board.layers):
            if stream.state:
                self.board.set_state(array, context, stream.state[array])
            else:
                self.board.reset_state(array, context)
        step = stream.state[0].step if stream.state else 0
        for piece in stream.since:
            self._advance(context, step, piece, end_s)
            step += len(piece)
        self._contexts[context], stream.context = stream, context  # not if half of it is there

    def _free_context(self) -> int:
        if None not in self._contexts:
            oldest = min(
                (each for each in self._contexts if each is not None),
                key=lambda each: each.used,
            )
            self._save(oldest)
            self._leave(oldest)
        return self._contexts.index(None)

    def _save(self, stream: Stream) -> None:
        """Fetch the state of a stream that has a context; it leaves one that is out of step."""
        context = stream.context
        if context is None or not stream.since:
            return
        try:
            stream.state = self._states_in(context, stream.step)
        except OutOfStep:
            self._leave(stream)
            raise
        stream.since = []

    def _states_in(self, context: int, step: int) -> list[LayerState]:
        """Fetch what a context holds of each layer. Raises OutOfStep unless it had ``step``."""
        states = [self.board.get_state(array, context) for array, _ in enumerate(self._layers)]
        if any(state.step != step % STEP_MODULUS for state in states):
            raise OutOfStep
        return states

    def _leave(self, stream: Stream) -> None:
        if stream.context is not None:
            self._contexts[stream.context] = None
            stream.context = None

    # --- what a person or the service asks --------------------------------------------------

    def readings(self) -> Readings:
        """Read instruments and counters. Raises as ``run`` does."""
        found: list[Readings] = []
        self._guarded(lambda: found.append(self.board.readings()))
        return found[-1]

    def check_next(self) -> None:
        """Check one memory by its checksum, each time the next; mend it if it is wrong.

        Raises as ``run`` does, DeviceCorrupt if it cannot be mended.
        """
        self._guarded(self._check_next)

    def check_all(self) -> None:
        """Check every memory; mend what is wrong. Raises as ``check_next`` does."""
        self._guarded(self._remade)

    def _check_next(self) -> None:
        memories = [
            (array, memory)
            for array, layer in enumerate(self.board.layers)
            for memory in layer.memories
        ]
        array, memory = memories[self._next_check % len(memories)]
        self._next_check += 1
        if not self.board.is_right(array, memory):
            self._note("memory", f"{memory.region.name.lower()} of die {memory.die} was wrong")
            self._forget_contexts()  # steps may have been taken on it since it was last right
            self._remade()

    # --- mending ----------------------------------------------------------------------------

    def _guarded(self, call: Callable[[], None]) -> None:
        """Call, and call again after what went wrong was put right."""
        upsets: list[Upset] = []
        self._revive()
        while True:
            try:
                call()
            except Upset as upset:
                upsets.append(upset)
                self._mend(upset, upsets)
            except BackendError as error:
                self._failed(error)
                raise
            else:
                return

    def _revive(self) -> None:
        """Open a board anew that was lost. Raises as ``start`` does."""
        if self.is_lost:
            self.start()
            self._note("reopened", "the board was opened anew")

    def _mend(self, upset: Upset, so_far: Sequence[Upset]) -> None:
        """Put right what can be. Raises a BackendFault if it is hopeless."""
        if len(so_far) > MOST_UPSETS or sum(isinstance(each, DieFault) for each in so_far) > 1:
            raise self._given_up(upset, so_far[-2].remedy) from upset
        self._note(type(upset).__name__, str(upset))
        try:
            match upset:
                case OutOfStep():
                    pass  # its stream has left the context, and is put back from the host
                case MemoryUpset():
                    self._forget_contexts()
                    self._remade()
                case DieFault() | Silent():
                    self.board.exchange.reset()
                    self._reopened()
                case Rebooted():
                    self._reopened()
        except Upset as another:
            if isinstance(upset, Silent) or isinstance(another, Silent):
                raise self._given_up(another, upset.remedy) from another
            self._mend(another, [*so_far, another])
        except BackendError as error:
            self._failed(error)
            raise

    def _reopened(self) -> None:
        """Own the board again, and see that it holds what it should."""
        self._forget_contexts()
        info = self.board.open()
        self._contexts = [None] * info.contexts
        self.board.configure(self._layers)
        self._remade()

    def _remade(self) -> None:
        """Write anew what is wrong, and prove all of it if anything was."""
        mended = self.board.mend()
        if mended:
            self._forget_contexts()
            self.board.prove()
        else:
            self.board.stage = Stage.LOADED

    def _forget_contexts(self) -> None:
        for stream in self._streams:
            stream.context = None
        self._contexts = [None] * len(self._contexts)

    def _given_up(self, upset: Upset, tried: str = "") -> BackendFault:
        self._fail()
        self._forget_contexts()
        error = verdict(self._name, upset, tried)
        self.last_error = str(error)
        return error

    def _failed(self, error: BackendError) -> None:
        """Let go of a board that failed for good; the next call opens it anew."""
        self.last_error = str(error)
        self._forget_contexts()
        self._fail()

    def _fail(self) -> None:
        if self._board is not None:
            self._board.stage = Stage.FAULT
            self._board.exchange.port.close()

    def _note(self, kind: str, what: str) -> None:
        self.mended = self.mended + Counter([kind])
        logger.warning("board %s: %s", self._name, what)

    @property
    def _name(self) -> str:
        return self._board.exchange.port.name if self._board is not None else "board"
