"""A page of the documentation, written from the figures of a run.

The page has a section per model. A run writes that of its own model anew and leaves the
others as they are, so several runs make one page.
"""

import os
import re
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Final

from vau.errors import ConfigInvalid
from vau.evaluation.condition import NARROW_RATE_HZ
from vau.evaluation.emission import CHUNK_S
from vau.evaluation.frames import BINS, NEAR_MS
from vau.evaluation.manifest import LABELS
from vau.evaluation.peers import PEERS
from vau.evaluation.report import Evaluation, between, points
from vau.evaluation.scores import (
    RESAMPLES,
    Score,
    gap,
    gap_ci95,
    percentile,
    share_near,
)

CONFUSIONS: Final = 10
"""How many of the most frequent confusions are listed."""

TITLE: Final = "# How well the networks hear\n"
PREFACE: Final = f"""{TITLE}
This page is written by `vau evaluate --page`, from the figures of its runs; the command of
each stands with them.

## How it is measured

- **PER** is the phoneme error rate: substitutions, insertions and deletions of the cheapest
  alignment, over the phones of the manifest. Silence counts on neither side. Stress digits are
  taken off (`AH0` is `AH`) where the model knows the phone without them alone. It measures
  agreement with the manifest: where a dictionary made the phones, with that dictionary.
- **Intervals** hold 95 % of {RESAMPLES} bootstrap draws over utterances, with a fixed seed. The
  gap between the integers and float is paired: both are scored on the same draws.
- **Conditions** worsen the decoded 16 kHz samples, before they are rounded to 16 bits again.
  Noise is Gaussian, seeded by the name of the utterance, so that all recognisers hear the same;
  its level is the ratio of mean powers over the whole recording. What is sampled at
  {NARROW_RATE_HZ} Hz is brought back to 16 kHz. Clipping cuts off the largest samples.
- **Frames** are right where the most probable class is the label of those 10 ms, silence
  included. The calibration error (ECE) is over {BINS} equal bins of the posterior of that
  class: the mean of |share right - mean posterior|, weighted by the frames of the bin.
- **Boundaries** are the starts of phones that were heard rightly, against the labels.
- **Delays** are in audio time: audio comes in chunks of {1000 * CHUNK_S:g} ms, each followed by
  an interim result. A phone of the final result is *shown* by the first result that has its
  name anywhere in its span, and *stable* once it can no longer change; either counts from the
  end of the phone to the end of the audio received by then. Host and accelerator need their
  time on top.
- **Other recognisers** hear the same samples of the same utterances.

What needs labels of frames takes them from `{LABELS}` beside the manifest.
"""


def write_page(
    page: Path, found: Sequence[Evaluation], command: str, figures: Sequence[Path]
) -> None:
    """Write the section of the model that was evaluated, in place of its earlier one.

    found:   under one or more conditions; the figures in detail are those of the first.
    command: what makes the same figures again.
    figures: PNGs to show; they are linked relative to the page.
    Raises   ConfigInvalid if the page cannot be read or written, or is another text.
    """
    model = found[0].score.model
    links = [os.path.relpath(figure, page.parent) for figure in figures]
    try:
        sections = _sections(page)
        sections[model] = section(found, command, links)
        bodies = (_marked(name, sections[name]) for name in sorted(sections))
        page.write_text("\n".join([PREFACE, *bodies]), encoding="utf-8")
    except OSError as cause:
        raise ConfigInvalid(
            f"{page}: {cause.strerror or cause}; choose another page", field="page"
        ) from cause


def _marked(model: str, body: str) -> str:
    return f"<!-- {model} -->\n{body}<!-- end of {model} -->\n"


def _sections(page: Path) -> dict[str, str]:
    """Return what an earlier page says of each model."""
    if not page.exists():
        return {}
    text = page.read_text(encoding="utf-8")
    if not text.startswith(TITLE):
        raise ConfigInvalid(
            f"{page}: was not written by this command; choose another page", field="page"
        )
    marked = re.compile(r"^<!-- (.+) -->\n(.*?)^<!-- end of \1 -->$", re.DOTALL | re.MULTILINE)
    return dict(marked.findall(text))


