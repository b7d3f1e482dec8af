"""Sessions that are opened and closed by the thousand: nothing of them may stay."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Final

import numpy as np

from tests.real_server import RealServer
from tests.serving import END_UTTERANCE, speech, streaming
from tests.soak.check import Check, Figures, Site, require
from tests.soak.known import Known, small_bundle
from tests.soak.scene import SOON_S, check_log
from tests.soak.server import soak_server
from tests.soak.slots import wait_for_slots
from vau.client import Client
from vau.errors import ConfigInvalid
from vau.v1 import speech_pb2 as pb

AT_ONCE: Final = 4
AUDIO_SAMPLES: Final = 4_800
MOST_BYTES_A_SESSION: Final = 1024
"""The bound on the slope of the resident memory. What peers were seen to leak is tens of
kilobytes a connection; below this lies what an allocator moves about by itself."""

NOISE_BYTES: Final = 2 << 20
"""So much a measurement of memory may be off, whatever was done: it is shared out among the
sessions that were measured, and few of them cannot show less."""

WARM_UP: Final = 0.4
POINTS: Final = 40  # measurements of the memory


def opened_and_closed(site: Site) -> Figures:
    sessions = site.count(short=300, long=2_000)
    bundle = small_bundle(site.folder)
    known = Known(bundle).digest(speech(AUDIO_SAMPLES))
    with soak_server(site.folder, bundle) as server:
        _sessions(server, range(AT_ONCE * 8), known)  # imports, thread pools, arenas
        threads, files = _threads(server), _files(server)
        resident: list[tuple[int, int]] = []
        step = sessions // POINTS
        for first in range(0, sessions, step):
            _sessions(server, range(first, min(sessions, first + step)), known)
            resident.append((first + step, server.resident_bytes()))
        wait_for_slots(server, 0, SOON_S)
        steady = resident[int(WARM_UP * len(resident)) :]
        grown = slope(steady)
        measured = steady[-1][0] - steady[0][0]
        bound = MOST_BYTES_A_SESSION + NOISE_BYTES / measured
        figures: Figures = {
            "sessions": sessions,
            "bytes_a_session": round(grown),
            "bound_bytes_a_session": round(bound),
            "resident_mb": round(resident[-1][1] / 1e6, 1),
            "threads_more": _threads(server) - threads,
            "files_more": _files(server) - files,
        }
        check_log(server, figures)
    require(grown < bound, "memory grows with every session", figures)
    require(_threads_and_files_stay(figures), "threads or files are left over", figures)
    return figures


def _threads_and_files_stay(figures: Figures) -> bool:
    few = 2 * AT_ONCE  # connections that are being closed, and a pool that had not been full
    return all(int(figures[name] or 0) <= few for name in ("threads_more", "files_more"))


def _sessions(server: RealServer, numbers: range, digest: bytes) -> None:
    """Open and close a session for each number, on a connection for each few of them."""
    with ThreadPoolExecutor(AT_ONCE) as pool:
        parts = [numbers[at::AT_ONCE] for at in range(AT_ONCE)]
        for done in [pool.submit(_on_one_connection, server, part, digest) for part in parts]:
            done.result()


def _on_one_connection(server: RealServer, numbers: range, digest: bytes) -> None:
    with Client(server.grpc) as client:
        for number in numbers:
            _one(client, number, digest)


def _one(client: Client, number: int, digest: bytes) -> None:
    """Open and close a session, in one of the ways in which they end."""
    kind = number % 4
    if kind == 3:
        refused = streaming()
        refused.recognition.output.top_k = 99
        try:
            list(client.stream(refused, []))
        except ConfigInvalid:
            return
        raise AssertionError("a config that is none was let in")
    responses = client.stream(streaming(), _audio(kind))
    if kind == 2:  # it leaves in the middle
        next(responses)
        next(responses)
        responses.close()  # type: ignore[attr-defined]
        return
    finished = list(responses)[-1].finished
    if kind == 0:
        assert finished.output_digest == digest, "a session has other bits"


def _audio(kind: int) -> Iterator[bytes | pb.Control]:
    audio = speech(AUDIO_SAMPLES)
    for at in range(0, len(audio), 3200):
        yield audio[at : at + 3200]
        if kind == 1:
            yield END_UTTERANCE


def slope(points: list[tuple[int, int]]) -> float:
    """Return by how much the second grows with the first, by least squares."""
    numbers, sizes = np.array(points, float).T
    return float(np.polyfit(numbers, sizes, 1)[0])


def _threads(server: RealServer) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/task").iterdir()))


def _files(server: RealServer) -> int:
    return len(list(Path(f"/proc/{server.process.pid}/fd").iterdir()))


CHECKS: Final = (
    Check(
        "sessions",
        "sessions that end, fail and leave, with their connections: the slope of the memory is "
        "0 within the bound, no thread and no file stays",
        opened_and_closed,
        is_alone=True,
    ),
)
