"""The driver of one board: exchange, load, steps, contexts, recovery."""
