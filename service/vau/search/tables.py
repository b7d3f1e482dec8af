"""What a search looks up, what it remembers, and where it stands."""

from dataclasses import dataclass, field
from typing import Any, Final, TypeAlias

import numpy as np
from numpy.typing import NDArray

Floats: TypeAlias = NDArray[np.float64]
Nodes: TypeAlias = NDArray[np.int64]
Small: TypeAlias = NDArray[np.unsignedinteger[Any]]
"""Of the smallest type that holds the values: a byte for all that ships."""

# What the C has room for, see native/module.c.
MOST_CLASSES: Final = 256
MOST_FOLLOWED: Final = 16
MOST_KEPT_FRAMES: Final = 254


@dataclass(frozen=True, slots=True, kw_only=True)
class Tables:
    """What a search looks up, and what it remembers and changes.

    A hypothesis is a run of one phoneme behind another one. It is *young* until the run is
    ``min_frames`` long; of the *grown* ones of each phoneme behind each other, the best is
    known. Of the phonemes before them, young ones have a *rank*: only a few phonemes are
    followed at a frame. A *place* is an index into ``young`` and ``grown``, each flattened, one
    behind the other. A *node* is a run's beginning,
    start * phonemes**2 + phoneme * phonemes + phoneme before. Frames are numbered from 1, hops
    of the front end; a *row* is one of the kept frames, by its number modulo theirs. All scores
    are natural logarithms. An *age* counts frames since the beginning of a run, up to the most
    that its type holds: that is ``oldest``, more than any of the kept frames, and in a living
    hypothesis only the root of all that is alive has it.
    """

    follow: Floats
    """Score of a step to the next phoneme, -inf where there is none; by the phoneme that ends,
    the one before, and the next one, shape (phonemes, phonemes, phonemes)."""

    prior: Floats
    """What a phoneme loses at each frame, shape (phonemes,)."""

    beam: float
    """A hypothesis this far below the best one that may end is given up."""

    settling_frames: int
    """The past is settled whenever the frame's number is a multiple of this."""

    look_back_frames: int
    """What ended so many frames ago in the best hypothesis is then settled, ..."""

    decided_frames: int
    """... and so is what was under way so many frames ago, which are more."""

    young: Floats
    """Of each hypothesis up to the start of its last run, less what that run's phoneme had
    gained until then; -inf where there is none. By the frame at which the run began, modulo
    ``min_frames``, its phoneme, and the rank of the one before;
    shape (min_frames, phonemes, followed)."""

    grown: Floats
    """The same by the phoneme and the one before, shape (phonemes, phonemes)."""

    grown_age: Small
    """Of the last runs of these, the same shape."""

    endings: Small
    """The phonemes that those runs may follow which began at a frame, in order: that of each
    rank; shape (kept frames, followed)."""

    parent_age: Small
    """Of each run that began at a frame, how old the one that it followed was; by row, its
    phoneme, and the rank of the one before; shape (kept frames, phonemes, followed)."""

    parent_before: Small
    """And which phoneme was before that one, the same shape."""

    ends: Floats
    """How well the runs ended that are followed, by the frame modulo ``min_frames``, their rank
    and the phoneme before them, -inf where there was no hypothesis;
    shape (min_frames, followed, phonemes)."""

    posterior_sums: Floats
    """Posteriors of the phonemes, summed up to each frame; shape (kept frames, phonemes)."""

    sizes: tuple[int, ...] = field(init=False, repr=False)
    """Phonemes, least frames of a run, followed, kept; and the frames of settling, as above."""

    is_small: bool = field(init=False, repr=False)
    """Whether the C has room for them."""

    def __post_init__(self) -> None:
        sizes = len(self.follow), len(self.young), self.followed, self.kept_frames
        is_small = (
            len(self.follow) <= MOST_CLASSES
            and self.followed <= MOST_FOLLOWED
            and self.kept_frames <= MOST_KEPT_FRAMES
        )
        settling = self.settling_frames, self.look_back_frames, self.decided_frames
        object.__setattr__(self, "sizes", (*sizes, *settling))
        object.__setattr__(self, "is_small", is_small)

    @property
    def followed(self) -> int:
        """So many phonemes may be followed by another at a frame."""
        return int(self.endings.shape[1])

    @property
    def kept_frames(self) -> int:
        """So many of the last frames are remembered."""
        return len(self.endings)

    @property
    def oldest(self) -> int:
        """The age that stands for every higher one, too."""
        return int(np.iinfo(self.grown_age.dtype).max)


@dataclass(slots=True, kw_only=True)
class Standing:
    """Where a search stands in its utterance, and where what it has settled ends.

    The *root* is the run in which that is: all that is alive begins there or later.
    """

    frame: int
    """The last one that it heard; 0 before the first."""

    gains: Floats
    """What the phonemes have gained until each of the last ``min_frames`` frames, the present
    one last, natural log, shape (min_frames, phonemes)."""

    rows: NDArray[np.float32]
    """The log posteriors of those frames but the first, shape (min_frames - 1, phonemes)."""

    root_start: int
    """The frame at which the root begins."""

    root_posterior_sums: Floats
    """Posteriors of the phonemes, summed up to there, shape (phonemes,)."""


def empty_tables(
    follow: Floats,
    prior: Floats,
    *,
    min_frames: int,
    look_back_frames: int,
    decided_frames: int,
    settling_frames: int,
    beam: float,
    followed: int,
) -> Tables:
    """Return the tables of a search that has not begun; none of its hypotheses is alive.

    follow, prior, beam: as in ``Tables``; the arrays are not copied.
    min_frames:          frames that a run lasts at least, 1 or more.
    look_back_frames, decided_frames, settling_frames: as in ``Tables``.
    followed:            phonemes that others may follow at a frame, the best ones; not more
                         than all.
    """
    classes, kept_frames = len(follow), max(decided_frames + settling_frames, min_frames) + 1
    followed = min(followed, classes)
    age, phoneme = np.min_scalar_type(kept_frames + 1), np.min_scalar_type(classes - 1)
    nodes = (kept_frames, classes, followed)
    return Tables(
        follow=follow,
        prior=prior,
        beam=beam,
        settling_frames=settling_frames,
        look_back_frames=look_back_frames,
        decided_frames=decided_frames,
        young=np.full((min_frames, classes, followed), -np.inf),
        grown=np.full((classes, classes), -np.inf),
        grown_age=np.zeros((classes, classes), age),
        endings=np.tile(np.arange(followed, dtype=phoneme), (kept_frames, 1)),
        parent_age=np.zeros(nodes, age),
        parent_before=np.zeros(nodes, phoneme),
        ends=np.full((min_frames, followed, classes), -np.inf),
        posterior_sums=np.zeros((kept_frames, classes)),
    )


def first_standing(tables: Tables) -> Standing:
    """Return where a search stands that has heard nothing."""
    classes, min_frames = len(tables.follow), len(tables.young)
    return Standing(
        frame=0,
        gains=np.zeros((min_frames, classes)),
        rows=np.zeros((min_frames - 1, classes), np.float32),
        root_start=0,
        root_posterior_sums=np.zeros(classes),
    )
