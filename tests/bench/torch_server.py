"""The server that one would write with torch, for ``./run bench serve`` to compare ours with.

    python -m tests.bench.torch_server --speech FILE

It speaks ``speech.proto`` over grpc.aio: python-speech-features for each chunk, with the
overlap that it needs, then one call of ``torch.nn.LSTM`` for each stream and chunk, in float32
on one thread, in oneDNN's way or torch's own, whichever is faster here. It answers with
posteriors alone: no phones, no energies, no digests, no metrics, which is all in its favour.

Before it says where it listens it asks itself, over the wire, for the posteriors of FILE, and
they must be the ``float`` backend's. Then it writes one JSON line and serves until SIGTERM.
"""

import asyncio
import json
import signal
from argparse import ArgumentParser
from collections.abc import AsyncIterator, Sequence
from importlib.metadata import version
from pathlib import Path
from time import process_time
from typing import Any, Final

import grpc
import numpy as np
import torch
from numpy.typing import NDArray

from tests.bench._agreement import TOLERANCE, NotTheSame
from tests.bench._library_features import LibraryFeatures
from tests.bench._torch_network import TorchNetwork
from vau.audio import HOP_SAMPLES
from vau.audiofile import read_recording
from vau.backend import BackendOptions, Work
from vau.client import posteriors_array
from vau.client.recognition import Request
from vau.commands.features import features_of
from vau.model import Model, find_model
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import (
    SpeechRecognitionServicer,
    SpeechRecognitionStub,
    add_SpeechRecognitionServicer_to_server,
)
from vau_backends.float.backend import FACTORY

NAME: Final = "torch_server"
CHUNK_FRAMES: Final = 10  # of the calls by which the mode is chosen: chunks of 100 ms
CHUNK_BYTES: Final = 2 * CHUNK_FRAMES * HOP_SAMPLES
WARM_CALLS: Final = 30
TIMED_CALLS: Final = 150
ROUNDS: Final = 3

Floats = NDArray[np.float32]


class TorchStream:
    """One stream: its features, and its state in the network."""

    def __init__(self, model: Model, network: TorchNetwork) -> None:
        """Begin in the zero state."""
        zero = torch.zeros(model.network.layers, 1, model.network.hidden)
        self._model, self._network = model, network
        self._features = LibraryFeatures()
        self._state = (zero, zero)
        self._silent = model.output_delay  # steps that answer no frame yet
        self._last: Floats = np.empty((0, model.network.inputs), np.float32)

    def push(self, pcm: bytes, *, is_last: bool = False) -> Floats:
        """Return the log-posteriors of complete frames, shape (frames, classes)."""
        rows = self._features.push(np.frombuffer(pcm, "<i2"), is_last=is_last)
        steps = rows.astype(np.float32)
        self._last = steps[-1:] if len(steps) else self._last
        if is_last:  # the last feature again for each frame of output delay
            steps = np.concatenate([steps, *[self._last] * self._model.output_delay])
        if not len(steps):
            return np.empty((0, self._model.network.classes), np.float32)
        z = (steps - self._model.mean) * self._model.inv_std
        with torch.inference_mode():
            logits, self._state = self._network(torch.from_numpy(z[:, None]), self._state)
            said = torch.log_softmax(logits[:, 0] / self._model.temperature, -1).numpy()
        silent = min(self._silent, len(said))
        self._silent -= silent
        answer: Floats = said[silent:]
        return answer


class Recogniser(SpeechRecognitionServicer):
    """The service, as far as a load needs it."""

    def __init__(self, model: Model) -> None:
        """Load the network."""
        self._model, self._network = model, TorchNetwork(model)

    async def StreamingRecognize(  # noqa: N802 - the name in the proto
        self,
        requests: AsyncIterator[pb.StreamingRecognizeRequest],
        _context: object,
    ) -> AsyncIterator[pb.StreamingRecognizeResponse]:
        """Answer each chunk with the posteriors that it completes."""
        stream = TorchStream(self._model, self._network)
        samples = frames = 0
        await anext(requests)  # the config: there is nothing to choose here
        yield pb.StreamingRecognizeResponse(started=self._started())
        async for request in requests:
            samples += len(request.audio) // 2
            said = stream.push(request.audio)
            yield _response(said, frames, samples, (frames + len(said)) * HOP_SAMPLES)
            frames += len(said)
        said = stream.push(b"", is_last=True)
        response = _response(said, frames, samples, samples)
        response.finished.samples, response.finished.frames = samples, frames + len(said)
        yield response

    def _started(self) -> pb.SessionStarted:
        look_ahead = self._model.look_ahead_frames
        model = pb.ModelInfo(name=self._model.name, look_ahead_frames=look_ahead)
        return pb.SessionStarted(model=model)


