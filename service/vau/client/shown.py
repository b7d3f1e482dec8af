"""What a client shows with each call: its token as it is now, which may have changed."""

import logging

from vau.client.access import Access
from vau.errors import ConfigInvalid

logger = logging.getLogger(__name__)

Metadata = tuple[tuple[str, str], ...]


class Shown:
    """The metadata of one client's calls.

    A stream that resumes for hours makes new calls with the token that is then in the file. If
    that cannot be used, half written perhaps, the last one stays, and a warning is logged.
    """

    def __init__(self, access: Access, address: str) -> None:
        """Read the token. Raises ConfigInvalid as ``Access.metadata`` does."""
        self._access, self._address = access, address
        self._last = access.metadata(address)

    def now(self) -> Metadata:
        """Return what to send with a call that begins now."""
        try:
            self._last = self._access.metadata(self._address)
        except ConfigInvalid as cause:
            logger.warning("the token stays as it was: %s", cause)
        return self._last
