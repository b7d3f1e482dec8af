"""Well-behaved streams in a process of their own, beside which something goes wrong.

``python -m tests.soak.crowd ADDRESS STREAMS`` opens them, says so, and sends at the pace of
speech until its stdin ends or the server asks to leave; then it says how each of them ended.
"""

import asyncio
import json
import subprocess
import sys
import threading
from collections import Counter, deque
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass, field
from time import perf_counter
from typing import Any, Final

import grpc
import numpy as np

from tests.commands import ROOT, environment
from tests.real_server import RealServer
from tests.serving import streaming
from tests.soak.check import Figures, require
from tests.soak.known import CHUNK_S, Known, chunk
from vau.percentiles import nearest_ranks
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub
from vau.wire.status import error_from

PATIENCE_S: Final = 60.0
OPENED: Final = "opened"
PIPE_BYTES: Final = 1 << 20  # room for all it says, so that it can end before that is read


@dataclass(slots=True)
class Ended:
    """How one stream ended."""

    seed: int
    chunks: int = 0
    digest: str = ""
    error: str = ""
    """Class and text of what ended it; empty if it ended well."""

    after_s: float = 0.0
    """From its opening."""

    notices: list[str] = field(default_factory=list)
    latencies_s: list[float] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Crowd:
    """Such a process."""

    process: "subprocess.Popen[str]"
    streams: int

    def finish(self) -> list[Ended]:
        """Let all streams end, and return how each did."""
        said, _ = self.process.communicate("", timeout=PATIENCE_S)
        return [Ended(**each) for each in json.loads(said)]

    def wait(self) -> list[Ended]:
        """Wait until the server has ended all streams, and return how each ended."""
        self.process.wait(PATIENCE_S)
        assert self.process.stdout is not None
        said = self.process.stdout.read()
        return [Ended(**each) for each in json.loads(said)]

    def finish_well(self, known: Known) -> Figures:
        """Let all streams end. Raises NotSo unless each did, with the bits that are its own."""
        return judged(self.finish(), known)


def judged(ended: list[Ended], known: Known) -> Figures:
    """Return figures of a crowd. Raises NotSo unless each stream ended well."""
    latencies_s = [each for stream in ended for each in stream.latencies_s]
    wrong = [
        stream.seed
        for stream in ended
        if stream.digest
        and bytes.fromhex(stream.digest) != known.digest_of_chunks(stream.seed, stream.chunks)
    ]
    errors = [stream.error for stream in ended if stream.error]
    p50, p99 = nearest_ranks(np.array(latencies_s), (50, 99)) if latencies_s else (0.0, 0.0)
    figures: Figures = {
        "others": len(ended),
        "others_failed": len(errors),
        "others_with_wrong_bits": len(wrong),
        "others_chunks": sum(stream.chunks for stream in ended),
        "others_p50_ms": round(1e3 * p50, 1),
        "others_p99_ms": round(1e3 * p99, 1),
    }
    require(not errors, f"others failed: {dict(Counter(errors))}", figures)
    silent = [stream.seed for stream in ended if not stream.digest]
    require(not silent, f"others ended without a word: seeds {silent}", figures)
    require(not wrong, f"others have wrong bits: seeds {wrong}", figures)
    return figures


@contextmanager
def crowd(
    server: RealServer,
    streams: int,
    backend: str = "",
    first: int = 0,
    *,
    stays: bool = False,
    fallbacks: Sequence[str] = (),
) -> Iterator[Crowd]:
    """Keep so many streams open at ``server`` while the block lasts.

    first:     the seed of the first of them.
    stays:     whether they go on when the server asks them to leave.
    fallbacks: the backends that may take over.
    """
    order = json.dumps([server.grpc, streams, backend, first, stays, list(fallbacks)])
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.soak.crowd", order],
        cwd=ROOT,
        env=environment(OPENBLAS_NUM_THREADS="1"),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
        pipesize=PIPE_BYTES,
    )
    try:
        assert process.stdout is not None
        require(
            process.stdout.readline().strip() == OPENED, "a crowd could not open its streams"
        )
        yield Crowd(process, streams)
    finally:
        process.kill()
        process.wait()


