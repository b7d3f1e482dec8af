"""What a server serves: each model on each backend, and on each shadow, before it listens."""

import logging
from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product
from typing import Final

from vau.awaited import ABSENT, Awaited, opened_or_awaited
from vau.backend import Backend, BackendOptions
from vau.config import ServerConfig
from vau.errors import ConfigInvalid, VauError
from vau.lane import Batching, Lane
from vau.logs import facts
from vau.metrics import Metrics
from vau.model import Model, find_model
from vau.registry import open_backend
from vau.shadow.messages import Order, Primary
from vau.shadow.meters import ShadowMetrics
from vau.shadow.process import Limits, Shadow
from vau.shadow.shadows import Shadows
from vau.sizing import MEASURED_STREAMS, reckon

logger = logging.getLogger(__name__)


BOARD: Final = "board"
VIRTUAL: Final = "virtual:"


def with_boards(backends: Sequence[str], boards: Sequence[str]) -> list[str]:
    """Return the backends with each of ``boards`` where ``board`` stands alone.

    Raises ConfigInvalid for boards without a backend that they could be for, and for one that
    is named twice.
    """
    if boards and BOARD not in backends:
        raise ConfigInvalid(
            f"board: {boards[0]!r} is for the backend board, which is not served; "
            "add --backend board",
            field="board",
        )
    for at, url in enumerate(boards):
        if url in boards[:at]:
            raise ConfigInvalid(
                f"board: {url!r} is named twice; leave one out{_another_of(url)}", field="board"
            )
    named = [f"{BOARD}:{url}" for url in boards] or [BOARD]
    return [each for name in backends for each in (named if name == BOARD else [name])]


def _another_of(url: str) -> str:
    """Say how another virtual board of the kind is named; nothing of any other board."""
    kind, _, _ = url.partition("/")
    return f", or name another of the kind: {kind}/NAME" * url.startswith(VIRTUAL)


def reckoned_streams(models: Sequence[str], backends: Sequence[str]) -> int:
    """Measure every backend with every model; return how many streams the slowest carries.

    What it comes to is logged. One that is absent says nothing, unless all are. Raises
    ModelError or BackendError for one that cannot be had, or fails while it is measured.
    """
    found = []
    absent: list[VauError] = []
    for asked, model in product(backends, map(find_model, models)):
        try:
            backend = open_backend(asked, model, BackendOptions(slot_count=MEASURED_STREAMS))
        except ABSENT as error:
            absent.append(error)
            continue
        try:
            reckoning = reckon(model, backend)
        finally:
            backend.close()
        logger.info(
            "reckoned",
            extra=facts(
                backend=backend.info.id,
                model=model.name,
                chunk_us=round(reckoning.chunk_s * 1e6),
                wire_us_assumed=round(reckoning.wire_s * 1e6),
                share_of_a_core=reckoning.share,
                streams=reckoning.streams,
            ),
        )
        found.append(reckoning.streams)
    if not found:
        raise absent[0]
    return min(found)


def open_lanes(
    models: Sequence[str],
    backends: Sequence[str],
    metrics: Metrics,
    *,
    slots: int,
    batching: Batching = Batching(),  # noqa: B008 - it is immutable
) -> list[Lane]:
    """Open every backend with every model; the first of each is the default.

    One that is absent is awaited, unless all are. Raises ModelError or BackendError if one
    cannot be had, ConfigInvalid if two of them are the same; what was opened is closed then.
    """
    loaded = [find_model(name) for name in models]
    for at, model in enumerate(loaded):
        if any(model.name == other.name for other in loaded[:at]):
            raise _twice("model", models[at], model.name)
    with ExitStack() as undo:
        opened: dict[tuple[str, str], tuple[Model, Backend]] = {}
        for asked, model in product(backends, loaded):
            backend = opened_or_awaited(asked, model, BackendOptions(slot_count=slots))
            undo.callback(backend.close)
            pair = (backend.info.id, model.name)
            if pair in opened:
                raise _twice("backend", asked, backend.info.id)
            opened[pair] = (model, backend)
        absent = [each for _, each in opened.values() if isinstance(each, Awaited)]
        if len(absent) == len(opened):
            raise absent[0].why
        undo.pop_all()
    return [
        Lane(model, backend, metrics.of(backend.info.id).on_round, batching)
        for model, backend in opened.values()
    ]


def shadows_of(
    asked: Sequence[str],
    models: Sequence[str],
    *,
    lanes: Sequence[Lane],
    metrics: Metrics,
    config: ServerConfig,
    limits: Limits | None = None,
) -> Shadows:
    """Return the shadows to be: each that is asked for with every model of ``lanes``.

    models: as they were asked for, in the order in which the lanes hold them.
    """
    if not asked:
        return Shadows()
    meters = ShadowMetrics(metrics.registry)
    loaded = list({lane.model.name: lane.model for lane in lanes}.values())
    shadows = []
    for backend, (source, model) in product(asked, zip(models, loaded, strict=True)):
        order = Order(
            backend=backend,
            model=source,
            model_digest=model.digest,
            slots=config.max_streams,
            primaries=tuple(_primary(lane) for lane in lanes if lane.model is model),
            is_first=True,
        )
        shadows.append(Shadow(order, model.name, meters, limits or Limits()))
    return Shadows(shadows, config.shadow_share)


def _primary(lane: Lane) -> Primary:
    info = lane.backend.info
    return Primary(info.id, info.arithmetic_id, info.bit_exact)


def _twice(field: str, asked: str, name: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"{field}: {asked!r} is {name}, which is among those asked for already; leave one out",
        field=field,
        name=name,
    )
