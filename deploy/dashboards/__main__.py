"""``python -m deploy.dashboards``: write the dashboards, and their page, again."""

from deploy.dashboards.grafana import dumped
from deploy.dashboards.guide import PAGE, page
from deploy.dashboards.shelf import DASHBOARDS, file_of


def main() -> None:
    """Write every file that is made from code here."""
    for dashboard in DASHBOARDS:
        file_of(dashboard).write_text(dumped(dashboard), encoding="utf-8")
    PAGE.write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
