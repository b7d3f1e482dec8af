"""A client for asyncio: the calls of ``vau.client.Client``, awaited."""

import asyncio
from collections.abc import AsyncGenerator, AsyncIterable, AsyncIterator, Iterable
from contextlib import asynccontextmanager, suppress
from types import TracebackType
from typing import Any, Self

import grpc
from grpc_health.v1 import health_pb2

from vau.client.access import Access, check_access
from vau.client.address import check_address
from vau.client.alive import alive_async, check_interval
from vau.client.channel import (
    ANSWER_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    HEALTH,
    OVER,
    closed,
    options,
)
from vau.client.items import Said, Sound, check_items, items_as_they_come, sound_of
from vau.client.kept import Item
from vau.client.resume import Resume
from vau.client.resuming import as_request
from vau.client.resuming_async import resuming
from vau.client.shown import Metadata, Shown
from vau.client.sieve import Response
from vau.client.throttle import Throttle
from vau.errors import Unreachable, VauError
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub
from vau.wire.status import error_from

Request = pb.StreamingRecognizeRequest


class AsyncClient:
    """One server. Raises ``VauError`` for all that goes wrong there.

    Nothing is connected before the first call, which waits for a server that is not there
    yet; once it was there, no call waits for it. It belongs to one event loop.
    """

    def __init__(
        self,
        address: str,
        *,
        access: Access | None = None,
        connect_timeout_s: float = CONNECT_TIMEOUT_S,
    ) -> None:
        """Name the server: ``host:port``, which may still be starting.

        access:            TLS and token, if the server wants them; None for neither.
        connect_timeout_s: for so long the first call tries to connect, refused or not.
        Several servers that share a ``--resume-key-file`` may be named at once, as
        ``ipv4:10.0.0.1:50051,10.0.0.2:50051``: the first that answers is taken.
        Raises ConfigInvalid for what is no address or no access, or if a file of it cannot be
        used.
        """
        self.address = check_address(address)
        self._access = access = check_access(access)
        self._shown = Shown(access, address)
        self._connect_timeout_s = connect_timeout_s
        self._is_reached = self._is_closed = False
        self._throttle = Throttle()
        credentials = access.credentials()
        how = options(connect_timeout_s)
        self._channel = (
            grpc.aio.insecure_channel(address, how)
            if credentials is None
            else grpc.aio.secure_channel(address, credentials, how)
        )
        self._stub: Any = SpeechRecognitionStub(self._channel)

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        await self.close()

    async def close(self) -> None:
        """Hang up; calls still under way are cancelled. Closing twice is harmless."""
        self._is_closed = True
        await self._channel.close()

    async def server_info(self) -> pb.GetServerInfoResponse:
        """Ask for version, models, accepted formats and limits."""
        async with self._errors():
            await self._reach()
            info: pb.GetServerInfoResponse = await self._stub.GetServerInfo(
                pb.GetServerInfoRequest(), timeout=ANSWER_TIMEOUT_S, metadata=self._metadata
            )
            return info

    async def backends(self, *, include_unavailable: bool = False) -> pb.ListBackendsResponse:
        """Ask for the accelerators, their states and free slots."""
        request = pb.ListBackendsRequest(include_unavailable=include_unavailable)
        async with self._errors():
            await self._reach()
            backends: pb.ListBackendsResponse = await self._stub.ListBackends(
                request, timeout=ANSWER_TIMEOUT_S, metadata=self._metadata
            )
            return backends

    async def recognize(
        self, config: pb.RecognitionConfig, audio: Sound
    ) -> pb.RecognizeResponse:
        """Recognise one short recording: raw samples, or the bytes of a WAV or FLAC file."""
        data = sound_of(audio, config.audio_format.encoding)
        request = pb.RecognizeRequest(config=config, audio=data)
        async with self._errors():
            await self._reach()
            answer: pb.RecognizeResponse = await self._stub.Recognize(
                request, metadata=self._metadata
            )
            return answer

    def stream(
        self,
        config: pb.StreamingConfig,
        items: AsyncIterable[Said] | Iterable[Said],
        *,
        resume: Resume | None = None,
        keep_alive_s: float | None = None,
    ) -> AsyncGenerator[Response, None]:
        """Stream audio and controls; yield the responses as they come.

        items:  bytes, arrays of samples in the encoding of ``config``, and controls; what is
                iterable but not asynchronously so has a thread, so it may wait, too.
                Their end is the half-close. What they raise, this raises.
        resume: how the stream outlives its connection; None if it does not.
        keep_alive_s: after so long without an item a KEEP_ALIVE is sent; None for never, and
                then a server ends the stream after ``limits.idle_timeout``.
        The call begins with the first ``anext``; leaving the loop early ends it, at once if
        the generator is closed.
        Raises ConfigInvalid if ``items`` can be none, or yield what is neither.
        """
        check_items(items)
        said = items_as_they_come(items, config.recognition.audio_format.encoding)
        if keep_alive_s is not None:
            check_interval(keep_alive_s)
            said = alive_async(said, keep_alive_s)
        if resume is not None:
            return resuming(self.exchange, config, said, resume, self._throttle)
        return self.exchange(_requests(config, said))

    async def exchange(
        self, requests: AsyncIterable[Request]
    ) -> AsyncGenerator[Response, None]:
        """Do the same with whole requests, the first of which ought to hold the config."""
        async with self._errors():
            await self._reach()
            call = self._stub.StreamingRecognize(metadata=self._metadata)
            sender = _Sender(call, requests)
            try:
                async for response in call:
                    sender.go_on()
                    yield response
            except (asyncio.CancelledError, grpc.RpcError):
                sender.check()
                raise
            finally:
                await sender.stop()
                call.cancel()  # harmless once the call has ended
            sender.check()

    @property
    def _metadata(self) -> Metadata:
        """What to send with a call that begins now: the token may have been changed."""
        return self._shown.now()

    async def _reach(self) -> None:
        """Wait for the server until the first time that it answers, whatever it says.

        Raises ConfigInvalid if the client was closed.
        """
        if self._is_closed:
            raise closed(self.address)
        if self._is_reached:
            return
        check = self._channel.unary_unary(
            HEALTH,
            request_serializer=health_pb2.HealthCheckRequest.SerializeToString,
            response_deserializer=health_pb2.HealthCheckResponse.FromString,
        )
        try:
            await check(
                health_pb2.HealthCheckRequest(),
                timeout=self._connect_timeout_s,
                wait_for_ready=True,
                metadata=self._metadata,
            )
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return
        self._is_reached = True

    @asynccontextmanager
    async def _errors(self) -> AsyncIterator[None]:
        """Translate what gRPC raises."""
        try:
            yield
        except grpc.RpcError as error:
            failure = error_from(error, self.address)
            raise await self._explained(failure) from error

    async def _explained(self, failure: VauError) -> VauError:
        """Say of a server that never answered whether TLS is the reason."""
        if self._is_reached or not isinstance(failure, Unreachable):
            return failure
        obstacle = await asyncio.to_thread(self._access.obstacle, self.address)
        if not obstacle:
            return failure
        return Unreachable(f"{self.address}: {obstacle}", address=self.address)


