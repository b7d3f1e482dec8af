"""Posteriors as bytes, and domain types as messages."""

from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray

from vau.backend import Cost, Energy
from vau.client import class_ids_array, posteriors_array
from vau.lane import StageTimes
from vau.session import Answer, Summary
from vau.v1 import speech_pb2 as pb
from vau.wire.answer import add_timing, energy_of, finished_of, posteriors_of, timing_of
from vau.wire.request import Output

FULL = pb.OutputConfig.POSTERIORS_FULL
TOP_K = pb.OutputConfig.POSTERIORS_TOP_K
FRACTION_BITS = 12
LOGITS = np.array([[5, -3, 5, 0], [-(2**31), 2**31 - 1, 7, 7], [1, 2, 3, 4]], np.int32)


def answer(logits: NDArray[np.int32] | None = LOGITS, first_frame: int = 0) -> Answer:
    scores = (LOGITS if logits is None else logits).astype(np.float64) * 2.0**-FRACTION_BITS
    shifted = scores - scores.max(axis=1, keepdims=True)
    total = np.log(np.exp(shifted).sum(axis=1, keepdims=True))
    return Answer(
        utterance_index=3,
        first_frame=first_frame,
        first_sample=1000 + 160 * first_frame,
        log_prob=(shifted - total).astype(np.float32),
        logits=logits,
        segments=(),
        steps=len(scores),
        cost=Cost(),
        received_sample=0,
        answered_sample=0,
    )


def output(**fields: int) -> Output:
    values: dict[str, Any] = {
        "phonemes": True,
        "posteriors": FULL,
        "encoding": pb.POSTERIOR_ENCODING_FLOAT32,
        "top_k": 0,
        "every_n_frames": 1,
        "timing": False,
        "energy": False,
    }
    return Output(**values | fields)


def packed(given: Answer, wanted: Output) -> pb.Posteriors:
    posteriors = posteriors_of(given, wanted, FRACTION_BITS)
    assert posteriors is not None
    return posteriors


def test_float32_is_the_log_posterior_to_the_bit() -> None:
    posteriors = packed(answer(), output())
    np.testing.assert_array_equal(posteriors_array(posteriors), answer().log_prob)
    assert posteriors.values == answer().log_prob.astype("<f4").tobytes()
    assert (posteriors.frame_count, posteriors.width) == (3, 4)
    assert (posteriors.utterance_index, posteriors.fraction_bits) == (3, 0)
    assert posteriors.class_ids == b""


def test_float16_is_the_same_rounded() -> None:
    given_answer = answer(LOGITS[[0, 2]])
    posteriors = packed(given_answer, output(encoding=pb.POSTERIOR_ENCODING_FLOAT16))
    assert len(posteriors.values) == 2 * 2 * 4
    np.testing.assert_array_equal(
        posteriors_array(posteriors), given_answer.log_prob.astype(np.float16)
    )


def test_raw_is_the_logits_with_the_place_of_their_point() -> None:
    posteriors = packed(answer(), output(encoding=pb.POSTERIOR_ENCODING_RAW_INT32))
    np.testing.assert_array_equal(posteriors_array(posteriors), LOGITS)
    assert posteriors.values == LOGITS.astype("<i4").tobytes()
    assert posteriors.fraction_bits == FRACTION_BITS


def test_top_k_is_the_most_probable_first_and_of_equals_the_lower_id() -> None:
    wanted = output(posteriors=TOP_K, top_k=3, encoding=pb.POSTERIOR_ENCODING_RAW_INT32)
    posteriors = packed(answer(), wanted)
    ids = class_ids_array(posteriors)
    assert ids.tolist() == [[0, 2, 3], [1, 2, 3], [3, 2, 1]]
    assert posteriors.class_ids == ids.astype("<u2").tobytes()
    assert posteriors.width == 3
    expected = np.take_along_axis(LOGITS, ids.astype(np.intp), axis=1)
    np.testing.assert_array_equal(posteriors_array(posteriors), expected)


@pytest.mark.parametrize("encoding", [1, 2, 3])
def test_the_classes_of_top_k_do_not_depend_on_the_encoding(encoding: int) -> None:
    posteriors = packed(answer(), output(posteriors=TOP_K, top_k=2, encoding=encoding))
    assert class_ids_array(posteriors).tolist() == [[0, 2], [1, 2], [3, 2]]


def test_without_logits_the_posteriors_decide_the_order() -> None:
    posteriors = packed(answer(logits=None), output(posteriors=TOP_K, top_k=1))
    assert class_ids_array(posteriors).tolist() == [[0], [1], [3]]


def test_all_classes_of_top_k_are_a_permutation() -> None:
    posteriors = packed(answer(), output(posteriors=TOP_K, top_k=4))
    assert np.sort(class_ids_array(posteriors)).tolist() == [[0, 1, 2, 3]] * 3


def test_the_ids_of_full_posteriors_are_the_classes_in_order() -> None:
    assert class_ids_array(packed(answer(), output())).tolist() == [[0, 1, 2, 3]] * 3


