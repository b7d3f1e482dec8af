"""Messages from the transport, checked, into the inbox."""

from time import perf_counter
from typing import Final

import grpc

from vau.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from vau.errors import ConfigInvalid, ConfigRepeated, MessageTooLarge, StreamLagging
from vau.v1 import speech_pb2 as pb
from vau.wire.context import Context
from vau.wire.request import check_known
from vau.wire.stream.inbox import Audio, End, Failure, Item, Order
from vau.wire.stream.live import Live

GOOD_MS: Final = (10, 100)  # in one message: less is mostly envelope, more comes late


class Reader:
    """Reads one stream after its config, until the client closes its half."""

    def __init__(self, live: Live) -> None:
        """Begin where its position is."""
        self._live = live
        self._inbox, self._position = live.inbox, live.position
        self._max_lag_s = live.wanted.max_lag_s
        self._sample_bytes = SAMPLE_BYTES[live.wanted.recognition.raw_encoding]
        self._rest_bytes = 0  # of a sample that is not complete
        self._held_s = 0.0  # since the last audio, waiting for room

    async def run(self, context: Context) -> None:
        """Read until the end. What is wrong with a message is raised in its turn."""
        try:
            while True:
                self._live.life.listens()
                request = await context.read()
                self._live.life.heard()
                read_s = perf_counter()
                if request is grpc.aio.EOF:
                    await self._inbox.put(End(read_s))
                    return
                await self._accept(request, read_s)
        except StreamLagging as error:
            self._inbox.end(error)
        except Exception as error:  # noqa: BLE001 - whatever it is, the answerer raises it
            await self._inbox.put(Failure(error))

    async def _accept(self, request: pb.StreamingRecognizeRequest, read_s: float) -> None:
        kind = request.WhichOneof("request")
        if kind == "audio":
            item = self._audio(request.audio, request.client_mark, read_s)
            await self._put(item)
            self._position.received = item.end_sample
        elif kind == "control":
            control = request.control
            check_known(control.kind, pb.Control.Kind, "control.kind", allows_zero=False)
            await self._put(Order(control, request.client_mark, read_s))
            if control.kind == pb.Control.KIND_FLUSH:
                self._live.carrier.flush()
        elif kind == "config":
            raise ConfigRepeated(
                "config: this stream has one already; open another stream for another config",
                field="config",
            )
        else:
            raise ConfigInvalid("request: is empty; send audio or a control", field="request")

    async def _put(self, item: Item) -> None:
        """Put it into the inbox, and take note how long nothing is read for want of room."""
        began_s = perf_counter()
        await self._inbox.put(item)
        self._held_s += perf_counter() - began_s

    def _audio(self, data: bytes, mark: int, read_s: float) -> Audio:
        self._check_size(data)
        audio_s = len(data) / self._sample_bytes / SAMPLE_RATE_HZ
        self._live.host.door.heard(self._live.call.visitor, audio_s)
        samples, self._rest_bytes = divmod(self._rest_bytes + len(data), self._sample_bytes)
        held_s, self._held_s = self._held_s, 0.0
        received = self._position.received + samples
        return Audio(data, received, samples, mark, read_s, held_s)

    def _check_size(self, audio: bytes) -> None:
        limit = self._live.host.config.max_audio_message_bytes
        if len(audio) > limit:
            raise MessageTooLarge(
                f"audio: {len(audio)} bytes in one message, {limit} are allowed; "
                + self._advice(),
                field="audio",
                limit=limit,
                got=len(audio),
            )
        lag_s = len(audio) / self._sample_bytes / SAMPLE_RATE_HZ
        if lag_s > self._max_lag_s:
            raise MessageTooLarge(
                f"audio: {lag_s:.3f} s in one message, max_lag is {self._max_lag_s:g} s; "
                + self._advice(),
                field="audio",
                limit_s=self._max_lag_s,
                got_s=lag_s,
            )

    def _advice(self) -> str:
        """Say how much to send in one message, within both limits."""
        per_s = self._sample_bytes * SAMPLE_RATE_HZ
        most_s = min(self._max_lag_s, self._live.host.config.max_audio_message_bytes / per_s)
        most_ms = min(GOOD_MS[1], most_s * 1e3)
        if most_ms > GOOD_MS[0]:
            return f"send {GOOD_MS[0]} to {most_ms:g} ms at a time"
        return f"send at most {most_ms:g} ms at a time"
