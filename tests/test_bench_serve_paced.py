"""Paced streams against real servers."""

from collections.abc import Iterator
from dataclasses import replace
from itertools import pairwise
from typing import Final

import numpy as np
import pytest

from tests.overtaken import first_writes_fail, half_closes_fail
from tests.serving import MODEL, Held, Served, Talk, eventually, muntaniala, serving
from vau.audio import frame_count
from vau.client.paced import Load, drive
from vau.client.paced.seats import PAUSE_CHUNKS
from vau.client.recognition import Request
from vau.errors import SlotsExhausted, Unreachable
from vau.load.chunks import chunk_latencies_s, computable_sample
from vau.load.figures import CpuSeconds, run_of
from vau.load.frames import FrameFaults

SPEECH: Final = np.random.default_rng(0).normal(0.0, 3000.0, 5_000).astype(np.int16)
CHUNK_S: Final = 0.02
REQUEST: Final = Request(interim_results=True, posteriors="log")


def load(streams: int, *, patience_s: float = 30.0, seed: int = 0) -> Load:
    return Load(
        streams=streams,
        chunk_s=CHUNK_S,
        duration_s=0.4,
        seed=seed,
        patience_s=patience_s,
        request=REQUEST,
    )


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    with serving() as running:
        yield running


def test_every_stream_is_sent_and_answered_to_its_end(served: Served) -> None:
    driven = drive(served.address, load(3), SPEECH)
    assert (len(driven.streams), driven.refused_streams) == (3, 0)
    for played in driven.streams:
        assert [chunk.end_sample for chunk in played.sent] == [*range(320, 6401, 320)]
        assert played.ending is not None
        assert played.ending.frames == frame_count(6400)
        assert played.ending.energies
        assert np.isfinite(chunk_latencies_s(played)).all()


def test_a_server_answers_all_that_is_computable_and_no_more(served: Served) -> None:
    (played,) = drive(served.address, load(1), SPEECH).streams
    assert played.look_ahead_frames == MODEL.look_ahead_frames
    *answers, end = played.heard  # behind the end nothing is waited for
    for heard in answers:  # some audio may have come while this was computed
        most = computable_sample(heard.received_sample, played.look_ahead_frames)
        assert heard.answered_sample <= most
    everything = computable_sample(6400, played.look_ahead_frames)
    assert answers[-1].received_sample == 6400
    # An end that catches up with the last audio is answered together with it.
    assert answers[-1].answered_sample in (everything, answers[-2].answered_sample)
    assert end.received_sample == end.answered_sample == 6400


def test_chunks_are_due_one_after_the_other_and_none_is_sent_early(served: Served) -> None:
    for played in drive(served.address, load(3), SPEECH).streams:
        due_s = np.array([chunk.due_s for chunk in played.sent])
        np.testing.assert_allclose(np.diff(due_s), CHUNK_S)
        assert all(chunk.begun_s >= chunk.due_s for chunk in played.sent)


def test_streams_start_at_random_within_a_chunk_and_a_seed_says_where(served: Served) -> None:
    def phases_s(seed: int) -> list[float]:
        streams = drive(served.address, load(3, seed=seed), SPEECH).streams
        due_s = [played.sent[0].due_s for played in streams]
        return [each - due_s[0] for each in due_s[1:]]

    first = phases_s(1)
    assert all(0 < abs(each) < CHUNK_S for each in first)
    assert phases_s(1) == pytest.approx(first)
    assert phases_s(2) != pytest.approx(first)


def test_who_finds_no_room_is_counted_and_the_others_are_served() -> None:
    with serving((MODEL, muntaniala(slot_count=2))) as small:
        driven = drive(small.address, load(3), SPEECH)
    assert (len(driven.streams), driven.refused_streams) == (2, 1)
    assert all(played.ending for played in driven.streams)


