"""What a server says of itself to Prometheus, read back."""

import urllib.request
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, Self

from prometheus_client.parser import text_string_to_metric_families

from vau.errors import Unreachable

PAGE_TIMEOUT_S: Final = 5.0


def page_url(address: str) -> str:
    """Return where the server whose metrics are at ``host:port`` has its page."""
    return f"http://{address}/metrics"


def fetch(address: str) -> str:
    """Return the page of ``host:port`` as text. Raises Unreachable if it cannot be had."""
    url = page_url(address)
    try:
        with urllib.request.urlopen(url, timeout=PAGE_TIMEOUT_S) as page:  # noqa: S310 - http, above
            return str(page.read(), "utf-8")
    except (OSError, ValueError) as cause:  # nobody there, or text that is none
        raise Unreachable(f"{url}: {cause}") from cause


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of the page."""

    name: str
    labels: dict[str, str]
    value: float


@dataclass(frozen=True, slots=True)
class Scrape:
    """All samples of a page, as they were at one moment."""

    samples: tuple[Sample, ...]

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text format. Raises ValueError if it is something else."""
        return cls(
            tuple(
                Sample(sample.name, dict(sample.labels), sample.value)
                for family in text_string_to_metric_families(text)
                for sample in family.samples
            )
        )

    @classmethod
    def of(cls, address: str) -> Self:
        """Read the page of ``host:port``. Raises Unreachable if none can be had there."""
        try:
            return cls.parse(fetch(address))
        except ValueError as cause:
            raise Unreachable(f"{page_url(address)}: {cause}") from cause

    def named(self, name: str, **labels: str) -> Iterable[Sample]:
        """Yield the samples of a name that have these labels, among others."""
        for sample in self.samples:
            if sample.name == name and labels.items() <= sample.labels.items():
                yield sample

    def total(self, name: str, **labels: str) -> float | None:
        """Add up such samples; None if there are none."""
        values = [sample.value for sample in self.named(name, **labels)]
        return sum(values) if values else None
