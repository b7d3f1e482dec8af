"""Accuracy, calibration and boundaries, on posteriors and labels made up by hand."""

from collections.abc import Iterable, Sequence
from functools import reduce
from operator import add
from pathlib import Path
from typing import Final

import numpy as np
import pytest
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES, frame_count
from vau.errors import ConfigInvalid
from vau.evaluation.frames import (
    BINS,
    FrameCounts,
    boundary_errors_ms,
    count_frames,
    labels_of_frames,
)
from vau.evaluation.manifest import Inventory, Stretch, Utterance
from vau.segments import Phone

INVENTORY: Final = Inventory(("SIL", "AA", "B"), frozenset({"SIL"}))
SILENCES: Final = INVENTORY.silences


def posteriors(rows: Sequence[Sequence[float]]) -> NDArray[np.float32]:
    logs: NDArray[np.float32] = np.log(np.array(rows)).astype(np.float32)
    return logs


def test_frames_are_sorted_by_the_confidence_in_their_best_class() -> None:
    rows = posteriors([[0.9, 0.05, 0.05], [0.2, 0.7, 0.1], [0.35, 0.34, 0.31]])
    counts = count_frames(rows, np.array([0, 0, 0]))
    assert [place for place, count in enumerate(counts.frames) if count] == [5, 10, 13]
    assert [place for place, count in enumerate(counts.right) if count] == [5, 13]
    assert counts.confidence_sum[13] == pytest.approx(0.9)
    assert counts.accuracy == 2 / 3


def test_no_confidence_is_without_a_bin() -> None:
    sure = count_frames(np.array([[0.0, -np.inf, -np.inf]], np.float32), np.array([0]))
    assert sure.frames[BINS - 1] == 1
    edges = np.arange(1, BINS + 1) / BINS
    counts = count_frames(np.log(edges)[:, np.newaxis].astype(np.float32), np.zeros(BINS, int))
    assert sum(counts.frames) == BINS


def test_the_calibration_error_is_the_mean_gap_between_confidence_and_accuracy() -> None:
    # Bin 11: two frames at 0.8, one right; bin 8: two frames at 0.6, both right.
    rows = [[0.8, 0.1, 0.1], [0.8, 0.1, 0.1], [0.6, 0.3, 0.1], [0.6, 0.3, 0.1]]
    counts = count_frames(posteriors(rows), np.array([0, 1, 0, 0]))
    assert counts.ece == pytest.approx(2 / 4 * abs(0.5 - 0.8) + 2 / 4 * abs(1.0 - 0.6))


def test_one_who_is_right_as_often_as_sure_is_calibrated() -> None:
    rows = posteriors([[0.75, 0.2, 0.05]] * 4)
    assert count_frames(rows, np.array([0, 0, 0, 1])).ece == pytest.approx(0.0, abs=1e-7)


def test_counts_of_parts_add_up_to_those_of_the_whole() -> None:
    rng = np.random.default_rng(0)
    rows = np.log(rng.dirichlet([0.3] * 3, 50)).astype(np.float32)
    labels = rng.integers(3, size=50)
    parts = [count_frames(rows[at : at + 20], labels[at : at + 20]) for at in (0, 20, 40)]
    joined, whole = reduce(add, parts, FrameCounts()), count_frames(rows, labels)
    assert (joined.frames, joined.right) == (whole.frames, whole.right)
    assert joined.confidence_sum == pytest.approx(whole.confidence_sum)


def utterance(*alignment: Stretch) -> Utterance:
    return Utterance(name="u", path=Path("u"), phones=(), alignment=alignment)


def test_a_frame_has_the_label_of_its_ten_milliseconds() -> None:
    said = utterance(("SIL", 3), ("B", 2), ("AA", 5))
    labels = labels_of_frames(said, INVENTORY, frame_count(1_600), 1_600)
    assert labels is not None
    assert labels.tolist() == [0, 0, 0, 2, 2, 1, 1, 1, 1]
    unlabelled = Utterance(name="u", path=Path("u"), phones=())
    assert labels_of_frames(unlabelled, INVENTORY, 9, 1) is None


def test_the_last_label_is_repeated_where_labels_end_a_frame_early() -> None:
    labels = labels_of_frames(utterance(("B", 7)), INVENTORY, 9, 9 * HOP_SAMPLES)
    assert labels is not None
    assert labels.tolist() == [2] * 9


@pytest.mark.parametrize("frames", [7, 13])
def test_labels_of_another_recording_are_refused(frames: int) -> None:
    with pytest.raises(ConfigInvalid, match=f"utterance u has {frames} frames, .* 100 ms"):
        labels_of_frames(utterance(("B", frames)), INVENTORY, 9, 1_600)


def phones(*heard: tuple[str, int]) -> Iterable[Phone]:
    for symbol, frame in heard:
        yield Phone(
            symbol=symbol,
            class_id=INVENTORY.phonemes.index(symbol),
            start_sample=frame * HOP_SAMPLES,
            end_sample=(frame + 1) * HOP_SAMPLES,
            confidence=1.0,
        )


@pytest.mark.parametrize(
    ("heard", "errors_ms"),
    [
        ([("B", 3), ("AA", 5), ("B", 14)], (0.0, 0.0, 0.0)),
        ([("B", 1), ("AA", 8), ("B", 14)], (20.0, 30.0, 0.0)),
        ([("B", 3), ("B", 14)], (0.0, 0.0)),  # what was not heard has no boundary
        ([("AA", 0), ("AA", 5), ("B", 14)], (0.0, 0.0)),  # nor has what was heard wrongly
        ([("B", 3), ("AA", 5), ("B", 14), ("AA", 16)], (0.0, 0.0, 0.0)),
        ([], ()),
    ],
    ids=["exact", "off", "deleted", "substituted", "inserted", "nothing"],
)
def test_boundaries_are_those_of_phones_heard_rightly(
    heard: list[tuple[str, int]], errors_ms: tuple[float, ...]
) -> None:
    said = [("SIL", 3), ("B", 2), ("AA", 5), ("SIL", 4), ("B", 3)]
    assert boundary_errors_ms(said, SILENCES, list(phones(*heard))) == errors_ms
