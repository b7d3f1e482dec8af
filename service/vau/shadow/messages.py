"""What crosses the pipe between a server and a shadow's process.

Both ends are ours and the same code, so the pipe carries pickles; no one else can write there.
"""

import pickle
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray

from vau.backend import BackendInfo, Boundary, DeviceOrigin, Origin
from vau.errors import VauError

DIVERGENCE_EDGES: Final = (0.001, 0.002, 0.005, 0.01, 0.02, 0.05, 0.1, 0.2, 0.5, 1.0)


@dataclass(frozen=True, slots=True)
class Primary:
    """A backend that answers clients, as a shadow has to know it."""

    id: str
    arithmetic_id: str
    bit_exact: bool


@dataclass(frozen=True, slots=True, kw_only=True)
class Order:
    """What the process of a shadow is to be."""

    backend: str
    """As it was asked for, ``kind`` or ``kind:instance``."""

    model: str
    """Name or folder, see ``find_model``."""

    model_digest: str
    """Of the model that the server has loaded: there is nothing to compare with another."""

    slots: int
    """Utterances at a time."""

    primaries: tuple[Primary, ...]
    """Whose audio it will hear; elsewhere they are called by their place in here."""

    is_first: bool
    """Nothing is served yet, so opening need not stand back."""


@dataclass(frozen=True, slots=True)
class Stretch:
    """The next steps of one utterance, and what its primary made of them."""

    key: int
    """Of the utterance; never used twice in the life of a server."""

    primary: int
    features: NDArray[np.float32]
    """See ``Work``, shape (steps, feature_dim)."""

    log_prob: NDArray[np.float32]
    """See ``Result``, shape (steps, classes)."""

    logits: NDArray[np.int32] | None
    frames: int
    """The last so many steps answered a frame, and are compared."""

    ends: bool


@dataclass(frozen=True, slots=True)
class Stretches:
    """Stretches of one primary, joined: to copy one array is much less work than a hundred."""

    primary: int
    table: NDArray[np.int64]
    """A row for each stretch: key, steps, frames, ends."""

    features: NDArray[np.float32]
    log_prob: NDArray[np.float32]
    logits: NDArray[np.int32] | None

    @classmethod
    def join(cls, stretches: Sequence[Stretch]) -> "Stretches":
        """Join stretches, of which there is one at least, all of the same primary."""
        rows = [(each.key, len(each.features), each.frames, each.ends) for each in stretches]
        logits = [each.logits for each in stretches if each.logits is not None]
        return cls(
            primary=stretches[0].primary,
            table=np.array(rows, np.int64),
            features=np.concatenate([each.features for each in stretches]),
            log_prob=np.concatenate([each.log_prob for each in stretches]),
            logits=np.concatenate(logits) if logits else None,
        )

    def split(self) -> Iterator[Stretch]:
        """Yield the stretches again."""
        first = 0
        for key, steps, frames, ends in self.table.tolist():
            part = slice(first, first + steps)
            yield Stretch(
                key=key,
                primary=self.primary,
                features=self.features[part],
                log_prob=self.log_prob[part],
                logits=None if self.logits is None else self.logits[part],
                frames=frames,
                ends=bool(ends),
            )
            first += steps


@dataclass(frozen=True, slots=True)
class Opened:
    """The backend is open and has passed its check."""

    info: BackendInfo


@dataclass(frozen=True, slots=True)
class GaveUp:
    """The process ends, and why. It says nothing more."""

    error: VauError

    @classmethod
    def for_want_of(cls, error: VauError) -> "GaveUp":
        """Say ``error`` in a class of ours: one of a plug-in need not survive a pickle."""
        ours = next(
            kind for kind in type(error).__mro__ if kind.__module__ == VauError.__module__
        )
        values = vars(error)  # its class may not have called the constructor of ours
        known = {str(name): _plain(value) for name, value in values.get("facts", {}).items()}
        return cls(ours(str(error), field=str(values.get("field", "")), **known))


def _plain(value: object) -> int | float | str:
    return value if type(value) in (int, float, str) else str(value)  # type: ignore[return-value]


class Done(NamedTuple):
    """So much of an utterance need not be waited for any more."""

    key: int
    steps: int
    frames: int
    """Of these steps, so many answered a frame."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Tally:
    """What the latest rounds of a shadow came to, for the frames of one primary."""

    primary: int
    frames: int
    """Compared."""

    shed_frames: int
    """Not computed, since the shadow had no slot for their utterance."""

    without_slot: tuple[int, ...]
    """Keys of the utterances for which there was no slot."""

    done: tuple["Done", ...]
    """All of that, computed or not, by utterance."""

    disagreements: int
    """Frames whose best class differs."""

    mismatches: int | None
    """Frames with any bit different; None if the two never promised equal bits."""

    divergences: tuple[int, ...]
    """Frames by the total variation distance of their posteriors: how many there are up to
    each of DIVERGENCE_EDGES and above the one before, at last how many are above all."""

    divergence_sum: float
    """Of these distances."""

    energies: tuple[tuple[Origin, Boundary, float], ...]
    """Joules of the shadow, as it accounts for them."""

    cycles: tuple[DeviceOrigin, int] | None


Report = tuple[Tally, ...]
"""One tally for each primary that had frames in these rounds."""

Message = Opened | GaveUp | Report
"""What a shadow's process says; ``Stretches`` is what it is told, and None to close."""

Connection = Any
"""``multiprocessing.connection.Connection``: what goes through it is typed here."""

OUT_OF_BAND: Final = 5  # the protocol of pickles whose arrays need not be copied into them


def tell(pipe: Connection, told: Stretches | None) -> None:
    """Tell a shadow's process something.

    The arrays go straight from where they are: whoever copies hundreds of kilobytes holds the
    interpreter meanwhile, and those who answer clients wait for it.
    """
    arrays: list[pickle.PickleBuffer] = []
    pickled = pickle.dumps(told, OUT_OF_BAND, buffer_callback=arrays.append)
    pipe.send((len(arrays), pickled))
    for array in arrays:
        pipe.send_bytes(array.raw())


def hear(pipe: Connection) -> Stretches | None:
    """Return what ``tell`` told at the other end; wait for it. Its arrays cannot be written.

    Raises EOFError or OSError if nobody is there any more.
    """
    count, pickled = pipe.recv()
    arrays = [pipe.recv_bytes() for _ in range(count)]
    told: Stretches | None = pickle.loads(pickled, buffers=arrays)  # noqa: S301 - see above: it is ours
    return told
