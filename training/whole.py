"""Texts that are there whole or not at all, whenever a run is cut off."""

from pathlib import Path

from vau.wholefile import write_whole


def write_text_whole(path: Path, text: str) -> None:
    """Write a text, as ``write_whole`` writes. Raises ConfigInvalid if it cannot."""
    write_whole(path, lambda file: file.write(text.encode()))
