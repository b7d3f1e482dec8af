"""What ``vau serve`` opens, and what it refuses before it listens."""

import json
from collections.abc import Sequence

import pytest
from prometheus_client import CollectorRegistry

from tests.commands import started, vau
from tests.models import write_tiny_bundle
from vau.client import Client
from vau.commands import serve
from vau.commands.serve import open_lanes
from vau.errors import ConfigInvalid
from vau.metrics import Metrics

FREE = "127.0.0.1:0"


@pytest.fixture(scope="module")
def bundles(tmp_path_factory: pytest.TempPathFactory) -> tuple[str, str, str]:
    """Return the folders of two bundles of one name, and of a third."""
    folders = [tmp_path_factory.mktemp(name) for name in ("first", "second", "third")]
    for seed, (folder, name) in enumerate(zip(folders, ("tiny", "tiny", "other"), strict=True)):
        write_tiny_bundle(folder, name=name, seed=seed)
    first, second, third = map(str, folders)
    return first, second, third


@pytest.mark.parametrize(
    ("models", "backends", "field"),
    [
        ((0,), ("muntaniala", "muntaniala"), "backend"),
        ((0,), ("muntaniala", "muntaniala:1x1"), "backend"),
        ((0, 2), ("float", "muntaniala:2x2", "float"), "backend"),
        ((0, 1), ("float",), "model"),
        ((0, 2, 0), ("float",), "model"),
    ],
)
def test_what_is_asked_for_twice_is_refused_by_name_and_closed(
    bundles: tuple[str, str, str],
    models: Sequence[int],
    backends: Sequence[str],
    field: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    opened: list[object] = []
    closed: list[object] = []

    def open_backend(*asked: object) -> object:
        backend = real(*asked)  # type: ignore[arg-type]
        opened.append(backend)
        close = backend.close
        backend.close = lambda: (closed.append(backend), close())  # type: ignore[method-assign,func-returns-value,assignment]
        return backend

    real = serve.open_backend  # type: ignore[attr-defined]
    monkeypatch.setattr(serve, "open_backend", open_backend)
    with pytest.raises(ConfigInvalid, match="leave one out") as refused:
        open_lanes(
            [bundles[at] for at in models], backends, Metrics(CollectorRegistry()), slots=1
        )
    assert refused.value.field == field
    assert len(closed) == len(opened)


def test_a_repeated_backend_is_a_line_on_stderr_and_not_a_traceback(
    bundles: tuple[str, str, str],
) -> None:
    twice = ("--backend", "muntaniala", "--backend", "muntaniala:1x1")
    done = vau("serve", "--model", bundles[0], *twice, "--listen", FREE)
    assert done.returncode == 2
    assert "Traceback" not in done.stderr
    assert "'muntaniala:1x1' is muntaniala:1x1" in done.stderr


@pytest.mark.parametrize("way", ["flag", "environment"])
def test_a_build_can_be_named(bundles: tuple[str, str, str], way: str) -> None:
    command = ["serve", "--model", bundles[0], "--listen", FREE, "--metrics-listen", FREE]
    flag = ["--build", "r1"] if way == "flag" else []
    variables = {} if way == "flag" else {"VAU_BUILD": "r1"}
    with started(*command, *flag, **variables) as process:
        assert process.stderr is not None
        address = json.loads(process.stderr.readline())["grpc"]
        with Client(address) as client:
            assert client.server_info().build == "r1"
