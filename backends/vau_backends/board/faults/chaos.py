"""Streams through a board while everything goes wrong, and a count of what came of it.

Each round steps a stream on while some fault strikes, and compares what comes back with the
reference: bit-equal, or a typed error after which the stream goes on where it was. Anything
else, a wrong bit or no end, is what must never be.
"""

import threading
from collections import Counter
from collections.abc import Callable, Iterable
from concurrent.futures import Future, ThreadPoolExecutor
from concurrent.futures import TimeoutError as Hung
from dataclasses import asdict, dataclass, field
from random import Random
from time import monotonic, sleep
from typing import Any, Final, TypeVar

import numpy as np
from numpy.typing import NDArray

from vau.errors import VauError
from vau_backends.board.device.opening import tilings_on
from vau_backends.board.device.streams import Driver
from vau_backends.board.faults.kinds import MAY_FAIL, Fast, Fault, Kind, Slow, Way
from vau_backends.board.faults.proxy import Proxy
from vau_backends.board.link.info import Info
from vau_backends.muntaniala import cell
from vau_backends.muntaniala.array import Knobs
from vau_backends.muntaniala.states import States
from vau_backends.muntaniala.weights import NetworkWeights

HANG_S: Final = 60.0
"""No call may take longer, whatever happens."""

LIMIT_S: Final = 30.0
"""Of a call. More than usual: a board on a slow line is loaded anew in it."""

FRAMES: Final = 160
"""Of the stream, which then begins anew."""

MOST_AT_ONCE: Final = 3
MOST_TRIES: Final = 5  # for each lasting fault that is to strike
REVIVAL_S: Final = 2 * LIMIT_S

Say = Callable[[str], None]


@dataclass(slots=True)
class Tally:
    """What came of the faults of one kind."""

    injected: int = 0
    recovered: int = 0
    typed: Counter[str] = field(default_factory=Counter)
    later: Counter[str] = field(default_factory=Counter)
    """Typed errors of calls that came after it, until the board was back."""

    wrong: int = 0
    hangs: int = 0
    """Calls without an end, and boards that did not come back."""

    missed: int = 0
    """That came too late for the call that they were meant for, and are not injected."""

    def facts(self) -> dict[str, Any]:
        """Return it for a program."""
        counts = {"typed": dict(self.typed), "later": dict(self.later)}
        return {**asdict(self), **counts, "typed_errors": self.typed.total()}

    def __str__(self) -> str:
        """Return it for a person."""
        errors = _listed(self.typed) or "no error"
        return (
            f"{self.injected} injected, {self.recovered} bit-equal, {errors}, "
            f"{self.wrong} wrong, {self.hangs} hangs, {self.missed} missed"
        )


def _listed(errors: Counter[str]) -> str:
    """Say which errors came, and how often each."""
    return ", ".join(f"{times} {kind}" for kind, times in errors.items())


@dataclass(slots=True)
class Report:
    """What came of all of them."""

    seed: int
    tallies: dict[Kind, Tally] = field(default_factory=dict)
    steps: int = 0
    duration_s: float = 0.0

    def of(self, kind: Kind) -> Tally:
        """Return the tally of a kind."""
        return self.tallies.setdefault(kind, Tally())

    def unkept(self) -> list[str]:
        """Say what must not have been: wrong bits, hangs, errors where the bits were due."""
        found = []
        for kind, tally in self.tallies.items():
            if tally.wrong or tally.hangs:
                found.append(f"{kind.name}: {tally.wrong} wrong, {tally.hangs} hangs")
            errors = tally.typed + tally.later
            if errors and kind not in MAY_FAIL:
                found.append(f"{kind.name}: {_listed(errors)}, where bits were due")
        return found

    def facts(self) -> dict[str, Any]:
        """Return it for a program."""
        total = [*self.tallies.values()]
        return {
            "seed": self.seed,
            "steps": self.steps,
            "duration_s": round(self.duration_s, 1),
            "injected": sum(each.injected for each in total),
            "recovered": sum(each.recovered for each in total),
            "typed_errors": sum(each.typed.total() for each in total),
            "wrong": sum(each.wrong for each in total),
            "hangs": sum(each.hangs for each in total),
            "unkept": self.unkept(),
            "kinds": {
                f"{type(kind).__name__.lower()}/{kind.name.lower()}": tally.facts()
                for kind, tally in self.tallies.items()
            },
        }


