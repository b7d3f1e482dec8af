"""What stands between two delimiters and is no frame."""


class Junk(Exception):
    """Bytes that are no frame; the text says why. It never leaves the driver."""
