"""Interims repeat what came before them; how that is written changes nothing of it."""

from hypothesis import given
from hypothesis import strategies as st

from vau.endpoint import EndReason
from vau.segments import Phone, Segment
from vau.v1 import speech_pb2 as pb
from vau.wire.results import Results


def phone(n: int, version: int = 0) -> Phone:
    return Phone(
        symbol=f"P{n}",
        class_id=n,
        start_sample=160 * n,
        end_sample=160 * (n + 1) + version,
        confidence=1.0 / (n + 1),
    )


def segment(
    phones: tuple[Phone, ...], stable: int, index: int = 0, ends: EndReason | None = None
) -> Segment:
    return Segment(
        utterance_index=index,
        segment_index=index,
        phones=phones,
        stable_count=stable,
        start_sample=0,
        end_sample=160 * len(phones),
        end_reason=ends,
    )


def written(results: Results, what: Segment) -> pb.Result:
    response = pb.StreamingRecognizeResponse()
    results.write(what, response.results.add())
    return response.results[0]


@given(
    steps=st.lists(
        st.tuples(st.integers(0, 4), st.integers(0, 3), st.booleans()), min_size=1, max_size=12
    )
)
def test_each_is_what_it_would_be_had_it_come_alone(steps: list[tuple[int, int, bool]]) -> None:
    results, index, stable = Results(phonemes=True), 0, 0
    for version, (newly_stable, open_phones, ends) in enumerate(steps):
        stable += newly_stable
        settled = tuple(phone(n) for n in range(stable))
        tail = tuple(phone(stable + n, version) for n in range(open_phones))
        count = stable + open_phones if ends else stable
        reason = EndReason.END_UTTERANCE if ends else None
        what = segment((*settled, *tail), count, index, reason)
        assert written(results, what) == written(Results(phonemes=True), what)
        if ends:
            index, stable = index + 1, 0


def test_an_interim_has_all_phones_in_order_and_says_how_many_are_stable() -> None:
    results = Results(phonemes=True)
    written(results, segment((phone(0), phone(1)), stable=1))
    result = written(results, segment((phone(0), phone(1, 7), phone(2)), stable=2))
    assert [each.symbol for each in result.phones] == ["P0", "P1", "P2"]
    assert result.phones[1].end_sample == 160 * 2 + 7
    assert (result.stable_count, result.is_final) == (2, False)


def test_without_phonemes_a_result_only_marks_the_segment() -> None:
    what = segment((phone(0), phone(1)), stable=2, ends=EndReason.HALF_CLOSE)
    result = written(Results(phonemes=False), what)
    assert (len(result.phones), result.stable_count, result.is_final) == (0, 0, True)
    assert result.end_reason == pb.END_REASON_HALF_CLOSE
