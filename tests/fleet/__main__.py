"""``python -m tests.fleet``: streams through a drain and a kill behind the proxy of deploy/."""

import argparse
import asyncio
import json
import os
import signal
import sys
import tempfile
import traceback
from collections.abc import AsyncIterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from time import monotonic
from typing import Any, Final

from tests.fleet.fleet import MODEL, PATIENCE_S, Fleet, fleet, spread, until
from tests.fleet.judge import Faults
from tests.fleet.others import by_tls, crowded, unread
from tests.fleet.proxy import LOG, Proxy, version
from tests.fleet.voices import Speech, Voice, heard_at, speech
from tests.soak.check import Figures, NotSo, require
from tests.soak.scene import check_log
from vau.client import AsyncClient

STREAMS: Final = 12
NEWCOMERS: Final = 4
FURTHER_S: Final = 1.0  # of audio, that streams are to come further between two events
HURRY: Final = signal.SIGTERM  # once more: the grace ends


@dataclass(slots=True)
class Crowd:
    """All streams of the run, on one connection."""

    client: AsyncClient
    speech: Speech
    tasks: asyncio.TaskGroup
    is_over: asyncio.Event = field(default_factory=asyncio.Event)
    voices: list[Voice] = field(default_factory=list)

    async def grow(self, count: int) -> None:
        """Begin more streams, one after the other."""
        for _ in range(count):
            voice = Voice(len(self.voices))
            self.voices.append(voice)
            self.tasks.create_task(voice.speak(self.client, self.speech, self.is_over))
            await voice.has_begun.wait()

    async def come_further(self) -> None:
        """Wait until each has been answered more audio than it was."""
        aims = [voice.answered_s + FURTHER_S for voice in self.voices]
        await until(
            lambda: all(
                voice.answered_s >= aim for voice, aim in zip(self.voices, aims, strict=True)
            ),
            "every stream is answered",
        )

    def times_resumed(self) -> list[int]:
        """Return how often each stream went on after a loss."""
        return [len(voice.away_s) for voice in self.voices]

    def resumed_since(self, times: Sequence[int]) -> Figures:
        """Return how many streams went on since then, and how long the longest was lost."""
        away_s = [
            away_s
            for voice, before in zip(self.voices, times, strict=True)
            if (away_s := sum(voice.away_s[before:]))
        ]
        return {"resumed": len(away_s), "most_away_s": round(max(away_s, default=0.0), 3)}


@asynccontextmanager
async def crowd(address: str, speech: Speech) -> AsyncIterator[Crowd]:
    """Let streams speak while the block lasts, then end each of them well."""
    async with AsyncClient(address) as client, asyncio.TaskGroup() as tasks:
        streams = Crowd(client, speech, tasks)
        yield streams
        streams.is_over.set()


async def disturbed(servers: Fleet, speech: Speech, figures: dict[str, Any]) -> list[Voice]:
    """Drain one replica, kill the other, then the proxy, under load; note what was seen.

    Raises NotSo if streams are where they should not be.
    """
    proxy = servers.proxy()
    with ThreadPoolExecutor() as pool:
        list(pool.map(servers.start, range(2)))
    await until(partial(servers.is_balanced_over, proxy, 0, 1), "both replicas are found")
    async with crowd(servers.address, speech) as streams:
        scene = Scene(servers, proxy, streams, figures)
        await streams.grow(STREAMS)
        before = await scene.look("before")
        require(spread(before) <= 1, "streams are spread unevenly", figures)
        await scene.drain()
        await scene.join()
        await scene.kill()
        await scene.reload()
        await scene.kill_proxy()
    figures["streams_per_replica"]["crowded"] = await crowded(servers)
    figures["answers_beside_unread"] = await unread(servers, speech)
    return streams.voices


