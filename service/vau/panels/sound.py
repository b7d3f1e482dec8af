"""The sound that was heard."""

from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import FULL_SCALE, SAMPLE_RATE_HZ
from vau.panels.window import Window

BIN_SAMPLES: Final = SAMPLE_RATE_HZ // 1000


def draw_sound(axes: Any, samples: NDArray[np.int16], window: Window) -> None:  # noqa: ANN401
    """Draw the least and the greatest sample of each millisecond.

    samples: of the whole file, at 16 kHz.
    """
    shown = samples[window.start_sample : window.end_sample]
    bins = np.pad(shown, (0, -len(shown) % BIN_SAMPLES)).reshape(-1, BIN_SAMPLES) / FULL_SCALE
    times = window.start_s + (np.arange(len(bins)) + 0.5) * BIN_SAMPLES / SAMPLE_RATE_HZ
    axes.fill_between(times, bins.min(axis=1), bins.max(axis=1), color="#555555", lw=0)
    axes.set_ylabel("sound", fontsize=8)
    axes.set_yticks([])
    axes.set_label("sound")
