"""A stream over a real wire: what it answers, in which order, and that no cut matters."""

from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tests.serving import (
    END_UTTERANCE,
    FULL,
    MODEL,
    Heard,
    Served,
    audio_format,
    brief,
    cut,
    floating,
    hear,
    muntaniala,
    recognition,
    serving,
    speech,
    streaming,
)
from vau.audio import answerable_frames, frame_count
from vau.session import EMPTY_DIGEST
from vau.v1 import speech_pb2 as pb

Request = pb.StreamingRecognizeRequest
AUDIO = speech(8000)


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving((MODEL, muntaniala()), (MODEL, floating())) as server:
        yield server


@pytest.fixture(scope="module")
def whole(served: Served) -> Heard:
    """Half a second in one message."""
    return hear(served.client, [AUDIO], streaming())


def test_started_comes_first_and_needs_no_audio(served: Served) -> None:
    proceed = iter([AUDIO])
    stream = served.client.stream(streaming(), proceed)
    first = next(stream)
    assert first.HasField("started")
    assert first.started.next_sample == 0
    assert first.started.model.digest == MODEL.digest
    assert first.started.backend.id == "muntaniala:1x1"
    assert first.started.backend.slots_in_use >= 1
    assert list(stream)[-1].HasField("finished")


def test_every_stream_has_a_name_of_its_own(served: Served) -> None:
    names = {
        hear(served.client, [AUDIO], streaming()).responses[0].started.session_id for _ in "ab"
    }
    assert len(names) == 2


def test_every_default_is_filled_in(served: Served) -> None:
    config = pb.StreamingConfig(recognition=pb.RecognitionConfig(audio_format=audio_format()))
    resolved = next(served.client.stream(config, [AUDIO])).started.resolved
    assert resolved == pb.RecognitionConfig(
        audio_format=audio_format(),
        model="tiny",
        backend="muntaniala:1x1",
        decoder=pb.DECODER_VITERBI,
        output=pb.OutputConfig(
            phonemes=True, encoding=pb.POSTERIOR_ENCODING_FLOAT32, every_n_frames=1
        ),
    )


@pytest.mark.parametrize(
    "config",
    [
        recognition(),
        recognition(pb.OutputConfig()),
        recognition(pb.OutputConfig(posteriors=pb.OutputConfig.POSTERIORS_TOP_K, top_k=6)),
        recognition(FULL, model=f"tiny@{MODEL.digest}"),
        recognition(pb.OutputConfig(every_n_frames=3), backend="float"),
        recognition(decoder=pb.DECODER_GREEDY),
    ],
    ids=brief,
)
def test_a_resolved_config_is_a_config_that_resolves_to_itself(
    served: Served, config: pb.RecognitionConfig
) -> None:
    for _ in range(2):
        started = next(served.client.stream(pb.StreamingConfig(recognition=config), [AUDIO]))
        resolved, config = config, started.started.resolved
    assert resolved == config


def test_the_last_message_sums_the_stream_up(whole: Heard) -> None:
    finished = whole.finished
    assert (finished.samples, finished.frames) == (8000, frame_count(8000))
    assert finished.utterances == 1
    assert len(finished.output_digest) == len(finished.input_digest) == 32
    assert finished.output_digest != EMPTY_DIGEST
    assert finished.energy[0].frame_count == finished.frames
    assert finished.timing.frame_latency_max_ns > 0
    assert finished.timing.device_origin == pb.ORIGIN_ESTIMATED
    assert [response.HasField("finished") for response in whole.responses[:-1]] == [False] * (
        len(whole.responses) - 1
    )


