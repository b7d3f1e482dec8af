"""Streams on the contexts of a board, more of them than it has, and none lost that can be kept.

Of each stream the host knows its state some frames ago and the inputs since. So a context can
be given to another stream at any time, and whatever a board forgets (a restart, a void step,
a flipped bit) is put back and stepped through again: the arithmetic is exact, so the bits are
those of a stream to which nothing happened.
"""

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from math import inf
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.errors import BackendError, DeviceCorrupt
from vau_backends.board.device.acceptance import Trusts
from vau_backends.board.device.board import Board
from vau_backends.board.device.deadline import DEFAULT_LIMIT_S
from vau_backends.board.device.keeper import Keeper, Lay
from vau_backends.board.device.link_errors import LinkErrors
from vau_backends.board.device.state import LayerState
from vau_backends.board.device.stream import Stream
from vau_backends.board.device.upsets import OutOfStep, Upset
from vau_backends.board.link.info import Info
from vau_backends.board.link.telemetry import Readings
from vau_backends.board.link.words import STEP_MODULUS, Capability
from vau_backends.board.transport.port import Port

CHECKPOINT_FRAMES: Final = 100
"""How many frames at most have to be stepped through again."""


class Driver:
    """Keeps streams going on one board, and the board going. One thread calls it."""

    def __init__(self, open_port: Callable[[float], Port], lay: Lay, trusts: Trusts) -> None:
        """Open nothing yet; the arguments are those of ``Keeper``."""
        self._keeper = Keeper(open_port, lay, trusts, self._forget_contexts)
        self._streams: set[Stream] = set()
        self._contexts: list[Stream | None] = []
        self._clock = 0
        self._next_check = 0

    @property
    def board(self) -> Board:
        """The board. Raises ValueError before ``start``."""
        return self._keeper.board

    @property
    def is_lost(self) -> bool:
        """Whether the board has to be opened anew before it is of any use."""
        return self._keeper.is_lost

    @property
    def last_error(self) -> str:
        """Why it was lost last; empty if it never was."""
        return self._keeper.last_error

    @property
    def mended(self) -> Counter[str]:
        """What was put right, by its kind; it does not change, but is replaced."""
        return self._keeper.mended

    @property
    def link_errors(self) -> LinkErrors:
        """What went wrong on the link, from the first start on."""
        return self._keeper.link_errors

    def start(self) -> Info:
        """Open the board, load it and prove it. Raises as ``Keeper.start`` does."""
        return self._keeper.start()

    def close(self) -> None:
        """Let go of the board; the streams end. Never fails."""
        self._streams.clear()
        self._keeper.close()

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
        hidden, saturations = list[NDArray[np.int8]](), Counter[int]()
        with self._keeper.deadline.within(limit_s):
            for part, events in self._pieces(stream, x):
                hidden.append(part)
                saturations.update(dict(enumerate(events)))
        layers = len(self.board.layers)
        shape = (0, self.board.layers[-1].tiling.hidden)
        joined = np.concatenate(hidden) if hidden else np.zeros(shape, np.int8)
        return joined, tuple(saturations[layer] for layer in range(layers))

    def _pieces(
        self, stream: Stream, x: NDArray[np.int8]
    ) -> Iterator[tuple[NDArray[np.int8], list[int]]]:
        """Take a stream through frames, as many at a time as fit; mend what goes wrong."""
        done = 0
        upsets: list[Upset] = []
        self._believe(stream)
        self._keeper.revive()
        while done < len(x):
            try:
                piece = x[done : done + self.board.frames_each]
                self._settle(stream)
                answer = self._advance(stream.context or 0, stream.step, piece)
                stream.since.append(piece.copy())
                done += len(piece)
                yield answer
                if stream.frames_since >= CHECKPOINT_FRAMES:
                    self._save(stream)
            except Upset as upset:
                upsets.append(upset)
                self._leave(stream)
                self._keeper.mend(upset, upsets)
            except BackendError as error:
                self._leave(stream)
                if not self._keeper.deadline.has_passed:  # or it is too short, and no fault
                    self._keeper.failed(error)
                raise

    def states(self, stream: Stream) -> list[LayerState]:
        """Return the state of each layer; empty for a stream that has not begun.

        Raises as ``run`` does.
        """
        self._believe(stream)
        self._keeper.guarded(lambda: self._brought_up_to_date(stream))
        return stream.state

    def put(self, stream: Stream, states: Sequence[LayerState]) -> None:
        """Replace the state of a stream; the board hears of it with the next frame."""
        self._leave(stream)
        stream.state = list(states)
        stream.since.clear()
        stream.is_doubtful = False

    def _brought_up_to_date(self, stream: Stream) -> None:
        if stream.since:
            self._settle(stream)
            self._save(stream)

    def _advance(
        self, context: int, step: int, x: NDArray[np.int8]
    ) -> tuple[NDArray[np.int8], list[int]]:
        """Take a context that has had ``step`` steps through every layer."""
        saturations = list[int]()
        for layer, _ in enumerate(self.board.layers):
            x, events = self.board.step(layer, context, step, x)
            saturations.append(events)
        return x, saturations

    def _settle(self, stream: Stream) -> None:
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
            self._advance(context, step, piece)
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
        arrays = range(len(self.board.layers))
        states = [self.board.get_state(array, context) for array in arrays]
        if any(state.step != step % STEP_MODULUS for state in states):
            raise OutOfStep
        return states

    def _leave(self, stream: Stream) -> None:
        if stream.context is not None:
            self._contexts[stream.context] = None
            stream.context = None

    def _forget_contexts(self) -> None:
        """Take it that the board has forgotten them all."""
        for stream in self._streams:
            stream.context = None
        self._contexts = [None] * self._keeper.contexts

    # --- what a person or the service asks --------------------------------------------------

    def readings(self) -> Readings:
        """Read instruments and counters. Raises as ``run`` does."""
        found: list[Readings] = []
        self._keeper.guarded(lambda: found.append(self.board.readings()))
        return found[-1]

    def check_next(self) -> None:
        """Check one memory by its checksum, each time the next; mend it if it is wrong.

        Nobody waits for it: it takes as long as it takes. Raises as ``run`` does, DeviceCorrupt
        if it cannot be mended.
        """
        self._keeper.guarded(self._check_next, inf)

    def check_all(self) -> None:
        """Check every memory; mend what is wrong. Raises as ``check_next`` does."""
        self._keeper.guarded(self._check_all)

    def _check_all(self) -> None:
        if wrong := self._keeper.remade():
            self._keeper.note("memory", f"{wrong} memories were wrong")
            self._doubt()

    def _doubt(self) -> None:
        """Believe no stream any more, if steps do not tell that weights are wrong."""
        if not self.board.info.capabilities & Capability.MEM_PARITY:
            for stream in self._streams:
                stream.is_doubtful = True

    def _believe(self, stream: Stream) -> None:
        if stream.is_doubtful:
            raise DeviceCorrupt(
                f"{self._keeper.name}: weights were wrong during this utterance, and a board "
                "without parity does not tell since when; do not trust its answers",
                answers="doubtful",
            )

    def _check_next(self) -> None:
        memories = self.board.memories
        array, memory = memories[self._next_check % len(memories)]
        self._next_check += 1
        if not self.board.is_right(array, memory):
            what = f"{memory.region.name.lower()} of die {memory.die} was wrong"
            self._keeper.note("memory", what)
            self._forget_contexts()  # steps may have been taken on it since it was last right
            self._doubt()
            self._keeper.remade()
