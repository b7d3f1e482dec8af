"""The dashboards of deploy/grafana: what they ask, made into what Grafana reads, and drawn.

``python -m deploy.dashboards`` writes the JSON and docs/dashboards.md again;
``python -m deploy.dashboards.draw`` draws them from any Prometheus, without Grafana.
"""