def test_who_is_not_told_the_answer_asks_again(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As over TLS on a busy machine: the status of a refusal overtakes the first message."""
    first_writes_fail(monkeypatch, times=3)
    driven = drive(served.address, load(2), SPEECH)
    assert (len(driven.streams), driven.refused_streams) == (2, 0)
    assert all(played.ending for played in driven.streams)


def test_a_half_close_that_grpc_could_not_send_any_more_is_no_error(
    served: Served, monkeypatch: pytest.MonkeyPatch
) -> None:
    half_closes_fail(monkeypatch)
    driven = drive(served.address, load(2), SPEECH)
    assert all(played.ending for played in driven.streams)


def test_a_server_without_any_room_refuses_us() -> None:
    with serving((MODEL, muntaniala(slot_count=1))) as small:
        talk = Talk(small.client)
        with pytest.raises(SlotsExhausted, match="are taken"):
            drive(small.address, load(1), SPEECH)
        talk.vanish()


def test_nobody_is_waited_for_who_does_not_answer() -> None:
    held = Held(muntaniala())
    with serving((MODEL, held)) as stuck:  # type: ignore[arg-type]
        held.may_run.clear()
        driven = drive(stuck.address, load(2, patience_s=0.1), SPEECH)
        held.may_run.set()
    run = run_of(driven.streams, refused_streams=0, chunk_s=CHUNK_S, cpu=CpuSeconds(client=0.0))
    assert not run.is_carried
    assert np.isinf(run.latencies_s).all()


def test_streams_follow_each_other_in_their_places_and_nothing_is_lost(served: Served) -> None:
    driven = drive(served.address, replace(load(3), duration_s=1.0, stream_s=0.2), SPEECH)
    assert driven.refused_streams == 0
    assert len(driven.streams) > 2 * 3
    assert all(played.ending for played in driven.streams)
    assert FrameFaults.of(driven.streams) == FrameFaults(0, 0)
    lengths = {len(played.sent) for played in driven.streams}
    assert max(lengths) == 10  # chunks of 0.2 s
    # However late a busy machine lets them begin: no place is used for more than the duration.
    chunks = sum(len(played.sent) for played in driven.streams)
    assert chunks + PAUSE_CHUNKS * (len(driven.streams) - 3) <= 3 * 50
    assert driven.full_until_s <= max(played.sent[-1].due_s for played in driven.streams)


def test_who_follows_in_a_place_waits_until_the_one_before_has_its_final(
    served: Served,
) -> None:
    driven = drive(served.address, replace(load(1), duration_s=1.0, stream_s=0.2), SPEECH)
    assert len(driven.streams) > 2
    for before, after in pairwise(driven.streams):
        pause_s = after.sent[0].due_s - CHUNK_S - before.sent[-1].due_s
        assert pause_s >= PAUSE_CHUNKS * CHUNK_S - 1e-9  # sums of float64


def test_frames_that_a_server_answers_are_noted_with_their_numbers(served: Served) -> None:
    (played,) = drive(served.address, load(1), SPEECH).streams
    assert sum(each.frames for each in played.heard) == frame_count(6400)
    some = next(each for each in played.heard if each.frames)
    without = tuple(each for each in played.heard if each is not some)
    assert FrameFaults.of([replace(played, heard=without)]) == FrameFaults(some.frames, 0)


def test_who_knocks_at_a_full_server_is_told_when_to_come_again() -> None:
    with serving((MODEL, muntaniala(slot_count=2))) as small:
        driven = drive(small.address, replace(load(2), knocks=9), SPEECH)
        eventually(lambda: small.slots_in_use() == 0)
    assert len(driven.knocks) == 9
    assert all(knock.is_proper_refusal for knock in driven.knocks)
    assert all(knock.took_s > 0.0 for knock in driven.knocks)
    assert all(played.ending for played in driven.streams)


def test_who_knocks_where_there_is_room_is_let_in_and_leaves_at_once(served: Served) -> None:
    driven = drive(served.address, replace(load(1), knocks=3), SPEECH)
    assert [knock.code for knock in driven.knocks] == ["OK"] * 3
    assert not any(knock.is_proper_refusal for knock in driven.knocks)
    eventually(lambda: served.slots_in_use() == 0)


def test_a_server_that_is_not_there_is_unreachable() -> None:
    with pytest.raises(Unreachable, match=r"127\.0\.0\.1:1 does not answer"):
        drive("127.0.0.1:1", load(1), SPEECH)
