"""What a bucket lets pass: laws, whatever comes and whenever."""

from hypothesis import assume, given
from hypothesis import strategies as st

from vau.door.buckets import Bucket

rates = st.floats(0.1, 1e3)
bursts = st.floats(0.1, 1e3)
pieces = st.lists(st.tuples(st.floats(0.0, 100.0), st.floats(0.001, 50.0)), max_size=60)
TOLERANCE = 1e-6  # of sums of some sixty floats below 1e5


@given(rates, bursts, pieces)
def test_never_passes_more_than_burst_rate_and_one_piece(
    rate: float, burst: float, pieces: list[tuple[float, float]]
) -> None:
    bucket, now_s = Bucket(rate, burst, 0.0), 0.0
    passed: list[tuple[float, float]] = []
    for pause_s, amount in pieces:
        now_s += pause_s
        if not bucket.take(amount, now_s):
            passed.append((now_s, amount))
    for first in range(len(passed)):
        for last in range(first, len(passed)):
            stretch = passed[first : last + 1]
            took = sum(amount for _, amount in stretch)
            allowed = burst + rate * (stretch[-1][0] - stretch[0][0])
            assert took <= allowed + max(amount for _, amount in stretch) + TOLERANCE


@given(rates, st.floats(0.02, 2.0), st.integers(1, 200))
def test_whoever_keeps_the_rate_is_never_refused(
    rate: float, chunk_s: float, chunks: int
) -> None:
    """With the burst of ten seconds that callers have, at chunks of up to two seconds."""
    bucket = Bucket(rate, 10.0 * rate, 0.0)
    for index in range(chunks):
        assert bucket.take(rate * chunk_s, index * chunk_s) == 0.0


@given(rates, bursts, pieces)
def test_whoever_waits_as_long_as_he_is_told_passes_and_not_before(
    rate: float, burst: float, pieces: list[tuple[float, float]]
) -> None:
    bucket, now_s = Bucket(rate, burst, 0.0), 0.0
    for pause_s, amount in pieces:
        now_s += pause_s
        wait_s = bucket.take(amount, now_s)
        if wait_s:
            assume(wait_s > 1e-3)  # a float of ten thousand seconds has no finer steps
            assert bucket.take(amount, now_s + wait_s * 0.99)
            now_s += wait_s * 1.0001
            assert not bucket.take(amount, now_s)


def test_a_clock_that_goes_back_fills_nothing() -> None:
    bucket = Bucket(1.0, 1.0, 100.0)
    assert not bucket.take(1.0, 100.0)
    assert bucket.take(1.0, 50.0)
    assert bucket.take(1.0, 100.0)
    assert not bucket.take(1.0, 101.0)


def test_a_piece_larger_than_the_burst_passes_once_and_leaves_a_debt() -> None:
    bucket = Bucket(1.0, 10.0, 0.0)
    assert not bucket.take(60.0, 0.0)
    assert bucket.take(0.1, 49.0)
    assert not bucket.take(0.1, 50.1)
