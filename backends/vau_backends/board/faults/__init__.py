"""Faults between a driver and its board, on purpose and by a seed, and what became of them."""
