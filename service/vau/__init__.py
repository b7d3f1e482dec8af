"""Vau: streaming phoneme recognition served from recurrent-network accelerators."""