class _Sender:
    """Writes requests into a call, and keeps what their source raises.

    The first goes alone, until the server has answered it: a call that is refused while gRPC
    writes is told to have ended with INTERNAL, and not with what it was refused for.
    """

    def __init__(self, call: Any, requests: AsyncIterable[Request]) -> None:  # noqa: ANN401
        self._failure: BaseException | None = None
        self._may_go_on = asyncio.Event()
        self._task = asyncio.create_task(self._send(call, requests))

    def check(self) -> None:
        """Raise what the source raised."""
        if self._failure is not None:
            raise self._failure

    def go_on(self) -> None:
        """Send what follows the first request: it has been answered."""
        self._may_go_on.set()

    async def stop(self) -> None:
        """Send no more."""
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task

    async def _send(self, call: Any, requests: AsyncIterable[Request]) -> None:  # noqa: ANN401
        try:
            async for request in requests:
                try:
                    await call.write(request)
                except OVER:
                    return  # it has ended; how, the reader is told
                await self._may_go_on.wait()
            with suppress(*OVER):
                await call.done_writing()
        except asyncio.CancelledError:
            raise
        except BaseException as failure:  # noqa: BLE001 - it belongs to whoever reads
            self._failure = failure
            call.cancel()


async def _requests(
    config: pb.StreamingConfig, items: AsyncIterable[Item]
) -> AsyncGenerator[Request, None]:
    yield Request(config=config)
    async for item in items:
        yield as_request(item)
