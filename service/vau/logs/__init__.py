"""The log: one JSON object per line, for people with a filter and machines without one.

A module logs an event by name and its figures as ``extra=facts(...)``. What belongs to one
call is logged within ``about(...)``, so that every line of it says whose it is. What is said or
heard in a stream is never among them.

Nobody waits for the log: a thread writes it, and lines that cannot be written are counted.
"""

from vau.logs.records import about, facts
from vau.logs.setup import Level, Log, log_to

__all__ = ["Level", "Log", "about", "facts", "log_to"]
