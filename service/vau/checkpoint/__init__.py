"""What a stream remembers, as bytes that a client keeps: their form, and their seal."""
