"""All dashboards, where each lies, and what is on none of them."""

from collections.abc import Mapping
from pathlib import Path
from typing import Final

from deploy.dashboards.accelerator import ACCELERATOR
from deploy.dashboards.fleet import FLEET
from deploy.dashboards.panel import Dashboard
from deploy.dashboards.service import SERVICE

DASHBOARDS: Final = (SERVICE, ACCELERATOR, FLEET)
ROOT: Final = Path(__file__).resolve().parent.parent.parent
FOLDER: Final = ROOT / "deploy/grafana/dashboards"

UNSHOWN: Final[Mapping[str, str]] = {}
"""Meters of docs/metrics.md that no dashboard shows, each with the reason why."""


def file_of(dashboard: Dashboard) -> Path:
    """Return the JSON of a dashboard."""
    return FOLDER / f"{dashboard.name}.json"
