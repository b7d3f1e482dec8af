"""Servers under load and faults, a real Prometheus that scrapes them, and every panel asked.

``./run e2e-metrics``.
"""
