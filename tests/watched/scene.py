"""What Prometheus sees: two servers under load, what goes wrong, and one that leaves."""

import signal
from collections.abc import Callable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager, suppress
from functools import partial
from pathlib import Path
from threading import Event
from time import time
from typing import Final

import numpy as np
from numpy.typing import NDArray

from deploy.dashboards.ask import Prometheus, Span
from tests.real_server import RealServer
from tests.serving import Talk, speech, streaming
from tests.voice import voice
from tests.watched import incidents
from tests.watched.prometheus import scraping, until, until_said, until_scraped
from tests.watched.sites import DESK_LOAD, ONE_DIE, Site, site
from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import read_recording
from vau.client import Access, Client
from vau.client.paced import Load, drive
from vau.client.recognition import Request
from vau.commands.clip import default_clip
from vau.errors import AudioError, BackendBusy, SlotsExhausted

SERVERS: Final = 2
CHUNK_S: Final = 0.05
STREAM_S: Final = 5.0
DURATION_S: Final = 10.0  # then the same anew, until everything has happened
PATIENCE_S: Final = 120.0
ROUNDS: Final = 5
PAUSE: Final = 3  # scrapes
STEP_S: Final = 1.0
RATE_INTERVAL_S: Final = 20.0
"""Of what is deployed, which is scraped each five seconds."""

EACH_ROUND: Final[Sequence[Callable[[Site], None]]] = (
    incidents.strangers,
    incidents.crowd,
    incidents.silence,
    incidents.comes_again,
    incidents.archive,
    incidents.new_tokens,
)
ONCE: Final[Sequence[Callable[[Site], None]]] = (
    incidents.pulled_out,
    incidents.put_back,
)


def played(folder: Path, look: Callable[[Prometheus, Span], None]) -> None:
    """Play everything, and let ``look`` see the Prometheus that saw it."""
    with site(folder) as seen:
        targets = {"front": seen.front.metrics, "desk": seen.desk.metrics}
        with scraping(folder, targets) as prometheus:
            until_scraped(prometheus, SERVERS)
            begun_s = time()
            with _loaded(seen):
                for _ in range(ROUNDS):
                    for happens in EACH_ROUND:
                        happens(seen)
                    for _ in range(PAUSE):
                        until_scraped(prometheus, SERVERS)
                for happens in ONCE:
                    happens(seen)
                    until_scraped(prometheus, SERVERS)
                incidents.shadow_dies(seen, prometheus)
            _leaves(seen, prometheus)
            look(prometheus, Span(begun_s, time(), STEP_S, RATE_INTERVAL_S))


@contextmanager
def _loaded(seen: Site) -> Iterator[None]:
    """Keep streams at the pace of speech on each backend while the block lasts.

    Raises what a stream fails with.
    """
    sound, is_over = _speech(), Event()

    def speak(streams: int, server: RealServer, access: Access, backend: str) -> None:
        load = Load(
            streams=streams,
            chunk_s=CHUNK_S,
            duration_s=DURATION_S,
            stream_s=STREAM_S,
            seed=streams,
            patience_s=PATIENCE_S,
            request=Request(backend=backend, fallback_backends=["any"]),
        )
        while not is_over.is_set():
            with suppress(BackendBusy, SlotsExhausted):  # a crowd has all the room
                drive(server.grpc, load, sound, access)

    with ThreadPoolExecutor() as pool:
        loads = [
            pool.submit(speak, 4, seen.front, seen.access, "muntaniala"),
            pool.submit(speak, 3, seen.front, seen.access, "rpu"),
            pool.submit(speak, DESK_LOAD - 1, seen.desk, Access(), ONE_DIE),
            pool.submit(speak, 1, seen.desk, Access(), seen.board_id),
        ]
        try:
            yield
        finally:
            is_over.set()
        for load in loads:
            load.result()


def _speech() -> NDArray[np.int16]:
    """Return real speech where there is some."""
    try:
        return read_recording(default_clip()).samples
    except AudioError:
        return voice(20.0).astype(np.int16)


def _drains(seen: Site) -> bool:
    assert seen.front.log is not None
    return any(entry["event"] == "draining" for entry in seen.front.log.news())


def _leaves(seen: Site, prometheus: Prometheus) -> None:
    """Let a server drain while somebody still speaks, and end."""
    with Client(seen.front.grpc, access=seen.access) as client:
        talk = Talk(client, streaming())
        talk.say(speech(SAMPLE_RATE_HZ // 10))
        seen.front.process.send_signal(signal.SIGTERM)
        until(partial(_drains, seen), "the server to drain")
        until_scraped(prometheus, SERVERS)
        talk.half_close()
    assert seen.front.process.wait(PATIENCE_S) == 0
    until_said(prometheus, 'up{job="vau"} offset 3s == 0')  # on the pictures, too
