"""Who may import whom. The tables below are the architecture; the rest reads the imports.

cli -> wire, client -> lane -> session -> decode, backend -> model -> frontend -> audio, errors
                                  vau_backends -> the port, and no further
"""

import ast
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Final

import pytest

ROOT: Final = Path(__file__).resolve().parent.parent
COMPOSITION_ROOT: Final = "vau.verbs.server"  # wires everything, by name or entry point

FLOORS: Final = (
    {"vau.testing"},  # for the authors of backends: no room of the server may come up here
    {"vau.cli"},
    {"vau.verbs"},
    {"vau.commands"},
    {  # a verb of the command line each
        "vau.commands.align",
        "vau.commands.bench",
        "vau.commands.compare",
        "vau.commands.demo",
        "vau.commands.doctor",
        "vau.commands.estimate",
        "vau.commands.evaluate",
        "vau.commands.features",
        "vau.commands.plot",
        "vau.commands.backends",
        "vau.commands.serve",
        "vau.commands.stream",
        "vau.commands.transcribe",
        "vau.commands.verify",
    },
    {"vau.commands.display"},
    {"vau.commands.monitor"},
    {
        "vau.commands.clip",
        "vau.commands.latencies",
        "vau.commands.live_audio",
        "vau.commands.local_server",
    },
    {"vau.alignment"},
    {"vau.evaluation", "vau.client.paced"},
    {"vau.client.recognition"},
    {"vau.web"},
    {"vau.wire", "vau.client"},
    {"vau.metrics"},
    {"vau.lane", "vau.batch", "vau.hearing", "vau.shadow", "vau.tracing"},
    {"vau.transcripts", "vau.checkpoint.whole"},
    {"vau.sizing", "vau.awaited"},
    {"vau.session"},
    {"vau.panels"},
    {"vau.segments", "vau.wire.vocabulary"},  # shared by both ends of a wire
    {
        "vau.boards",
        "vau.decode",
        "vau.endpoint",
        "vau.estimate",
        "vau.load",
        "vau.registry",
        "vau.selfcheck",
    },
    {"vau.backend", "vau.bundle"},
    {"vau.model"},
    {"vau.frontend"},
    {"vau.audiofile", "vau.config", "vau.honesty", "vau.commands.flags", "vau.processes"},
    {"vau.timeline"},
    {"vau.pictures"},
    {
        "vau.audio",
        "vau.checkpoint",
        "vau.comparison",
        "vau.door",
        "vau.logs",
        "vau.metrics.histogram",  # shared by all who have meters
        "vau.search",
        "vau.manifest",
        "vau.wholefile",
        "vau.wire.status",
    },
    {
        "vau.conditions",
        "vau.counted",
        "vau.errors",
        "vau.npz",
        "vau.percentiles",
        "vau.signals",
        "vau.smallfile",
        "vau.v1",
        "vau.wire.durations",
    },
)
"""The rooms of the service, from the top: each imports only from floors below its own."""

NETWORK: Final = {"vau.wire", "vau.client", "vau.v1", "vau.web"}
RESERVED: Final = {
    "grpc": NETWORK,
    "grpc_health": NETWORK,
    "grpc_reflection": NETWORK,
    "grpc_status": NETWORK,
    "google": NETWORK,
    "asyncio": {"vau.wire", "vau.client", "vau.lane", "vau.web"},
    "starlette": {"vau.web"},
    "uvicorn": {"vau.web"},
    "websockets": {"vau.web"},
    "prometheus_client": {"vau.metrics", "vau.load.page", "vau.shadow.meters"},
    "matplotlib": {"vau.pictures"},
    "opentelemetry": {"vau.tracing.otlp"},
    "ray": {"vau.commands.transcribe.on_ray.driver"},
    "fsspec": {"vau.commands.transcribe.on_ray.shelf"},
}
"""Libraries that only these rooms, and the composition root, may import."""

FORBIDDEN: Final = {"torch", "training", "tests"}
"""What no room imports, the composition root included: it never reaches a server."""

PORT: Final = {
    "vau.audio",
    "vau.backend",
    "vau.boards",
    "vau.errors",
    "vau.estimate",
    "vau.model",
    "vau.signals",
    "vau.timeline",
}
"""All that a backend knows of the service."""


BUILT_ON: Final = {"vau_backends.board": "vau_backends.muntaniala"}
"""A backend that is another in hardware: it has its arithmetic, and is checked against it."""


