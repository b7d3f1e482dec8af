"""What a server serves: each model on each backend, opened before it listens."""

from collections.abc import Sequence
from contextlib import ExitStack
from itertools import product

from vau.backend import Backend, BackendOptions
from vau.lane import Lane
from vau.metrics import Metrics
from vau.model import Model, find_model
from vau.registry import open_backend


def open_lanes(
    models: Sequence[str], backends: Sequence[str], metrics: Metrics, *, slots: int
) -> list[Lane]:
    """Open every backend with every model; the first of each is the default.

    Raises ModelError or BackendError if one cannot be had; the others are closed then.
    """
    loaded = [find_model(name) for name in models]
    with ExitStack() as undo:
        opened: list[tuple[Model, Backend]] = []
        for backend_id, model in product(backends, loaded):
            backend = open_backend(backend_id, model, BackendOptions(slot_count=slots))
            undo.callback(backend.close)
            opened.append((model, backend))
        undo.pop_all()
    return [
        Lane(model, backend, metrics.of(backend.info.id).on_round) for model, backend in opened
    ]
