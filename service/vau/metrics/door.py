"""The meters of the door: refused callers, files read again, the certificate's end."""

from typing import Final

from prometheus_client import CollectorRegistry, Counter, Gauge

REASONS: Final = (
    "missing",
    "malformed",
    "unknown",
    "withdrawn",
    "plaintext",
    "no_streams",
    "origin",
    "host",
)
"""Why a caller is refused: for its token, or for the page that a browser shows."""


class DoorMeters:
    """Their labels are few and ours: never a name, an address or anything that was sent."""

    def __init__(self, registry: CollectorRegistry) -> None:
        """Register them."""
        self._failures = Counter(
            "vau_auth_failures",
            "Calls refused for no good token, one in plaintext, or somebody else's page.",
            ("reason",),
            registry=registry,
        )
        self._reloads = Counter(
            "vau_door_reloads",
            "Times that changed files were read: renewed, or kept as they were before.",
            ("file", "outcome"),
            registry=registry,
        )
        self._expiry = Gauge(
            "vau_tls_certificate_expiry_timestamp_seconds",
            "When the certificate in use expires, Unix time.",
            ("file",),  # or else it would read 0 where there is no TLS
            registry=registry,
        )

    def refused(self, reason: str) -> None:
        """Count a caller who was refused."""
        self._failures.labels(reason).inc()

    def reloaded(self, file: str, outcome: str) -> None:
        """Count an attempt to read a file again."""
        self._reloads.labels(file, outcome).inc()

    def certificate(self, expires_s: float) -> None:
        """Show when the certificate in use expires."""
        self._expiry.labels("tls").set(expires_s)
