"""Stands between a driver and its board, on TCP, and lets go wrong what it is told to.

It works on bytes alone, so whatever port a board has will do. A thread of its own moves them;
faults are told to it in advance and strike the next frame that passes in their direction.
"""

import heapq
import select
import socket
from collections import Counter, deque
from collections.abc import Callable, Mapping
from functools import partial
from itertools import count
from random import Random
from threading import Lock, Thread
from time import monotonic
from typing import Final

from vau.errors import BackendError
from vau_backends.board.faults import mangle
from vau_backends.board.faults.kinds import Fast, Fault, Kind, Slow, Way
from vau_backends.board.link.frame import DELIMITER, Frame
from vau_backends.board.link.junk import Junk
from vau_backends.board.link.payloads import OWNER
from vau_backends.board.link.words import REPLY, Operation
from vau_backends.board.transport.port import Port

LATE_S: Final = 0.3
OPEN_S: Final = 2.0
SEND_S: Final = 2.0
BUSY_TIMES, BUSY_MS, LONG_MS = 3, 2, 400
INTRUDER: Final = 0xFFFF
"""Number of what the proxy itself asks the board; the answer to it stays here."""

_STEPS: Final = (Operation.STEP, Operation.STEP_N)


class Proxy:
    """One of them, with its thread."""

    def __init__(self, open_board: Callable[[float], Port], seed: int) -> None:
        """Listen; the board is opened when a driver connects."""
        self._open_board = open_board
        self._rng = Random(seed)  # noqa: S311 - of faults that can be had again
        self._lock = Lock()
        self._armed: dict[Way, deque[Fault]] = {way: deque() for way in Way}
        self._lasting: set[Slow] = set()
        self._silent: Way | None = None
        self._busy_left = 0
        self.struck: Counter[Kind] = Counter()
        """How often each fault has struck."""

        self._listener = socket.create_server(("127.0.0.1", 0))
        self._wake, self._woken = socket.socketpair()
        self._client: socket.socket | None = None
        self._board: Port | None = None
        self._partial = dict.fromkeys(Way, b"")
        self._later: list[tuple[float, int, Way, bytes]] = []
        self._order = count()
        self._clogged_s = 0.0
        self._ended = False
        self._thread = Thread(target=self._serve, name="fault proxy", daemon=True)
        self._thread.start()

    @property
    def address(self) -> tuple[str, int]:
        """Host and port where the driver finds it."""
        host, port = self._listener.getsockname()[:2]
        return str(host), int(port)

    def arm(self, fault: Fault) -> None:
        """Let the next frame on its way meet a fault."""
        with self._lock:
            self._armed[fault.way].append(fault)

    def heal(self) -> None:
        """End all that lasts, and forget what has not struck yet."""
        with self._lock:
            self._lasting.clear()
            self._silent = None
            self._busy_left = 0
            for waiting in self._armed.values():
                waiting.clear()

    def unplug(self) -> None:
        """Cut the driver off, at once; it may connect again."""
        self.struck[Slow.UNPLUG] += 1
        self._wake.send(b"u")

    def close(self) -> None:
        """End the thread and let go of both sides."""
        self._ended = True
        self._wake.send(b"q")
        self._thread.join()
        for each in (self._listener, self._wake, self._woken):
            each.close()

    # --- the thread -------------------------------------------------------------------------

    def _serve(self) -> None:
        while not self._ended:
            self._send_due()
            watched: list[socket.socket | Port] = [self._listener, self._woken]
            if self._client is not None and monotonic() >= self._clogged_s:
                watched.append(self._client)
            if self._board is not None:
                watched.append(self._board)
            for ready in select.select(watched, [], [], self._patience_s())[0]:
                self._attend(ready)
        self._hang_up()

    def _patience_s(self) -> float:
        now_s = monotonic()
        dues = [self._later[0][0]] if self._later else []
        if self._clogged_s > now_s:
            dues.append(self._clogged_s)
        return max(0.0, min(dues) - now_s) if dues else 1.0

    def _attend(self, ready: socket.socket | Port) -> None:
        try:
            if ready is self._woken:
                self._woken.recv(1)
                self._hang_up()
            elif ready is self._listener:
                self._accept()
            elif ready is self._client:
                self._pass_on(Way.DOWN, self._client.recv(1 << 16))
            elif ready is self._board:
                self._pass_on(Way.UP, self._board.receive(0.0))
        except (OSError, BackendError):
            self._hang_up()

    def _accept(self) -> None:
        client, _ = self._listener.accept()
        self._hang_up()
        try:
            self._board = self._open_board(OPEN_S)
        except BackendError:
            client.close()
            return
        client.setsockopt(socket.IPPROTO_TCP, socket.TCP_NODELAY, 1)
        client.settimeout(SEND_S)
        self._client = client

    def _hang_up(self) -> None:
        if self._client is not None:
            self._client.close()
        if self._board is not None:
            self._board.close()
        self._client = self._board = None
        self._later.clear()
        self._partial = dict.fromkeys(Way, b"")

    def _pass_on(self, way: Way, data: bytes) -> None:
        """Take bytes in and pass their frames on, spoilt or not."""
        if not data:
            if way is Way.DOWN:
                self._hang_up()
            return
        *chunks, self._partial[way] = (self._partial[way] + data).split(DELIMITER)
        for chunk in filter(None, chunks):
            for delay_s, piece in self._fate(way, chunk):
                self._post(way, delay_s, piece)

    def _post(self, way: Way, delay_s: float, piece: bytes) -> None:
        heapq.heappush(self._later, (monotonic() + delay_s, next(self._order), way, piece))
        self._send_due()

    def _send_due(self) -> None:
        while self._later and self._later[0][0] <= monotonic():
            _, _, way, piece = heapq.heappop(self._later)
            try:
                if way is Way.DOWN and self._board is not None:
                    self._board.send(piece, SEND_S)
                elif way is Way.UP and self._client is not None:
                    self._client.sendall(piece)
            except (OSError, BackendError):
                self._hang_up()

    # --- what becomes of a frame ------------------------------------------------------------

    def _fate(self, way: Way, chunk: bytes) -> list[mangle.Piece]:
        """Decide over one frame, by what is armed and what lasts; [] lets nothing on."""
        whole: list[mangle.Piece] = [(0.0, DELIMITER + chunk + DELIMITER)]
        frame = _read(chunk)
        with self._lock:
            if frame is not None and frame.op & ~REPLY == Operation.INFO:
                said = self._fate_of_info(way, frame)
                return whole if said is None else said
            if self._silent is way:
                return []
            if (said := self._lasting_answer(way, frame)) is not None:
                return said
            fault = self._armed[way].popleft() if self._armed[way] else None
            if fault is None:
                return self._unless_ours(frame, whole)
            if isinstance(fault.kind, Fast):
                self.struck[fault.kind] += 1
                return mangle.mangled(fault.kind, chunk, self._rng)
            return self._strike(fault.kind, way, frame, whole)

    def _fate_of_info(self, way: Way, frame: Frame) -> list[mangle.Piece] | None:
        """Whether a board is there and which is never left to chance; None lets it pass."""
        if self._silent is way:
            return []
        if way is Way.UP and Slow.FOREIGN in self._lasting:
            self.struck[Slow.FOREIGN] += 1
            return [(0.0, mangle.foreign(frame).encode())]
        return None

    def _lasting_answer(self, way: Way, frame: Frame | None) -> list[mangle.Piece] | None:
        """Answer in place of the board while it is busy or has lost a die; None if not."""
        if way is not Way.DOWN or frame is None:
            return None
        if Slow.BUSY_FOREVER in self._lasting or self._busy_left:
            self._busy_left = max(0, self._busy_left - 1)
            pause_ms = LONG_MS if Slow.BUSY_FOREVER in self._lasting else BUSY_MS
            return self._say(mangle.busy(frame, pause_ms))
        if Slow.DEAD_DIE in self._lasting and frame.op in _STEPS:
            return self._say(mangle.die_fault(frame, 0))
        return None

    def _strike(
        self, kind: Slow, way: Way, frame: Frame | None, whole: list[mangle.Piece]
    ) -> list[mangle.Piece]:
        if frame is None or (kind in _OF_STEPS and frame.op & ~REPLY not in _STEPS):
            self._armed[way].appendleft(Fault(kind, way))  # it waits for one that it fits
            return whole
        self.struck[kind] += 1
        if kind in _LASTING:
            self._lasting.add(kind)
        if kind is Slow.BUSY:
            self._busy_left = BUSY_TIMES
        if (answer := self._lasting_answer(way, frame)) is not None:
            return answer
        if kind in _FORGED:
            return self._say(_FORGED[kind](frame))
        return self._delayed_or_intruded(kind, way, frame, whole)

    def _delayed_or_intruded(
        self, kind: Slow, way: Way, frame: Frame, whole: list[mangle.Piece]
    ) -> list[mangle.Piece]:
        match kind:
            case Slow.LATE:
                return [(LATE_S, piece) for _, piece in whole]
            case Slow.CLOGGED:
                self._clogged_s = monotonic() + LATE_S
            case Slow.HANG:
                self._silent = way
                return []
            case Slow.MISCOUNT:
                return [(0.0, mangle.miscounted(frame).encode())]
            case Slow.RESTART:
                return [(0.0, Frame(op=Operation.RESET, seq=INTRUDER).encode()), *whole]
            case Slow.STOLEN:
                owner = OWNER.pack(
                    self._rng.randint(1, 0xFFFF), self._rng.randint(1, 2**32 - 1)
                )
                theft = Frame(op=Operation.OPEN, seq=INTRUDER, payload=owner)
                return [(0.0, theft.encode()), *whole]
        return whole

    def _say(self, answer: Frame) -> list[mangle.Piece]:
        """Answer the driver in place of the board, which hears nothing."""
        self._post(Way.UP, 0.0, answer.encode())
        return []

    def make_foreign(self) -> None:
        """From now on be another board."""
        with self._lock:
            self._lasting.add(Slow.FOREIGN)

    @staticmethod
    def _unless_ours(frame: Frame | None, whole: list[mangle.Piece]) -> list[mangle.Piece]:
        """Keep back what the board says to what the proxy asked."""
        ours = frame is not None and frame.seq == INTRUDER and frame.op in _OUR_ANSWERS
        return [] if ours else whole


_OUR_ANSWERS: Final = (Operation.RESET | REPLY, Operation.OPEN | REPLY)
_LASTING: Final = (Slow.BUSY_FOREVER, Slow.DEAD_DIE)
_FORGED: Final[Mapping[Slow, Callable[[Frame], Frame]]] = {
    Slow.OVERRUN: mangle.overrun,
    Slow.MEM: partial(mangle.parity_error, die=1),
    Slow.FAULT: partial(mangle.die_fault, die=1),
}
_OF_STEPS: Final = (Slow.MEM, Slow.FAULT, Slow.DEAD_DIE, Slow.MISCOUNT)


def _read(chunk: bytes) -> Frame | None:
    try:
        return Frame.decode(chunk)
    except Junk:
        return None
