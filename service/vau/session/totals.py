"""The sums of a stream: how much there was, what it cost, and the digests of its integers."""

import hashlib
from dataclasses import dataclass, field
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.backend import Cost
from vau.checkpoint.form import Reader, Writer, damaged
from vau.checkpoint.records import restore_record, save_record

EMPTY_DIGEST: Final = bytes(32)


@dataclass(frozen=True, slots=True, kw_only=True)
class Summary:
    """A whole session in figures."""

    samples: int
    frames: int
    utterances: int
    steps: int
    cost: Cost
    output_digest: bytes
    """d = SHA-256(d || int32 logits of a frame) over all frames, from 32 zero bytes;
    empty where the arithmetic is not integer."""

    input_digest: bytes
    """The same chain over the quantised features of all steps."""


@dataclass(slots=True)
class Totals:
    """What a session has come to so far."""

    frames: int = 0
    steps: int = 0
    output_digest: bytes = b""
    input_digest: bytes = b""
    cost: Cost = field(default_factory=Cost)

    def digest(
        self, logits: NDArray[np.int32] | None, inputs: NDArray[np.integer] | None
    ) -> None:
        """Extend the chains by what the next frames said, and by what the next steps saw."""
        if logits is not None:
            self.output_digest = _chain(self.output_digest, logits)
        if inputs is not None:
            self.input_digest = _chain(self.input_digest, inputs)

    def save(self, out: Writer) -> None:
        """Write them down."""
        out.count(self.frames)
        out.count(self.steps)
        for digest in (self.output_digest, self.input_digest):
            out.octets(digest)
        save_record(self.cost, out)

    @classmethod
    def restored(cls, saved: Reader) -> "Totals":
        """Return what was written down. Raises ResumeInvalid for what ``save`` never writes."""
        return cls(
            saved.count(),
            saved.count(),
            _restored_digest(saved),
            _restored_digest(saved),
            restore_record(Cost, saved),
        )

    def summary(self, *, samples: int, utterances: int) -> Summary:
        """Return them with what else a whole session is told by."""
        return Summary(
            samples=samples,
            frames=self.frames,
            utterances=utterances,
            steps=self.steps,
            cost=self.cost,
            output_digest=self.output_digest,
            input_digest=self.input_digest,
        )


def _restored_digest(saved: Reader) -> bytes:
    digest = saved.octets(most=len(EMPTY_DIGEST))
    if len(digest) not in {0, len(EMPTY_DIGEST)}:
        raise damaged("a digest that is none")
    return digest


def _chain(digest: bytes, rows: NDArray[np.integer]) -> bytes:
    """Extend the chain d = SHA-256(d || row) by each row, from zeros if it is new.

    A number goes in low byte first whatever the machine, or two machines could not be compared.
    """
    digest = digest or EMPTY_DIGEST
    data = np.ascontiguousarray(rows, rows.dtype.newbyteorder("<")).tobytes()
    size = rows.shape[1] * rows.itemsize
    for at in range(0, len(data), size):
        digest = hashlib.sha256(digest + data[at : at + size]).digest()
    return digest
