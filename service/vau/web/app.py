"""The routes of the live page's entrance."""

import asyncio
from collections.abc import Awaitable, Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

import grpc
from google.protobuf.json_format import MessageToDict
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response
from starlette.routing import Route, WebSocketRoute
from starlette.types import ASGIApp
from starlette.websockets import WebSocket

from vau.errors import AuthError, AuthForbidden, VauError
from vau.web.caller import Caller, over_http, over_websocket
from vau.web.conversation import Conversation
from vau.web.files import read_files
from vau.web.headers import Guarded
from vau.web.mapping import refusal
from vau.web.origin import host_fault, origin_fault
from vau.web.schedule import Schedules
from vau.wire.call import answering
from vau.wire.doorman import Doorman
from vau.wire.host import Host
from vau.wire.status import to_grpc
from vau.wire.stream.serving import stream

API: Final = "/api/"
STREAM: Final = "/api/stream"
"""Also what the log calls the method: over gRPC it is StreamingRecognize."""

SUBPROTOCOL: Final = "vau.v1"
INDEX: Final = "index.html"

Endpoint = Callable[[Request], Awaitable[Response]]


def app_of(host: Host) -> ASGIApp:
    """Return what answers HTTP and WebSockets for ``host``."""
    routes = _Routes(host)
    return Guarded(
        Starlette(
            routes=[
                Route("/", routes.index),
                Route("/page/{name:path}", routes.file),
                Route("/api/server", routes.server),
                Route("/api/schedule", routes.schedule),
                WebSocketRoute(STREAM, routes.stream),
            ],
            exception_handlers={HTTPException: _failed, VauError: _refused},
        )
    )


class _Routes:
    def __init__(self, host: Host) -> None:
        self._host = host
        self._files = read_files()
        self._schedules = Schedules(host.lanes)
        self._doorman = Doorman(host.door, closed_health=True)

    async def index(self, request: Request) -> Response:
        return self._files[INDEX].answer(request)

    async def file(self, request: Request) -> Response:
        found = self._files.get(request.path_params["name"])
        if found is None:
            raise HTTPException(404)
        return found.answer(request)

    async def server(self, request: Request) -> Response:
        """Say what this server is, and to whom may know it what it computes on."""
        caller = over_http(request)
        with self._noting(caller, request.url.path):
            self._check_host(request)
        shown: dict[str, Any] = {
            "token": self._host.door.wants_tokens,
            "server": MessageToDict(self._host.info()),
        }
        if not self._host.door.wants_tokens or caller.invocation_metadata():
            with self._noting(caller, request.url.path):
                self._host.door.visitor(caller)
            listed = self._host.backends(include_unavailable=True)
            shown["backends"] = MessageToDict(listed)
        return JSONResponse(shown)

    async def schedule(self, request: Request) -> Response:
        """Say what the parts of an accelerator do in which cycle of a frame."""
        caller = over_http(request)
        with self._noting(caller, request.url.path):
            self._check_host(request)
            self._host.door.visitor(caller)
        return JSONResponse(self._schedules.of(request.query_params.get("backend", "")))

    async def stream(self, socket: WebSocket) -> None:
        """Let the handler of gRPC serve a WebSocket."""
        caller = over_websocket(socket)
        try:
            with self._noting(caller, STREAM):
                self._check_origin(socket)
        except AuthForbidden as error:
            await socket.send_denial_response(PlainTextResponse(str(error), 403))
            return
        if SUBPROTOCOL not in socket.scope["subprotocols"]:
            fault = f"offer the subprotocol {SUBPROTOCOL}"
            await socket.send_denial_response(PlainTextResponse(fault, 400))
            return
        await socket.accept(SUBPROTOCOL)
        conversation = Conversation(socket, caller)
        try:
            try:
                with self._noting(caller, STREAM):
                    self._host.door.token(caller.invocation_metadata())
            except AuthError as error:
                await conversation.abort_with_status(to_grpc(error))
            async with (
                answering(conversation, self._host, STREAM) as call,
                conversation.heard(),
            ):
                await stream(self._host, conversation, call)
            await conversation.end()
        except (grpc.aio.AbortError, asyncio.CancelledError):
            pass  # the client has been told why, or has left, or the server ends

    @contextmanager
    def _noting(self, caller: Caller, path: str) -> Iterator[None]:
        """Have whoever is refused counted and logged."""
        try:
            yield
        except AuthError as error:
            self._doorman.note(error, path, caller.peer())
            raise

    def _check_origin(self, socket: WebSocket) -> None:
        """Raise AuthForbidden if a page of somebody else is to use this server."""
        config = self._host.config
        fault = origin_fault(
            socket.headers.get("origin"),
            socket.headers.get("host", ""),
            listen=config.web_listen,
            others=config.web_origins,
            is_tls=config.door.is_tls,
        )
        if fault:
            raise AuthForbidden(f"origin: {fault}", why="origin")

    def _check_host(self, request: Request) -> None:
        """Raise AuthForbidden if a browser may take a page of somebody else for ours."""
        config = self._host.config
        fault = host_fault(
            request.headers.get("host", ""),
            listen=config.web_listen,
            others=config.web_origins,
            is_tls=config.door.is_tls,
        )
        if fault:
            raise AuthForbidden(f"host: {fault}", why="host")


async def _failed(request: Request, error: Exception) -> Response:
    """Answer what Starlette itself refuses."""
    assert isinstance(error, HTTPException)
    headers = error.headers
    if not request.url.path.startswith(API):
        return PlainTextResponse(error.detail, error.status_code, headers)
    code = error.detail.upper().replace(" ", "_")
    told = {"code": code, "reason": code, "message": error.detail}
    return JSONResponse({"error": told}, error.status_code, headers)


async def _refused(_request: Request, error: Exception) -> Response:
    assert isinstance(error, VauError)
    status, told = refusal(error)
    return JSONResponse(told, status)
