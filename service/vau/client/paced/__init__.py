"""Many streams at once that keep the pace of speech, however the server does.

One event loop sends and hears all of them, and notes when; what the notes say is for
``vau.load`` to work out. Each stream sends on time, whether what it sent before is answered
or not, as somebody who speaks would. The server is asked for what ``vau stream`` asks.
"""

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import AsyncExitStack, asynccontextmanager
from time import perf_counter
from typing import Final

import grpc
import numpy as np
from numpy.typing import NDArray

from vau.client.access import PLAIN, Access
from vau.client.paced.knocks import knock_at
from vau.client.paced.load import Driven, Load
from vau.client.paced.seats import Seat, open_all, seats_of
from vau.counted import counted
from vau.errors import Unreachable
from vau.load.knocks import Knock
from vau.v1.speech_pb2_grpc import SpeechRecognitionStub
from vau.wire.status import error_from

__all__ = ["Driven", "Load", "drive"]

STREAMS_PER_CONNECTION: Final = 16  # a connection each would cost this side more than speaking
HEAD_START_S: Final = 0.2  # between the last stream's opening and the first chunk
OPENING_S: Final = 30.0  # for all streams to begin, on a server that may still be busy


def drive(
    address: str, load: Load, speech: NDArray[np.int16], access: Access = PLAIN
) -> Driven:
    """Send ``load`` to the server at ``address`` and return when all is said.

    speech: 16 kHz mono, shape (samples,); every stream goes round in it from a place of its
            own.
    Streams that find no room are left out. Raises their refusal if none finds any, and what
    else the server answers with; Unreachable if it is not there or was lost.
    """
    return asyncio.run(_drive(address, load, speech, access))


async def _drive(address: str, load: Load, speech: NDArray[np.int16], access: Access) -> Driven:
    async with _connected(address, load.streams, access) as stubs:
        metadata = access.metadata(address)
        seats = list(seats_of(stubs, load, speech, metadata))
        try:
            refusals = await asyncio.wait_for(open_all(seats), OPENING_S)
            taken = [each for each in seats if each.streams[0].is_begun]
            if not taken:
                raise refusals[0]
            start_s = perf_counter() + HEAD_START_S
            knocking = asyncio.create_task(_knock(stubs[-1], load, metadata, start_s))
            try:
                await _play(taken, load, start_s)
                knocks = await knocking
            finally:
                knocking.cancel()
        except grpc.RpcError as error:
            raise error_from(error, address) from error
        except TimeoutError as cause:
            raise Unreachable(
                f"{address}: {counted(load.streams, 'stream')} did not begin within "
                f"{OPENING_S:g} s; is the server busy with something else?"
            ) from cause
        finally:
            for seat in seats:
                seat.cancel()
    begun = [each for seat in taken for each in seat.streams if each.is_begun]
    return Driven(
        streams=tuple(each.played() for each in begun if each.sent),
        refused_streams=len(refusals) + sum(len(seat.refusals) for seat in taken),
        full_until_s=min(seat.ends_s(start_s) for seat in taken),
        knocks=knocks,
    )


@asynccontextmanager
async def _connected(
    address: str, streams: int, access: Access
) -> AsyncIterator[Sequence[SpeechRecognitionStub]]:
    """Open as many connections as so many streams take."""
    credentials = access.credentials()
    options = [("grpc.use_local_subchannel_pool", 1)]  # or else they would all share one
    async with AsyncExitStack() as stack:
        stubs = []
        for _ in range(-(-streams // STREAMS_PER_CONNECTION)):
            channel = (
                grpc.aio.insecure_channel(address, options=options)
                if credentials is None
                else grpc.aio.secure_channel(address, credentials, options=options)
            )
            stubs.append(SpeechRecognitionStub(await stack.enter_async_context(channel)))
        yield stubs


async def _play(seats: Sequence[Seat], load: Load, start_s: float) -> None:
    """Send and hear everything; give up on what is not answered in time.

    Raises what a stream fails with.
    """
    most_s = start_s - perf_counter() + (load.chunks + 1) * load.chunk_s + load.patience_s
    tasks = [asyncio.create_task(each.play(start_s)) for each in seats]
    try:
        done, _ = await asyncio.wait(tasks, timeout=most_s, return_when=asyncio.FIRST_EXCEPTION)
        for task in done:
            task.result()
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


async def _knock(
    stub: SpeechRecognitionStub,
    load: Load,
    metadata: tuple[tuple[str, str], ...],
    start_s: float,
) -> tuple[Knock, ...]:
    """Try more streams at random moments while the load is on."""
    random = np.random.default_rng([load.seed, load.knocks])
    due_s = start_s + np.sort(random.uniform(load.chunk_s, load.duration_s, load.knocks))
    return await knock_at(stub, load.request.config(), metadata, due_s.tolist())
