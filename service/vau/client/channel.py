"""What both clients' connections have in common."""

import asyncio
from typing import Final

import grpc

from vau.errors import ConfigInvalid

CONNECT_TIMEOUT_S: Final = 5.0
ANSWER_TIMEOUT_S: Final = 10.0  # for calls that compute nothing
RETRY_S: Final = (0.1, 0.5)  # after a refused connection: first, and at most
KEEPALIVE_S: Final = 20.0  # a server that is busy answers pings; one that vanished does not
KEEPALIVE_TIMEOUT_S: Final = 10.0
UNLIMITED: Final = -1  # in the words of gRPC
HEALTH: Final = "/grpc.health.v1.Health/Check"
OVER: Final = (grpc.RpcError, grpc.aio.InternalError, asyncio.InvalidStateError)
"""What gRPC for asyncio raises when it is asked to send in a call that has ended: whoever reads
is told how it did."""


def closed(address: str) -> ConfigInvalid:
    """Return what a call of a client raises that was closed before."""
    return ConfigInvalid(
        f"client: the one of {address} was closed; make another", field="client"
    )


def options(connect_timeout_s: float) -> list[tuple[str, int]]:
    """Return the options of a channel."""
    first_s, most_s = RETRY_S
    return [
        # A connection of its own: a proxy may hold up all streams of one for the sake of one.
        ("grpc.use_local_subchannel_pool", 1),
        # The least time that gRPC gives one attempt to connect is also the most.
        ("grpc.min_reconnect_backoff_ms", round(connect_timeout_s * 1e3)),
        ("grpc.initial_reconnect_backoff_ms", round(first_s * 1e3)),
        ("grpc.max_reconnect_backoff_ms", round(most_s * 1e3)),
        # The final of a long recording is one message, however many phones it has.
        ("grpc.max_receive_message_length", UNLIMITED),
        ("grpc.keepalive_time_ms", round(KEEPALIVE_S * 1e3)),
        ("grpc.keepalive_timeout_ms", round(KEEPALIVE_TIMEOUT_S * 1e3)),
        # Or else gRPC waits a minute for the answer to a ping.
        ("grpc.http2.ping_timeout_ms", round(KEEPALIVE_TIMEOUT_S * 1e3)),
        ("grpc.http2.max_pings_without_data", 0),  # any number: a listener is silent
    ]
