"""The routes of the live page's entrance."""

import asyncio
from collections.abc import Awaitable, Callable
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
        self._check_host(request)
        caller = over_http(request)
        shown: dict[str, Any] = {
            "token": self._host.door.wants_tokens,
            "server": MessageToDict(self._host.info()),
        }
        if not self._host.door.wants_tokens or caller.invocation_metadata():
            self._let_in(caller, request.url.path)
            listed = self._host.backends(include_unavailable=True)
            shown["backends"] = MessageToDict(listed)
        return JSONResponse(shown)

    async def schedule(self, request: Request) -> Response:
        """Say what the parts of an accelerator do in which cycle of a frame."""
        self._check_host(request)
        self._let_in(over_http(request), request.url.path)
        return JSONResponse(self._schedules.of(request.query_params.get("backend", "")))

    async def stream(self, socket: WebSocket) -> None:
        """Let the handler of gRPC serve a WebSocket."""
        if fault := self._fault(socket):
            await socket.send_denial_response(fault)
            return
        caller = over_websocket(socket)
        await socket.accept(SUBPROTOCOL)
        conversation = Conversation(socket, caller)
        try:
            try:
                self._host.door.token(caller.invocation_metadata())
            except AuthError as error:
                self._doorman.note(error, STREAM, caller.peer())
                await conversation.abort_with_status(to_grpc(error))
            async with (
                answering(conversation, self._host, STREAM) as call,
                conversation.heard(),
            ):
                await stream(self._host, conversation, call)
            await conversation.end()
        except (grpc.aio.AbortError, asyncio.CancelledError):
            pass  # the client has been told why, or has left, or the server ends

    def _fault(self, socket: WebSocket) -> Response | None:
        """Return why there is to be no WebSocket; None if there may be one."""
        config = self._host.config
        fault = origin_fault(
            socket.headers.get("origin"),
            socket.headers.get("host", ""),
            listen=config.web_listen,
            others=config.web_origins,
            is_tls=config.door.is_tls,
        )
        if fault:
            return PlainTextResponse(fault, 403)
        if SUBPROTOCOL not in socket.scope["subprotocols"]:
            return PlainTextResponse(f"offer the subprotocol {SUBPROTOCOL}", 400)
        return None

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

    def _let_in(self, caller: Caller, path: str) -> None:
        """Raise AuthError for a caller who may not come in, counted and logged."""
        try:
            self._host.door.visitor(caller)
        except AuthError as error:
            self._doorman.note(error, path, caller.peer())
            raise


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