def _response(
    said: Floats, first_frame: int, received_sample: int, answered_sample: int
) -> pb.StreamingRecognizeResponse:
    response = pb.StreamingRecognizeResponse(
        received_sample=received_sample, answered_sample=answered_sample
    )
    if len(said):
        response.posteriors.first_frame = first_frame
        response.posteriors.first_sample = first_frame * HOP_SAMPLES
        response.posteriors.frame_count, response.posteriors.width = said.shape
        response.posteriors.frame_stride = 1
        response.posteriors.encoding = pb.POSTERIOR_ENCODING_FLOAT32
        response.posteriors.values = said.astype("<f4").tobytes()
    return response


def choose_mode(model: Model) -> tuple[str, dict[str, float]]:
    """Switch oneDNN on or off, whichever is faster with a chunk of one stream.

    Returns what was chosen, and the microseconds of CPU per chunk of both.
    """
    chunks = np.random.default_rng(0).normal(0, 2000, (WARM_CALLS + TIMED_CALLS, 1600))
    pcm = [chunk.clip(-32768, 32767).astype("<i2").tobytes() for chunk in chunks]
    network = TorchNetwork(model)
    took_us: dict[str, list[float]] = {"with oneDNN": [], "without oneDNN": []}
    for _ in range(ROUNDS):
        for name, times in took_us.items():
            torch.backends.mkldnn.set_flags(name == "with oneDNN")
            stream = TorchStream(model, network)
            for chunk in pcm[:WARM_CALLS]:
                stream.push(chunk)
            started_s = process_time()
            for chunk in pcm[WARM_CALLS:]:
                stream.push(chunk)
            times.append((process_time() - started_s) / TIMED_CALLS * 1e6)
    best_us = {name: round(min(times), 1) for name, times in took_us.items()}
    chosen = min(best_us, key=best_us.__getitem__)
    torch.backends.mkldnn.set_flags(chosen == "with oneDNN")
    return chosen, best_us


def expected(samples: NDArray[np.int16], model: Model) -> Floats:
    """Return the log-posteriors that the float backend has of a whole recording."""
    features = features_of(samples, model.frontend).astype(np.float32)
    steps = np.concatenate([features, *[features[-1:]] * model.output_delay])
    backend = FACTORY.open(model, BackendOptions(slot_count=1))
    (result,) = backend.run([Work(backend.open(), steps)])
    return result.log_prob[model.output_delay :]


async def largest_difference(address: str, samples: NDArray[np.int16], model: Model) -> float:
    """Return how far the posteriors at ``address`` are from the float backend's.

    Raises NotTheSame if that is over TOLERANCE, or other frames than there are.
    """
    pcm = samples.astype("<i2").tobytes()

    async def requests() -> AsyncIterator[pb.StreamingRecognizeRequest]:
        yield pb.StreamingRecognizeRequest(config=Request(posteriors="log").config())
        for at in range(0, len(pcm), CHUNK_BYTES):
            yield pb.StreamingRecognizeRequest(audio=pcm[at : at + CHUNK_BYTES])

    async with grpc.aio.insecure_channel(address) as channel:
        call: Any = SpeechRecognitionStub(channel).StreamingRecognize(requests())
        parts = [
            posteriors_array(each.posteriors) async for each in call if each.posteriors.values
        ]
    said = np.concatenate(parts).astype(np.float32)
    wanted = expected(samples, model)
    if said.shape != wanted.shape:
        raise NotTheSame(f"{NAME} answers {said.shape}, the float backend {wanted.shape}")
    difference = float(np.abs(said - wanted).max())
    if not difference <= TOLERANCE:
        raise NotTheSame(
            f"{NAME}: a log-posterior differs from the float backend's by {difference}, "
            f"more than {TOLERANCE}"
        )
    return difference


async def serve(model: Model, speech: Path) -> None:
    """Check, say so, and serve until SIGTERM."""
    mode, took_us = choose_mode(model)
    server = grpc.aio.server()
    add_SpeechRecognitionServicer_to_server(Recogniser(model), server)
    address = f"127.0.0.1:{server.add_insecure_port('127.0.0.1:0')}"
    await server.start()
    said = {
        "name": NAME,
        "grpc": address,
        "metrics": "",
        "mode": mode,
        "us_per_chunk": took_us,
        "largest_difference": await largest_difference(
            address, read_recording(speech).samples, model
        ),
        "versions": {name: version(name) for name in ("torch", "python-speech-features")},
    }
    print(json.dumps(said), flush=True)
    stopped = asyncio.Event()
    asyncio.get_running_loop().add_signal_handler(signal.SIGTERM, stopped.set)
    await stopped.wait()
    await server.stop(0)


def main(arguments: Sequence[str] | None = None) -> None:
    """Serve one model on one thread."""
    parser = ArgumentParser(prog="python -m tests.bench.torch_server")
    parser.add_argument("--speech", type=Path, required=True, help="what it is checked with")
    parser.add_argument("--model", default="munt-3x384")
    parsed = parser.parse_args(arguments)
    torch.set_num_threads(1)
    asyncio.run(serve(find_model(parsed.model), parsed.speech))


if __name__ == "__main__":
    main()
