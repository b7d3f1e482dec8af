"""What docs/vau-link-1.md promises of a board, as far as it can be tried from outside."""
