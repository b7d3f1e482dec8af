"""What is fuzzed, by name: a module each."""

from typing import Final

from tests.fuzz.target import Target
from tests.fuzz.targets import (
    audio,
    board_link,
    board_replies,
    broken,
    bundles,
    journals,
    manifests,
    resume_tokens,
    tokens,
    transcripts,
    web,
    wire,
)

TARGETS: Final[dict[str, Target]] = {
    "wire": wire.TARGET,
    "web": web.TARGET,
    "audio": audio.TARGET,
    "weights": bundles.TARGET,
    "resume-tokens": resume_tokens.TARGET,
    "manifests": manifests.TARGET,
    "journals": journals.TARGET,
    "tokens": tokens.TARGET,
    "transcripts": transcripts.TARGET,
    "link": board_link.TARGET,
    "boards": board_replies.TARGET,
}

FOR_THE_TESTS: Final[dict[str, Target]] = {"broken": broken.TARGET, "leaky": broken.LEAKY}
"""What shows that a fuzzer finds what it is to find."""

ALL: Final = TARGETS | FOR_THE_TESTS
