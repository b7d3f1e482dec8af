"""The Python client: ``Client`` or ``AsyncClient`` for one server, and what unpacks answers.

Either streams with ``resume=Resume()`` so that a stream outlives its connection and its server.
"""

from vau.client.access import Access
from vau.client.aio import AsyncClient
from vau.client.posteriors import class_ids_array, posteriors_array
from vau.client.resume import Resume
from vau.client.sync import Client

__all__ = [
    "Access",
    "AsyncClient",
    "Client",
    "Resume",
    "class_ids_array",
    "posteriors_array",
]
