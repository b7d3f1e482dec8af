"""Which hardware is trusted: the RTL of this package, or what a person names by its hash."""

from vau.errors import ConfigInvalid
from vau_backends.board.device.acceptance import Trusts
from vau_backends.board.link.info import Info
from vau_backends.board.link.words import Capability
from vau_backends.board.transport.urls import Url
from vau_backends.board.virtual.parameters import Parameters


def trust_of(url: Url) -> Trusts:
    """Return what tells whether a board behind ``url`` is known."""

    def trusts(info: Info) -> bool:
        return info.rtl_hash.hex() == url.accepted_rtl or is_ours(info)

    return trusts


def is_ours(info: Info) -> bool:
    """Tell whether a board has the RTL of this package with the parameters that it names."""
    buffer = {"buffer_bytes": info.buffer_bytes} if info.buffer_bytes else {}  # or as usual
    try:
        parameters = Parameters(
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
    except ConfigInvalid:
        return False  # for what its sources cannot be built as
    return parameters.rtl_hash() == info.rtl_hash
