"""Recordings to transcripts on workers of Ray, on this machine or on a cluster."""

import importlib
import os
import secrets
from types import ModuleType

from vau.errors import ConfigInvalid


def loaded(address: str) -> ModuleType:
    """Return ``vau.commands.transcribe.on_ray.driver``, with Ray told how to behave.

    address: of a cluster; empty if one is to be started here. Then nobody else is let in:
             machines of the same network can reach its ports, and whoever may speak to Ray may
             run what he likes.
    Raises ConfigInvalid if Ray is not installed.
    """
    # It looks at these while it is imported.
    os.environ.setdefault("RAY_USAGE_STATS_ENABLED", "0")
    os.environ.setdefault("RAY_BACKEND_LOG_LEVEL", "fatal")  # it warns of how Ray Data uses it
    if not address:
        os.environ.setdefault("RAY_AUTH_MODE", "token")
        os.environ.setdefault("RAY_AUTH_TOKEN", secrets.token_hex(32))
    try:
        return importlib.import_module("vau.commands.transcribe.on_ray.driver")
    except ImportError as cause:
        raise ConfigInvalid(
            f"engine: Ray is not installed here ({cause}); pip install 'vau[ray]', or leave "
            "out --engine ray",
            field="engine",
        ) from cause
