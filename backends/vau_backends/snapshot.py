"""The bytes of a state outside its backend: one line that says whose it is, then the state.

    vau-state/1 munt-spec-0/C4 sha256:5c7e...   arithmetic, digest of the network, line feed
    the state, little-endian
    SHA-256 of all before, 32 bytes

The final digest finds damage; it is no signature.
"""

import hashlib
from dataclasses import dataclass
from typing import Final

import numpy as np

from vau.errors import BadSnapshot
from vau.model import Arrays

FORMAT: Final = "vau-state/1"
DIGEST_BYTES: Final = 32


@dataclass(frozen=True, slots=True)
class Seal:
    """Writes the states of one arithmetic and network, and knows them again."""

    arithmetic_id: str
    network_digest: str
    """From ``digest``, over all that decides a state."""

    def close(self, state: bytes) -> bytes:
        """Return ``state`` under this seal."""
        body = f"{self._owner}\n".encode() + state
        return body + hashlib.sha256(body).digest()

    def open(self, sealed: bytes, size: int) -> bytes:
        """Return the state, ``size`` bytes. Raises BadSnapshot if it is damaged or not ours."""
        body, found = sealed[:-DIGEST_BYTES], sealed[-DIGEST_BYTES:]
        owner, line_end, state = body.partition(b"\n")
        if hashlib.sha256(body).digest() != found or not line_end:
            raise BadSnapshot(
                f"snapshot: {len(sealed)} bytes that fail their SHA-256; "
                "send it as it was received, or start anew",
                field="snapshot",
            )
        if owner != self._owner.encode() or len(state) != size:
            raise BadSnapshot(
                f"snapshot: a state of {len(state)} bytes by {owner.decode('latin-1')!a}, "
                f"but here runs '{self._owner}' with {size}; start anew",
                field="snapshot",
            )
        return state

    @property
    def _owner(self) -> str:
        return f"{FORMAT} {self.arithmetic_id} sha256:{self.network_digest}"


def digest(arrays: Arrays) -> str:
    """Return the SHA-256 over names, types, shapes and values, in the order of the names."""
    total = hashlib.sha256()
    for name in sorted(arrays):
        values = np.ascontiguousarray(arrays[name])
        total.update(f"{name} {values.dtype.str} {values.shape}\n".encode())
        total.update(values.tobytes())
    return total.hexdigest()
