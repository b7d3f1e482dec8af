"""Which phones a panel of posteriors has a row for, and in what order."""

from collections.abc import Collection, Iterable, Sequence
from typing import Final

import numpy as np
from numpy.typing import NDArray

BY_MANNER: Final = """IY IH EH EY AE AA AO AH ER UH UW OW AY AW OY
    W Y L R M N NG V DH Z ZH F TH S SH HH JH CH B D G P T K""".split()
"""The order in which phones are drawn, so that what sounds alike is near; others follow."""

VISIBLE: Final = 0.1  # phones that no frame holds likelier are left out


def visible_classes(
    log_probs: Iterable[NDArray[np.float32]],
    phonemes: Sequence[str],
    also: Collection[int] = (),
) -> list[int]:
    """Return the classes that any frame holds likely, like sounds together.

    log_probs: natural logs of one backend each, shape (frames, classes).
    also:      classes that are shown in any case.
    """
    likely = np.max([each.max(axis=0) for each in log_probs], axis=0)
    order = {phone: place for place, phone in enumerate(BY_MANNER)}
    known = [at for at in range(len(phonemes)) if likely[at] > np.log(VISIBLE) or at in also]
    return sorted(known, key=lambda at: (order.get(phonemes[at], len(order)), phonemes[at]))
