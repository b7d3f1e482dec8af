"""The pages that are made from code, and where they stand: ``./run docs --write``."""

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Final

from vau.metrics import reference as metrics
from website import api, client, command_line

DOCS: Final = Path(__file__).resolve().parent.parent / "docs"
WRITTEN: Final[Mapping[str, Callable[[], str]]] = {
    "metrics.md": metrics.page,
    "reference/api.md": api.page,
    "reference/cli.md": command_line.page,
    "reference/client.md": client.page,
}
"""What makes each page, by its path in docs/."""


def main() -> None:
    """Write each page again."""
    for name, page in WRITTEN.items():
        (DOCS / name).write_text(page(), encoding="utf-8")


if __name__ == "__main__":
    main()
