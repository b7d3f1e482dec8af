"""The journal of a folder that several machines write to, and that may not know to append.

Each block has a part of its own, which is written anew for each file that is finished, by
the one worker that has the block. So a store without appending does, and no two write the
same file; who takes over a block finds there what was finished of it.
"""

from dataclasses import dataclass, field

from vau.commands.transcribe.journal import NAME, PARTS, Entry, entries_in
from vau.commands.transcribe.on_ray.shelf import Shelf


@dataclass(slots=True)
class Part:
    """What is finished of one block."""

    shelf: Shelf
    at: str
    entries: dict[str, Entry] = field(default_factory=dict)

    @classmethod
    def of(cls, shelf: Shelf, run: str, block: int) -> "Part":
        """Return that of a block, with what is in it already."""
        at = f"{PARTS}/{run}-{block:07}.jsonl"
        return cls(shelf, at, entries_in(shelf.read(at)))

    def add(self, entry: Entry) -> None:
        """Note a file. Raises Unwritable if that cannot be."""
        self.entries[entry.name] = entry
        self.shelf.write(self.at, b"".join(each.line for each in self.entries.values()))


def gathered(shelf: Shelf) -> dict[str, Entry]:
    """Put all parts into the journal; return its entries, by the name of the transcript.

    What writers of parts left behind when they were killed is removed.
    """
    found = shelf.names(PARTS)
    parts = {at: shelf.read(at) for at in found if at.endswith(".jsonl")}
    lines = shelf.read(NAME)
    if parts:
        if lines and not lines.endswith(b"\n"):
            lines += b"\n"
        lines += b"".join(parts.values())
        shelf.write(NAME, lines)
        for at, content in parts.items():
            if shelf.read(at) == content:  # or a worker of a joined cluster still adds to it
                shelf.remove(at)
    if found:
        # What is written just now has its real name by the time that it is looked for again.
        for at in set(found).intersection(shelf.names(PARTS)):
            if at.endswith(".tmp"):
                shelf.remove(at)
        shelf.remove_folder(PARTS)
    return entries_in(lines)
