"""A backend that does not keep its promises never serves."""

from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import pytest

from tests.serving import MODEL, floating, muntaniala
from vau.backend import Backend, Result, Work
from vau.errors import BackendFault
from vau.selfcheck import self_check


class Spoiled:
    """A real backend whose answers a test may spoil."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend
        self.runs = 0
        self.opened: list[int] = []
        self.released: list[int] = []

    def __getattr__(self, name: str) -> object:
        return getattr(self.backend, name)

    def open(self) -> object:
        self.opened.append(self.backend.open())
        return self.opened[-1]

    def release(self, slot: int) -> None:
        self.released.append(slot)
        self.backend.release(slot)  # type: ignore[arg-type]

    def run(self, work: Sequence[Work]) -> list[Result]:
        self.runs += 1
        return [self.spoil(result) for result in self.backend.run(work)]

    def spoil(self, result: Result) -> Result:
        return result


class BitFlip(Spoiled):
    def spoil(self, result: Result) -> Result:
        if self.runs < 3 or result.logits is None or not len(result.logits):
            return result
        return replace(result, logits=result.logits ^ 1)


class NotANumber(Spoiled):
    def spoil(self, result: Result) -> Result:
        return replace(result, log_prob=np.full_like(result.log_prob, np.nan))


class Unnormalised(Spoiled):
    def spoil(self, result: Result) -> Result:
        return replace(result, log_prob=result.log_prob + np.float32(0.1))


class TooFewFrames(Spoiled):
    def spoil(self, result: Result) -> Result:
        return replace(result, log_prob=result.log_prob[1:])


@pytest.mark.parametrize("backend", [muntaniala(), floating(), muntaniala(slot_count=1)])
def test_a_good_backend_passes(backend: Backend) -> None:
    self_check(backend, MODEL)


@pytest.mark.parametrize(
    ("spoiled", "what"),
    [
        (BitFlip, "logits depend on how"),
        (NotANumber, "sum to nan"),
        (Unnormalised, "sum to 1.1"),
        (TooFewFrames, "shape"),
    ],
)
def test_a_bad_backend_is_named_with_what_differs(spoiled: type[Spoiled], what: str) -> None:
    with pytest.raises(BackendFault, match=what) as fault:
        self_check(spoiled(muntaniala()), MODEL)  # type: ignore[arg-type]
    assert "muntaniala" in str(fault.value)


def test_the_check_gives_its_slots_back() -> None:
    backend = Spoiled(muntaniala())
    self_check(backend, MODEL)  # type: ignore[arg-type]
    assert len(backend.opened) == 2
    assert backend.released == backend.opened
