import threading
from collections import deque
from collections.abc import Iterator
from dataclasses import replace
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from tests.audio import noise
from tests.serving import PATIENCE_S, serving
from vau.backend import Energy
from vau.client.recognition import Finished, Request, Started, Update, chunks_of
from vau.commands.live_audio import Source
from vau.commands.monitor import Monitor, StablePhones, listen
from vau.endpoint import EndReason
from vau.segments import Phone, Segment
from vau.transcripts import Engine

ENGINE: Final = Engine(
    model="tiny",
    model_digest="sha256:0",
    phonemes=("SIL", "AA"),
    silence_ids=frozenset({0}),
    backend="toy",
    arithmetic_id="toy/1",
    decoder="viterbi",
)
STARTED: Final = Started(engine=ENGINE, look_ahead_frames=6)
ENERGY: Final = Energy(joules=1e-6, origin="estimated", boundary="core", method="toy/1")


def phone(symbol: str, at: int) -> Phone:
    return Phone(
        symbol=symbol,
        class_id=ENGINE.phonemes.index(symbol),
        start_sample=at,
        end_sample=at + 160,
        confidence=0.5,
    )


def segment(symbols: str, stable_count: int, *, index: int = 0, final: bool = False) -> Segment:
    return Segment(
        utterance_index=index,
        segment_index=index,
        phones=tuple(phone(name, 160 * at) for at, name in enumerate(symbols.split())),
        stable_count=stable_count,
        start_sample=0,
        end_sample=1_600,
        end_reason=EndReason.HALF_CLOSE if final else None,
    )


def update(*segments: Segment, frames: int = 2, latency_s: float = 1e-3) -> Update:
    return Update(
        segments=segments,
        posteriors=np.full((frames, 2), np.log(0.5), np.float32),
        fraction_bits=0,
        frame_latency_s=latency_s,
        energies=(ENERGY,),
        received_sample=1_600,
        notices=(),
    )


FINISHED: Final = Finished(
    samples=16_000,
    frames=99,
    input_digest=b"",
    output_digest=b"",
    energies=(replace(ENERGY, joules=99e-6),),
    compute_s=0.25,
)


def test_each_phoneme_is_told_once_when_it_is_certain() -> None:
    stable = StablePhones()
    told = [
        [each.symbol for each in stable.fresh((given,))]
        for given in (
            segment("SIL AA", 0),
            segment("SIL AA", 1),
            segment("SIL AA SIL", 1),
            segment("SIL AA SIL", 3, final=True),
            segment("AA", 1, index=1, final=True),
        )
    ]
    assert told == [[], ["SIL"], [], ["AA", "SIL"], ["AA"]]


def test_a_monitor_adds_up_frames_energy_and_phonemes() -> None:
    heard: list[str] = []
    monitor = Monitor(on_phone=lambda each: heard.append(each.symbol))
    monitor.take(STARTED)
    assert monitor.latencies_ms() == {"p50": None, "p99": None}
    assert monitor.energy_per_frame_uj is None
    monitor.take(update(segment("SIL AA", 1), frames=3, latency_s=1e-3))
    monitor.take(update(segment("SIL AA", 2), frames=1, latency_s=9e-3))
    assert heard == ["SIL", "AA"]
    assert [each.symbol for each in monitor.spoken()] == ["AA"]
    assert len(monitor.recent) == 4
    assert monitor.latencies_ms()["p50"] == pytest.approx(1.0, rel=0.01)  # the cells' width
    assert monitor.energy is not None
    assert monitor.energy.joules == pytest.approx(2e-6)
    assert monitor.energy_per_frame_uj == pytest.approx(0.5)


def test_a_monitor_knows_how_many_frames_most_messages_bring() -> None:
    monitor = Monitor()
    assert monitor.frames_at_once == 0
    for frames in (0, 0, 0, 7, 10, 10, 13):
        monitor.take(update(frames=frames))
    assert monitor.frames_at_once == 10


def held_by(each: object) -> int:
    """Return how many things an object of ours holds, whatever their size."""
    if isinstance(each, list | tuple | dict | deque):
        return len(each)
    names = getattr(type(each), "__slots__", ()) or vars(each) if is_ours(each) else ()
    return sum(held_by(getattr(each, name)) for name in names)


def is_ours(each: object) -> bool:
    return type(each).__module__.startswith("vau.")


def test_a_stream_of_hours_needs_no_more_memory_than_one_of_a_minute() -> None:
    monitor, held = Monitor(), []
    for _ in range(3):
        for message in range(200):
            monitor.take(update(frames=10, latency_s=1e-3 + message * 1e-7))
        held.append(held_by(monitor))
    assert monitor.latencies.frames == 6_000
    assert held[0] == held[1] == held[2] > 1_000  # the cells are counted


def test_notices_are_passed_on() -> None:
    noticed: list[str] = []
    monitor = Monitor(on_notice=noticed.append)
    monitor.take(replace(update(), notices=("1 s of silence", "half a sample left")))
    assert noticed == ["1 s of silence", "half a sample left"]


def test_the_last_word_on_energy_is_the_servers() -> None:
    monitor = Monitor()
    monitor.take(update())
    monitor.take(FINISHED)
    assert monitor.energy is not None
    assert monitor.energy.joules == 99e-6


def test_listening_follows_a_stream_to_its_end() -> None:
    samples = noise(16_000)[:, 0]
    readers: list[threading.Thread] = []

    def chunks() -> Iterator[NDArray[np.int16]]:
        readers.append(threading.current_thread())
        yield from chunks_of(samples, 320)

    source = Source("noise", chunks(), lambda: "0" * 64, 1.0)
    monitor = Monitor()
    with serving() as served:
        request = Request(interim_results=True, posteriors="log")
        done = listen(served.client, source, request, monitor, keep_posteriors=True)
    assert monitor.finished is not None
    assert monitor.latencies.frames == done.frames == 99
    assert monitor.phones == list(done.segments[0].phones)
    assert done.posteriors is not None
    np.testing.assert_array_equal(list(monitor.recent), done.posteriors[-100:])
    (reader,) = readers
    reader.join(PATIENCE_S)
    assert not reader.is_alive()
