"""How a release is made, and what it must be. Run by ``./run release``; never installed."""
