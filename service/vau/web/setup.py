"""Whether a server has the entrance of the live page."""

from vau.config import ServerConfig
from vau.errors import ConfigInvalid
from vau.wire.entrance import Entrance


def entrance_of(config: ServerConfig) -> Entrance | None:
    """Return what the config asks for. Raises ConfigInvalid if its libraries are not there."""
    if not config.has_web:
        return None
    try:
        # Not before somebody asks: it is an extra.
        from vau.web.entrance import WebEntrance  # noqa: PLC0415
    except ImportError as cause:
        raise ConfigInvalid(
            f"web_listen={config.web_listen!r} needs a web server, and {cause.name} is not "
            "installed; pip install 'vau[web]'",
            field="web_listen",
        ) from cause
    return WebEntrance(config)
