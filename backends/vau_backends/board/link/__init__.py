"""vau-link/1, the protocol between a host and a board, without any I/O.

Ref: docs/vau-link-1.md. Bytes go in and come out, and time is an argument.
"""
