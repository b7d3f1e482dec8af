"""What is seen to before a server listens: that its backends are right, and how fast."""

import asyncio
from functools import partial
from typing import Final

from vau.awaited import Awaited
from vau.errors import BackendError, BackendFault
from vau.lane import Lane
from vau.selfcheck import self_check
from vau.shadow.process import Shadow
from vau.sizing import reckon

CHECK_S: Final = 60.0  # for a backend's check, or to time it: milliseconds as a rule
UNSURE: Final = 2  # times as many streams may be meant: it is measured in a moment


async def checked(lane: Lane) -> None:
    """Raise BackendFault unless the backend of ``lane`` passes its check in time."""
    if isinstance(lane.backend, Awaited):
        return  # it is checked once it is there
    try:
        await asyncio.wait_for(lane.ask(partial(self_check, model=lane.model)), CHECK_S)
    except TimeoutError as cause:
        name = lane.backend.info.id
        raise BackendFault(
            f"backend {name}: its consistency check has not ended within {CHECK_S:g} s; "
            "reset the device, or serve without it",
            backend=name,
        ) from cause


async def capacity_of(lane: Lane) -> int | None:
    """Return about how many live streams the backend of ``lane`` carries.

    None where they share its calls, so that one alone would tell nothing of many, and where it
    fails or does not end: that is for its health to say.
    What has not ended in time keeps the thread of the lane: for the chunks that are left of it,
    a few, or for good in a backend that hangs, which no other thread can end.
    """
    if lane.backend.info.max_batch > 1:
        return None
    measure = partial(reckon, lane.model, warm_rounds=1, rounds=3)
    try:
        return (await asyncio.wait_for(lane.ask(measure), CHECK_S)).streams
    except (BackendError, TimeoutError):
        return None


async def opened(shadow: Shadow) -> None:
    """Wait until ``shadow`` listens. Raises what it fails with, or BackendFault."""
    try:
        await asyncio.wait_for(asyncio.wrap_future(shadow.opened), CHECK_S)
    except TimeoutError as cause:
        raise BackendFault(
            f"shadow {shadow.asked}: it has not opened within {CHECK_S:g} s; serve without it",
            backend=shadow.asked,
        ) from cause


def too_many(max_streams: int, streams: int | None) -> str:
    """Say if a server lets in far more streams than a backend carries; nothing if not."""
    if streams is None or max_streams <= UNSURE * streams:
        return ""
    return (
        f"it carries about {streams} live streams at its pace, and --max-streams lets "
        f"{max_streams} in; more are answered late: give it that number, or --max-streams auto"
    )