def test_the_parts_sum_to_the_totals(served: Served) -> None:
    heard = hear(served.client, cut(AUDIO, 3000, 9000), streaming())
    parts = [energy for response in heard.responses for energy in response.energy]
    assert len(heard.finished.energy) == 2  # of the system, and of the dies alone
    for total in heard.finished.energy:
        alike = [energy for energy in parts if energy.boundary == total.boundary]
        np.testing.assert_allclose(sum(e.joules for e in alike), total.joules, rtol=1e-12)
        assert sum(energy.frame_count for energy in alike) == heard.finished.frames
    assert {energy.origin for energy in parts} == {pb.ORIGIN_ESTIMATED}
    timings = [r.timing for r in heard.responses if r.HasField("timing")]
    assert sum(t.device_cycles for t in timings) == heard.finished.timing.device_cycles
    assert sum(t.deadline_misses for t in timings) == heard.finished.deadline_misses
    slowest = max(timing.frame_latency_max_ns for timing in timings)
    assert slowest == heard.finished.timing.frame_latency_max_ns


def test_frame_latency_covers_every_stage_of_its_message(whole: Heard) -> None:
    for timing in (r.timing for r in whole.responses if r.HasField("timing")):
        stages = timing.queue_ns + timing.feature_ns + timing.compute_ns + timing.post_ns
        assert stages < timing.frame_latency_max_ns
        assert timing.batch_size == 1


def test_timing_energy_phones_and_posteriors_come_only_if_asked_for(served: Served) -> None:
    config = streaming(pb.OutputConfig(phonemes=False), interim_results=True)
    heard = hear(served.client, cut(AUDIO, 9000), config)
    for response in heard.responses:
        assert not response.HasField("timing")
        assert not response.HasField("posteriors")
        assert not response.energy
    assert [(final.end_reason, len(final.phones)) for final in heard.finals] == [
        (pb.END_REASON_HALF_CLOSE, 0)
    ]


def test_without_an_output_config_phones_are_what_comes(served: Served) -> None:
    config = pb.StreamingConfig(recognition=pb.RecognitionConfig(audio_format=audio_format()))
    assert hear(served.client, [AUDIO], config).finals[0].phones


@settings(max_examples=25, deadline=None)
@given(at=st.lists(st.integers(0, len(AUDIO)), max_size=12))
def test_no_cut_of_the_bytes_changes_a_bit(served: Served, whole: Heard, at: list[int]) -> None:
    heard = hear(served.client, cut(AUDIO, *at), streaming())
    np.testing.assert_array_equal(heard.values(), whole.values())
    assert heard.finals == whole.finals
    assert heard.finished.output_digest == whole.finished.output_digest
    assert heard.finished.input_digest == whole.finished.input_digest


def test_a_message_per_byte_changes_no_bit(served: Served) -> None:
    audio = AUDIO[:2001]
    bytewise = hear(served.client, cut(audio + b"\x00", *range(1, 2002)), streaming())
    together = hear(served.client, [audio + b"\x00"], streaming())
    assert bytewise.finished.output_digest == together.finished.output_digest


def test_float_samples_give_the_bits_of_the_integers_they_stand_for(
    served: Served, whole: Heard
) -> None:
    samples = (np.frombuffer(AUDIO, "<i2") / 32_768).astype("<f4").tobytes()
    config = streaming(audio=audio_format(pb.AudioFormat.ENCODING_FLOAT32))
    heard = hear(served.client, cut(samples, 4001, 9999), config)
    assert heard.finished.output_digest == whole.finished.output_digest


def test_frames_follow_upon_each_other_without_a_gap(served: Served) -> None:
    heard = hear(served.client, cut(AUDIO, 3001, 3003, 9999), streaming())
    expected = 0
    for posteriors in (r.posteriors for r in heard.responses if r.HasField("posteriors")):
        assert posteriors.first_frame == expected
        assert posteriors.first_sample == 160 * expected
        expected += posteriors.frame_count
    assert expected == heard.finished.frames


