"""How wide a comparison for people is, and what stands where nothing is known."""

from typing import Final

WIDTH: Final = 96
LABEL: Final = 34  # columns of what a row is called
UNKNOWN: Final = "-"
