"""Whether a recording still gives its bits: ``plan`` replays it, the rest says what differs."""
