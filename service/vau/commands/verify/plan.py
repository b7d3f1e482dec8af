"""Whether a recording still gives the bits that it once gave, on each tier of a kernel.

The law behind it: equal network, equal arithmetic and equal quantised features give equal
logits, on any machine, in any batch, however the audio was cut. What is not equal to begin
with is therefore told first, with its remedy, before any bits are compared.
"""

from collections.abc import Callable, Iterator
from contextlib import closing
from dataclasses import asdict, dataclass
from functools import partial
from pathlib import Path
from time import perf_counter
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import Channel, Recording, read_recording
from vau.backend import Backend, BackendInfo, BackendOptions
from vau.commands.verify.claim import Claim
from vau.commands.verify.difference import (
    Difference,
    other_arithmetic,
    other_audio,
    other_input,
    other_model,
    other_output,
)
from vau.endpoint import EndReason
from vau.errors import CapabilityMissing, ConfigInvalid, ModelNotFound, VauError
from vau.frontend import Frontend
from vau.model import Model, find_model
from vau.registry import open_backend
from vau.session import (
    Push,
    Session,
    Summary,
    advance,
    open_session,
)

ALL_TIERS: Final = "all"
PIECE_SAMPLES: Final = SAMPLE_RATE_HZ // 2  # bounds memory; changes no bit


@dataclass(frozen=True, slots=True, kw_only=True)
class VerifyPlan:
    """What to replay, by what means, and what should come of it."""

    recording: Path
    claim: Claim
    model: str
    """The name of a shipped model, or the directory of a bundle."""

    backend: str
    """``kind`` or ``kind:instance``."""

    tier: str = ALL_TIERS
    """What computes it, see ``BackendInfo.tier``; or ``all`` of ``BackendInfo.tiers``."""

    channel: Channel = "mix"


@dataclass(frozen=True, slots=True, kw_only=True)
class Replay:
    """What the recording came to on one tier."""

    tier: str
    """Empty for a backend that has no choice."""

    summary: Summary
    wall_s: float
    """In front end, backend and decoder, on this host."""

    difference: Difference | None

    def line(self) -> str:
        """Return it for a person."""
        what = self.difference.what if self.difference else ""
        said = {"": "the same bits", "input": "OTHER INPUT", "output": "OTHER BITS"}[what]
        return f"{self.tier or 'backend':<10} {said:<14} {self.wall_s:8.2f} s"

    def facts(self) -> dict[str, Any]:
        """Return it for a program."""
        place = self.difference.place if self.difference else None
        return {
            "tier": self.tier,
            "same": self.difference is None,
            "differs": self.difference.what if self.difference else "",
            "frames": self.summary.frames,
            "wall_s": round(self.wall_s, 6),
            "input_digest": self.summary.input_digest.hex(),
            "output_digest": self.summary.output_digest.hex(),
            "first_difference": asdict(place) if place else None,
        }


@dataclass(frozen=True, slots=True, kw_only=True)
class Verdict:
    """What came of it."""

    plan: VerifyPlan
    model: Model
    info: BackendInfo | None = None
    """None if the model differs: then nothing was opened."""

    replays: tuple[Replay, ...] = ()
    """Empty if the means differ, so that the bits need not agree."""

    difference: Difference | None
    """The first one."""

    def text(self) -> str:
        """Return it for a person, as the last line."""
        tiers = [each.tier for each in self.replays if each.tier]
        if self.difference is None:
            on = f" on {', '.join(tiers)}" if tiers else ""
            return f"the same bits{on}; what was decoded from them was not compared"
        among = ""
        if self.difference.what == "output" and len(tiers) > 1:
            digests = {each.summary.output_digest for each in self.replays}
            among = "; the tiers here differ among themselves: trust none until it is known why"
            if len(digests) == 1:
                among = f"; the {len(tiers)} tiers here agree with each other"
        return f"DIFFERENT {self.difference.what.upper()}: {self.difference.text}{among}"

    def facts(self) -> dict[str, Any]:
        """Return it for a program."""
        claim = self.plan.claim
        return {
            "same": self.difference is None,
            "differs": self.difference.what if self.difference else "",
            "why": self.difference.text if self.difference else "",
            "recording": str(self.plan.recording),
            "model": {"name": self.model.name, "digest": self.model.digest},
            "backend": self.info.id if self.info else self.plan.backend,
            "arithmetic_id": self.info.arithmetic_id if self.info else "",
            "claimed": {
                "model": {"name": claim.model, "digest": claim.model_digest},
                "backend": claim.backend,
                "arithmetic_id": claim.arithmetic_id,
                "input_digest": claim.input_digest.hex(),
                "output_digest": claim.output_digest.hex(),
            },
            "tiers": [each.facts() for each in self.replays],
        }


