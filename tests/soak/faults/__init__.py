"""What goes wrong, by who does it."""
