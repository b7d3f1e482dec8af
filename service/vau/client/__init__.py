"""The Python client: a ``Client`` for one server, and what unpacks its answers."""

from vau.client.access import Access
from vau.client.posteriors import class_ids_array, posteriors_array
from vau.client.sync import Client

__all__ = ["Access", "Client", "class_ids_array", "posteriors_array"]
