"""What ``vau serve`` opens, and what it refuses before it listens."""

import json
import logging
import os
import shutil
import signal
import subprocess
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from pathlib import Path

import pytest
from prometheus_client import CollectorRegistry

from tests.audio import noise, recording
from tests.commands import PATIENCE_S, started, vau
from tests.models import write_tiny_bundle
from tests.serving import MODEL, eventually, floating, muntaniala, serving
from vau import search
from vau.client import Client
from vau.client.recognition import Request, Started, converse
from vau.commands import backends as inventory
from vau.commands import serve
from vau.commands.serve import open_lanes
from vau.errors import ConfigInvalid
from vau.metrics import Metrics
from vau_backends.muntaniala import kernel
from vau_backends.muntaniala.kernel import compiled
from vau_backends.tiers import REFERENCE, VARIABLE

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


def test_how_many_streams_fit_can_be_left_to_the_machine(
    bundles: tuple[str, str, str],
) -> None:
    command = ["serve", "--model", bundles[0], "--listen", FREE, "--metrics-listen", FREE]
    with started(*command, "--max-streams", "auto") as process:
        assert process.stderr is not None
        reckoned, listening = (json.loads(process.stderr.readline()) for _ in range(2))
        with Client(listening["grpc"]) as client:
            (backend,) = client.backends().backends
            limits = client.server_info().limits
    assert reckoned["event"] == "reckoned"
    chunk_s = (reckoned["chunk_us"] + reckoned["wire_us_assumed"]) / 1e6
    assert reckoned["streams"] == pytest.approx(0.08 / chunk_s, abs=2.0)
    assert backend.slots_total == limits.max_streams == reckoned["streams"]
    assert listening["max_streams"] == reckoned["streams"]


@pytest.mark.parametrize(
    ("number", "status"), [(signal.SIGTERM, 143), (signal.SIGINT, 130)], ids=["TERM", "INT"]
)
def test_a_server_that_is_told_to_stop_while_it_loads_ends_at_once(
    bundles: tuple[str, str, str], tmp_path: Path, number: signal.Signals, status: int
) -> None:
    model = shutil.copytree(bundles[0], tmp_path / "model")
    weights = model / "master.npz"
    weights.unlink()
    os.mkfifo(weights)
    descriptors: list[int] = []

    def is_being_read() -> bool:
        with suppress(OSError):  # nobody reads it yet
            descriptors.append(os.open(weights, os.O_WRONLY | os.O_NONBLOCK))
        return bool(descriptors)

    command = ["serve", "--model", model, "--listen", FREE, "--metrics-listen", FREE]
    with started(*command) as process:
        eventually(is_being_read)  # and nothing ever comes
        process.send_signal(number)
        with suppress(subprocess.TimeoutExpired):
            process.wait(5.0)
        process.send_signal(number)  # Python sees one that came just before a read behind it
        assert process.wait(PATIENCE_S) == status
    os.close(*descriptors)


def test_the_first_line_of_the_log_says_what_computes_each_backend(
    bundles: tuple[str, str, str],
) -> None:
    command = ["serve", "--model", bundles[0], "--listen", FREE, "--metrics-listen", FREE]
    three = ("--backend", "muntaniala", "--backend", "float", "--backend", "muntaniala:2x2")
    with started(*command, *three, VAU_KERNEL="numpy") as process:
        assert process.stderr is not None
        line = json.loads(process.stderr.readline())
    assert line["backends"] == "muntaniala:1x1, float, muntaniala:2x2"
    assert line["tiers"] == "muntaniala:1x1=numpy, muntaniala:2x2=numpy"


def test_a_server_without_a_compiled_kernel_warns_once_of_the_cost_and_the_remedy(
    caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(compiled, "TIERS", ())
    monkeypatch.setattr(compiled, "WHY_NOT", "the C kernel was not built")
    monkeypatch.delenv(VARIABLE, raising=False)
    with caplog.at_level(logging.INFO), serving((MODEL, muntaniala()), (MODEL, floating())):
        pass
    warnings = [each for each in caplog.records if each.levelno >= logging.WARNING]
    (warning,) = [each for each in warnings if each.getMessage() != "decoder remark"]
    assert warning.getMessage() == "backend remark"
    text = vars(warning)["vau_facts"]["text"]
    assert "numpy: the same bits, several times slower than the C kernel" in text
    assert "the C kernel was not built; install a C compiler" in text


@pytest.mark.parametrize("why_not", ["", "the C was not built"])
def test_a_server_whose_decoder_has_no_c_warns_once_of_the_cost_and_the_remedy(
    why_not: str, caplog: pytest.LogCaptureFixture, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(search, "WHY_NOT", why_not)
    with caplog.at_level(logging.INFO), serving((MODEL, floating())):
        pass
    said = [each for each in caplog.records if each.getMessage() == "decoder remark"]
    assert [vars(each)["vau_facts"]["text"] for each in said] == [search.remark()] * bool(
        why_not
    )
    assert all(each.levelno == logging.WARNING for each in said)


def test_a_server_says_what_computes_each_backend(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, REFERENCE)
    with serving((MODEL, muntaniala()), (MODEL, floating())) as served:
        listed, _room = inventory.on_server(served.client)
    assert [each.tier for each in listed] == ["reference", ""]
    assert " munt-spec-0/C1 reference 0 of 8 " in listed[0].line()


class Board:
    """A real backend that says of itself what a board would."""

    def __init__(self) -> None:
        self.backend = muntaniala()
        self.info = replace(self.backend.info, firmware="v1.2", tier="", tiers=())

    def __getattr__(self, name: str) -> object:
        return getattr(self.backend, name)


def test_the_firmware_of_a_board_is_no_tier() -> None:
    with serving((MODEL, Board())) as served:  # type: ignore[arg-type]
        (backend,) = served.client.backends().backends
        first, *_ = converse(served.client, [noise()[:, 0]], Request())
        (listed,), _room = inventory.on_server(served.client)
    assert (backend.firmware, backend.tier) == ("v1.2", "")
    assert isinstance(first, Started)
    assert (first.tier, listed.tier) == ("", "")


def test_the_tier_of_a_model_on_a_host_is_no_firmware(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv(VARIABLE, "numpy")
    with serving((MODEL, muntaniala())) as served:
        (backend,) = served.client.backends().backends
        first, *_ = converse(served.client, [noise()[:, 0]], Request())
    assert (backend.firmware, backend.tier) == ("", "numpy")
    assert isinstance(first, Started)
    assert first.tier == "numpy"


@pytest.mark.parametrize("verb", ["serve", "demo"])
def test_a_tier_that_is_none_is_a_line_on_stderr_with_those_there_are(
    bundles: tuple[str, str, str], tmp_path: Path, verb: str
) -> None:
    voice = recording(tmp_path / "a.flac")
    arguments = ("--listen", FREE) if verb == "serve" else (voice,)
    done = vau(verb, *arguments, "--model", bundles[0], VAU_KERNEL="abacus")
    assert done.returncode == 2
    (line,) = done.stderr.splitlines()
    assert "VAU_KERNEL=abacus: there is no such tier of muntaniala; take one of " in line
    assert ", ".join(kernel.tiers()) in line
