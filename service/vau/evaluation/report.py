"""The figures of an evaluation, for a program and for a person."""

from collections.abc import Callable, Sequence
from dataclasses import asdict, dataclass
from typing import Any

from vau.evaluation.condition import Condition
from vau.evaluation.frames import NEAR_MS
from vau.evaluation.scores import (
    Heard,
    Interval,
    Score,
    gap,
    gap_ci95,
    percentile,
    share_near,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Evaluation:
    """A backend over a manifest under one condition, and what it is compared with."""

    condition: Condition
    score: Score
    yardstick: Score | None
    """Of the same network in float; None from a server that does not offer it."""

    peers: tuple[Score, ...] = ()
    temperature: float | None
    """That of the model; None from a server, which does not tell."""


def report(found: Evaluation) -> dict[str, Any]:
    """Return the figures for a program: rates as fractions, null for what is not known."""
    score, yardstick = found.score, found.yardstick
    edits, frame_counts = score.edits, score.frame_counts
    boundaries, shown, stable = score.boundary_errors_ms, score.shown_ms, score.stable_ms
    return {
        "model": score.model,
        "backend": score.backend,
        "decoder": score.decoder or None,
        "condition": found.condition.name,
        "utterances": len(score.heard),
        "phone_count": score.phone_count,
        "frames": score.frames,
        "per": score.per,
        "per_ci95": score.per_ci95,
        "sub": edits.substitutions / score.phone_count,
        "ins": edits.insertions / score.phone_count,
        "del": edits.deletions / score.phone_count,
        "counts": asdict(edits),
        "per_float": yardstick and yardstick.per,
        "counts_float": yardstick and asdict(yardstick.edits),
        "gap": yardstick and gap(score, yardstick),
        "gap_ci95": yardstick and gap_ci95(score, yardstick),
        "frame_accuracy": frame_counts and frame_counts.accuracy,
        "ece": frame_counts and frame_counts.ece,
        "temperature": found.temperature,
        "saturations": score.saturations,
        "boundary_ms_p50": percentile(boundaries, 50),
        f"boundary_within_{NEAR_MS:g}ms": share_near(boundaries),
        "shown_ms_p50": percentile(shown, 50),
        "shown_ms_p90": percentile(shown, 90),
        "stable_ms_p50": percentile(stable, 50),
        "stable_ms_p90": percentile(stable, 90),
        "by_speaker": _groups(score, lambda heard: heard.speaker),
        "by_gender": _groups(score, lambda heard: heard.gender),
        "peers": [
            {
                "name": peer.backend,
                "per": peer.per,
                "per_ci95": peer.per_ci95,
                "counts": asdict(peer.edits),
                "phone_count": peer.phone_count,
            }
            for peer in found.peers
        ],
    }


def _groups(score: Score, key: Callable[[Heard], str | None]) -> dict[str, Any] | None:
    groups = score.grouped(key)
    return groups and {
        name: {
            "per": group.per,
            "per_ci95": group.per_ci95,
            "phone_count": group.phone_count,
            "utterances": len(group.heard),
        }
        for name, group in groups.items()
    }


def table(found: Evaluation) -> list[str]:
    """Return the figures for a person: a line per recogniser, and what else is known."""
    score, yardstick = found.score, found.yardstick
    size = f"{len(score.heard)} utterances, {score.phone_count} phones, {score.frames} frames"
    title = f"{score.model}: {size}"
    lines = [
        title if found.condition.name == "clean" else f"{title}; {found.condition.name}",
        f"{'backend':<20} {'PER':>8} {'95 %':>17} {'subst.':>8} {'ins.':>8} {'del.':>8}",
        *(_line(each) for each in _distinct(found)),
    ]
    if yardstick and yardstick is not score:
        interval = gap_ci95(score, yardstick)
        lines.append(
            f"above float: {points(gap(score, yardstick))} points{between(interval, points)}"
        )
    if frame_counts := score.frame_counts:
        lines.append(
            f"frames: {frame_counts.accuracy:.2%} right, calibration error "
            f"{frame_counts.ece:.2%}"
        )
    boundaries = score.boundary_errors_ms
    if (median := percentile(boundaries, 50)) is not None:
        near = share_near(boundaries)
        lines.append(
            f"boundaries: {median:.0f} ms off (median), {near:.1%} within {NEAR_MS:g} ms"
        )
    for what, delays in (("shown", score.shown_ms), ("stable", score.stable_ms)):
        if delays is not None and len(delays):
            p50, p90 = percentile(delays, 50), percentile(delays, 90)
            lines.append(f"{what} after its end: p50 {p50:.0f} ms, p90 {p90:.0f} ms")
    return lines


def matrix_table(found: Sequence[Evaluation]) -> list[str]:
    """Return the error rates under several conditions for a person: a line per condition."""
    first = found[0]
    width = max(len(each.condition.name) for each in found)
    names = [each.backend for each in _distinct(first)]
    score = first.score
    lines = [
        f"{score.model}: {len(score.heard)} utterances, {score.phone_count} phones",
        " ".join([f"{'condition':<{width}}", *(f"{name:>16}" for name in names)]),
    ]
    for each in found:
        rates = (f"{score.per:>16.2%}" for score in _distinct(each))
        lines.append(" ".join([f"{each.condition.name:<{width}}", *rates]))
    return lines


def _distinct(found: Evaluation) -> list[Score]:
    """Return all scores, the yardstick once where it is what was asked for."""
    yardstick = found.yardstick
    floats = [yardstick] if yardstick and yardstick is not found.score else []
    return [found.score, *floats, *found.peers]


def _line(score: Score) -> str:
    edits = score.edits
    counts = f"{edits.substitutions:>8} {edits.insertions:>8} {edits.deletions:>8}"
    interval = score.per_ci95
    between = "" if interval is None else f"{interval[0]:.2%} - {interval[1]:.2%}"
    return f"{score.backend:<20} {score.per:>8.2%} {between:>17} {counts}"


def points(share: float) -> str:
    """Write a difference of two rates in points of a percent, with its sign."""
    return f"{100 * share:+.2f}"


def between(interval: Interval | None, write: Callable[[float], str]) -> str:
    """Write an interval, both ends with ``write``, to follow a figure; empty without one."""
    return "" if interval is None else f" ({write(interval[0])} to {write(interval[1])})"
