"""Whether audio is what its sender meant: what there is to remark on it.

    hear ── blocks of 100 ms ─┬─ stretches   silent, clipped, off centre: as long as it lasts
                              ├─ readings    bytes in another order, channels in turn
                              ├─ foreign     floats, text, files, compressed data
                              └─ band        an empty upper spectrum

The last three listen until they have heard three seconds of sound, and judge from half a
second on. Nothing here changes the audio, and nothing depends on how it was cut. The limits
are measured: docs/audio-honesty.md and docs/adr/0015-audio-honesty.md.
"""

from vau.honesty.remark import Kind, Remark
from vau.honesty.scrutiny import Scrutiny, trailing

__all__ = ["Kind", "Remark", "Scrutiny", "trailing"]
