"""What ``installed`` asks pytest's command line: which backends, and what there is to know."""

import traceback
from dataclasses import asdict

import pytest

from vau.backend import BackendOptions
from vau.errors import ModelError, VauError
from vau.model import Model, Network
from vau.registry import factory_of, open_backend
from vau.testing.contract import BackendContract
from vau.testing.contract.promise import words_of
from vau.testing.contract.subject import (
    NETWORK,
    SLOT_COUNT,
    check_exceptions,
    names_of_tests,
)
from vau.testing.contract.summary import Summary
from vau.testing.models import random_model


def pytest_addoption(parser: pytest.Parser) -> None:
    """Add the options."""
    group = parser.getgroup("vau", "the contract between Vau and a backend")
    group.addoption(
        "--backend",
        action="append",
        default=[],
        metavar="KIND[:INSTANCE]",
        help="an installed backend to try; repeatable",
    )
    group.addoption(
        "--network",
        default="",
        metavar="FIELD=N,...",
        help=f"the shape to try it on, where it is not {network_text(NETWORK)}",
    )
    group.addoption(
        "--does-not-apply",
        action="append",
        default=[],
        metavar="TEST=REASON",
        help="skip this test, and say why; repeatable",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Refuse what cannot be meant or opened, once, before any test is run."""
    if not config.getoption("--backend"):
        raise pytest.UsageError("no backend is named; 'vau backends' lists what is installed")
    try:
        for backend_id in config.getoption("--backend"):
            factory_of(backend_id.partition(":")[0])
        check_exceptions(exceptions_of(config), names_of_tests(BackendContract))
        model = random_model(network_of(config))
    except (VauError, ValueError) as refused:
        raise pytest.UsageError(str(refused)) from refused
    for backend_id in config.getoption("--backend"):
        _open_once(backend_id, model)
    config.pluginmanager.register(Summary())


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Try every test on every backend that was named."""
    if "backend_id" in metafunc.fixturenames:
        named = dict.fromkeys(metafunc.config.getoption("--backend"))
        metafunc.parametrize("backend_id", list(named))


def _open_once(backend_id: str, model: Model) -> None:
    """Raise UsageError, in one line, if every test would fail to open it."""
    try:
        open_backend(backend_id, model, BackendOptions(slot_count=SLOT_COUNT)).close()
    except ModelError as refused:
        says = f"{words_of(refused)}; or name a network that suits it by --network"
    except VauError as refused:
        says = words_of(refused)
    except Exception as cause:  # noqa: BLE001 - it is someone else's code: anything may come
        place = traceback.extract_tb(cause.__traceback__)[-1]
        says = f"{words_of(cause)}, in {place.filename}, line {place.lineno}"
    else:
        return
    raise pytest.UsageError(f"{backend_id} cannot be opened. {says}")


def network_of(config: pytest.Config) -> Network:
    """Return the shape to try. Raises ValueError for what does not describe one."""
    text: str = config.getoption("--network")
    sizes = asdict(NETWORK)
    for part in filter(None, text.split(",")):
        name, _, number = part.partition("=")
        if name not in sizes or not number.isdecimal():
            raise ValueError(
                f"--network: {part!r} is not FIELD=N, with a field of {', '.join(sizes)}"
            )
        sizes[name] = int(number)
    return Network(**sizes | {"peephole": bool(sizes["peephole"])})


def exceptions_of(config: pytest.Config) -> dict[str, str]:
    """Return the tests that do not apply, with their reasons."""
    parts = [given.partition("=") for given in config.getoption("--does-not-apply")]
    return {name: reason for name, _, reason in parts}


def network_text(network: Network) -> str:
    """Return a shape as it would be asked for."""
    sizes = ("layers", "hidden", "inputs", "classes")
    return ",".join(f"{name}={getattr(network, name)}" for name in sizes) + ",peephole=0"
