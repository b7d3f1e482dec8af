"""A comparison for people: what each backend heard and spent, and where they part."""

from vau.commands.compare.table.layout import WIDTH
from vau.commands.compare.table.table import table

__all__ = ["WIDTH", "table"]
