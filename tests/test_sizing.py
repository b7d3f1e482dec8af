"""What a server reckons with before it listens."""

import pytest

from tests.models import tiny_model
from vau.backend import BackendOptions
from vau.errors import BackendFault
from vau.sizing import CHUNK_S, Reckoning, reckon
from vau_backends.muntaniala.backend import FACTORY

MODEL = tiny_model()


@pytest.mark.parametrize(
    ("chunk_s", "wire_s", "streams"),
    [(0.7e-3, 0.3e-3, 80), (0.4e-3, 0.1e-3, 160), (7.7e-3, 0.3e-3, 10), (10.0, 0.0, 1)],
)
def test_as_many_streams_as_their_chunks_fit_into_four_fifths_of_a_core(
    chunk_s: float, wire_s: float, streams: int
) -> None:
    reckoning = Reckoning(chunk_s=chunk_s, wire_s=wire_s)
    assert reckoning.streams == streams
    if streams > 1:
        assert (
            streams * (chunk_s + wire_s) <= 0.8 * CHUNK_S < (streams + 1) * (chunk_s + wire_s)
        )


@pytest.mark.parametrize("slot_count", [1, 3, 64])
def test_measuring_takes_time_and_leaves_no_slot_taken(slot_count: int) -> None:
    backend = FACTORY.open(MODEL, BackendOptions(slot_count=slot_count))
    assert reckon(MODEL, backend).chunk_s > 0.0
    for _ in range(slot_count):
        backend.open()


def test_a_backend_that_fails_says_so_and_keeps_no_slot() -> None:
    backend = FACTORY.open(MODEL, BackendOptions(slot_count=2))
    run = backend.run

    def broken(_work: object) -> list[object]:
        raise BackendFault("supply lost")

    backend.run = broken  # type: ignore[method-assign, assignment]
    with pytest.raises(BackendFault, match="supply lost"):
        reckon(MODEL, backend)
    backend.run = run  # type: ignore[method-assign]
    backend.open(), backend.open()
