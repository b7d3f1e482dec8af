"""The state of a stream as bytes, as it travels in a resume token, without its seal."""

from functools import cache
from pathlib import Path
from random import Random
from typing import Final

import numpy as np

from tests.fuzz.case import Parts
from tests.fuzz.mutate import mutated
from tests.fuzz.target import Target, resident_bytes
from tests.models import tiny_model
from tests.serving import muntaniala, speech
from vau.checkpoint.whole import resume_session, saved_session
from vau.decode import DecoderName
from vau.errors import VauError
from vau.frontend import Frontend
from vau.session import (
    Answer,
    EndReason,
    Push,
    Session,
    advance,
    close_session,
    open_session,
)

MODEL: Final = tiny_model()
_DECODERS: Final[tuple[DecoderName, ...]] = ("viterbi", "greedy")
_CUTS: Final = (0, 1, 319, 2000, 5001)


@cache
def _states() -> tuple[bytes, ...]:
    """Return states of streams, with either decoder, at several places."""
    backend, frontend = muntaniala(MODEL, slot_count=1), Frontend(MODEL.frontend)
    states = []
    for decoder in _DECODERS:
        for cut in _CUTS:
            session = Session(MODEL, decoder=decoder)
            open_session(session, backend)
            advance(frontend, backend, [Push(session, speech(6000)[: 2 * cut + 1], None)])
            states.append(saved_session(session, backend))
            close_session(session, backend)
    return tuple(states)


def _make(random: Random) -> Parts:
    states = _states()
    at = random.randrange(len(states))
    state = states[at]
    if random.random() < 0.97:
        state = mutated(random, state, states)
    decoder = (
        random.choice(_DECODERS) if random.random() < 0.05 else _DECODERS[at // len(_CUTS)]
    )
    return (("decoder", decoder.encode()), ("state", state))


class _Resumer:
    """Goes on from a state, for a little more audio."""

    def __init__(self, _folder: Path) -> None:
        self._backend = muntaniala(MODEL, slot_count=1)
        self._frontend = Frontend(MODEL.frontend)

    def take(self, parts: Parts) -> bool:
        (_, name), (_, state) = parts
        decoder: DecoderName = "viterbi" if name == b"viterbi" else "greedy"
        session = Session(MODEL, decoder=decoder)
        try:
            resume_session(session, self._backend, state)
            push = Push(session, speech(2000), EndReason.HALF_CLOSE)
            (answer,) = advance(self._frontend, self._backend, [push]).answers
            if isinstance(answer, VauError):
                raise answer
            assert isinstance(answer, Answer)
            assert np.isfinite(answer.log_prob).all()
            session.summary()
        except VauError:
            return False
        finally:
            close_session(session, self._backend)
        return True

    def check(self) -> None:
        for at, state in enumerate(_states()):
            name = _DECODERS[at // len(_CUTS)].encode()
            assert self.take((("decoder", name), ("state", state)))

    def resident_bytes(self) -> int:
        return resident_bytes()

    def close(self) -> None:
        self._backend.close()


TARGET: Final = Target(share=10, make=_make, open=_Resumer)
