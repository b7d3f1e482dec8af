"""A stream from its config to its end: admitted, opened, read and answered."""

import asyncio
import logging
from functools import partial

import grpc

from vau.audio import SAMPLE_RATE_HZ
from vau.errors import (
    BackendFault,
    ClientNotReading,
    ConfigExpected,
    ConfigTimeout,
    ResumeError,
)
from vau.logs import facts
from vau.session import Session
from vau.v1 import speech_pb2 as pb
from vau.wire.call import Call
from vau.wire.carrier import Carrier, carried
from vau.wire.context import Context
from vau.wire.host import Host
from vau.wire.request import Stream, stream_of
from vau.wire.route import Route
from vau.wire.stream.answerer import PARTING, Answerer
from vau.wire.stream.checkpoints import Beginning, Checkpoints
from vau.wire.stream.inbox import Inbox
from vau.wire.stream.life import Life
from vau.wire.stream.live import Live
from vau.wire.stream.position import Position
from vau.wire.stream.reader import Reader
from vau.wire.stream.toll import Toll

logger = logging.getLogger(__name__)

TELLS_HOW_FAR = (BackendFault, ClientNotReading, *PARTING)
"""Errors with which a client is told from where it may send again."""


async def stream(host: Host, context: Context, call: Call) -> None:
    """Serve one call of StreamingRecognize."""
    host.gate.check_open()
    # A full server does not refuse before the config is here: gRPC's own client, if its message
    # is on the way when the status comes, at times reports INTERNAL in place of it.
    wanted = stream_of(await _config(context, host), host.lanes, host.shadows, host.config)
    recognition = wanted.recognition
    call.backend_id = recognition.lane.backend.info.id
    position = Position()
    checkpoints = Checkpoints(host, call, wanted, position)
    try:
        beginning = checkpoints.beginning()
        route = Route(recognition.lane, recognition.lanes)
        if beginning is not None:
            route = beginning.route
        async with carried(host, call, route) as carrier:
            await _serve(
                host,
                context,
                call,
                wanted=wanted,
                carrier=carrier,
                position=position,
                checkpoints=checkpoints,
                beginning=beginning,
            )
    except ResumeError as error:
        host.metrics.resumes.refused(error)
        raise
    except TELLS_HOW_FAR as error:
        error.facts["acked_sample"] = position.acked
        raise


async def _serve(
    host: Host,
    context: Context,
    call: Call,
    *,
    wanted: Stream,
    carrier: Carrier,
    position: Position,
    checkpoints: Checkpoints,
    beginning: Beginning | None,
) -> None:
    """Open a session on a lane, and hold it until the stream ends."""
    recognition, model = wanted.recognition, wanted.recognition.lane.model
    shadows = host.shadows.chosen(wanted.shadows, model.name)
    new = partial(
        Session,
        model,
        encoding=recognition.raw_encoding,
        interim_results=wanted.interim_results and recognition.output.phonemes,
        decoder=recognition.decoder_name,
        rules=wanted.rules,
    )
    try:
        await carrier.open(new, shadows, None if beginning is None else beginning.session)
        checkpoints.on(carrier.lane)
        if beginning is not None:
            session = carrier.session
            position.begin(session.received_sample, session.answered_sample)
            host.metrics.resumes.resumed()
        started = host.session_started(
            call.session_id, recognition, carrier.lane, shadows, position.received
        )
        await context.write(pb.StreamingRecognizeResponse(started=started))
        call.span.event("started", sample=position.received)
        logger.debug("started", extra=facts(model=model.name, sample=position.received))
        inbox = Inbox(round(wanted.max_lag_s * SAMPLE_RATE_HZ), refuses=wanted.refuses)
        live = Live(
            host=host,
            call=call,
            wanted=wanted,
            carrier=carrier,
            position=position,
            totals=pb.Timing() if beginning is None else beginning.totals,
            checkpoints=checkpoints,
            inbox=inbox,
            life=Life(host.config, host.clock, inbox, carrier.admitted.leash),
            toll=Toll(is_resumed=beginning is not None),
        )
        await _converse(live, context)
    finally:
        carrier.close()  # behind any push that a cancel left running


async def _converse(live: Live, context: Context) -> None:
    """Read and answer until the client closes its half, or something ends the stream."""
    with live.life:
        live.host.gate.follow(live.carrier.admitted, partial(_leave, live))
        reading = asyncio.create_task(Reader(live).run(context))
        try:
            await Answerer(live).run(context)
        finally:
            reading.cancel()
            _settle(live)


def _settle(live: Live) -> None:
    """Say where the time of a stream went: to its trace, and to the log if it was slow."""
    live.call.span.set(**live.toll.figures())
    meters = live.host.metrics.of(live.call.backend_id)
    live.toll.report(meters, live.host.config.slow_stream_s)


def _leave(live: Live, left_s: float) -> None:
    """Tell a stream in how many seconds it is to be gone, and let it take its state along."""
    live.checkpoints.ask()
    live.life.leave(left_s)


async def _config(context: Context, host: Host) -> pb.StreamingConfig:
    """Read the first message, which must be the config."""
    limit_s = host.config.config_timeout_s
    try:
        async with asyncio.timeout(limit_s):
            request = await context.read()
    except TimeoutError:
        raise ConfigTimeout(
            f"config: none arrived within {limit_s:g} s; send it as the first message",
            field="config",
            limit_s=limit_s,
        ) from None
    kind = None if request is grpc.aio.EOF else request.WhichOneof("request")
    if kind != "config":
        raise ConfigExpected(
            f"config: the first message holds {kind or 'nothing'}; send the config first",
            field="config",
        )
    config: pb.StreamingConfig = request.config
    return config
