"""What-if for the RPU: the port of ``vau.estimate`` over its closed forms."""