def section(found: Sequence[Evaluation], command: str, links: Sequence[str]) -> str:
    """Return what the page says of one model."""
    first = found[0]
    score = first.score
    size = f"{len(score.heard)} utterances with {score.phone_count} phones"
    parts = [
        f"## {score.model}\n",
        f"{size}, on `{score.backend}`, {first.condition.name}:\n",
        f"```sh\n{command}\n```\n",
        _figures(first),
    ]
    if len(found) > 1:
        parts += ["### Conditions\n", _conditions(found)]
    if first.peers:
        parts += ["### Other recognisers\n", _peers(first)]
    groups = {
        "speaker": score.grouped(lambda heard: heard.speaker),
        "gender": score.grouped(lambda heard: heard.gender),
    }
    for title, by_name in groups.items():
        if by_name:
            parts += [f"### By {title}\n", _groups(title, by_name)]
    parts += ["### Most frequent confusions\n", _confusions(score)]
    parts += [f"![{Path(link).stem}]({link})\n" for link in links]
    return "\n".join(parts)


def _figures(found: Evaluation) -> str:
    score, yardstick, counts = found.score, found.yardstick, found.score.frame_counts
    edits, boundaries = score.edits, score.boundary_errors_ms
    rows = [("PER", _rate(score))]
    if yardstick is not None and yardstick is not score:
        over = f"{points(gap(score, yardstick))} points"
        rows += [
            ("PER in float", _rate(yardstick)),
            ("gap, paired", over + between(gap_ci95(score, yardstick), points)),
        ]
    for name in ("substitutions", "insertions", "deletions"):
        rows.append((name, _percent(getattr(edits, name) / score.phone_count)))
    if counts is not None:
        rows += [
            ("frames right", _percent(counts.accuracy)),
            ("ECE of the frames", _percent(counts.ece)),
        ]
    if found.temperature is not None:
        rows.append(("temperature", f"{found.temperature:g}"))
    near = share_near(boundaries)
    if near is not None:
        rows.append(("boundaries, median", _ms(percentile(boundaries, 50))))
        rows.append((f"boundaries within {NEAR_MS:g} ms", _percent(near)))
    for name, delays in (("shown", score.shown_ms), ("stable", score.stable_ms)):
        if delays is not None:
            times = f"{_ms(percentile(delays, 50))}, {_ms(percentile(delays, 90))}"
            rows.append((f"{name} after its end, p50, p90", times))
    if score.saturations is not None:
        rows.append(("saturations", f"{score.saturations} in {score.frames} frames"))
    return _rows(["figure", "value"], rows)


def _conditions(found: Sequence[Evaluation]) -> str:
    clean = found[0].score.per
    peers = [peer.backend for peer in found[0].peers]
    rows = []
    for each in found:
        yardstick = each.yardstick
        in_float = [] if yardstick is None else [_percent(yardstick.per)]
        ratio = f"{each.score.per / clean:.2f}" if clean else ""
        others = [_percent(peer.per) for peer in each.peers]
        rows.append((each.condition.name, _rate(each.score), *in_float, ratio, *others))
    in_float = ["in float"] * (found[0].yardstick is not None)
    return _rows(
        ["condition", "PER", *in_float, f"over {found[0].condition.name}", *peers], rows
    )


def _peers(found: Evaluation) -> str:
    scores = [found.score, *found.peers]
    notes = [f"{peer.backend}: {PEERS[peer.backend].note}.\n" for peer in found.peers]
    rows = [
        (
            score.backend,
            _rate(score),
            str(score.edits.substitutions),
            str(score.edits.insertions),
            str(score.edits.deletions),
        )
        for score in scores
    ]
    head = ["recogniser", "PER", "substitutions", "insertions", "deletions"]
    return "\n".join([_rows(head, rows), *notes])


def _groups(title: str, groups: Mapping[str, Score]) -> str:
    rows = [(name, str(group.phone_count), _rate(group)) for name, group in groups.items()]
    return _rows([title, "phones", "PER"], rows)


def _confusions(score: Score) -> str:
    wrong = [(pair, count) for pair, count in score.confusions.items() if pair[0] != pair[1]]
    wrong.sort(key=lambda each: (-each[1], str(each[0])))
    rows = [
        (said or "nothing", heard or "nothing", str(count))
        for (said, heard), count in wrong[:CONFUSIONS]
    ]
    return _rows(["said", "heard", "times"], rows)


def _rows(head: Sequence[str], rows: Iterable[Sequence[str]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "".join(f"| {' | '.join(line)} |\n" for line in lines)


def _rate(score: Score) -> str:
    return _percent(score.per) + between(score.per_ci95, _percent)


def _percent(share: float) -> str:
    return f"{100 * share:.2f} %"


def _ms(value: float | None) -> str:
    return "none" if value is None else f"{value:.0f} ms"
