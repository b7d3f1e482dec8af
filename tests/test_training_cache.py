"""Features of a corpus on disk, and what else a run leaves there, whenever it is cut off."""

from collections.abc import Callable
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import BinaryIO

import numpy as np
import pytest
import soundfile

from training import cache
from training.cache import Playback, Statistics
from training.corpus import BadCorpus, Utterance
from training.log import forget_after, note
from vau.audio import HOP_SAMPLES, SAMPLE_RATE_HZ
from vau.frontend import MFCC
from vau.wholefile import write_text_whole, write_whole

HOPS = 20
STATISTICS = Statistics(
    np.zeros(MFCC.feature_dim, np.float32), np.ones(MFCC.feature_dim, np.float32)
)


class Name(str):
    """Of an utterance; counts how often it is sent to another process."""

    __slots__ = ()
    sent = 0

    def __reduce__(self) -> tuple[type[str], tuple[str]]:
        Name.sent += 1
        return str, (str(self),)


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    path = tmp_path_factory.mktemp("audio") / "one.wav"
    noise = np.random.default_rng(0).normal(0, 0.1, HOPS * HOP_SAMPLES)
    soundfile.write(path, noise, SAMPLE_RATE_HZ)
    return path


def spoken(audio: Path, frames: int = HOPS, utt: str = "one") -> Utterance:
    return Utterance(utt, audio, "train", (), np.zeros(frames, np.uint8))


@pytest.mark.parametrize("speed", [0.9, 1.0])
def test_labels_may_miss_the_end_of_a_recording_by_two_frames_and_no_more(
    audio: Path, speed: float
) -> None:
    for frames in (HOPS - 2, HOPS - 1, HOPS, HOPS + 2):
        Playback(speed).features(spoken(audio, frames), (), MFCC)
    for frames in (HOPS - 3, HOPS + 3, 2 * HOPS):
        with pytest.raises(BadCorpus, match=rf"one has {frames} .*one\.wav lasts 200 ms"):
            Playback(speed).features(spoken(audio, frames), (), MFCC)


def test_features_are_made_by_so_many_processes_and_each_is_sent_the_corpus_once(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    asked = []

    def pool(
        jobs: int, *, initializer: Callable[..., None], initargs: tuple[object]
    ) -> ProcessPoolExecutor:
        asked.append(jobs)
        return ProcessPoolExecutor(jobs, initializer=initializer, initargs=initargs)

    monkeypatch.setattr(cache, "ProcessPoolExecutor", pool)
    corpus = [spoken(audio, utt=Name(f"{n}")) for n in range(40)]
    built = cache.build(tmp_path, corpus, MFCC, STATISTICS, Playback(), jobs=1)
    assert asked == [1]
    assert len(built) == 40
    assert len(corpus) <= Name.sent <= 2 * len(corpus)  # as work, and as voices behind it


def test_statistics_are_written_whole_or_not_at_all(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    STATISTICS.write(tmp_path / "statistics.npz")

    def cut_off(file: BinaryIO, **_arrays: object) -> None:
        file.write(b"PK")
        raise KeyboardInterrupt

    monkeypatch.setattr(np, "savez", cut_off)
    with pytest.raises(KeyboardInterrupt):
        STATISTICS.write(tmp_path / "statistics.npz")
    kept = Statistics.read(tmp_path / "statistics.npz")
    np.testing.assert_array_equal(kept.inv_std, STATISTICS.inv_std)


def test_features_that_were_not_finished_are_made_again(
    audio: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def cut_off(path: Path, _target: Path) -> None:
        path.write_bytes(path.read_bytes()[:1])  # half of it is written, the name not given
        raise KeyboardInterrupt

    with monkeypatch.context() as patch:
        patch.setattr(Path, "replace", cut_off)
        with pytest.raises(KeyboardInterrupt):
            cache.build(tmp_path, [spoken(audio)], MFCC, STATISTICS, Playback(), jobs=1)
    built = cache.build(tmp_path, [spoken(audio)], MFCC, STATISTICS, Playback(), jobs=1)
    assert built.offsets.tolist() == [0, len(built.features)]


def test_a_file_is_replaced_only_by_a_whole_one(tmp_path: Path) -> None:
    write_text_whole(tmp_path / "file", "whole")

    def cut_off(file: BinaryIO) -> None:
        file.write(b"ha")
        raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        write_whole(tmp_path / "file", cut_off)
    assert (tmp_path / "file").read_text() == "whole"


def test_a_log_forgets_what_comes_again_and_a_line_that_was_cut_off(tmp_path: Path) -> None:
    log = tmp_path / "log.jsonl"
    forget_after(log, 1)  # there is none yet
    assert not log.exists()
    for step in (1, 2, 3):
        note(log, {"step": step})
    with log.open("a") as lines:
        lines.write('{"step": 1, "lo')
    forget_after(log, 2)
    assert log.read_text() == '{"step": 1}\n{"step": 2}\n'
