"""A board that is no board: the RTL of hardware/, simulated, behind the same bytes.

``build`` makes a library of it once, ``library`` loads one, and ``server`` is the process that
serves one at the ``ports`` of TCP or a pseudo terminal; ``hosting``, beside this package,
starts such processes. Python moves bytes; frames, order and arithmetic are the RTL's.
"""
