"""The rules of deploy/, read from their file."""

import re
from pathlib import Path
from typing import Final

RULES: Final = Path(__file__).resolve().parent.parent / "deploy/alerts.yml"


def alerts() -> dict[str, str]:
    """Return the expression of every alert, as it is written."""
    return _expressions("alert", "labels:")


def recorded() -> dict[str, str]:
    """Return the expression of whatever is recorded."""
    return _expressions("record", "- ")


def written_out(expression: str) -> str:
    """Return an expression with what stands behind each name that is recorded."""
    by_name = recorded()
    return re.sub(r"vau:[\w:]+", lambda found: by_name[found[0]], expression)


def _expressions(kind: str, end: str) -> dict[str, str]:
    found = {}
    for part in RULES.read_text(encoding="utf-8").split(f"- {kind}: ")[1:]:
        name, _, rest = part.partition("\n")
        expression = re.split(rf"\n +(?:{end}|#)|\n\n", rest.partition("expr:")[2])[0]
        found[name] = expression.strip(" >-")
    return found
