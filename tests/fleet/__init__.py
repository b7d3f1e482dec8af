"""Servers behind a real proxy, of which one drains and one dies: ``./run e2e-fleet``."""