def test_thinned_posteriors_are_the_same_frames_however_the_audio_is_cut(
    served: Served, whole: Heard
) -> None:
    thin = pb.OutputConfig(
        posteriors=pb.OutputConfig.POSTERIORS_FULL,
        encoding=pb.POSTERIOR_ENCODING_RAW_INT32,
        every_n_frames=7,
    )
    for at in ((), (1000, 2345), range(500, 15_000, 500)):
        heard = hear(served.client, cut(AUDIO, *at), streaming(thin))
        np.testing.assert_array_equal(heard.values(), whole.values()[::7])
        for posteriors in (r.posteriors for r in heard.responses if r.HasField("posteriors")):
            assert posteriors.first_frame % 7 == 0
            assert posteriors.first_sample == posteriors.first_frame * 160
            assert posteriors.frame_stride == 7


def test_batch_mates_change_no_bit(served: Served) -> None:
    """Six streams of many small pieces at once cannot but meet in the lane."""
    pieces = [cut(speech(8000, seed), *range(400, 16_000, 400)) for seed in range(6)]
    with ThreadPoolExecutor(6) as threads:
        together = list(
            threads.map(lambda each: hear(served.client, each, streaming()), pieces)
        )
    assert max(heard.finished.timing.batch_size for heard in together) > 1
    for seed, heard in enumerate(together):
        alone = hear(served.client, [speech(8000, seed)], streaming())
        np.testing.assert_array_equal(heard.values(), alone.values())
        assert heard.finished.output_digest == alone.finished.output_digest


def test_a_digest_names_the_audio(served: Served, whole: Heard) -> None:
    other = hear(served.client, [speech(8000, seed=1)], streaming())
    assert other.finished.output_digest != whole.finished.output_digest


def test_a_floating_point_backend_gives_no_digest(served: Served) -> None:
    heard = hear(served.client, [AUDIO], streaming(pb.OutputConfig(), backend="float"))
    assert heard.responses[0].started.backend.bit_exact is False
    assert heard.finished.output_digest == heard.finished.input_digest == b""
    assert heard.finished.frames == frame_count(8000)


def test_end_utterance_equals_two_streams(served: Served) -> None:
    first, second = speech(5000, 1), speech(7000, 2)
    joined = hear(served.client, [first, END_UTTERANCE, second], streaming())
    for number, audio in enumerate((first, second)):
        alone = hear(served.client, [audio], streaming())
        np.testing.assert_array_equal(joined.values(number), alone.values())
        ours, theirs = joined.finals[number], alone.finals[0]
        offset = 5000 * number
        assert ours.utterance_index == ours.segment_index == number
        assert (ours.start_sample, ours.end_sample) == (offset, offset + theirs.end_sample)
        assert [p.symbol for p in ours.phones] == [p.symbol for p in theirs.phones]
        assert [p.start_sample - offset for p in ours.phones] == [
            p.start_sample for p in theirs.phones
        ]
    reasons = [final.end_reason for final in joined.finals]
    assert reasons == [pb.END_REASON_END_UTTERANCE, pb.END_REASON_HALF_CLOSE]
    assert joined.finished.utterances == 2
    assert joined.finished.frames == frame_count(5000) + frame_count(7000)


def test_a_control_is_echoed_where_it_took_effect(served: Served) -> None:
    requests: list[bytes | pb.Control] = [
        speech(4000),
        pb.Control(kind=pb.Control.KIND_FLUSH, control_id=11),
        pb.Control(kind=pb.Control.KIND_KEEP_ALIVE, control_id=12),
        speech(1000),
        pb.Control(kind=pb.Control.KIND_END_UTTERANCE, control_id=13),
        speech(1000),
    ]
    heard = hear(served.client, requests, streaming())
    done = [control for response in heard.responses for control in response.controls]
    assert [(each.kind, each.control_id, each.sample) for each in done] == [
        (pb.Control.KIND_FLUSH, 11, 4000),
        (pb.Control.KIND_KEEP_ALIVE, 12, 4000),
        (pb.Control.KIND_END_UTTERANCE, 13, 5000),
    ]


def test_flush_and_keep_alive_change_no_number(served: Served, whole: Heard) -> None:
    flush = pb.Control(kind=pb.Control.KIND_FLUSH)
    alive = pb.Control(kind=pb.Control.KIND_KEEP_ALIVE)
    first, second = cut(AUDIO, 5001)
    heard = hear(served.client, [flush, first, flush, alive, second, flush], streaming())
    assert heard.finished.output_digest == whole.finished.output_digest


