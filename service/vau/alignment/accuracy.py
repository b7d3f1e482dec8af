"""How far the starts of aligned phones are from labels, beside two that are simpler.

``even`` spreads the phones evenly from where the first one was found to where the last one
ended: it knows how many there are and nothing else. ``heard`` is what the decoder hears
without knowing what is said; of it, phones that were heard rightly count alone, and these are
the easier ones.
"""

from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from vau.alignment.scoring import Alignment
from vau.evaluation.frames import boundary_offsets_ms
from vau.evaluation.manifest import Stretch
from vau.percentiles import nearest_ranks
from vau.segments import Phone

NEAR_MS: Final = (10, 20, 50)


@dataclass(frozen=True, slots=True)
class Offsets:
    """Milliseconds by which phones of one utterance begin behind their labels."""

    aligned: tuple[float, ...]
    where_heard: tuple[float, ...]
    """Of these, those of the phones that ``heard`` is about: they alone compare with it."""

    heard: tuple[float, ...]
    even: tuple[float, ...]


COLUMNS: Final = ("aligned", "where_heard", "heard", "even")


def offsets(found: Alignment, labels: Iterable[Stretch], silences: frozenset[str]) -> Offsets:
    """Compare one alignment with the labels of its recording."""
    stretches = list(labels)
    phones = [each.phone for each in found.phones if each.phone.symbol not in silences]
    aligned, heard, evenly = (
        boundary_offsets_ms(stretches, silences, each)
        for each in (phones, found.done.phones(), even(phones))
    )
    both = [place for place in heard if place in aligned]
    return Offsets(
        aligned=tuple(aligned.values()),
        where_heard=tuple(aligned[place] for place in both),
        heard=tuple(heard[place] for place in both),
        even=tuple(evenly.values()),
    )


def even(phones: list[Phone]) -> list[Phone]:
    """Return the phones with the time of them all, each as long as the others."""
    if not phones:
        return []
    edges = np.linspace(phones[0].start_sample, phones[-1].end_sample, len(phones) + 1)
    starts = np.rint(edges).astype(int).tolist()
    return [
        replace(phone, start_sample=start, end_sample=end)
        for phone, start, end in zip(phones, starts[:-1], starts[1:], strict=True)
    ]


def figures(offsets_ms: Iterable[float]) -> dict[str, Any]:
    """Return what is to be known of some offsets; of none, that there are none.

    ``bias_ms`` is the mean with its sign; the others are of the distance alone.
    """
    signed = np.array(list(offsets_ms))
    if not signed.size:
        return {"boundaries": 0}
    distances = np.abs(signed)
    median, p90 = nearest_ranks(distances, (50, 90))
    return {
        "boundaries": len(signed),
        "median_ms": round(median, 3),
        "p90_ms": round(p90, 3),
        "mean_ms": round(float(distances.mean()), 3),
        "bias_ms": round(float(signed.mean()), 3),
        **{f"within_{near}ms": round(float((distances <= near).mean()), 4) for near in NEAR_MS},
    }
