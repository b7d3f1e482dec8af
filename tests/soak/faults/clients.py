"""Clients that die, freeze, do not read, do not wait, or send a byte at a time."""

import os
import signal
from typing import Final

from tests.soak.check import Check, Figures, Site, require
from tests.soak.known import chunk
from tests.soak.misbehaving import DRIP_CHUNKS, FLOOD_CHUNKS, SEED, misbehaving, said
from tests.soak.scene import (
    MOST_GROWTH_BYTES,
    OTHERS,
    OTHERS_KEEP,
    SOON_S,
    Scene,
    beside_others,
)
from tests.soak.slots import wait_for_slots

KEEPALIVE_S: Final = 1.0
WRITE_TIMEOUT_S: Final = 1.5
LONG_S: Final = 60.0  # for what takes a while where other checks run beside it


def killed(site: Site) -> Figures:
    def act(scene: Scene) -> Figures:
        with misbehaving("talk", scene.server.grpc) as client:
            wait_for_slots(scene.server, OTHERS + 1, SOON_S)
            client.kill()
            client.wait()
            return {"slot_free_s": wait_for_slots(scene.server, OTHERS, SOON_S)}

    return beside_others(site, act)


def frozen(site: Site) -> Figures:
    def act(scene: Scene) -> Figures:
        with misbehaving("talk", scene.server.grpc) as client:
            wait_for_slots(scene.server, OTHERS + 1, SOON_S)
            os.kill(client.pid, signal.SIGSTOP)
            try:
                patience_s = 2 * KEEPALIVE_S + SOON_S
                return {"slot_free_s": wait_for_slots(scene.server, OTHERS, patience_s)}
            finally:
                os.kill(client.pid, signal.SIGCONT)

    return beside_others(site, act, keepalive_s=KEEPALIVE_S, keepalive_timeout_s=KEEPALIVE_S)


def never_reads(site: Site) -> Figures:
    def act(scene: Scene) -> Figures:
        before = scene.server.resident_bytes()
        with misbehaving("mute", scene.server.grpc):
            free_s = wait_for_slots(scene.server, OTHERS, WRITE_TIMEOUT_S + LONG_S)
        grown = scene.server.resident_bytes() - before
        figures: Figures = {"slot_free_s": free_s, "grown_mb": round(grown / 1e6, 1)}
        require(grown < MOST_GROWTH_BYTES, "what is not read is kept", figures)
        assert scene.server.log is not None
        reasons = [entry.get("reason") for entry in scene.server.log.news()]
        require("CLIENT_NOT_READING" in reasons, f"the log has the reasons {reasons}", figures)
        return figures

    return beside_others(site, act, write_timeout_s=WRITE_TIMEOUT_S)


def floods(site: Site) -> Figures:
    def act(scene: Scene) -> Figures:
        before = scene.server.resident_bytes()
        with misbehaving("flood", scene.server.grpc) as client:
            heard = said(client, LONG_S)
        grown = scene.server.resident_bytes() - before
        right = scene.known.digest_of_chunks(SEED, FLOOD_CHUNKS).hex()
        figures: Figures = {"audio_s": FLOOD_CHUNKS / 10, "grown_mb": round(grown / 1e6, 1)}
        require(heard["error"] == "", f"it ended with {heard}", figures)
        require(heard["digest"] == right, "its bits are wrong", figures)
        require(grown < MOST_GROWTH_BYTES, "what waits is not bounded", figures)
        return figures

    return beside_others(site, act)


def drips(site: Site) -> Figures:
    def act(scene: Scene) -> Figures:
        with misbehaving("drip", scene.server.grpc) as client:
            heard = said(client, LONG_S)
        audio = b"".join(chunk(SEED, number) for number in range(DRIP_CHUNKS))
        figures: Figures = {"messages": len(audio)}
        require(heard["error"] == "", f"it ended with {heard}", figures)
        require(heard["digest"] == scene.known.digest(audio).hex(), "wrong bits", figures)
        return figures

    return beside_others(site, act)


CHECKS: Final = (
    Check("client-killed", f"its slot is free at once, {OTHERS_KEEP}", killed),
    Check(
        "client-frozen",
        f"SIGSTOP: its slot is free after two keepalive times, {OTHERS_KEEP}",
        frozen,
    ),
    Check(
        "client-never-reads",
        f"it ends with CLIENT_NOT_READING, what it leaves is not kept, {OTHERS_KEEP}",
        never_reads,
    ),
    Check(
        "client-floods",
        f"a minute at once: slowed down, the right bits, no memory, {OTHERS_KEEP}",
        floods,
    ),
    Check("client-drips", f"a byte a message: the bits of the whole, {OTHERS_KEEP}", drips),
)
