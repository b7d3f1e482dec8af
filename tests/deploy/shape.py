"""Are objects of the Prometheus operator what its definitions say? One JSON list on stdin.

``.venv-deploy/bin/python tests/deploy/shape.py < objects.json``: a line for each field that
there is not or that has a wrong value, and exit status 1 if there is one.
"""

import json
import sys
from typing import Any

from cloudcoil.models.prometheus_operator import v1
from pydantic import BaseModel, ValidationError


def unknown(given: Any, understood: Any, at: str) -> list[str]:  # noqa: ANN401 - JSON
    """Return where ``given`` has what the model left out, which takes any name in silence."""
    if isinstance(given, dict):
        return [
            line
            for key, value in given.items()
            for line in (
                unknown(value, understood[key], f"{at}.{key}")
                if key in understood
                else [f"{at}.{key}: there is no such field"]
            )
        ]
    if isinstance(given, list):
        pairs = zip(given, understood, strict=True)
        return [line for n, pair in enumerate(pairs) for line in unknown(*pair, f"{at}[{n}]")]
    return []


def complaints(thing: dict[str, Any]) -> list[str]:
    """Return what is wrong with one object."""
    kind = str(thing.get("kind"))
    model = getattr(v1, kind, None)
    if thing.get("apiVersion") != "monitoring.coreos.com/v1" or model is None:
        return [f"{kind}: no kind of monitoring.coreos.com/v1"]
    assert issubclass(model, BaseModel)
    try:
        understood = model.model_validate(thing)
    except ValidationError as error:
        return [f"{kind}: {error}"]
    shown = understood.model_dump(mode="json", by_alias=True, exclude_none=True)
    return unknown(thing, shown, kind)


if __name__ == "__main__":
    found = [line for thing in json.load(sys.stdin) for line in complaints(thing)]
    sys.stdout.writelines(f"{line}\n" for line in found)
    sys.exit(bool(found))
