"""The words: a tracer begins spans, and a span has facts, events and an end."""

from collections.abc import Iterable
from typing import Final, Protocol

Fact = int | float | str
Metadata = Iterable[tuple[str, str | bytes]]
"""What a client sent along with a call."""


class Span(Protocol):
    """One call."""

    @property
    def trace(self) -> str:
        """The id of the trace that it belongs to, in hex; empty if nobody records it."""

    def set(self, **facts: Fact) -> None:
        """Add facts about the whole of it."""

    def event(self, name: str, /, **facts: Fact) -> None:
        """Add something that just happened."""

    def end(self, code: str, reason: str, /) -> None:
        """End it, with the name of its status and the reason for that, if it is not OK."""


class Tracer(Protocol):
    """Where spans go. Nothing here waits for anybody."""

    def begin(self, name: str, metadata: Metadata, /) -> Span:
        """Begin a span, as part of the trace that the caller named, if one did."""

    def close(self) -> None:
        """Send what is left, for a few seconds at most."""


class _SilentSpan:
    @property
    def trace(self) -> str:
        return ""

    def set(self, **_facts: Fact) -> None:
        pass

    def event(self, _name: str, /, **_facts: Fact) -> None:
        pass

    def end(self, _code: str, _reason: str, /) -> None:
        pass


class _SilentTracer:
    def begin(self, _name: str, _metadata: Metadata, /) -> Span:
        return NO_SPAN

    def close(self) -> None:
        pass


NO_SPAN: Final[Span] = _SilentSpan()
"""Of a call that nobody traces."""

SILENT: Final[Tracer] = _SilentTracer()
"""Of a server that nobody traces."""
