"""Recordings to transcripts on a server."""

from collections.abc import Callable, Iterator
from itertools import takewhile

from vau.client.recognition import Request, Wanted, engine_on
from vau.client.recognition import transcribe as transcribe_remotely
from vau.commands.transcribe.plan import (
    Numbered,
    Outcome,
    TranscribePlan,
    still_held,
    written,
)


def on_server(
    plan: TranscribePlan,
    numbered: Numbered,
    warn: Callable[[str], None],
    stopping: Callable[[], bool],
) -> Iterator[Outcome]:
    """Yield each item as it is done.

    warn:  hears of streams that were lost, or found no room.
    """
    wanted: Wanted = "none"
    if plan.output is not None and plan.output.holds_posteriors:
        wanted = "logits" if plan.logits else "log"
    request = Request(
        model=plan.model, backend=plan.backend, posteriors=wanted, decoder=plan.decoder
    )
    new = numbered
    if any(item.before for _, item in numbered):
        engine = engine_on(plan.server, request, access=plan.access)
        held = [
            (pair, still_held(pair[1], plan, engine))
            for pair in takewhile(lambda _: not stopping(), new)
        ]
        yield from ((index, kept) for (index, _), kept in held if kept is not None)
        new = [pair for pair, kept in held if kept is None]
    for place, outcome in transcribe_remotely(
        plan.server,
        [item.file for _, item in new],
        request,
        access=plan.access,
        channel=plan.channel,
        streams=plan.jobs,
        on_loss=lambda place, text: warn(f"{new[place][1].file}: {text}"),
        stopping=stopping,
    ):
        index, item = new[place]
        yield index, written(item, outcome, plan)
