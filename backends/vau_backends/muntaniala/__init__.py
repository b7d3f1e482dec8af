"""Muntaniala, a systolic array of LSTM dies, as a model in integers.

Bit-exact to ``docs/munt-spec-0.md``; cycles and energy are estimates calibrated to the
published figures. The silicon's own bits are not public, so they are not claimed.

Ref: Paulin, Conti, Cavigelli, Benini, "Vau da Muntanialas: Energy-Efficient Multi-Die
     Scalable Acceleration of RNN Inference", IEEE TCAS-I 2021,
     doi:10.1109/TCSI.2021.3099716, arXiv:2202.07462.
"""
