"""Input that nobody meant, by the hundred thousand: ``./run fuzz``.

An input is made from the seed, the name of its target and its number alone, so any of them can
be made again. Each runs in a process of its own kind, watched from outside: what ends that
process is a crash, what outlasts its deadline a hang, and what raises anything but an error of
``vau.errors`` is untyped. All three are written to a file that ``./run fuzz --replay`` reads.
"""
