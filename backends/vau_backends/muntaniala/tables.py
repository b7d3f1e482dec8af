"""The two activation tables, 256 entries each, as the dies hold them.

Entry k of -128..127 covers the pre-activations a with ``a >> shift == k`` and holds the
function at the middle of that interval, rounded to 12 fraction bits. Hence tanh reads 64,
not 0, at a = 0. Below and above the table its outermost entries go on.

    python -m vau_backends.muntaniala.tables      print both tables, computed anew

Source: docs/munt-spec-0.md, section 4; entries, range and step are ours, for the papers do
        not tell how the silicon computes its activations.
"""

import sys
from collections.abc import Callable
from decimal import Decimal, localcontext
from typing import Final

from vau_backends.muntaniala.fixedpoint import (
    ACCUMULATOR_FRACTION_BITS,
    S8_MAX,
    S8_MIN,
)
from vau_backends.tabulated import DIGITS, read_table, sigmoid, source_of, tanh

TANH_SHIFT: Final = 7  # intervals of 1/32 from -4 to 4
SIGMOID_SHIFT: Final = 8  # intervals of 1/16 from -8 to 8


def compute(function: Callable[[Decimal], Decimal], shift: int) -> list[int]:
    """Return the entries for k = -128 to 127."""
    one = Decimal(2**ACCUMULATOR_FRACTION_BITS)
    with localcontext() as context:  # no entry lies nearer than 0.0044 to a tie
        context.prec = DIGITS
        return [
            int((one * function((k + Decimal("0.5")) * 2**shift / one)).to_integral_value())
            for k in range(S8_MIN, S8_MAX + 1)
        ]


TANH: Final = read_table("""
-4093 -4093 -4093 -4093 -4092 -4092 -4092 -4092 -4091 -4091 -4091 -4090 -4090 -4090 -4089 -4089
-4088 -4088 -4087 -4087 -4086 -4085 -4085 -4084 -4083 -4082 -4082 -4081 -4080 -4079 -4078 -4076
-4075 -4074 -4072 -4071 -4069 -4067 -4066 -4064 -4062 -4059 -4057 -4055 -4052 -4049 -4046 -4043
-4039 -4036 -4032 -4028 -4024 -4019 -4014 -4009 -4003 -3997 -3991 -3984 -3977 -3970 -3962 -3953
-3944 -3934 -3924 -3913 -3902 -3890 -3877 -3863 -3848 -3833 -3817 -3799 -3781 -3761 -3741 -3719
-3696 -3671 -3645 -3618 -3589 -3559 -3526 -3492 -3456 -3419 -3379 -3337 -3293 -3246 -3197 -3146
-3092 -3036 -2977 -2915 -2851 -2783 -2713 -2639 -2563 -2484 -2401 -2316 -2227 -2135 -2041 -1943
-1842 -1739 -1632 -1523 -1412 -1298 -1181 -1063  -943  -821  -697  -572  -446  -319  -192   -64
   64   192   319   446   572   697   821   943  1063  1181  1298  1412  1523  1632  1739  1842
 1943  2041  2135  2227  2316  2401  2484  2563  2639  2713  2783  2851  2915  2977  3036  3092
 3146  3197  3246  3293  3337  3379  3419  3456  3492  3526  3559  3589  3618  3645  3671  3696
 3719  3741  3761  3781  3799  3817  3833  3848  3863  3877  3890  3902  3913  3924  3934  3944
 3953  3962  3970  3977  3984  3991  3997  4003  4009  4014  4019  4024  4028  4032  4036  4039
 4043  4046  4049  4052  4055  4057  4059  4062  4064  4066  4067  4069  4071  4072  4074  4075
 4076  4078  4079  4080  4081  4082  4082  4083  4084  4085  4085  4086  4087  4087  4088  4088
 4089  4089  4090  4090  4090  4091  4091  4091  4092  4092  4092  4092  4093  4093  4093  4093
""")

SIGMOID: Final = read_table("""
    1     2     2     2     2     2     2     2     2     2     3     3     3     3     3     4
    4     4     4     5     5     5     6     6     6     7     7     8     8     9     9    10
   10    11    12    13    13    14    15    16    17    18    19    21    22    23    25    27
   28    30    32    34    36    39    41    44    46    49    53    56    59    63    67    71
   76    81    86    91    97   103   110   116   124   131   140   148   158   167   178   189
  200   212   225   239   253   269   285   302   320   339   359   380   402   425   449   475
  502   530   560   590   623   656   692   728   766   806   847   890   935   980  1028  1077
 1127  1179  1232  1286  1342  1399  1457  1516  1577  1638  1699  1762  1825  1888  1952  2016
 2080  2144  2208  2271  2334  2397  2458  2519  2580  2639  2697  2754  2810  2864  2917  2969
 3019  3068  3116  3161  3206  3249  3290  3330  3368  3404  3440  3473  3506  3536  3566  3594
 3621  3647  3671  3694  3716  3737  3757  3776  3794  3811  3827  3843  3857  3871  3884  3896
 3907  3918  3929  3938  3948  3956  3965  3972  3980  3986  3993  3999  4005  4010  4015  4020
 4025  4029  4033  4037  4040  4043  4047  4050  4052  4055  4057  4060  4062  4064  4066  4068
 4069  4071  4073  4074  4075  4077  4078  4079  4080  4081  4082  4083  4083  4084  4085  4086
 4086  4087  4087  4088  4088  4089  4089  4090  4090  4090  4091  4091  4091  4092  4092  4092
 4092  4093  4093  4093  4093  4093  4094  4094  4094  4094  4094  4094  4094  4094  4094  4095
""")


def main() -> None:
    """Print both tables as they stand above."""
    for name, entries in (
        ("TANH", compute(tanh, TANH_SHIFT)),
        ("SIGMOID", compute(sigmoid, SIGMOID_SHIFT)),
    ):
        sys.stdout.write(source_of(name, entries))


if __name__ == "__main__":
    main()
