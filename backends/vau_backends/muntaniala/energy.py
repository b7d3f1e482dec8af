"""Joules from actions: docs/munt-spec-0.md, section 7.

Two figures may be relied on, at two boundaries that never add up. The system, I/O included,
was calibrated on the board and counts die-cycles, whatever the dies do in them. The die's
own efficiency was published at its peak, when all multipliers work; taken for multiplying
cycles alone it is a floor, and what the other cycles cost a die is not known. The finer
split is neither: it is made to add up on the board, and serves to play with.
"""

from typing import Final

from vau.estimate import Reading
from vau_backends.muntaniala import constants
from vau_backends.muntaniala.cycles import Actions

METHOD: Final = "muntaniala-energy/1"
FLOOR_METHOD: Final = "muntaniala-die-floor/1"
SPLIT_METHOD: Final = "muntaniala-split/1"


def system_j(die_cycles: int) -> float:
    """Return what the whole system spends, I/O included, while dies are clocked."""
    return die_cycles * constants.DIE_CYCLE.value


def die_floor_j(actions: Actions) -> float:
    """Return what the dies alone spend on multiplying, the rest of their cycles left out."""
    return actions.multiplying_die_cycles * constants.MULTIPLYING_CYCLE.value


def split(actions: Actions) -> tuple[tuple[str, float], ...]:
    """Divide the energy of the system among (component, joules), by assumption alone."""
    return (
        ("multiplying", die_floor_j(actions)),
        ("links", actions.link_beats * constants.LINK_BEAT.value),
        ("base", actions.die_cycles * constants.BASE_CYCLE.value),
    )


def floor_reading(actions: Actions) -> Reading:
    """Read the energy of a frame at the boundary of the dies."""
    return Reading(
        name="die_floor",
        joules=die_floor_j(actions),
        boundary="accelerator",
        method=FLOOR_METHOD,
        status="extrapolated",
        text="the dies' multiplying cycles alone, at the published peak efficiency",
    )


def split_reading(actions: Actions) -> Reading:
    """Read the energy of a frame by the finer split."""
    parts = split(actions)
    return Reading(
        name="split",
        joules=sum(joules for _, joules in parts),
        boundary="system",
        method=SPLIT_METHOD,
        status="assumed",
        text="by components that were made to add up on the board",
        parts=parts,
    )
