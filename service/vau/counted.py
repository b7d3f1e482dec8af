"""Numbers of things, as a sentence has them."""


def counted(count: int, noun: str) -> str:
    """Return ``1 stream`` or ``2 streams``; the plural is the noun with an s."""
    return f"{count} {noun}" if count == 1 else f"{count} {noun}s"
