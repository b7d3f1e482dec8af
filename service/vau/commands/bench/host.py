"""What the times of a bench depend on besides the load."""

import os
import platform
from importlib.metadata import version
from pathlib import Path
from typing import Any, Final

from vau.load.cores import Cores

LIBRARIES: Final = ("grpcio", "numpy")


def host(server_version: str) -> dict[str, Any]:
    """Describe what the figures depend on besides the load."""
    return {
        "cpu": _cpu_model(),
        "cores": len(os.sched_getaffinity(0)),
        "load_1min": round(os.getloadavg()[0], 2),
        "versions": {
            "vau": server_version,
            "python": platform.python_version(),
            **{library: version(library) for library in LIBRARIES},
        },
    }


def pinned(cores: Cores | None) -> dict[str, Any] | None:
    """Return where both sides were kept; None of a server that ran already."""
    if cores is None:
        return None
    return {
        "server": cores.server,
        "generator": cores.generator,
        "apart": cores.are_apart,
        "threads_of_one_core": cores.share_a_physical_core,
    }


def _cpu_model() -> str:
    cpuinfo = Path("/proc/cpuinfo")
    lines = cpuinfo.read_text(encoding="utf-8").splitlines() if cpuinfo.exists() else []
    models = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return models[0] if models else platform.machine()
