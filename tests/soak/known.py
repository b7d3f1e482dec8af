"""Audio that all processes of a soak know by a number, and the bits that a stream of it has."""

from pathlib import Path
from typing import Final

from tests.models import write_tiny_bundle
from tests.serving import muntaniala, speech
from vau.audio import SAMPLE_RATE_HZ
from vau.endpoint import EndReason
from vau.frontend import Frontend
from vau.model import Model, load_model
from vau.session import Push, Session, advance, close_session, open_session

CHUNK_SAMPLES: Final = SAMPLE_RATE_HZ // 10
CHUNK_S: Final = CHUNK_SAMPLES / SAMPLE_RATE_HZ
_VARIETY: Final = 64  # chunks that are made before they come again


def chunk(seed: int, number: int) -> bytes:
    """Return a chunk of the audio of this number."""
    return speech(CHUNK_SAMPLES, seed=1000 * seed + number % _VARIETY)


def small_bundle(folder: Path) -> Path:
    """Write the bundle of a small network."""
    write_tiny_bundle(folder / "tiny")
    return folder / "tiny"


class Known:
    """Computes, without any server, what a server must answer."""

    def __init__(self, bundle: Path) -> None:
        self._model: Model = load_model(bundle)
        self._backend = muntaniala(self._model, slot_count=1)
        self._frontend = Frontend(self._model.frontend)

    def digest(self, audio: bytes) -> bytes:
        """Return the output digest of a stream of ``audio``."""
        session = Session(self._model)
        open_session(session, self._backend)
        pushes = (audio[at : at + 32_000] for at in range(0, len(audio), 32_000))
        for piece in pushes:
            advance(self._frontend, self._backend, [Push(session, piece)])
        advance(self._frontend, self._backend, [Push(session, b"", EndReason.HALF_CLOSE)])
        close_session(session, self._backend)
        return session.summary().output_digest

    def digest_of_chunks(self, seed: int, chunks: int) -> bytes:
        return self.digest(b"".join(chunk(seed, number) for number in range(chunks)))
