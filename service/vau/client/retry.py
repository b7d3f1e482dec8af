"""Coming again to a server that has no room, when it says so."""

from collections.abc import Callable
from time import sleep
from typing import Final, TypeVar, cast

import grpc
from google.rpc import error_details_pb2
from grpc_status import rpc_status

from vau.errors import BackendBusy, QuotaExceeded, SlotsExhausted, VauError

ATTEMPTS: Final = 30
DELAY_S: Final = 1.0  # where a refusal does not say when to come again

Done = TypeVar("Done")


def patiently(attempt: Callable[[], Done]) -> Done:
    """Return what ``attempt`` returns; while there is no room, wait and try again.

    Raises what ``attempt`` raises; that there is none only after so many attempts.
    """
    for _ in range(ATTEMPTS - 1):
        try:
            return attempt()
        except (SlotsExhausted, BackendBusy, QuotaExceeded) as refusal:
            if not _is_for_want_of_room(refusal):
                raise
            delay_s = retry_delay_s(refusal)
        sleep(delay_s)
    return attempt()


def _is_for_want_of_room(refusal: VauError) -> bool:
    """Tell whether nothing was sent yet: a quota of audio ends what is under way."""
    return not isinstance(refusal, QuotaExceeded) or str(
        refusal.facts.get("subject", "")
    ).endswith(":streams")


def retry_delay_s(refusal: VauError, default_s: float = DELAY_S) -> float:
    """Return after how long a server wants to be asked again, if it says so."""
    call = refusal.__cause__
    stated_s = stated_delay_s(call) if isinstance(call, grpc.RpcError) else None
    return default_s if stated_s is None else stated_s


def stated_delay_s(call: grpc.RpcError) -> float | None:
    """Return the delay of the RetryInfo in a status; None if there is none."""
    try:
        # What gRPC raises is always the call, too; its types do not say so.
        status = rpc_status.from_call(cast("grpc.Call", call))
    except ValueError:  # something between us and the server rewrote the status
        return None
    for detail in status.details if status else ():
        info = error_details_pb2.RetryInfo()
        if detail.Unpack(info):
            return float(info.retry_delay.ToTimedelta().total_seconds())
    return None
