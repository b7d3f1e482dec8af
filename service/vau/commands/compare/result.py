"""What came of a comparison: of each backend, over all files."""

from dataclasses import dataclass
from functools import cached_property, reduce
from itertools import chain
from operator import add

from vau.audio import SAMPLE_RATE_HZ
from vau.backend import BackendInfo, Cost, promise_equal_bits
from vau.batch import Failed
from vau.commands.compare.file import FileResult, Shown
from vau.comparison import Divergence, joined
from vau.decode import DecoderName
from vau.evaluation.edits import Edits
from vau.hearing import Heard
from vau.model import Model


@dataclass(frozen=True, slots=True, kw_only=True)
class Total:
    """What one backend did over all files."""

    heard: tuple[Heard, ...]
    errors: Edits | None
    """Against the labels, over the files that have them; None if none has."""

    phones_said: int
    """In the files with labels."""

    disagreement: Edits
    """Against the phones of the reference."""

    @property
    def steps(self) -> int:
        """Frames through the network: those answered, and those of the output delay."""
        return sum(each.summary.steps for each in self.heard)

    @property
    def cost(self) -> Cost:
        """All that the accelerator spent."""
        return reduce(add, (each.summary.cost for each in self.heard))

    @property
    def calls_device_s(self) -> float | None:
        """Seconds for which all calls kept the accelerator; None if it does not say."""
        known = [each.calls_device_s for each in self.heard if each.calls_device_s is not None]
        return sum(known) if known else None

    @property
    def host_s(self) -> float:
        """Wall seconds of this host in the backend."""
        return sum(each.host_s for each in self.heard)

    @property
    def phone_count(self) -> int:
        """How many were heard, silence left out."""
        return sum(len(each.phones) for each in self.heard)

    @property
    def per(self) -> float | None:
        """Errors over phones said; None without labels."""
        return None if self.errors is None else self.errors.errors / self.phones_said


@dataclass(frozen=True, kw_only=True)
class Comparison:
    """Several backends on the same files."""

    model: Model
    backends: tuple[BackendInfo, ...]
    """The first one is the reference."""

    decoder: DecoderName
    chunk_ms: int
    """Audio of one call to a backend."""

    tolerance: float
    files: tuple[FileResult, ...]
    """Those that could be read."""

    failed: tuple[Failed, ...] = ()
    shown: Shown | None = None

    @property
    def audio_s(self) -> float:
        """Seconds of audio that were compared."""
        return sum(each.samples for each in self.files) / SAMPLE_RATE_HZ

    @property
    def frames(self) -> int:
        """Frames that each backend answered."""
        return sum(each.heard[0].summary.frames for each in self.files)

    @property
    def labelled(self) -> tuple[FileResult, ...]:
        """The files of which it is known what was said."""
        return tuple(each for each in self.files if each.said is not None)

    def shares_arithmetic(self, place: int) -> bool:
        """Tell whether the backend at ``place`` computes as the reference does."""
        return promise_equal_bits(self.backends[0], self.backends[place])

    @cached_property
    def totals(self) -> tuple[Total, ...]:
        """Add up the files, for each backend in their order."""
        return tuple(self._total(place) for place in range(len(self.backends)))

    @cached_property
    def divergences(self) -> tuple[Divergence, ...]:
        """Put the frames of all files together, for each backend but the reference."""
        pairs = zip(*(each.pairs for each in self.files), strict=True)
        return tuple(joined([pair.divergence for pair in found]) for found in pairs)

    @property
    def is_beyond(self) -> bool:
        """Tell whether a frame of any backend is beyond the tolerance."""
        return any(bool(each.is_beyond(self.tolerance).any()) for each in self.divergences)

    def _total(self, place: int) -> Total:
        found = [errors for each in self.files if (errors := each.edits(place)) is not None]
        said = (each.said.phones for each in self.files if each.said is not None)
        apart = [each.pairs[place - 1].edits for each in self.files] if place else []
        return Total(
            heard=tuple(each.heard[place] for each in self.files),
            errors=sum(found, Edits()) if found else None,
            phones_said=len(list(chain.from_iterable(said))),
            disagreement=sum(apart, Edits()),
        )


def figure_text(value: float) -> str:
    """Write a figure with three digits, or a large one whole and its thousands apart."""
    return f"{value:,.0f}" if value >= 1000 else f"{value:.3g}"