def verify(plan: VerifyPlan, tell: Callable[[str], None] | None = None) -> Verdict:
    """Replay the recording on each tier asked for.

    tell:  hears a line of what is replayed, and one of each tier as it is done.
    Raises what model, backend or recording are wrong with, ConfigInvalid for a tier that is
           not to be had, CapabilityMissing for a backend without integer logits.
    """
    claim, model = plan.claim, _model(plan)
    verdict = partial(Verdict, plan=plan, model=model)
    if difference := other_model(claim, model):
        return verdict(difference=difference)
    named = "" if plan.tier == ALL_TIERS else plan.tier
    with closing(_open(plan, model, named)) as backend:
        info = backend.info
    verdict = partial(verdict, info=info)
    if difference := other_arithmetic(claim, info):
        return verdict(difference=difference)
    recording = read_recording(plan.recording, plan.channel)
    if difference := other_audio(claim, recording):
        return verdict(difference=difference)
    seconds = len(recording.samples) / SAMPLE_RATE_HZ
    if tell is not None:
        tell(f"{model.name} on {info.id} ({info.arithmetic_id}), {seconds:.2f} s of audio")
    replays: list[Replay] = []
    for tier in (named,) if named else info.tiers or (info.tier,):
        with closing(_open(plan, model, tier)) as backend:
            replays.append(_replay(plan, model, backend, recording))
        if tell is not None:
            tell(replays[-1].line())
    differences = (each.difference for each in replays if each.difference)
    return verdict(replays=tuple(replays), difference=next(differences, None))


def _model(plan: VerifyPlan) -> Model:
    try:
        return find_model(plan.model)
    except ModelNotFound as cause:
        if plan.model != plan.claim.model:
            raise
        raise ModelNotFound(
            f"{cause}; the transcript calls its model so: name its folder with --model",
            field="model",
        ) from cause


def _open(plan: VerifyPlan, model: Model, tier: str) -> Backend:
    """Open the backend on a tier. Raises ConfigInvalid if it was not granted."""
    backend = open_backend(plan.backend, model, BackendOptions(slot_count=1, tier=tier))
    info = backend.info
    if tier and info.tier != tier:
        backend.close()
        raise ConfigInvalid(
            f"tier={tier}: {info.id} has no choice of what computes it; leave out --tier",
            field="tier",
        )
    if not info.bit_exact:
        backend.close()
        raise CapabilityMissing(
            f"backend: {info.id} computes in floating point and has no bits to compare; name "
            "one of integers, such as muntaniala, with --backend",
            field="backend",
            capability="raw_int32",
        )
    return backend


def _replay(plan: VerifyPlan, model: Model, backend: Backend, recording: Recording) -> Replay:
    """Take the recording through the backend, as the stream did that is replayed."""
    began_s = perf_counter()
    session, frontend = Session(model), Frontend(model.frontend)
    logits: list[NDArray[np.int32]] = []
    open_session(session, backend)
    for push in _pushes(session, recording.samples, plan.claim.utterance_ends):
        (answer,) = advance(frontend, backend, [push]).answers
        if isinstance(answer, VauError):
            raise answer
        if answer.logits is not None:
            logits.append(answer.logits)
    summary = session.summary()
    found = np.concatenate(logits)
    return Replay(
        tier=backend.info.tier,
        summary=summary,
        wall_s=perf_counter() - began_s,
        difference=other_input(plan.claim, recording, summary)
        or other_output(plan.claim, model, summary, found),
    )


def _pushes(
    session: Session, samples: NDArray[np.int16], utterance_ends: tuple[int, ...]
) -> Iterator[Push]:
    """Yield the audio in pieces. Their size is free; where an utterance ends is not."""
    *ended, last = np.split(samples, utterance_ends)
    reasons = [EndReason.END_UTTERANCE] * len(ended) + [EndReason.HALF_CLOSE]
    for utterance, reason in zip((*ended, last), reasons, strict=True):
        for at in range(0, max(1, len(utterance)), PIECE_SAMPLES):
            piece = utterance[at : at + PIECE_SAMPLES]
            is_last = at + PIECE_SAMPLES >= len(utterance)
            yield Push(session, piece.astype("<i2").tobytes(), reason if is_last else None)
