"""What can differ between a claim and its replay, from the network to a single logit.

Asked in the order in which one thing follows from another: bits are compared only where
nothing before them differs, and each difference comes with its remedy.
"""

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
from numpy.typing import NDArray

from vau.audiofile import Recording
from vau.backend import BackendInfo
from vau.commands.verify.claim import Claim
from vau.model import Model
from vau.session import Summary

SHOWN_DIGITS: Final = 16  # of a digest, to tell it from another

What = Literal["model", "arithmetic", "audio", "input", "output"]


@dataclass(frozen=True, slots=True, kw_only=True)
class Place:
    """The first logit that is not as it was."""

    frame: int
    """Counted over all utterances."""

    class_id: int
    symbol: str
    claimed: int
    found: int


@dataclass(frozen=True, slots=True)
class Difference:
    """What is not as claimed, in a sentence with its remedy."""

    what: What
    text: str
    place: Place | None = None
    """Known of logits alone, and only if those that were claimed are there."""


def other_model(claim: Claim, model: Model) -> Difference | None:
    """Compare the networks, by the digests of their cards."""
    if claim.model_digest in ("", model.digest):
        return None
    return Difference(
        "model",
        f"the transcript was made by {claim.model} {_brief(claim.model_digest)}, and this is "
        f"{model.name} {_brief(model.digest)}; name the bundle that made it with --model",
    )


def other_arithmetic(claim: Claim, info: BackendInfo) -> Difference | None:
    """Compare what else decides the bits; backends may differ where this does not."""
    if claim.arithmetic_id in ("", info.arithmetic_id):
        return None
    remedy = f"name {claim.backend} with --backend"
    if info.id == claim.backend:
        remedy = "verify with the version of Vau that made it"
    return Difference(
        "arithmetic",
        f"the transcript's is {claim.arithmetic_id}, and {info.id} computes "
        f"{info.arithmetic_id}, which rounds or adds in another way; {remedy}",
    )


def other_audio(claim: Claim, recording: Recording) -> Difference | None:
    """Compare the lengths of the audio."""
    if claim.samples in (None, len(recording.samples)):
        return None
    return Difference(
        "audio",
        f"the transcript heard {claim.samples} samples at 16 kHz, and this recording has "
        f"{len(recording.samples)}; give the recording that was transcribed",
    )


def other_input(claim: Claim, recording: Recording, summary: Summary) -> Difference | None:
    """Compare the quantised features, once they are known."""
    if claim.input_digest in (b"", summary.input_digest):
        return None
    cause = "it is another file than the one that was transcribed; give that one"
    if not claim.sha256:
        cause = (
            "the transcript is of a stream, not of a file; give the samples as they were sent"
        )
    elif recording.sha256 == claim.sha256:
        cause = (
            "the file is the one that was transcribed, so its decoding differs; try its "
            "--channel, or the versions of soundfile and soxr that made the transcript"
        )
    is_same = summary.output_digest == claim.output_digest
    output = "is equal nonetheless" if is_same else "differs, as it may"
    return Difference(
        "input",
        f"the quantised features differ ({_pair(claim.input_digest, summary.input_digest)}), "
        f"and the output {output}: {cause}",
    )


def other_output(
    claim: Claim, model: Model, summary: Summary, logits: NDArray[np.int32]
) -> Difference | None:
    """Compare the logits, whose input is that of the claim as far as it is known."""
    if claim.output_digest == summary.output_digest:
        return None
    differ = f"the logits differ ({_pair(claim.output_digest, summary.output_digest)})"
    if not claim.input_digest:
        return Difference(
            "output",
            f"{differ}; a digest alone does not tell whether recording, model, array or bits "
            "are other ones: give the transcript",
        )
    place, where = _first_place(claim.logits, logits, model)
    return Difference(
        "output",
        f"{differ} though network, arithmetic and input are equal, which must never be: the "
        f"transcript was altered, or one of two machines computes wrongly; {where}",
        place,
    )


def _first_place(
    claimed: NDArray[np.int32] | None, found: NDArray[np.int32], model: Model
) -> tuple[Place | None, str]:
    """Return the first logit, by frame and then class, that is not as it was, and in words."""
    if claimed is None:
        return None, "with --logits and --format npz a transcript can tell where"
    if claimed.shape != found.shape:
        return None, f"the npz has the shape {claimed.shape}, and the replay {found.shape}"
    places = np.argwhere(claimed != found)
    if not len(places):
        return None, "all logits in the npz are equal: the digest of the transcript is wrong"
    frame, class_id = places[0].tolist()
    place = Place(
        frame=frame,
        class_id=class_id,
        symbol=model.phonemes[class_id],
        claimed=int(claimed[frame, class_id]),
        found=int(found[frame, class_id]),
    )
    return place, (
        f"first at frame {frame}, class {class_id} ({place.symbol}): {place.claimed} claimed, "
        f"{place.found} found"
    )


def _pair(claimed: bytes, found: bytes) -> str:
    return f"{claimed.hex()[:SHOWN_DIGITS]} claimed, {found.hex()[:SHOWN_DIGITS]} found"


def _brief(digest: str) -> str:
    """Shorten ``sha256:...``."""
    kind, _, digits = digest.partition(":")
    return f"{kind}:{digits[:SHOWN_DIGITS]}"
