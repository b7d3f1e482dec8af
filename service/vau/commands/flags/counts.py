"""Numbers that may also be left to the machine."""

import typer


def stream_count(given: str | int) -> int | None:
    """Read a number of streams; None of 'auto'."""
    text = str(given)  # a number, from a file of settings
    if text == "auto":
        return None
    if text.isascii() and text.isdecimal() and int(text):
        return int(text)
    raise typer.BadParameter(f"{text!r} is neither a number of streams nor 'auto'")
