"""The scene of most faults: a server, others who use it, and what must be so afterwards."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Final

from tests.real_server import RealServer
from tests.soak.check import Figures, Site, require
from tests.soak.crowd import crowd
from tests.soak.known import Known, small_bundle
from tests.soak.server import soak_server
from tests.soak.slots import wait_for_slots

OTHERS: Final = 3
SOON_S: Final = 5.0  # "at once", on however busy a machine
MOST_GROWTH_BYTES: Final = 64 << 20
OTHERS_KEEP: Final = "others keep their bits"


@dataclass(frozen=True, slots=True)
class Scene:
    """A server with a crowd of others."""

    server: RealServer
    known: Known


def beside_others(site: Site, act: Callable[[Scene], Figures], **settings: float) -> Figures:
    """Let ``act`` happen at a server that others use; afterwards they must have their bits.

    No slot may stay taken, and the log may hold no defect.
    """
    bundle = small_bundle(site.folder)
    known = Known(bundle)
    with (
        soak_server(site.folder, bundle, settings=settings) as server,
        crowd(server, OTHERS) as others,
    ):
        figures = act(Scene(server, known))
        wait_for_slots(server, OTHERS, SOON_S)
        figures |= others.finish_well(known)
        wait_for_slots(server, 0, SOON_S)
        check_log(server, figures)
    return figures


def check_log(server: RealServer, figures: Figures) -> None:
    """Raise NotSo if the log holds a traceback that nobody has read."""
    assert server.log is not None
    defects = [entry["traceback"] for entry in server.log.news() if "traceback" in entry]
    require(not defects, "\n".join(["the server logged a defect:", *defects[:1]]), figures)
