"""Other clients of the proxy: crowded ones, some who never read, one who comes by TLS."""

import asyncio
from contextlib import AsyncExitStack, suppress
from dataclasses import replace
from typing import Any, Final

import grpc

from tests.certificates import Authority
from tests.fleet.fleet import LOOK_S, PATIENCE_S, SERVERS, Fleet, fleet, until
from tests.fleet.judge import Faults
from tests.fleet.voices import Speech, Voice, heard_at
from tests.guests import Guests
from tests.serving import FULL, streaming
from tests.soak.check import NotSo, require
from vau.v1 import speech_pb2 as pb
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub

CROWDED: Final = 150  # streams on one connection: HAProxy lets in 100 unless it is told
UNREAD: Final = 4
FLOOD_CHUNKS: Final = 20  # in a message: as many as a server takes
AHEAD: Final = 3  # chunks that are sent before the first answer is due
CALM: Final = 20  # answers during which who never reads could send no more
OWN_CONNECTION: Final = ("grpc.use_local_subchannel_pool", 1)
FIXED_WINDOW: Final = ("grpc.http2.bdp_probe", 0)  # so little that it is soon full

_Call = Any  # gRPC has no type for it


async def crowded(servers: Fleet) -> list[int]:
    """Begin many streams on one connection; return how many each replica has, and let go.

    Raises NotSo if they do not all begin.
    """
    async with grpc.aio.insecure_channel(servers.address, [OWN_CONNECTION]) as channel:
        calls = [_call(channel) for _ in range(CROWDED)]
        try:
            async with asyncio.timeout(PATIENCE_S):
                await asyncio.gather(*map(_begin, calls))
        except TimeoutError:
            raise NotSo(f"{CROWDED} streams do not begin on one connection") from None
        streams = await asyncio.to_thread(servers.streams)
        require(sum(streams) == CROWDED, f"{CROWDED} streams on one connection came in turns")
        return streams


async def unread(servers: Fleet, speech: Speech) -> int:
    """Let clients send and never read, until they can send no more: another is answered still.

    Returns how many answers that one had. Raises NotSo if it has none any more.
    """
    try:
        async with asyncio.timeout(PATIENCE_S), AsyncExitStack() as stack:
            sent = [0]
            floods = [
                asyncio.create_task(_flood(await _begun(servers, stack), speech, sent))
                for _ in range(UNREAD)
            ]
            stack.callback(lambda: [flood.cancel() for flood in floods])
            call = await _begun(servers, stack)
            for number in range(AHEAD):
                await call.write(_audio(speech.chunk(0, number)))
            answers = calm = before = 0
            while calm < CALM:
                await call.write(_audio(speech.chunk(0, AHEAD + answers)))
                await call.read()
                answers += 1
                calm, before = (calm + 1 if sent[0] == before else 0), sent[0]
                await asyncio.sleep(LOOK_S)
            return answers
    except TimeoutError:
        raise NotSo("clients that never read hold up another") from None


def by_tls(servers: Fleet, speech: Speech, voice: Voice) -> Faults:
    """Send the audio of a stream by TLS to a proxy, and on to a replica; compare what is heard.

    The replica takes who has a token, and nobody's in plaintext.
    """
    with fleet(servers.folder / "tls") as sealed:
        authority, guests = Authority(sealed.folder / "ca"), Guests(sealed.folder)
        theirs = authority.issue("replica", hosts=(SERVERS,))
        sealed.start(
            0, *("--tls-cert", theirs.cert, "--tls-key", theirs.key, "--tokens", guests.file)
        )
        host, _, _port = sealed.address.rpartition(":")
        ours = authority.issue("proxy", hosts=(host,))
        pem = sealed.folder / "proxy.pem"
        pem.touch(0o600)
        pem.write_bytes(ours.cert.read_bytes() + ours.key.read_bytes())
        proxy = sealed.proxy(VAU_TLS_PEM=str(pem), VAU_SERVERS_CA=str(authority.cert))
        asyncio.run(until(lambda: bool(proxy.up()), "the proxy with TLS finds a replica"))
        access = replace(guests.alice, tls_ca=authority.cert)
        heard = heard_at(sealed.address, speech, voice, access)
    return Faults.of(heard, heard_at(servers.replicas[0].grpc, speech, voice))


def _call(channel: grpc.aio.Channel) -> _Call:
    stub: Any = SpeechRecognitionStub(channel)
    return stub.StreamingRecognize()


async def _begun(servers: Fleet, stack: AsyncExitStack) -> _Call:
    """Begin a stream on a connection of its own, which takes little that nobody reads."""
    channel = grpc.aio.insecure_channel(servers.address, [OWN_CONNECTION, FIXED_WINDOW])
    await stack.enter_async_context(channel)
    call = _call(channel)
    await _begin(call)
    return call


async def _begin(call: _Call) -> None:
    await call.write(pb.StreamingRecognizeRequest(config=streaming(FULL)))
    started = await call.read()
    if started is grpc.aio.EOF or not started.HasField("started"):
        raise NotSo("a stream did not begin")


async def _flood(call: _Call, speech: Speech, sent: list[int]) -> None:
    with suppress(grpc.RpcError, asyncio.InvalidStateError):
        while True:
            await call.write(_audio(speech.chunk(1, sent[0]) * FLOOD_CHUNKS))
            sent[0] += 1


def _audio(chunk: bytes) -> pb.StreamingRecognizeRequest:
    return pb.StreamingRecognizeRequest(audio=chunk)
