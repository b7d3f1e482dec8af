"""Whether shadows cost the client more than they may, as far as a bench can tell."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

from vau.commands.bench.plan import QUIET_SHARE, Bench, BenchPlan, SideRun
from vau.load.figures import LoadRun
from vau.load.ratios import Interval, Ratios, Verdict, median_interval
from vau.load.shadows import ShadowFigures, shadows_on

TARGET_RATIO: Final = 1.10
"""Shadows may make the client's p99 longer by a tenth."""

LOOKS: Final = 2  # at the ratios: after half of the pairs, which may be enough, and after all
MISS_CHANCE: Final = 0.05 / LOOKS
"""How often the interval of one look may miss the median; that of either look, 5 % at most."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Judgement:
    """What a bench with shadows says of their cost."""

    ratios: Ratios
    """The p99 with shadows over that without, of each pair that can be compared."""

    quiet: Ratios
    """Of those pairs during which the machine had nothing else to do."""

    interval: Interval | None
    """Where the median of all such ratios is; None of too few pairs."""

    shadows: tuple[ShadowFigures, ...]
    verdict: Verdict
    undecided_because: str
    """Empty if it is decided."""

    @property
    def least_heard_share(self) -> float | None:
        """Of the shadow that shed most, the part that it heard; None if there is no frame."""
        shares = [each.heard_share for each in self.shadows if each.heard_share is not None]
        return min(shares, default=None)


def judgement_of(bench: Bench) -> Judgement:
    """Judge a bench whose plan names shadows."""
    pairs = _pairs(bench.runs)
    ratios = Ratios.of(pairs)
    quiet_s = QUIET_SHARE * bench.plan.run_s
    shadows = shadows_on(bench.shadow_page) if bench.shadow_page else ()
    interval = median_interval(ratios.values, MISS_CHANCE)
    verdict = interval.verdict(TARGET_RATIO) if interval else "undecided"
    because = "" if verdict == "missed" else _doubt(bench, interval, shadows)
    return Judgement(
        ratios=ratios,
        quiet=Ratios.of([pair for pair in pairs if _others_cpu_s(pair) <= quiet_s]),
        interval=interval,
        shadows=shadows,
        verdict="undecided" if because else verdict,
        undecided_because=because,
    )


def is_enough(plan: BenchPlan, runs: Sequence[SideRun]) -> bool:
    """Tell whether half of the pairs are there and decide what all of them were to decide."""
    if len(runs) != 2 * (plan.most_pairs // LOOKS):
        return False
    interval = median_interval(Ratios.of(_pairs(runs)).values, MISS_CHANCE)
    return interval is not None and interval.verdict(TARGET_RATIO) != "undecided"


def _doubt(bench: Bench, interval: Interval | None, shadows: Sequence[ShadowFigures]) -> str:
    """Return why nobody can say that shadows keep to what they may cost; empty if one can."""
    idle = [each.id for each in shadows if not each.frames]
    if idle or len(shadows) < len(bench.plan.shadows):
        who = ", ".join(idle) or "a shadow"
        return f"{who} compared no frame; start vau serve --shadow, whose log says why"
    if not all(each.run.is_carried for each in bench.runs):
        return "not every run was carried; name fewer --streams"
    if interval is None:
        return "so few pairs of runs have no interval; give it a longer --duration"
    if interval.verdict(TARGET_RATIO) == "undecided":
        return (
            f"{TARGET_RATIO:.2f} is within the interval; give it a longer --duration, or a "
            "machine that does nothing else"
        )
    return ""


def _pairs(runs: Sequence[SideRun]) -> list[tuple[LoadRun, LoadRun]]:
    """Return the runs without and with shadows, pair by pair."""
    off, on = ([each.run for each in runs if each.side == side] for side in ("off", "on"))
    return list(zip(off, on, strict=True))


def _others_cpu_s(pair: tuple[LoadRun, LoadRun]) -> float:
    return max(run.cpu.others or 0.0 for run in pair)