@dataclass(frozen=True, slots=True)
class Import:
    """One import: who, whom, and in which line."""

    importer: str
    imported: str
    line: int

    def __str__(self) -> str:
        return f"{self.importer}:{self.line} imports {self.imported}"


def is_within(module: str, packages: Iterable[str]) -> bool:
    return any(module == package or module.startswith(package + ".") for package in packages)


def imports_of(source_root: Path) -> Iterator[Import]:
    for path in sorted(source_root.rglob("*.py")):
        parts = path.relative_to(source_root).with_suffix("").parts
        importer = ".".join(parts[:-1] if parts[-1] == "__init__" else parts)
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import):
                for alias in node.names:
                    yield Import(importer, alias.name, node.lineno)
            elif isinstance(node, ast.ImportFrom):
                for name in modules_of(node, source_root.parent):
                    yield Import(importer, name, node.lineno)


def modules_of(node: ast.ImportFrom, root: Path) -> set[str]:
    """Name the modules behind ``from a import b``: ``a.b`` where b is one, else ``a``."""
    package = "." * node.level + (node.module or "")
    folders = [root / top / package.replace(".", "/") for top in ("service", "backends")]
    return {
        f"{package}.{alias.name}"
        if any(
            (at / alias.name).is_dir() or (at / f"{alias.name}.py").is_file() for at in folders
        )
        else package
        for alias in node.names
    }


def room_of(module: str) -> str | None:
    """Return the innermost room that the module is in."""
    rooms = [room for floor in FLOORS for room in floor if is_within(module, [room])]
    return max(rooms, key=len, default=None)


def floor_of(room: str) -> int:
    return next(number for number, rooms in enumerate(FLOORS) if room in rooms)


def is_upward(found: Import) -> bool:
    """Tell whether the import leaves its room and does not go down."""
    above, below = room_of(found.importer), room_of(found.imported)
    if above is None or below is None:  # a newcomer without a floor, or somebody else's library
        return found.importer != "vau" and is_within(found.imported, ["vau"])
    return above != below and floor_of(below) <= floor_of(above)


def faults_of_service(found: Import) -> Iterator[str]:
    if is_within(found.imported, FORBIDDEN):
        yield f"{found}, which no server may need"
    if is_within(found.imported, ["vau_backends"]):
        yield f"{found}, but backends are found by entry point"
    if found.imported.startswith("."):
        yield f"{found}, relatively"
    if is_upward(found):
        yield f"{found}, which is not below it"
    for library, rooms in RESERVED.items():
        if is_within(found.imported, [library]) and not is_within(
            found.importer, {*rooms, COMPOSITION_ROOT}
        ):
            yield f"{found}, which is reserved for {', '.join(sorted(rooms))}"


def faults_of_backends(found: Import, kinds: Iterable[str]) -> Iterator[str]:
    allowed = {of for kind, of in BUILT_ON.items() if is_within(found.importer, [kind])}
    others = [
        kind for kind in kinds if not is_within(found.importer, [kind]) and kind not in allowed
    ]
    if is_within(found.imported, FORBIDDEN):
        yield f"{found}, which no server may need"
    if is_within(found.imported, RESERVED):
        yield f"{found}, which is the service's business"
    if found.imported.startswith("."):
        yield f"{found}, relatively"
    if is_within(found.imported, ["vau"]) and not is_within(found.imported, PORT):
        yield f"{found}, which is not part of the port"
    if is_within(found.imported, others):
        yield f"{found}, another backend"


def faults(root: Path) -> list[str]:
    """Return each import under ``root`` that the tables above do not allow."""
    backends = root / "backends"
    kinds = [f"vau_backends.{path.parent.name}" for path in backends.glob("*/*/__init__.py")]
    return [
        *(
            fault
            for found in imports_of(root / "service")
            for fault in faults_of_service(found)
        ),
        *(
            fault
            for found in imports_of(backends)
            for fault in faults_of_backends(found, kinds)
        ),
    ]


def test_every_import_of_the_service_and_the_backends_is_allowed() -> None:
    found = faults(ROOT)
    assert not found, "\n".join(found)


def test_every_module_of_the_service_has_its_floor() -> None:
    modules = (ROOT / "service/vau").iterdir()
    rooms = {f"vau.{path.stem}" for path in modules if path.suffix == ".py" or path.is_dir()}
    no_code = {"vau.__init__", "vau.__pycache__", "vau.models", "vau.native"}
    homeless = rooms - no_code - set().union(*FLOORS)
    assert homeless == set()


