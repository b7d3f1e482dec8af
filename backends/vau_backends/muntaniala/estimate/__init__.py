"""What-if for Muntaniala's dies: the port of ``vau.estimate`` over their cycle model."""
