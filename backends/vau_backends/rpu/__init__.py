"""The RPU, a reconfigurable processing unit made of processing-in-memory units, in integers.

What is published of it is one design point, in an abstract: its power and efficiency come out
of this model because one number is fitted to them. The rest, above all the arithmetic
(``docs/rpu-spec-0.md``, to which this is exact to the bit), the clock, the lanes and the split
of the energy, is ours; what kind of memory computes there is not public either.

Ref: Gong, Xu, Liu, Ge, Yang, Yang, Shi, "Processing LSTM in memory using hybrid network
     expansion model", IEEE SiPS 2017, doi:10.1109/SiPS.2017.8110011; the abstract alone.
"""
