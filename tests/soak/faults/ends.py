"""Servers that are told to end, or just end, in the middle of a load."""

import signal
from time import monotonic, sleep
from typing import Final

from tests.real_server import RealServer
from tests.soak.check import Check, Figures, Site, require
from tests.soak.crowd import crowd, judged
from tests.soak.known import Known, small_bundle
from tests.soak.scene import check_log
from tests.soak.server import soak_server
from tests.soak.slots import error_of

STREAMS: Final = 6
GRACE_S: Final = 5.0
SOON_S: Final = 5.0


def terminated(site: Site) -> Figures:
    """SIGTERM: streams are told, end by themselves with their bits, and it exits with 0."""
    bundle = small_bundle(site.folder)
    known = Known(bundle)
    with (
        soak_server(site.folder, bundle, settings={"drain_grace_s": GRACE_S}) as server,
        crowd(server, STREAMS) as streams,
    ):
        sleep(1.0)
        begun_s = monotonic()
        server.process.send_signal(signal.SIGTERM)
        ended = streams.wait()
        figures = judged(ended, known)
        figures["exit_status"] = server.process.wait(GRACE_S + SOON_S)
        figures["exit_s"] = round(monotonic() - begun_s, 2)
        told = sum("GOING_AWAY" in each.notices for each in ended)
        figures["told"] = told
        check_log(server, figures)
        require(told == STREAMS, "not every stream was told", figures)
        require(figures["exit_status"] == 0, "it did not end with 0", figures)
    return figures


def outstayed(site: Site) -> Figures:
    """SIGTERM, and clients that do not leave: they are ended with SERVER_DRAINING, exit 0."""
    bundle = small_bundle(site.folder)
    with (
        soak_server(site.folder, bundle, settings={"drain_grace_s": 1.0}) as server,
        crowd(server, STREAMS, stays=True) as streams,
    ):
        sleep(1.0)
        server.process.send_signal(signal.SIGTERM)
        refused = _refusal(server)
        ended = streams.wait()
        errors = {each.error.split(":")[0] for each in ended}
        figures: Figures = {
            "new_stream": refused,
            "client_saw": ", ".join(sorted(errors)),
            "exit_status": server.process.wait(SOON_S * 2),
        }
        require(errors == {"Draining"}, f"clients saw {errors}", figures)
        require(refused == "Draining", f"a new one got {refused or 'in'}", figures)
        require(figures["exit_status"] == 0, "it did not end with 0", figures)
    return figures


def _refusal(server: RealServer) -> str:
    """Return the class of the error that a new stream meets, once there is one."""
    end_s = monotonic() + SOON_S
    while not (error := error_of(server, 0.3)) and monotonic() < end_s:
        sleep(0.02)
    return error


def killed(site: Site) -> Figures:
    """SIGKILL: clients are told at once, and the next server at that address serves."""
    bundle = small_bundle(site.folder)
    known = Known(bundle)
    with soak_server(site.folder, bundle) as server, crowd(server, STREAMS) as streams:
        sleep(1.0)
        begun_s = monotonic()
        server.process.kill()
        ended = streams.wait()
        told_s = monotonic() - begun_s
        address = server.grpc
    errors = {each.error.split(":")[0] for each in ended}
    figures: Figures = {"client_saw": ", ".join(sorted(errors)), "told_s": round(told_s, 2)}
    require(errors == {"Unreachable"}, f"clients saw {errors}", figures)
    require(told_s < SOON_S, "clients waited", figures)
    with (
        soak_server(site.folder, bundle, grpc=address, log="second.log") as second,
        crowd(second, STREAMS) as again,
    ):
        sleep(0.5)
        figures |= again.finish_well(known)
    return figures


CHECKS: Final = (
    Check("sigterm", "streams are told and end with their bits; exit 0", terminated),
    Check(
        "sigterm-outstayed",
        "who stays is ended as SERVER_DRAINING, nobody is let in; exit 0",
        outstayed,
    ),
    Check("sigkill", "clients are told Unreachable at once; the next server serves", killed),
)