@pytest.mark.parametrize(
    ("file", "line", "fault"),
    [
        ("service/vau/session.py", "import grpc", "reserved"),
        ("service/vau/frontend/a.py", "from google.protobuf import json_format", "reserved"),
        ("service/vau/session.py", "import asyncio", "reserved"),
        ("service/vau/lane/lane.py", "from prometheus_client import Counter", "reserved"),
        ("service/vau/wire/server.py", "import prometheus_client", "reserved"),
        ("service/vau/wire/server.py", "from starlette.routing import Route", "reserved"),
        ("service/vau/verbs/x.py", "import uvicorn", "reserved"),
        ("service/vau/timeline/picture.py", "import matplotlib.figure", "reserved"),
        ("service/vau/session.py", "from vau import lane", "not below"),
        ("service/vau/frontend/pipeline.py", "from vau.session import Session", "not below"),
        ("service/vau/wire/server.py", "import vau.cli", "not below"),
        ("service/vau/wire/server.py", "from vau.client import Client", "not below"),
        ("service/vau/wire/status.py", "from vau.wire import server", "not below"),
        ("service/vau/newcomer.py", "from vau.audio import HOP_SAMPLES", "not below"),
        ("service/vau/session.py", "from . import audio", "relatively"),
        ("service/vau/cli.py", "import vau_backends.float", "entry point"),
        ("service/vau/cli.py", "import torch", "no server"),
        ("service/vau/verbs/server.py", "import torch", "no server"),
        ("service/vau/verbs/live.py", "import asyncio", "reserved"),
        ("service/vau/verbs/x.py", "import vau_backends.float", "entry point"),
        ("service/vau/verbs/x.py", "import vau.cli", "not below"),
        ("service/vau/commands/x.py", "import vau.verbs.outcome", "not below"),
        ("service/vau/cli.py", "import vau.testing.models", "not below"),
        ("service/vau/audio.py", "def late() -> None:\n    import torch.nn", "no server"),
        ("backends/vau_backends/float/backend.py", "import torch", "no server"),
        ("backends/vau_backends/float/backend.py", "import grpc", "service's business"),
        ("backends/vau_backends/float/backend.py", "from vau import lane", "port"),
        ("backends/vau_backends/float/backend.py", "import vau", "port"),
        ("backends/vau_backends/float/backend.py", "from ..float import b", "relatively"),
        (
            "backends/vau_backends/float/b.py",
            "from vau_backends.muntaniala import x",
            "another",
        ),
        ("backends/vau_backends/shared.py", "import vau_backends.float.b", "another"),
    ],
)
def test_a_forbidden_import_is_found(tmp_path: Path, file: str, line: str, fault: str) -> None:
    furnish(tmp_path, file, line)
    found = faults(tmp_path)
    assert len(found) == 1
    assert fault in found[0]


@pytest.mark.parametrize(
    ("file", "line"),
    [
        ("service/vau/verbs/server.py", "import asyncio, prometheus_client, vau.wire.server"),
        ("service/vau/wire/server.py", "import grpc.aio\nfrom vau import lane, session"),
        ("service/vau/wire/server.py", "from vau.wire import status, stream"),
        ("service/vau/client/sync.py", "import grpc\nfrom vau.wire.status import error_of"),
        ("service/vau/session.py", "from vau.audio import HOP_SAMPLES"),
        ("backends/vau_backends/float/backend.py", "from vau.backend import Work"),
        ("backends/vau_backends/float/backend.py", "from vau_backends import shared"),
        ("backends/vau_backends/float/backend.py", "from vau_backends.float import weights"),
    ],
)
def test_an_allowed_import_is_not_found(tmp_path: Path, file: str, line: str) -> None:
    furnish(tmp_path, file, line)
    assert faults(tmp_path) == []


def furnish(root: Path, file: str, line: str) -> None:
    """Lay out a small house under ``root`` in which ``line`` stands in ``file``."""
    rooms = ("lane", "session", "audio", "cli", "wire/server", "wire/status", "wire/stream")
    kinds = ("float", "muntaniala")
    for path in (
        *(root / f"service/vau/{room}.py" for room in rooms),
        *(root / f"backends/vau_backends/{kind}/__init__.py" for kind in kinds),
        root / "backends/vau_backends/shared.py",
        root / file,
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    (root / file).write_text(line + "\n")