def test_every_message_is_answered_by_one_response(served: Served) -> None:
    pieces = [b"", *cut(AUDIO, 1, 2, 5000)]
    heard = hear(served.client, pieces, streaming())
    assert len(heard.responses) == 1 + len(pieces) + 1


def test_offsets_say_how_far_the_answers_reach(served: Served) -> None:
    heard = hear(served.client, cut(AUDIO, 6000, 12_000), streaming())
    frames = 0
    for response in heard.responses[1:-1]:
        frames += response.posteriors.frame_count
        assert response.answered_sample == 160 * frames
        assert response.acked_sample == 0
    received = [response.received_sample for response in heard.responses[1:]]
    assert received == sorted(received)  # what has not been computed yet is counted, too
    assert received[-1] == 8000
    for response in heard.responses[1:-1]:
        most = answerable_frames(response.received_sample, MODEL.look_ahead_frames)
        assert response.answered_sample <= 160 * most
    assert heard.responses[-1].answered_sample == 8000


def test_a_mark_comes_back_when_its_audio_is_answered(served: Served) -> None:
    def marked() -> Iterator[Request]:
        yield Request(config=streaming())
        for mark, piece in enumerate(cut(AUDIO, *range(1600, 16_000, 1600)), 1):
            yield Request(audio=piece, client_mark=mark)

    responses = list(served.client.exchange(marked()))
    marks = [response.client_mark for response in responses]
    assert marks == sorted(marks)
    for response in responses[1:-1]:
        assert response.client_mark == response.answered_sample // 800
    assert marks[-1] == 10


def test_interim_results_are_replaced_by_the_final_of_their_index(served: Served) -> None:
    heard = hear(served.client, cut(AUDIO, 6000, 12_000), streaming(interim_results=True))
    results = [result for response in heard.responses for result in response.results]
    # What came last may be answered together with the end, which is no interim any more.
    assert [result.is_final for result in results] in (
        [False] * 3 + [True],
        [False] * 2 + [True],
    )
    assert {result.segment_index for result in results} == {0}
    for interim, later in pairwise(results):
        stable = interim.stable_count
        assert [p.class_id for p in interim.phones[:stable]] == [
            p.class_id for p in later.phones[:stable]
        ]


def test_a_model_may_be_asked_for_by_its_digest(served: Served, whole: Heard) -> None:
    config = streaming(model=f"tiny@{MODEL.digest}")
    heard = hear(served.client, [AUDIO], config)
    assert heard.finished.output_digest == whole.finished.output_digest


def test_one_phone_lies_within_its_segment_and_has_a_posterior(whole: Heard) -> None:
    (final,) = whole.finals
    assert final.stable_count == len(final.phones)
    for phone in final.phones:
        assert final.start_sample <= phone.start_sample < phone.end_sample <= final.end_sample
        assert phone.symbol == MODEL.phonemes[phone.class_id]
        assert 0.0 <= phone.confidence <= 1.0


def test_a_sample_more_than_nothing_has_one_frame(served: Served) -> None:
    heard = hear(served.client, [AUDIO[:2]], streaming())
    assert (heard.finished.samples, heard.finished.frames) == (1, 1)
    assert len(heard.finals) == 1


def test_an_utterance_without_audio_has_an_empty_final(served: Served) -> None:
    heard = hear(served.client, [END_UTTERANCE, AUDIO, END_UTTERANCE], streaming())
    spans = [(final.start_sample, final.end_sample) for final in heard.finals]
    assert spans == [(0, 0), (0, 8000), (8000, 8000)]
    assert [bool(final.phones) for final in heard.finals] == [False, True, False]
    assert heard.finals[-1].end_reason == pb.END_REASON_HALF_CLOSE
    assert heard.finished.frames == frame_count(8000)