@dataclass(slots=True)
class Scene:
    """Two replicas, the proxy before them, and streams through it."""

    servers: Fleet
    proxy: Proxy
    streams: Crowd
    figures: dict[str, Any]

    async def look(self, when: str) -> list[int]:
        """Note how many streams each replica has, once each has been answered for a while."""
        await self.streams.come_further()
        streams = await asyncio.to_thread(self.servers.streams)
        self.figures.setdefault("streams_per_replica", {})[when] = streams
        return streams

    async def until_balanced_over(self, *replicas: int) -> float:
        is_so = partial(self.servers.is_balanced_over, self.proxy, *replicas)
        return await until(is_so, f"new streams go to replicas {replicas}, and no other")

    async def drain(self) -> None:
        """SIGTERM for the first replica: it keeps its streams, new ones go elsewhere."""
        leaving = self.servers.replicas[0]
        leaving.process.send_signal(signal.SIGTERM)
        noticed_s = await self.until_balanced_over(1)
        had = self.figures["streams_per_replica"]["before"]
        await self.streams.grow(NEWCOMERS)
        draining = await self.look("draining")
        self.require(
            draining == [had[0], had[1] + NEWCOMERS], "a drain moved its streams early"
        )
        times = self.streams.times_resumed()
        leaving.process.send_signal(HURRY)
        exit_status = await asyncio.to_thread(leaving.process.wait, PATIENCE_S)
        drained = await self.look("drained")
        seen = {"noticed_s": noticed_s, "exit_status": exit_status}
        self.figures["drain"] = seen | self.streams.resumed_since(times)
        self.require(exit_status == 0, "the replica that drained did not end with 0")
        self.require(drained == [0, sum(draining)], "not all streams are at the other replica")

    async def join(self) -> None:
        """Start the first replica again: new streams go there."""
        await asyncio.to_thread(self.servers.start, 0)
        await self.until_balanced_over(0, 1)
        await self.streams.grow(NEWCOMERS)
        joined = await self.look("joined")
        self.require(joined[0] == NEWCOMERS, "new streams went to the fuller replica")

    async def kill(self) -> None:
        """SIGKILL for the second replica: its streams go on at the first."""
        times = self.streams.times_resumed()
        self.servers.replicas[1].process.kill()
        noticed_s = await self.until_balanced_over(0)
        left = await self.look("killed")
        self.figures["kill"] = {"noticed_s": noticed_s} | self.streams.resumed_since(times)
        self.require(left == [len(times), 0], "not all streams are at the other replica")

    async def reload(self) -> None:
        """Reload the proxy, which ends no stream, then kill it, which no stream minds."""
        times = self.streams.times_resumed()
        old = self.proxy.worker()
        self.proxy.reload()
        await until(lambda: self.proxy.worker() not in (old, ""), "a new worker is there")
        await self.until_balanced_over(0)
        await self.streams.grow(1)
        await self.look("proxy reloaded")
        self.figures["proxy_reloaded"] = self.streams.resumed_since([*times, 0])

    async def kill_proxy(self) -> None:
        """SIGKILL for the proxy, when both replicas are there again: all streams go on."""
        await asyncio.to_thread(self.servers.start, 1)
        await self.until_balanced_over(0, 1)
        times = self.streams.times_resumed()
        self.proxy.kill()
        self.proxy = self.servers.proxy()
        await self.until_balanced_over(0, 1)
        await self.look("proxy killed")
        self.figures["proxy_killed"] = self.streams.resumed_since(times)

    def require(self, is_so: bool, what: str) -> None:
        require(is_so, what, self.figures)


def compared(servers: Fleet, speech: Speech, voices: Sequence[Voice]) -> Faults:
    """Compare each stream with one that was neither lost nor behind a proxy."""
    address = servers.replicas[0].grpc
    with ThreadPoolExecutor(2) as pool:
        uncut = pool.map(lambda voice: heard_at(address, speech, voice), voices)
        return sum(
            (Faults.of(voice.heard, each) for voice, each in zip(voices, uncut, strict=True)),
            Faults(),
        )


def run(folder: Path, figures: dict[str, Any]) -> None:
    """Run the whole scene in ``folder``, and compare; note what was seen. Raises NotSo."""
    figures |= {"proxy": f"haproxy {version()}", "model": MODEL, "replicas": 2}
    sound = speech()
    with fleet(folder) as servers:
        try:
            voices = asyncio.run(disturbed(servers, sound, figures))
        except BaseExceptionGroup as several:  # the first is the cause of the others
            raise _first(several) from None
        faults = compared(servers, sound, voices)
        by_tls_faults = by_tls(servers, sound, voices[0])
        for replica in servers.replicas.values():
            check_log(replica, figures)
    figures |= {
        "streams": len(voices),
        "resumed": sum(bool(voice.away_s) for voice in voices),
        "frames": sum(voice.heard.finished.frames for voice in voices),
        "frames_lost": faults.frames_lost,
        "frames_repeated": faults.frames_repeated,
        "divergences": faults.divergences,
    }
    require(by_tls_faults == Faults(), f"by TLS it is another stream: {by_tls_faults}", figures)
    figures["tls"] = True
    require(faults == Faults(), f"streams are others than undisturbed ones: {faults}", figures)
    require(figures["resumed"] > 0, "nobody had to resume", figures)


def _first(several: BaseExceptionGroup) -> BaseException:
    first = several.exceptions[0]
    return _first(first) if isinstance(first, BaseExceptionGroup) else first


def main(arguments: Sequence[str]) -> int:
    parser = argparse.ArgumentParser(prog="./run e2e-fleet", description=__doc__)
    parser.add_argument("--json", action="store_true", help="one line of JSON on stdout")
    asked = parser.parse_args(arguments)
    os.environ.setdefault("GRPC_VERBOSITY", "NONE")  # of losses that are meant
    told: dict[str, Any] = {"ok": False, "why_not": ""}
    begun_s = monotonic()
    with tempfile.TemporaryDirectory(prefix="vau-fleet-") as name:
        try:
            run(Path(name), told)
        except Exception as fault:  # noqa: BLE001 - whatever it is, it is told in full
            told["why_not"] = str(fault) if isinstance(fault, NotSo) else traceback.format_exc()
            for log in Path(name).rglob(LOG):
                print(log.read_text(encoding="utf-8"), file=sys.stderr)
    told |= {"ok": not told["why_not"], "seconds": round(monotonic() - begun_s, 1)}
    print(json.dumps(told) if asked.json else json.dumps(told, indent=2))
    return 0 if told["ok"] else 1


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
