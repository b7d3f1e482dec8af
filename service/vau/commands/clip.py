"""A voice for whoever names none."""

from pathlib import Path
from typing import Final

from vau.errors import AudioError

INSTALLED: Final = Path("/usr/share/pocketsphinx/test/data/librivox")
"""Where Debian's package ``pocketsphinx-testdata`` has its recordings."""

FETCHED: Final = Path(__file__).resolve().parents[3] / ".cache" / "sense_and_sensibility.wav"
"""Where ``./run demo`` keeps one of them, in a checkout."""


def default_clip() -> Path:
    """Return a recording that is on this machine. Raises AudioError if there is none."""
    clips = sorted(INSTALLED.rglob("*.wav"))
    if clips:
        return clips[0]
    if FETCHED.is_file():
        return FETCHED
    raise AudioError(
        "file: no recording was named and none is installed; name one, "
        "apt install pocketsphinx-testdata, or call ./run demo once in a checkout",
        field="file",
    )
