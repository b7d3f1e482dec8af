"""A network that misbehaves: a TCP proxy on the loopback, for machines without ``tc netem``.

What TCP makes of loss and reordering reaches a program as delay: bytes come late and in lumps,
never in another order. So it is delays and lumps, seeded, that stand for both; and beside them
what TCP does not mend: a line that goes dead, and connections that are closed or reset.
"""

import asyncio
import socket
import struct
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from random import Random
from typing import Final

READ_BYTES: Final = 1 << 16
LOOK_S: Final = 0.02
_LINGER_OFF: Final = struct.pack("ii", 1, 0)  # what is closed then is reset


@dataclass(slots=True)
class Weather:
    """What the network does to bytes, now; may be changed at any time."""

    delay_s: float = 0.0
    """Each way, for every read."""

    jitter_s: float = 0.0
    """Up to so much more."""

    loss: float = 0.0
    """The share of reads that come a retransmission later."""

    retransmission_s: float = 0.2
    is_dead: bool = False
    """Nothing passes, and nobody is told."""


@dataclass(slots=True)
class Proxy:
    """A proxy that runs."""

    address: str
    weather: Weather
    _loop: asyncio.AbstractEventLoop
    _writers: list[asyncio.StreamWriter] = field(default_factory=list)
    delayed_reads: int = 0

    def cut(self) -> None:
        """Close all connections in order."""
        self._end(lambda writer: writer.close())

    def reset(self) -> None:
        """Reset all connections, as a machine does that has forgotten them."""
        self._end(_reset)

    def _end(self, end: Callable[[asyncio.StreamWriter], None]) -> None:
        writers, self._writers = self._writers, []
        for writer in writers:
            self._loop.call_soon_threadsafe(end, writer)

    async def serve(
        self, upstream: str, reader: asyncio.StreamReader, writer: asyncio.StreamWriter
    ) -> None:
        """Carry the bytes of one connection, both ways."""
        host, port = upstream.split(":")
        there_reader, there_writer = await asyncio.open_connection(host, int(port))
        self._writers += [writer, there_writer]
        with suppress(asyncio.CancelledError):  # the proxy ends; asyncio would print it
            await asyncio.gather(
                self._carry(reader, there_writer, Random(1)),
                self._carry(there_reader, writer, Random(2)),
            )

    async def _carry(
        self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter, random: Random
    ) -> None:
        with suppress(OSError):
            while data := await reader.read(READ_BYTES):
                weather = self.weather
                wait_s = weather.delay_s + weather.jitter_s * random.random()
                if random.random() < weather.loss:
                    wait_s += weather.retransmission_s
                    self.delayed_reads += 1
                await asyncio.sleep(wait_s)
                while weather.is_dead:  # noqa: ASYNC110 - another thread sets it
                    await asyncio.sleep(LOOK_S)
                writer.write(data)
                await writer.drain()
        writer.close()


def _reset(writer: asyncio.StreamWriter) -> None:
    with suppress(OSError):
        writer.get_extra_info("socket").setsockopt(
            socket.SOL_SOCKET, socket.SO_LINGER, _LINGER_OFF
        )
    writer.transport.abort()


@contextmanager
def proxy(upstream: str, weather: Weather | None = None) -> Iterator[Proxy]:
    """Stand before ``upstream`` on a free port of the loopback while the block lasts."""
    loop = asyncio.new_event_loop()
    thread = threading.Thread(target=loop.run_forever, name="proxy", daemon=True)
    thread.start()
    between = Proxy("", weather or Weather(), loop)

    async def start() -> asyncio.Server:
        return await asyncio.start_server(
            lambda reader, writer: between.serve(upstream, reader, writer), "127.0.0.1", 0
        )

    server = asyncio.run_coroutine_threadsafe(start(), loop).result()
    between.address = f"127.0.0.1:{server.sockets[0].getsockname()[1]}"
    try:
        yield between
    finally:
        between.weather.is_dead = False
        between.reset()
        asyncio.run_coroutine_threadsafe(_stop(server), loop).result()
        loop.call_soon_threadsafe(loop.stop)
        thread.join()
        loop.close()


async def _stop(server: asyncio.Server) -> None:
    server.close()
    tasks = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
    for task in tasks:
        task.cancel()
    await asyncio.gather(*tasks, return_exceptions=True)
