"""What the RTL becomes in a chip: synthesis by yosys, place and route by nextpnr, a report.

``python -m vau_hardware.fpga`` is ``./run fpga``. Nothing here has been on a board: see
docs/building-a-board.md.
"""
