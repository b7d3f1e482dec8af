"""PIM RPU, a processor with its multipliers at the memory banks, as a model in integers.

A model of the published design point: throughput, power and efficiency at full use come out
as the abstract says because one number is fitted to them. The rest, above all the arithmetic
(``docs/rpu-spec-0.md``, to which this is exact to the bit), the clock, the lanes and the
split of the energy, is ours: the chip's own are not public.

Ref: Gong, Xu, Liu, Ge, Yang, Yang, Shi, "Processing LSTM in memory using hybrid network
     expansion model", IEEE SiPS 2017, doi:10.1109/SiPS.2017.8110011; the abstract alone.
"""