_Call = Any  # gRPC has no type for it


class _Stream:
    def __init__(self, call: _Call, seed: int, is_over: asyncio.Event, stays: bool) -> None:
        self._call, self._is_over, self._stays = call, is_over, stays
        self.ended = Ended(seed)
        self._due: deque[tuple[int, float]] = deque()  # where a chunk ends, and when it was due

    async def open(self, backend: str, fallbacks: Sequence[str]) -> None:
        config = streaming(pb.OutputConfig(phonemes=True), backend=backend)
        config.recognition.fallback_backends.extend(fallbacks)
        await self._call.write(pb.StreamingRecognizeRequest(config=config))
        started = await self._call.read()
        if not started.HasField("started"):
            raise RuntimeError("a stream did not begin")

    async def play(self) -> None:
        begun_s = perf_counter()
        speaking = asyncio.create_task(self._speak(begun_s))
        try:
            await self._listen()
        except grpc.RpcError as error:
            meant = error_from(error)
            self.ended.error = f"{type(meant).__name__}: {meant}"
        finally:
            self.ended.after_s = perf_counter() - begun_s
            speaking.cancel()
            await asyncio.gather(speaking, return_exceptions=True)

    async def _speak(self, begun_s: float) -> None:
        samples = 0
        phase_s = CHUNK_S * (self.ended.seed * 0.618 % 1.0)
        while not self._is_over.is_set():
            due_s = begun_s + phase_s + (self.ended.chunks + 1) * CHUNK_S
            try:
                await asyncio.wait_for(self._is_over.wait(), max(0.0, due_s - perf_counter()))
            except TimeoutError:
                pass
            else:
                break
            audio = chunk(self.ended.seed, self.ended.chunks)
            samples += len(audio) // 2
            self._due.append((samples, due_s))
            self.ended.chunks += 1
            await self._call.write(pb.StreamingRecognizeRequest(audio=audio))
        await self._call.done_writing()

    async def _listen(self) -> None:
        while (response := await self._call.read()) is not grpc.aio.EOF:
            now_s = perf_counter()
            while self._due and self._due[0][0] <= response.received_sample:
                self.ended.latencies_s.append(now_s - self._due.popleft()[1])
            for notice in response.notices:
                self.ended.notices.append(notice.code)
                if notice.code == "GOING_AWAY" and not self._stays:
                    self._is_over.set()
            if response.HasField("finished"):
                self.ended.digest = response.finished.output_digest.hex()


async def _main(
    address: str,
    streams: int,
    backend: str,
    first: int,
    stays: bool,
    fallbacks: Sequence[str],
) -> None:
    is_over = asyncio.Event()
    async with grpc.aio.insecure_channel(address) as channel:
        stub = SpeechRecognitionStub(channel)
        crowd = [
            _Stream(stub.StreamingRecognize(), seed, is_over, stays)
            for seed in range(first, first + streams)
        ]
        await asyncio.gather(*(each.open(backend, fallbacks) for each in crowd))
        sys.stdout.write(OPENED + "\n")
        sys.stdout.flush()
        loop = asyncio.get_running_loop()
        # A daemon: it may still wait when the server has ended all streams.
        threading.Thread(target=_until_told, args=(loop, is_over), daemon=True).start()
        await asyncio.gather(*(each.play() for each in crowd))
    json.dump([asdict(each.ended) for each in crowd], sys.stdout)
    sys.stdout.flush()


def _until_told(loop: asyncio.AbstractEventLoop, is_over: asyncio.Event) -> None:
    sys.stdin.read()
    with suppress(RuntimeError):  # the loop has ended
        loop.call_soon_threadsafe(is_over.set)


if __name__ == "__main__":
    asyncio.run(_main(*json.loads(sys.argv[1])))
