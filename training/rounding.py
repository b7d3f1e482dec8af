"""Eight-bit numbers in a training graph: rounded forwards, untouched backwards."""

from torch import Tensor

from vau_backends.muntaniala.fixedpoint import S8_MAX, S8_MIN


def rounded(values: Tensor, fraction_bits: int) -> Tensor:
    """Return the nearest numbers that eight bits hold; the gradient is that of ``values``.

    Ties go to even. What lies beyond the range becomes its end.
    """
    scale = 2.0**fraction_bits
    on_grid = (values.detach() * scale).round().clamp(S8_MIN, S8_MAX) / scale
    return values + (on_grid - values).detach()
