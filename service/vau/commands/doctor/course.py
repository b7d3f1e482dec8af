"""All that is looked at, in its order; none of it can stop or delay the rest for long."""

import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass

from vau.commands.doctor import (
    audio,
    boards,
    door,
    engines,
    installed,
    machine,
    models,
    places,
    ports,
    server,
)
from vau.commands.doctor.apart import end_all
from vau.commands.doctor.check import PATIENCE, Asked, Check, Examine
from vau.commands.doctor.engines import Streams


@dataclass(frozen=True, slots=True)
class Examination:
    """One look at something, which yields some checks."""

    name: str
    """Of its checks the first part, and all of the name if it comes to nothing."""

    examine: Examine
    limit_s: float


def examinations(asked: Asked, carried: Streams) -> list[Examination]:
    """Return what is to be looked at. carried: takes how many streams backends carry."""
    return [
        Examination("installed.python", installed.examine, 20.0),
        Examination("machine.cores", machine.examine, 20.0),
        Examination("places.cache", places.examine, 20.0),
        Examination("ports.grpc", ports.examine, 60.0),
        Examination("door.tls", door.examine, 20.0),
        Examination("models.shipped", models.examine, 60.0),
        Examination("audio.devices", audio.examine, 60.0),
        Examination("boards.seen", boards.examine, 60.0),
        *(
            Examination(f"engines.{kind}", engine, engines.LIMIT_S * len(asked.models) + 10.0)
            for kind, engine in engines.of(asked, carried)
        ),
        *([Examination("server.reach", server.examine, 120.0)] if asked.server else []),
    ]


def checks(asked: Asked, carried: Streams, say: Callable[[str], None]) -> list[Check]:
    """Look at everything, one after the other: what is measured is to be measured alone.

    carried: takes how many streams backends carry.
    say:     hears what is looked at next.
    """
    found: list[Check] = []
    try:
        for each in examinations(asked, carried):
            say(each.name)
            found += bounded(each, asked)
    finally:
        end_all()
    return found


def bounded(examination: Examination, asked: Asked) -> Iterator[Check]:
    """Yield its checks, and one more if it raises or takes too long.

    It runs in a thread that is left alone then: nothing in it can be waited for.
    """
    seen: list[Check] = []
    said: list[Check] = []
    is_over = threading.Event()

    def look() -> None:
        try:
            seen.extend(examination.examine(asked))
        except Exception as error:  # noqa: BLE001 - it is a check that fails, whatever it is
            said.append(_broken(examination.name, f"{type(error).__name__}: {error}"))
        finally:
            is_over.set()

    threading.Thread(target=look, name=examination.name, daemon=True).start()
    if not is_over.wait(examination.limit_s):
        said.append(_broken(examination.name, f"no end after {examination.limit_s:g} s"))
    yield from list(seen)  # of a thread that goes on, what it has found so far
    yield from list(said)


def _broken(name: str, why: str) -> Check:
    return Check(
        name=name,
        status="warning",
        found=f"could not be looked at: {' '.join(why.split())}",
        meaning="this says nothing of the machine",
        remedy=PATIENCE,
    )
