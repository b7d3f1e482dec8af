import pytest

from vau.counted import counted


@pytest.mark.parametrize(
    ("count", "expected"), [(0, "0 streams"), (1, "1 stream"), (2, "2 streams")]
)
def test_one_is_singular_and_nothing_else(count: int, expected: str) -> None:
    assert counted(count, "stream") == expected
