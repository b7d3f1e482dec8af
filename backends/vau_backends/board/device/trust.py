"""Which hardware is trusted: the RTL of this package, or what a person names by its hash."""

from importlib import import_module
from typing import Final

from vau.errors import ConfigInvalid
from vau_backends.board.device.board import Trusts
from vau_backends.board.link.info import Info
from vau_backends.board.link.words import Capability
from vau_backends.board.transport.urls import Url

PARAMETERS: Final = "vau_backends.board.virtual.parameters"
"""Where the hash of the RTL is computed. It reads the sources, which not every package has."""


def trust_of(url: Url) -> Trusts:
    """Return what tells whether a board behind ``url`` is known."""

    def trusts(info: Info) -> bool:
        return info.rtl_hash.hex() == url.accepted_rtl or is_ours(info)

    return trusts


def is_ours(info: Info) -> bool:
    """Tell whether a board has the RTL of this package with the parameters that it names."""
    buffer = {"buffer_bytes": info.buffer_bytes} if info.buffer_bytes else {}  # or as usual
    try:
        parameters = import_module(PARAMETERS).Parameters(
            rows=info.rows,
            columns=info.columns,
            units=info.units,
            inputs=info.inputs,
            contexts=info.contexts,
            cycles_per_beat=info.cycles_per_beat,
            is_parity_checked=bool(info.capabilities & Capability.MEM_PARITY),
            most_payload=info.most_payload,
            window=info.window,
            **buffer,
        )
    except (ImportError, ConfigInvalid):
        return False  # without the sources, or for what they cannot be built as
    ours: bytes = parameters.rtl_hash()
    return ours == info.rtl_hash
