"""Percentiles out of cells: to one in a hundred, whatever came, and never a sample kept."""

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.audio import FRAME_BUDGET_S
from vau.commands.latencies import BOUNDS_S, STEP, Latencies
from vau.percentiles import nearest_ranks

ROUNDING = 1e-9  # of powers and their product

messages = st.lists(
    st.tuples(st.floats(BOUNDS_S[0], BOUNDS_S[-1]), st.integers(1, 30)), min_size=1
)


@given(messages, st.integers(1, 100))
def test_a_percentile_is_at_most_a_hundredth_high(
    told: list[tuple[float, int]], percent: int
) -> None:
    latencies = Latencies()
    for latency_s, frames in told:
        latencies.add(latency_s, frames)
    every = np.repeat([latency_s for latency_s, _ in told], [frames for _, frames in told])
    (exact_s,) = nearest_ranks(every, (percent,))
    found_ms = latencies.percentile_ms(percent)
    assert found_ms is not None
    assert 1.0 - ROUNDING <= found_ms / (exact_s * 1e3) <= STEP + ROUNDING
    assert latencies.frames == len(every)
    assert latencies.late == int((every > FRAME_BUDGET_S).sum())


def test_of_nothing_there_is_no_percentile() -> None:
    assert Latencies().percentile_ms(50) is None


@pytest.mark.parametrize(("latency_s", "told_ms"), [(0.0, 0.01), (1e9, BOUNDS_S[-1] * 1e3)])
def test_what_is_beyond_all_cells_is_told_as_their_end(
    latency_s: float, told_ms: float
) -> None:
    latencies = Latencies()
    latencies.add(latency_s, 1)
    assert latencies.percentile_ms(99) == pytest.approx(told_ms)
