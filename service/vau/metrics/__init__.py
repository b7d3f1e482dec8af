"""The meters of one process, and the page on which Prometheus reads them.

A name ends in the unit, which is SI. A label says of each figure of a device whether a model
estimated it or an instrument measured it; energies that differ in that, or in what they
include, do not add up to anything. Nothing here tells one session or client from another.
"""

from vau.metrics.meters import BackendMeters, Metrics
from vau.metrics.page import MetricsPage

__all__ = ["BackendMeters", "Metrics", "MetricsPage"]
