"""What can be done to a board besides serving from it: ``vau board``."""
