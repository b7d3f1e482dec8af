"""Hybrid network expansion that can be run: operations placed in cycles, drawn, and executed.

``expansion`` places the ``operations`` of a chunk, ``tracks`` draws what it placed, and
``machine`` executes it on ``registers`` through the ``datapath``.
Ref: docs/rpu-spec-0.md, section 6.
"""
