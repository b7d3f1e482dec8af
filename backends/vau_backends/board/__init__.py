"""Boards of Muntaniala dies: one driver for the RTL in simulation and for real ones.

``link/`` is the protocol vau-link/1 (docs/vau-link-1.md), without I/O; ``transport/`` moves its
bytes; ``device/`` drives one board; ``backend.py`` is the port of ``vau.backend`` over it. The
arithmetic is ``munt-spec-0``, that of ``vau_backends.muntaniala``, whose tables, tilings and
reference this package uses and checks every board against.
"""