@given(first_frame=st.integers(0, 50), frames=st.integers(0, 20), every=st.integers(1, 25))
def test_thinning_keeps_the_multiples_of_n_whatever_came_before(
    first_frame: int, frames: int, every: int
) -> None:
    logits = np.arange(first_frame, first_frame + frames, dtype=np.int32)[:, np.newaxis]
    wanted = output(every_n_frames=every, encoding=pb.POSTERIOR_ENCODING_RAW_INT32)
    if frames == 0:
        assert posteriors_of(empty(first_frame), wanted, 0) is None
        return
    posteriors = posteriors_of(answer(logits, first_frame), wanted, 0)
    kept = [frame for frame in range(first_frame, first_frame + frames) if frame % every == 0]
    if not kept:
        assert posteriors is None
        return
    assert posteriors is not None
    assert posteriors_array(posteriors)[:, 0].tolist() == kept
    assert posteriors.first_frame == kept[0]
    assert posteriors.first_sample == 1000 + 160 * kept[0]
    assert posteriors.frame_stride == every


def empty(first_frame: int) -> Answer:
    whole = answer(LOGITS[:1], first_frame)
    return Answer(
        utterance_index=0,
        first_frame=first_frame,
        first_sample=0,
        log_prob=whole.log_prob[:0],
        logits=LOGITS[:0],
        segments=(),
        steps=0,
        cost=Cost(),
        received_sample=0,
        answered_sample=0,
    )


def test_posteriors_that_nobody_wants_are_not_sent() -> None:
    wanted = output(posteriors=pb.OutputConfig.POSTERIORS_UNSPECIFIED)
    assert posteriors_of(answer(), wanted, FRACTION_BITS) is None


def test_bytes_of_another_shape_are_not_taken_for_posteriors() -> None:
    posteriors = packed(answer(), output())
    posteriors.frame_count = 2
    with pytest.raises(ValueError, match="reshape"):
        posteriors_array(posteriors)


def test_an_energy_keeps_its_origin_boundary_parts_and_method() -> None:
    energy = Energy(
        joules=3.0,
        origin="measured",
        boundary="board",
        method="ina219/shunt0",
        parts=(("mac", 1.0), ("sram", 2.0)),
        extrapolated=True,
    )
    message = energy_of(energy, 5, 7)
    assert message == pb.Energy(
        joules=3.0,
        origin=pb.ORIGIN_MEASURED,
        boundary=pb.Energy.BOUNDARY_BOARD,
        parts=[pb.EnergyPart(name="mac", joules=1.0), pb.EnergyPart(name="sram", joules=2.0)],
        method="ina219/shunt0",
        first_frame=5,
        frame_count=7,
        extrapolated=True,
    )


TIMES = StageTimes(queue_s=1e-9, feature_s=2e-9, compute_s=3e-9, post_s=4e-9, batch_size=2)


def test_a_device_that_counts_nothing_has_no_origin() -> None:
    assert timing_of(TIMES, Cost()).device_origin == pb.ORIGIN_UNSPECIFIED


def test_totals_add_times_and_keep_the_slowest_frame_and_the_largest_batch() -> None:
    total = pb.Timing()
    for latency_ns in (7, 9, 8):
        timing = timing_of(TIMES, Cost(cycles=3300, device_s=330e-6))
        timing.frame_latency_max_ns = latency_ns
        timing.deadline_misses = 1
        add_timing(total, timing)
    assert total == pb.Timing(
        queue_ns=3,
        feature_ns=6,
        compute_ns=9,
        post_ns=12,
        frame_latency_max_ns=9,
        deadline_misses=3,
        batch_size=2,
    )


def summary(cost: Cost) -> Summary:
    return Summary(
        samples=1,
        frames=1,
        utterances=1,
        steps=1,
        cost=cost,
        output_digest=b"",
        input_digest=b"",
    )


def test_what_the_device_took_in_all_is_the_cost_of_the_whole_stream() -> None:
    estimated = Cost(cycles=3300, device_s=330e-6)
    before = pb.Timing(queue_ns=3, device_cycles=7, device_ns=8)
    told = finished_of(summary(estimated + estimated), before).timing
    assert (told.queue_ns, told.device_cycles, told.device_ns) == (3, 6600, 660_000)
    assert told.device_origin == pb.ORIGIN_ESTIMATED
    assert before.device_cycles == 7


def test_what_was_measured_is_never_added_to_what_was_estimated() -> None:
    estimated = Cost(cycles=3300, device_s=330e-6)
    measured = Cost(cycles=3400, device_s=340e-6, device_origin="measured")
    for mixed in (
        estimated + measured,
        measured + estimated,
        estimated + (measured + estimated),
        estimated + measured + estimated + Cost(),
    ):
        assert mixed.device_origin == "mixed"
        assert (mixed.cycles, mixed.device_s) == (None, None)
        timing = finished_of(summary(mixed), pb.Timing(queue_ns=3)).timing
        assert timing == pb.Timing(queue_ns=3)
        assert timing_of(TIMES, mixed).device_origin == pb.ORIGIN_UNSPECIFIED
    assert (Cost() + measured).device_origin == "measured"
    assert (measured + Cost()).device_origin == "measured"
