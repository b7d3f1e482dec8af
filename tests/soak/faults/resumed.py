"""Servers that die, and streams that go on at the next one as if nothing had been."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from queue import SimpleQueue
from typing import Final

from tests.serving import streaming
from tests.soak.check import Check, Figures, Site, require
from tests.soak.known import Known, chunk, small_bundle
from tests.soak.server import soak_server
from vau.client import Client
from vau.errors import Unreachable
from vau.v1 import speech_pb2 as pb

SEED: Final = 700
CHUNKS: Final = 30
INTERVAL_MS: Final = 200
KILLED_AFTER: Final = (7, 19)
"""Chunks that were answered when a server was killed."""


@dataclass(slots=True)
class _Kept:
    """What a client keeps of a stream."""

    token: bytes = b""
    next_sample: int = 0
    checkpoints: int = 0
    digest: bytes = b""
    waiting: "SimpleQueue[bytes | None]" = field(default_factory=SimpleQueue)

    def hear(self, response: pb.StreamingRecognizeResponse) -> None:
        if response.HasField("checkpoint"):
            self.token = response.checkpoint.token
            self.next_sample = response.checkpoint.next_sample
            self.checkpoints += 1
        self.digest = response.finished.output_digest

    def sent(self) -> Iterator[bytes]:
        while (audio := self.waiting.get()) is not None:
            yield audio


def killed_and_resumed(site: Site) -> Figures:
    """Kill a server twice in the middle of a stream, and go on each time at another."""
    bundle = small_bundle(site.folder)
    key = site.folder / "key"
    key.write_bytes(b"a secret that these servers share, and nobody else")
    key.chmod(0o600)
    audio = b"".join(chunk(SEED, number) for number in range(CHUNKS))
    kept = _Kept()
    figures: Figures = {"servers": len(KILLED_AFTER) + 1}
    for at, stop in enumerate((*KILLED_AFTER, CHUNKS)):
        with (
            soak_server(
                site.folder,
                bundle,
                log=f"server-{at}.log",
                settings={"resume_key_file": str(key)},
            ) as server,
            Client(server.grpc) as client,
        ):
            config = streaming(pb.OutputConfig(phonemes=True))
            config.checkpoint_interval.FromMilliseconds(INTERVAL_MS)
            config.resume_token = kept.token
            responses = client.stream(config, kept.sent())
            started = next(responses).started
            require(started.next_sample == kept.next_sample, "it goes on elsewhere", figures)
            rest = audio[2 * kept.next_sample : 2 * 1600 * stop]
            for first in range(0, len(rest), 3200):
                kept.waiting.put(rest[first : first + 3200])
                kept.hear(next(responses))
            if stop == CHUNKS:
                kept.waiting.put(None)
                for response in responses:
                    kept.hear(response)
            else:
                server.process.kill()
                _until_lost(responses)
                kept.waiting.put(None)
    figures["checkpoints"] = kept.checkpoints
    require(kept.digest == Known(bundle).digest(audio), "its bits are others", figures)
    return figures


def _until_lost(responses: Iterator[pb.StreamingRecognizeResponse]) -> None:
    """Read until the stream is lost, which must be told as what it is."""
    try:
        for _ in responses:
            pass
    except Unreachable:
        return
    require(False, "a stream ended well whose server was killed")


CHECKS: Final = (
    Check(
        "sigkill-resumed",
        "killed twice in mid-stream: it goes on at the next server, and has the bits of a "
        "stream that was never cut",
        killed_and_resumed,
    ),
)
