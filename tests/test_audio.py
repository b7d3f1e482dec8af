"""Raw bytes to samples: every split, every bad number."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.audio import Encoding, PcmReader, frame_count, to_int16
from vau.errors import AudioCorrupt


@pytest.mark.parametrize(
    ("samples", "frames"),
    [(0, 0), (1, 1), (400, 1), (401, 2), (560, 2), (561, 3), (16_000, 99)],
)
def test_an_utterance_has_its_padded_last_frame_too(samples: int, frames: int) -> None:
    assert frame_count(samples) == frames


@given(
    values=st.lists(st.floats(-2, 2, width=32), max_size=32),
    cuts=st.lists(st.integers(0, 128), max_size=6),
    encoding=st.sampled_from(["linear16", "float32"]),
)
def test_samples_do_not_depend_on_how_the_bytes_were_cut(
    values: list[float], cuts: list[int], encoding: Encoding
) -> None:
    data = np.array(values, "<f4").tobytes()
    whole = PcmReader(encoding).read(data)
    reader, edges = PcmReader(encoding), sorted([0, *cuts, len(data)])
    pieces = [reader.read(data[a:b]) for a, b in pairwise(edges)]
    np.testing.assert_array_equal(np.concatenate(pieces), whole)
    assert reader.samples == len(whole)


def test_float_audio_is_scaled_rounded_half_to_even_and_clipped() -> None:
    floats = np.array([0.0, 0.5, -0.25, 1.0, -1.0, 2.0, 0.5 / 32768, 1.5 / 32768])
    expected = [0, 16384, -8192, 32767, -32768, 32767, 0, 2]
    np.testing.assert_array_equal(to_int16(floats), expected)


@pytest.mark.parametrize("bad", [np.nan, np.inf, -np.inf])
def test_a_number_that_is_none_is_named_with_its_place_in_the_stream(bad: float) -> None:
    reader = PcmReader("float32")
    reader.read(np.zeros(10, "<f4").tobytes())
    with pytest.raises(AudioCorrupt, match="sample 12") as caught:
        reader.read(np.array([0, 0, bad], "<f4").tobytes())
    assert caught.value.facts["sample"] == 12


def test_half_a_sample_at_the_end_is_an_error_that_says_how_much_is_left() -> None:
    reader = PcmReader("linear16")
    reader.read(b"\0" * 7)
    with pytest.raises(AudioCorrupt, match="ends 1 byte after sample 3"):
        reader.check_complete()
    reader.read(b"\0")
    reader.check_complete()


def test_what_is_far_too_loud_is_clipped_without_a_warning() -> None:
    samples = to_int16(np.array([1e308, -1e308, 1.0, -1.0, 0.99999]))
    np.testing.assert_array_equal(samples, [32_767, -32_768, 32_767, -32_768, 32_767])
