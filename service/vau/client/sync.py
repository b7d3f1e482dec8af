"""A client for scripts, tests and the command line: plain calls that block."""

import threading
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import contextmanager
from itertools import chain
from types import TracebackType
from typing import Self

import grpc
from grpc_health.v1 import health_pb2

from vau.client.access import Access, check_access
from vau.client.address import check_address
from vau.client.alive import alive, check_interval
from vau.client.channel import (
    ANSWER_TIMEOUT_S,
    CONNECT_TIMEOUT_S,
    HEALTH,
    closed,
    options,
)
from vau.client.items import Said, Sound, check_items, items_of, sound_of
from vau.client.resume import Resume
from vau.client.resuming import as_request, resuming
from vau.client.shown import Metadata, Shown
from vau.client.throttle import Throttle
from vau.errors import Unreachable, VauError
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub
from vau.wire.status import error_from


class Client:
    """One server. Raises ``VauError`` for all that goes wrong there.

    Nothing is connected before the first call, which waits for a server that is not there
    yet; once it was there, no call waits for it. Several threads may share a client.
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
            grpc.insecure_channel(address, how)
            if credentials is None
            else grpc.secure_channel(address, credentials, how)
        )
        self._stub = SpeechRecognitionStub(self._channel)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        trace: TracebackType | None,
    ) -> None:
        self.close()

    def close(self) -> None:
        """Hang up; calls still under way are cancelled. Closing twice is harmless."""
        self._is_closed = True
        self._channel.close()

    def server_info(self) -> pb.GetServerInfoResponse:
        """Ask for version, models, accepted formats and limits."""
        with self._errors():
            self._reach()
            request = pb.GetServerInfoRequest()
            info: pb.GetServerInfoResponse = self._stub.GetServerInfo(
                request, timeout=ANSWER_TIMEOUT_S, metadata=self._metadata
            )
            return info

    def backends(self, *, include_unavailable: bool = False) -> pb.ListBackendsResponse:
        """Ask for the accelerators, their states and free slots."""
        request = pb.ListBackendsRequest(include_unavailable=include_unavailable)
        with self._errors():
            self._reach()
            backends: pb.ListBackendsResponse = self._stub.ListBackends(
                request, timeout=ANSWER_TIMEOUT_S, metadata=self._metadata
            )
            return backends

    def recognize(self, config: pb.RecognitionConfig, audio: Sound) -> pb.RecognizeResponse:
        """Recognise one short recording: raw samples, or the bytes of a WAV or FLAC file."""
        data = sound_of(audio, config.audio_format.encoding)
        with self._errors():
            self._reach()
            request = pb.RecognizeRequest(config=config, audio=data)
            answer: pb.RecognizeResponse = self._stub.Recognize(
                request, metadata=self._metadata
            )
            return answer

    def stream(
        self,
        config: pb.StreamingConfig,
        requests: Iterable[Said],
        *,
        resume: Resume | None = None,
        keep_alive_s: float | None = None,
    ) -> Iterator[pb.StreamingRecognizeResponse]:
        """Stream audio and controls; yield the responses as they come.

        requests: bytes, arrays of samples in the encoding of ``config``, and controls. Consumed
                  on another thread, so it may wait, for a microphone or the clock; its end is
                  the half-close. What it raises, this raises.
        resume:   how the stream outlives its connection and its server; None if it does not.
                  Every frame, final, event and control then comes once all the same.
        keep_alive_s: after so long without anything from ``requests`` a KEEP_ALIVE is sent;
                  None for never: a server ends the stream after ``limits.idle_timeout``.
        The call begins with the first ``next``; leaving the loop early cancels it.
        To send ``client_mark``, see ``exchange``.
        Raises ConfigInvalid if ``requests`` can be none, or yield what is neither.
        """
        check_items(requests)
        items = items_of(requests, config.recognition.audio_format.encoding)
        if keep_alive_s is not None:
            check_interval(keep_alive_s)
            items = alive(items, keep_alive_s)
        if resume is not None:
            return resuming(self.exchange, config, items, resume, self._throttle)
        first = pb.StreamingRecognizeRequest(config=config)
        return self.exchange(chain([first], map(as_request, items)))

    def exchange(
        self, requests: Iterable[pb.StreamingRecognizeRequest]
    ) -> Generator[pb.StreamingRecognizeResponse, None, None]:
        """Do the same with whole requests, the first of which ought to hold the config."""
        source = _Requests(requests)
        with self._errors(source):
            self._reach()
            call = self._stub.StreamingRecognize(source, metadata=self._metadata)
            source.when_failing(call.cancel)
            try:
                yield from call
            finally:
                call.cancel()  # harmless once the call has ended
        source.check()

    @property
    def _metadata(self) -> Metadata:
        """What to send with a call that begins now: the token may have been changed."""
        return self._shown.now()

    def _reach(self) -> None:
        """Wait for the server until the first time that it answers, whatever it says.

        If nobody listens there, the call to come fails at once, and gRPC says why.
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
        request = health_pb2.HealthCheckRequest()
        try:
            check(
                request,
                timeout=self._connect_timeout_s,
                wait_for_ready=True,
                metadata=self._metadata,
            )
        except grpc.RpcError as error:
            if error.code() is grpc.StatusCode.DEADLINE_EXCEEDED:
                return
        self._is_reached = True

    @contextmanager
    def _errors(self, source: "_Requests | None" = None) -> Iterator[None]:
        """Translate what gRPC raises; what ``source`` raised goes before it."""
        try:
            yield
        except (grpc.RpcError, ValueError) as error:
            if source is not None:
                source.check()
            if self._is_closed:  # gRPC raises a ValueError for it, if it is asked again
                raise closed(self.address) from error
            if isinstance(error, ValueError):
                raise
            raise self._explained(error_from(error, self.address)) from error

    def _explained(self, failure: VauError) -> VauError:
        """Say of a server that never answered whether TLS is the reason."""
        if self._is_reached or not isinstance(failure, Unreachable):
            return failure
        obstacle = self._access.obstacle(self.address)
        if not obstacle:
            return failure
        return Unreachable(f"{self.address}: {obstacle}", address=self.address)


class _Requests(Iterator[pb.StreamingRecognizeRequest]):
    """Hands requests to gRPC's thread, and keeps what their source raises for ours."""

    def __init__(self, requests: Iterable[pb.StreamingRecognizeRequest]) -> None:
        self._requests = iter(requests)
        self._failure: BaseException | None = None
        self._cancel: Callable[[], object] = lambda: None
        self._lock = threading.Lock()

    def __next__(self) -> pb.StreamingRecognizeRequest:
        try:
            return next(self._requests)
        except StopIteration:
            raise
        except BaseException as failure:  # it belongs to the caller's thread, not to this one
            with self._lock:
                self._failure = failure
                self._cancel()
            raise StopIteration from failure

    def when_failing(self, cancel: Callable[[], object]) -> None:
        """Call ``cancel`` when the source fails, at once if it already has."""
        with self._lock:
            self._cancel = cancel
            if self._failure is not None:
                cancel()

    def check(self) -> None:
        """Raise what the source raised."""
        if self._failure is not None:
            raise self._failure
