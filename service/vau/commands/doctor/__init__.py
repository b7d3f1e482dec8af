"""``vau doctor``: what of this machine or a server stands in the way, and what would help."""