class Chaos:
    """A driver behind a proxy, one stream, and its right answers."""

    def __init__(
        self, driver: Driver, proxy: Proxy, weights: NetworkWeights, seed: int
    ) -> None:
        """Begin with a driver that was started through ``proxy``."""
        self._driver, self._proxy = driver, proxy
        self._weights = weights
        self._rng = Random(seed)  # noqa: S311 - of faults that can be had again
        self.report = Report(seed)
        info = driver.board.info
        inputs = weights.layers[0].w_x.shape[1]
        noise = np.random.default_rng(seed)
        self._x = noise.integers(-128, 128, (FRAMES, inputs), np.int8)
        self._logits = _reference(weights, info, self._x)
        self._stream = driver.begin()
        self._at = 0

    def fast(self, faults: int, say: Say) -> None:
        """Let so many frames be spoilt, of every kind in turn."""
        started_s, struck = monotonic(), 0
        kinds = list(Fast)
        while struck < faults and not self._hung:
            before = self._proxy.struck.copy()
            for _ in range(self._rng.randint(1, MOST_AT_ONCE)):
                kind = kinds[self._rng.randrange(len(kinds))]
                self._proxy.arm(Fault(kind, self._rng.choice(list(Way))))
            self._round(before)
            met = self._proxy.struck - before
            struck += met.total()
            if struck // 1000 > (struck - met.total()) // 1000:
                say(f"{struck} faults of bytes and frames, {self.report.steps} steps")
        self._proxy.heal()
        self.report.duration_s += monotonic() - started_s

    def slow(self, each: int, say: Say, kinds: Iterable[Slow] = Slow) -> None:
        """Let every lasting fault strike so often."""
        started_s = monotonic()
        for kind in kinds:
            tally = self.report.of(kind)
            for _ in range(each * MOST_TRIES):
                if self._hung:
                    return
                if tally.injected >= each:
                    break
                self._strike(kind)
                self._proxy.heal()
                self._until_revived(tally)
            say(f"{kind.value}: {tally}")
        self.report.duration_s += monotonic() - started_s

    @property
    def _hung(self) -> bool:
        return any(tally.hangs for tally in self.report.tallies.values())

    def _strike(self, kind: Slow) -> None:
        before = self._proxy.struck.copy()
        match kind:
            case Slow.UNPLUG:
                self._proxy.arm(Fault(Slow.LATE, Way.UP))  # so that it is pulled within a call
                pulled = self._caller_of_unplug()
                self._round(before, kind)
                pulled()
            case Slow.FOREIGN:
                self._proxy.make_foreign()
                self._proxy.unplug()
                gone = self._outcome(1)  # that the old one is gone; then the new one is met
                self._weigh(self.report.of(kind), gone)
                self._round(before, kind)
            case Slow.DEADLINE:
                self._proxy.struck[kind] += 1
                self._round(before, kind, limit_s=self._rng.uniform(0.0, 0.002))
            case Slow.LATE | Slow.MISCOUNT:
                self._proxy.arm(Fault(kind, Way.UP))
                self._round(before, kind)
            case Slow.HANG:
                self._proxy.arm(Fault(kind, self._rng.choice(list(Way))))
                self._round(before, kind)
            case _:
                self._proxy.arm(Fault(kind, Way.DOWN))
                self._round(before, kind)

    def _caller_of_unplug(self) -> Callable[[], None]:
        """Pull the cable a moment from now; return what waits until it was."""
        pool = ThreadPoolExecutor(1)
        delay_s = self._rng.uniform(0.0, 0.02)

        def pull() -> None:
            sleep(delay_s)
            self._proxy.unplug()

        pool.submit(pull)
        return pool.shutdown  # which waits

    def _round(
        self, before: Counter[Kind], slow: Slow | None = None, limit_s: float = LIMIT_S
    ) -> None:
        """Step on and weigh what comes, for the faults that struck since ``before``."""
        frames = min(self._rng.randint(1, 4), FRAMES - self._at)
        outcome = self._outcome(frames, limit_s)
        met = self._proxy.struck - before
        if slow is not None:
            met = Counter({slow: met[slow]} if met[slow] else {})
            if not met:
                self._missed(self.report.of(slow), outcome)
        for kind, times in met.items():
            tally = self.report.of(kind)
            tally.injected += times
            if outcome == "equal":
                tally.recovered += times
            elif outcome == "wrong":
                tally.wrong += times
            elif outcome == "hang":
                tally.hangs += times
            else:
                tally.typed[outcome] += times

    def _missed(self, tally: Tally, outcome: str) -> None:
        """Count a fault that did not strike; what went wrong all the same is not lost."""
        tally.missed += 1
        self._weigh(tally, outcome)

    def _weigh(self, tally: Tally, outcome: str) -> None:
        """Count what must not be, of a call that counts for nothing else."""
        tally.wrong += outcome == "wrong"
        tally.hangs += outcome == "hang"

    def _outcome(self, frames: int, limit_s: float = LIMIT_S) -> str:
        x = self._x[self._at : self._at + frames]
        try:
            hidden, _ = within(HANG_S, lambda: self._driver.run(self._stream, x, limit_s))
        except Hung:
            return "hang"
        except VauError as error:
            self._at = self._stream.step  # what was answered before it failed was not told
            return type(error).__name__
        right = self._logits[self._at : self._at + frames]
        self._at += frames
        self.report.steps += frames
        given = cell.output(self._weights, hidden.astype(np.int64))
        if not np.array_equal(given, right):
            self._begin_anew()
            return "wrong"
        if self._at == FRAMES:
            self._begin_anew()
        return "equal"

    def _begin_anew(self) -> None:
        self._driver.end(self._stream)
        self._stream, self._at = self._driver.begin(), 0

    def _until_revived(self, tally: Tally) -> None:
        """Step on without any fault: the stream has to go on with its bits.

        What else comes is counted with the faults of the kind that struck last.
        """
        until_s = monotonic() + REVIVAL_S
        if self._at == FRAMES:
            self._begin_anew()
        while (outcome := self._outcome(1)) not in ("equal", "wrong", "hang"):
            tally.later[outcome] += 1
            if monotonic() > until_s:
                outcome = "hang"
                break
        self._weigh(tally, outcome)


T = TypeVar("T")


def within(limit_s: float, work: Callable[[], T]) -> T:
    """Return what ``work`` returns, on a thread that is left behind if it never does.

    Raises what ``work`` raises, and Hung.
    """
    future: Future[T] = Future()

    def run() -> None:
        try:
            future.set_result(work())
        except BaseException as error:  # noqa: BLE001 - it is told to who waits
            future.set_exception(error)

    # A daemon, which the end of the process does not wait for.
    threading.Thread(target=run, daemon=True).start()
    return future.result(limit_s)


def _reference(weights: NetworkWeights, info: Info, x: NDArray[np.int8]) -> NDArray[np.int32]:
    """Return the logits of a stream, shape (frames, classes)."""
    tilings = tilings_on(info, weights)
    hidden = weights.layers[0].w_h.shape[1]
    shape = (1, len(weights.layers), hidden)
    zero = States(np.zeros(shape, np.int8), np.zeros(shape, np.int16))
    answer = cell.run(weights, tilings, Knobs(), x[np.newaxis], zero)
    logits: NDArray[np.int32] = answer.logits[0]
    return logits
