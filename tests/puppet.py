"""A backend of which a test holds the strings, in whatever process it runs.

It is a plug-in wherever ``write_plug_in`` has put it on the path. A string is a file,
and so is what tells that one of them works: "held".
"""

import os
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from time import sleep
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.backend import Backend, BackendInfo, BackendOptions, Health, Result, State, Work
from vau.errors import BackendFault, DeviceLost
from vau.model import Model
from vau_backends.muntaniala.backend import FACTORY as MUNTANIALA

KIND: Final = "puppet"
FOLDER: Final = "VAU_TEST_PUPPET"  # names the folder of the strings


class StringFault(BackendFault):
    """As plug-ins have them: what it says cannot be made into it again."""

    def __init__(self, string: str, number: int) -> None:
        super().__init__(f"string {string} broke {number} times", number=number)


class Puppet:
    """Muntaniala, unless a string is pulled."""

    def __init__(self, backend: Backend) -> None:
        self.backend = backend

    def __getattr__(self, name: str) -> object:
        return getattr(self.backend, name)

    @property
    def info(self) -> BackendInfo:
        return replace(self.backend.info, id=KIND, kind=KIND)

    def health(self) -> Health:
        if is_pulled("loose"):
            return Health(State.FAULT, "a string is loose")
        return self.backend.health()

    def run(self, work: Sequence[Work]) -> list[Result]:
        while is_pulled("hold"):
            pull("held")
            sleep(0.005)
        if is_pulled("break"):
            raise RuntimeError("a string broke")
        if is_pulled("fault"):
            raise StringFault("E", 2)
        if is_pulled("die"):
            os._exit(3)
        results = self.backend.run(work)
        if is_pulled("twist"):
            return [replace(each, logits=twisted(each)) for each in results]
        return results


def twisted(result: Result) -> NDArray[np.int32]:
    """Flip the lowest bit of the first class of each frame."""
    assert result.logits is not None
    logits = result.logits.copy()
    logits[:, :1] ^= 1
    return logits


class Factory:
    def discover(self, _model: Model) -> list[str]:
        return [KIND]

    def open(self, model: Model, options: BackendOptions) -> Backend:
        if is_pulled("absent"):
            raise DeviceLost("puppet: it hangs nowhere; is it plugged in?")
        return Puppet(MUNTANIALA.open(model, replace(options, instance="")))  # type: ignore[return-value]


FACTORY: Final = Factory()


def is_pulled(string: str) -> bool:
    return (Path(os.environ[FOLDER]) / string).exists()


def pull(string: str) -> None:
    (Path(os.environ[FOLDER]) / string).touch()


def let_go(string: str) -> None:
    (Path(os.environ[FOLDER]) / string).unlink()


def write_plug_in(folder: Path) -> None:
    """Make it a plug-in of every process that has ``folder`` on its path."""
    about = folder / "puppet-1.dist-info"
    about.mkdir()
    (about / "METADATA").write_text("Metadata-Version: 2.1\nName: puppet\nVersion: 1\n")
    points = f"[vau.backends]\n{KIND} = tests.puppet:FACTORY\n"
    (about / "entry_points.txt").write_text(points)
