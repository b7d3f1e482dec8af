"""Networks that delay, lose, reset, hang up and go dead; see ``tests.soak.proxy``."""

from time import sleep
from typing import Final

from tests.real_server import RealServer
from tests.soak.check import Check, Figures, Site, require
from tests.soak.crowd import crowd
from tests.soak.misbehaving import misbehaving
from tests.soak.proxy import Proxy, Weather, proxy
from tests.soak.scene import OTHERS, OTHERS_KEEP, SOON_S, Scene, beside_others
from tests.soak.slots import wait_for_slots

VICTIMS: Final = 2
FIRST_VICTIM: Final = 500  # seeds of theirs, to be told from the others
KEEPALIVE_S: Final = 1.0


def _behind(server: RealServer, between: Proxy) -> RealServer:
    """Return the server as it looks from behind the proxy."""
    return RealServer(server.process, between.address, server.metrics, None)


def bad_weather(site: Site) -> Figures:
    """Delay, jitter and loss: streams come through late and whole."""

    def act(scene: Scene) -> Figures:
        weather = Weather(delay_s=0.03, jitter_s=0.05, loss=0.05)
        with (
            proxy(scene.server.grpc, weather) as between,
            crowd(_behind(scene.server, between), VICTIMS, first=FIRST_VICTIM) as victims,
        ):
            sleep(site.pick(short=4.0, long=60.0))
            seen = victims.finish_well(scene.known)
            figures: Figures = {
                f"victims{name.removeprefix('others')}": value for name, value in seen.items()
            }
            figures["lost_reads"] = between.delayed_reads
            require(between.delayed_reads > 0, "nothing was lost", figures)
            return figures

    return beside_others(site, act)


def _broken(site: Site, how: str) -> Figures:
    def act(scene: Scene) -> Figures:
        with (
            proxy(scene.server.grpc) as between,
            crowd(_behind(scene.server, between), VICTIMS, first=FIRST_VICTIM) as victims,
        ):
            wait_for_slots(scene.server, OTHERS + VICTIMS, SOON_S)
            (between.cut if how == "cut" else between.reset)()
            free_s = wait_for_slots(scene.server, OTHERS, SOON_S)
            errors = {each.error.split(":")[0] for each in victims.finish()}
            figures: Figures = {"slot_free_s": free_s, "client_saw": ", ".join(sorted(errors))}
            require(errors == {"Unreachable"}, f"clients saw {errors}", figures)
            return figures

    return beside_others(site, act)


def cut(site: Site) -> Figures:
    return _broken(site, "cut")


def reset(site: Site) -> Figures:
    return _broken(site, "reset")


def dead(site: Site) -> Figures:
    """A half-open connection: the line is dead, and neither end is told."""

    def act(scene: Scene) -> Figures:
        with proxy(scene.server.grpc) as between, misbehaving("talk", between.address):
            wait_for_slots(scene.server, OTHERS + 1, SOON_S)
            between.weather.is_dead = True
            patience_s = 2 * KEEPALIVE_S + SOON_S
            return {"slot_free_s": wait_for_slots(scene.server, OTHERS, patience_s)}

    return beside_others(site, act, keepalive_s=KEEPALIVE_S, keepalive_timeout_s=KEEPALIVE_S)


def short_death(site: Site) -> Figures:
    """A line that is dead for a while: whoever waits goes on, and nothing is lost."""

    def act(scene: Scene) -> Figures:
        with (
            proxy(scene.server.grpc) as between,
            crowd(_behind(scene.server, between), VICTIMS, first=FIRST_VICTIM) as victims,
        ):
            sleep(0.5)
            between.weather.is_dead = True
            sleep(1.5)
            between.weather.is_dead = False
            sleep(0.5)
            seen = victims.finish_well(scene.known)
            return {
                f"victims{name.removeprefix('others')}": each for name, each in seen.items()
            }

    return beside_others(site, act)


CHECKS: Final = (
    Check(
        "network-delay-and-loss",
        f"streams come through late, with their bits; {OTHERS_KEEP}",
        bad_weather,
    ),
    Check(
        "network-stalls",
        f"a second and a half of nothing: nothing is lost; {OTHERS_KEEP}",
        short_death,
    ),
    Check("network-cut", f"slots free at once, clients told Unreachable; {OTHERS_KEEP}", cut),
    Check(
        "network-reset",
        f"RST: slots free at once, clients told Unreachable; {OTHERS_KEEP}",
        reset,
    ),
    Check(
        "network-dead",
        f"half-open: the slot is free after two keepalive times; {OTHERS_KEEP}",
        dead,
    ),
)
