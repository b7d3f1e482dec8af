"""The features of the peer of the bench: the library's, however the audio was cut."""

from typing import Final

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from tests.bench._library_features import LibraryFeatures, features_of_whole
from vau.audio import frame_count

NOISE: Final = np.random.default_rng(0).normal(0.0, 2000.0, 6000).astype(np.int16)


@given(length=st.integers(1, 6000), cuts=st.lists(st.integers(0, 6000), max_size=8))
def test_a_stream_has_the_features_of_the_whole_signal(length: int, cuts: list[int]) -> None:
    samples = NOISE[:length]
    features = LibraryFeatures()
    rows = [
        features.push(part, is_last=False)
        for part in np.split(samples, sorted(cut for cut in cuts if cut <= length))
    ]
    rows.append(features.push(samples[:0], is_last=True))
    found = np.concatenate(rows)
    assert len(found) == frame_count(length)
    expected = features_of_whole(samples)
    np.testing.assert_allclose(found, expected, rtol=0, atol=1e-9)  # other sums of float64


@pytest.mark.parametrize("chunk", [160, 1600])
def test_a_frame_is_there_as_soon_as_the_four_behind_it_are(chunk: int) -> None:
    features, given = LibraryFeatures(), 0
    for end in range(chunk, 6001, chunk):
        given += len(features.push(NOISE[end - chunk : end], is_last=False))
        assert given == max(0, (end - 400) // 160 + 1 - 4 if end >= 400 else 0)
