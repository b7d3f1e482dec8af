"""Backends that raise, hang and answer late: a plug-in on strings, ``tests.puppet``."""

import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from time import monotonic, sleep
from typing import Final

from tests import puppet
from tests.commands import ROOT
from tests.real_server import RealServer
from tests.serving import speech, streaming
from tests.soak.check import Check, Figures, NotSo, Site, require
from tests.soak.crowd import crowd, judged
from tests.soak.known import Known, small_bundle
from tests.soak.scene import OTHERS, OTHERS_KEEP, SOON_S, check_log
from tests.soak.server import soak_server
from tests.soak.slots import wait_for_slots
from vau.client import Client
from vau.errors import VauError

VICTIMS: Final = 2
FIRST_VICTIM: Final = 500
DRAIN_GRACE_S: Final = 1.0


class Strings:
    """The strings of a puppet in another process."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir()

    def pull(self, string: str) -> None:
        (self.folder / string).touch()

    def let_go(self, string: str) -> None:
        (self.folder / string).unlink()

    def is_pulled(self, string: str) -> bool:
        return (self.folder / string).exists()


@contextmanager
def puppet_server(
    site: Site, bundle: Path, **settings: float
) -> Iterator[tuple[RealServer, Strings]]:
    """Serve with a puppet beside a backend that nobody touches."""
    plug_in = site.folder / "plug-in"
    plug_in.mkdir()
    puppet.write_plug_in(plug_in)
    strings = Strings(site.folder / "strings")
    paths = (plug_in, ROOT / "service", ROOT / "backends", ROOT)
    variables = {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        puppet.FOLDER: str(strings.folder),
    }
    with soak_server(
        site.folder, bundle, "muntaniala", puppet.KIND, variables=variables, settings=settings
    ) as server:
        yield server, strings


def _beside_others(
    site: Site, act: Callable[[RealServer, Strings, Known], Figures], **settings: float
) -> Figures:
    """As ``beside_others``: the others are on the backend that is well."""
    bundle = small_bundle(site.folder)
    known = Known(bundle)
    with (
        puppet_server(site, bundle, **settings) as (server, strings),
        crowd(server, OTHERS, "muntaniala") as others,
    ):
        figures = act(server, strings, known)
        wait_for_slots(server, OTHERS, SOON_S)
        figures["afterwards"] = _one_stream(server) or "served"
        require(figures["afterwards"] == "served", "the backend stays away", figures)
        figures |= others.finish_well(known)
        wait_for_slots(server, 0, SOON_S)
        check_log(server, figures)
    return figures


def _one_stream(server: RealServer) -> str:
    """Return the class of the error that a stream on the puppet ends with, empty if none."""
    try:
        with Client(server.grpc) as client:
            list(client.stream(streaming(backend=puppet.KIND), [speech(1600)]))
    except VauError as error:
        return type(error).__name__
    return ""


def _raises(site: Site, string: str, meant: str) -> Figures:
    def act(server: RealServer, strings: Strings, _known: Known) -> Figures:
        with crowd(server, VICTIMS, puppet.KIND, FIRST_VICTIM) as victims:
            wait_for_slots(server, OTHERS + VICTIMS, SOON_S)
            strings.pull(string)
            free_s = wait_for_slots(server, OTHERS, SOON_S)
            strings.let_go(string)
            errors = {each.error.split(":")[0] for each in victims.finish()}
        figures: Figures = {"slot_free_s": free_s, "client_saw": ", ".join(sorted(errors))}
        require(errors == {meant}, f"clients saw {errors}, not {meant}", figures)
        if string == "break":  # a defect is logged, and that is right
            assert server.log is not None
            logged = [entry for entry in server.log.news() if "traceback" in entry]
            require(bool(logged), "a defect left nothing in the log", figures)
        return figures

    return _beside_others(site, act)


def raises_fault(site: Site) -> Figures:
    return _raises(site, "fault", "BackendFault")


def raises_defect(site: Site) -> Figures:
    return _raises(site, "break", "ServerDefect")


def replaced(site: Site) -> Figures:
    """It raises, and its streams have named another: they go on there."""

    def act(server: RealServer, strings: Strings, known: Known) -> Figures:
        begun = crowd(server, VICTIMS, puppet.KIND, FIRST_VICTIM, fallbacks=["muntaniala"])
        with begun as victims:
            wait_for_slots(server, OTHERS + VICTIMS, SOON_S)
            sleep(1.5)  # long enough for a state of theirs to be kept
            strings.pull("fault")
            _until(lambda: not _slots_of_puppet(server), "its streams stay where they are")
            strings.let_go("fault")
            ended = victims.finish()
        seen = judged(ended, known)
        told = [each.notices.count("BACKEND_CHANGED") for each in ended]
        figures = {f"victims{name.removeprefix('others')}": each for name, each in seen.items()}
        require(told == [1] * VICTIMS, f"clients were told {told} times", figures)
        return figures

    return _beside_others(site, act)


def _slots_of_puppet(server: RealServer) -> int:
    with Client(server.grpc) as client:
        listed = client.backends(include_unavailable=True)
    return sum(each.slots_in_use for each in listed.backends if each.kind == puppet.KIND)


def late(site: Site) -> Figures:
    """Each round takes long: streams lag, say so, and lose nothing."""

    def act(server: RealServer, strings: Strings, known: Known) -> Figures:
        with crowd(server, VICTIMS, puppet.KIND, FIRST_VICTIM) as victims:
            strings.pull("hold")
            sleep(1.5)
            strings.let_go("hold")
            sleep(1.0)
            ended = victims.finish()
        seen = judged(ended, known)
        told = sum("LAGGING" in each.notices for each in ended)
        require(told == VICTIMS, f"{told} of {VICTIMS} were told that they lag", seen)
        return {f"victims{name.removeprefix('others')}": each for name, each in seen.items()}

    return _beside_others(site, act)


def hangs(site: Site) -> Figures:
    """It does not return: its clients may leave, others go on, and the server can be ended."""
    bundle = small_bundle(site.folder)
    known = Known(bundle)
    with (
        puppet_server(site, bundle, drain_grace_s=DRAIN_GRACE_S) as (server, strings),
        crowd(server, OTHERS, "muntaniala") as others,
    ):
        with crowd(server, VICTIMS, puppet.KIND, FIRST_VICTIM):
            wait_for_slots(server, OTHERS + VICTIMS, SOON_S)
            strings.pull("hold")
            _until(lambda: strings.is_pulled("held"), "the backend was never asked to compute")
        figures: Figures = {"slot_free_s": wait_for_slots(server, OTHERS, SOON_S)}
        figures |= others.finish_well(known)
        begun_s = monotonic()
        figures["exit_status"] = server.stop(DRAIN_GRACE_S + 4 * SOON_S)
        figures["exit_s"] = round(monotonic() - begun_s, 2)
        check_log(server, figures)
        require(figures["exit_status"] == 0, "it did not end with 0", figures)
    return figures


def _until(is_so: Callable[[], bool], otherwise: str) -> None:
    end_s = monotonic() + SOON_S
    while not is_so():
        if monotonic() > end_s:
            raise NotSo(otherwise)
        sleep(0.01)


CHECKS: Final = (
    Check(
        "backend-raises",
        f"its streams end as BACKEND_LOST, later ones are served; {OTHERS_KEEP}",
        raises_fault,
    ),
    Check(
        "backend-defect",
        f"its streams end as INTERNAL, logged, later ones are served; {OTHERS_KEEP}",
        raises_defect,
    ),
    Check(
        "backend-replaced",
        f"its streams that named another go on there with their bits; {OTHERS_KEEP}",
        replaced,
    ),
    Check("backend-late", f"its streams wait and have their bits; {OTHERS_KEEP}", late),
    Check(
        "backend-hangs",
        f"its clients can leave, the server can be ended; {OTHERS_KEEP}",
        hangs,
    ),
)
