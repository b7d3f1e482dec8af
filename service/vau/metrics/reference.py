"""The meters as a page to read: ``python -m vau.metrics.reference > docs/metrics.md``.

Names, kinds, labels, bounds and words are those that are registered, so that nothing on the
page is remembered: a test compares it with what stands in the repository.
"""

import sys
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any, Final, get_args

from prometheus_client import CollectorRegistry
from prometheus_client.registry import Collector

from vau.backend import Boundary, Origin, State
from vau.honesty import Kind
from vau.logs.writer import Reason
from vau.metrics.blame import BLAMED, CAUSES
from vau.metrics.door import REASONS
from vau.metrics.families import STAGES
from vau.metrics.meters import Metrics
from vau.metrics.resume import OUTCOMES, RESUMED
from vau.shadow.meters import ShadowMetrics

HEAD: Final = """\
# Metrics

What stands on `/metrics` (`--metrics-listen`). This page is made from the code:
`python -m vau.metrics.reference > docs/metrics.md` writes it again. Which of them raise an
alert, and what to do then: [operations.md](operations.md#when-an-alert-is-raised). Where each
is shown: [dashboards.md](dashboards.md). What shadows say: [shadow.md](shadow.md).

Units are SI and stand in the name. No label names a session, a token, a client or an address,
so the number of series is bounded by what the server was started with. Live audio is what came
no sooner than one could have spoken it; a file that is sent as fast as the network allows
counts in `vau_frames_total` and `vau_ahead_frames_total`, and in no latency and no lag.
"""

TEXTS: Final[Mapping[str, str]] = {
    "backend": "the instance, like `muntaniala:4x4`; of streams that reached none it is empty",
    "shadow": "the instance that listens",
    "to": "the instance that took over",
    "model, digest": "of a model that is loaded",
    "version, build": "what runs; the latter is `--build`",
    "code": "of gRPC: OK, CANCELLED, ...",
    "component": "a part of the accelerator, or `all`",
    "layer": "of the network, from 0",
    "le": "upper bound of a bucket, as in every histogram of Prometheus",
}

VALUES: Final[Mapping[tuple[str, str], tuple[str, ...]]] = {
    ("stage", "vau_frame_latency_seconds"): STAGES,
    ("stage", "vau_deadline_misses_total"): BLAMED,
    ("cause", "vau_slow_streams_total"): CAUSES,
    ("state", "vau_backend_state"): tuple(state.value for state in State),
    ("origin", ""): get_args(Origin),
    ("boundary", ""): get_args(Boundary),
    ("outcome", "vau_resumes_total"): (RESUMED, *OUTCOMES.values()),
    ("outcome", "vau_door_reloads_total"): ("renewed", "kept"),
    ("file", ""): ("tokens", "tls"),
    ("kind", "vau_audio_suspicious_total"): tuple(kind.name.lower() for kind in Kind),
    ("kind", "vau_backend_mended_total"): (
        "whatever the backend counts; see [boards.md](boards.md)",
    ),
    ("reason", "vau_auth_failures_total"): REASONS,
    ("reason", "vau_log_lines_lost_total"): get_args(Reason),
    ("reason", "vau_streams_total"): ("like IDLE_TIMEOUT; empty for OK",),
    ("reason", "vau_backend_changes_total"): ("like BACKEND_LOST",),
}
"""What a label may say, of one meter or of all that have it."""


@dataclass(frozen=True, slots=True)
class Row:
    """One meter."""

    name: str
    """As a query has it, without what a histogram appends."""

    kind: str
    labels: tuple[str, ...]
    text: str
    bounds: tuple[float, ...]
    """Of a histogram, without infinity."""


class _Listing(CollectorRegistry):
    """A registry that can be asked for what is in it, before there is a line of it."""

    def __init__(self) -> None:
        super().__init__()
        self.collectors: list[Collector] = []

    def register(self, collector: Collector) -> None:
        super().register(collector)
        self.collectors.append(collector)


def rows() -> list[Row]:
    """Return every meter that a server can have, those of shadows last."""
    listing = _Listing()
    Metrics(listing)
    ShadowMetrics(listing)
    return [_row(collector) for collector in listing.collectors]


def page() -> str:
    """Return the page."""
    return "\n".join([HEAD, *_meters(rows()), "", "## Labels", "", *_labels()]) + "\n"


def _row(collector: Any) -> Row:  # noqa: ANN401 - the library's kinds share no type that says this
    (family,) = collector.describe()
    return Row(
        name=family.name + ("_total" if family.type == "counter" else ""),
        kind=family.type,
        labels=tuple(collector._labelnames),  # noqa: SLF001 - the library says it nowhere else
        text=family.documentation,
        bounds=tuple(getattr(collector, "bounds", ())),
    )


def _meters(all_rows: list[Row]) -> Iterator[str]:
    yield "| name | type | labels | what it counts | bounds |"
    yield "| --- | --- | --- | --- | --- |"
    for row in all_rows:
        bounds = " ".join(f"{bound:g}" for bound in row.bounds)
        yield f"| `{row.name}` | {row.kind} | {', '.join(row.labels)} | {row.text} | {bounds} |"


def _labels() -> Iterator[str]:
    yield "| label | says |"
    yield "| --- | --- |"
    for label, text in TEXTS.items():
        yield f"| {label} | {text} |"
    for (label, meter), values in VALUES.items():
        where = f"{label} of `{meter}`" if meter else label
        yield f"| {where} | {', '.join(values)} |"


if __name__ == "__main__":
    sys.stdout.write(page())
