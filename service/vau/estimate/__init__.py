"""The port of estimating: what a network would cost on an accelerator that nobody has to have.

An estimator is named by an entry point of the group ``vau.estimators``. It knows how a
network lies on its hardware, how many cycles each part takes and what they spend, and shows
that as figures of its own. Here is what all of them share: what is asked, the shape of an
answer, how figures are rounded, and the arithmetic of live streams. Every figure is an
estimate, and says on what it rests.
"""

from vau.estimate.answer import (
    Estimate,
    KernelEstimate,
    Reading,
    Silicon,
    Stage,
    Value,
    Verdict,
)
from vau.estimate.ask import (
    MOST,
    RATES,
    Ask,
    KernelAsk,
    Reload,
    Residency,
    is_rate,
    rate_fault,
    refuse_what_is_foreign,
)
from vau.estimate.clock import CLOCK_DIGITS, clock_hz_of, megahertz
from vau.estimate.constants import Constant, OperatingPoint, Status
from vau.estimate.estimator import GROUP, Estimator, find_estimator
from vau.estimate.figures import THREE_DIGITS, Figure, Precision, engineering, plural
from vau.estimate.live import (
    budget_cycles,
    deadline,
    duty,
    energy_of_live_audio,
    hop_cycles,
    hour_j,
    mean_w,
    streams_that_fit,
    utilisation,
    verdict_of,
)

__all__ = [
    "CLOCK_DIGITS",
    "GROUP",
    "MOST",
    "RATES",
    "THREE_DIGITS",
    "Ask",
    "Constant",
    "Estimate",
    "Estimator",
    "Figure",
    "KernelAsk",
    "KernelEstimate",
    "OperatingPoint",
    "Precision",
    "Reading",
    "Reload",
    "Residency",
    "Silicon",
    "Stage",
    "Status",
    "Value",
    "Verdict",
    "budget_cycles",
    "clock_hz_of",
    "deadline",
    "duty",
    "energy_of_live_audio",
    "engineering",
    "find_estimator",
    "hop_cycles",
    "hour_j",
    "is_rate",
    "mean_w",
    "megahertz",
    "plural",
    "rate_fault",
    "refuse_what_is_foreign",
    "streams_that_fit",
    "utilisation",
    "verdict_of",
]
