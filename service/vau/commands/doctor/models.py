"""Bundles: those that ship, and those that are to be served."""

from vau.commands.doctor.check import Asked, Check, Checks, of_error
from vau.errors import ModelError
from vau.model import Model, find_model, shipped_models


def examine(asked: Asked) -> Checks:
    """Load each, which compares all of its files with their digests."""
    for name in dict.fromkeys((*shipped_models(), *asked.models)):
        yield model(name)


def model(name: str) -> Check:
    """Judge a shipped model, or the folder of one."""
    title = f"models.{name.strip('/').rpartition('/')[2]}"
    try:
        found = find_model(name)
    except ModelError as error:
        return of_error(title, error)
    return Check(
        name=title, status="ok", found=f"digests match, {found.digest[:19]}", meaning=_of(found)
    )


def _of(model: Model) -> str:
    """Say what can be computed with it."""
    network = model.network
    arithmetics = ", ".join(sorted(model.integers)) or "none in integers: float alone serves it"
    return f"{network.layers} x {network.hidden} units; integers of {arithmetics}"
