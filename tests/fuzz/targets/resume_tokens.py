"""Resume tokens: damaged ones, and states that a seal vouches for and that are none."""

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
from vau.checkpoint.seal import LEAST_KEY_BYTES, Sealer, Terms
from vau.checkpoint.whole import resume_session, saved_session
from vau.decode import DecoderName
from vau.endpoint import EndReason
from vau.errors import VauError
from vau.frontend import Frontend
from vau.session import (
    Push,
    Session,
    advance,
    close_session,
    open_session,
)

MODEL: Final = tiny_model()
_KEY: Final = b"k" * LEAST_KEY_BYTES
_TTL_S: Final = 600.0
_NOW_NS: Final = 1 << 60
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


def _sealer() -> Sealer:
    return Sealer(_KEY, ttl_s=_TTL_S, now_ns=lambda: _NOW_NS)


def _terms(decoder: str) -> Terms:
    return Terms(
        owner="",
        model_digest=MODEL.digest,
        arithmetic_id="munt-spec-0",
        settings={"config.recognition.decoder": decoder},
    )


@cache
def _tokens() -> tuple[bytes, ...]:
    """Return these states, sealed."""
    return tuple(
        _sealer().seal(_terms(_DECODERS[at // len(_CUTS)]), state).data
        for at, state in enumerate(_states())
    )


def _make(random: Random) -> Parts:
    at = random.randrange(len(_states()))
    decoder = _DECODERS[at // len(_CUTS)]
    if random.random() < 0.4:  # nobody has the key: the token itself is damaged
        token = mutated(random, _tokens()[at], _tokens())
    else:  # whoever wrote it had the key, and a fault
        state = _states()[at]
        if random.random() < 0.97:
            state = mutated(random, state, _states())
        token = _sealer().seal(_terms(decoder), state).data
    if random.random() < 0.05:
        decoder = random.choice(_DECODERS)
    return (("decoder", decoder.encode()), ("token", token))


class _Resumer:
    """Goes on from a token, for a little more audio."""

    def __init__(self, _folder: Path) -> None:
        self._backend = muntaniala(MODEL, slot_count=1)
        self._frontend = Frontend(MODEL.frontend)

    def take(self, parts: Parts) -> bool:
        (_, name), (_, token) = parts
        decoder: DecoderName = "viterbi" if name == b"viterbi" else "greedy"
        session = Session(MODEL, decoder=decoder)
        try:
            state = _sealer().open(token, _terms(decoder))
            resume_session(session, self._backend, state)
            push = Push(session, speech(2000), EndReason.HALF_CLOSE)
            (answer,) = advance(self._frontend, self._backend, [push]).answers
            if isinstance(answer, VauError):
                raise answer
            assert np.isfinite(answer.log_prob).all()
            session.summary()
        except VauError:
            return False
        finally:
            close_session(session, self._backend)
        return True

    def check(self) -> None:
        for at, token in enumerate(_tokens()):
            name = _DECODERS[at // len(_CUTS)].encode()
            assert self.take((("decoder", name), ("token", token)))

    def resident_bytes(self) -> int:
        return resident_bytes()

    def close(self) -> None:
        self._backend.close()


TARGET: Final = Target(share=10, make=_make, open=_Resumer)
