"""The committed stubs are what ./run proto would write now."""

import subprocess
import sys
from pathlib import Path
from typing import Final

ROOT: Final = Path(__file__).resolve().parent.parent
GENERATED: Final = "vau/v1/*_pb2*.py*"


def contents(folder: Path) -> dict[str, str]:
    return {path.name: path.read_text() for path in sorted(folder.glob(GENERATED))}


def test_the_generated_stubs_are_fresh(tmp_path: Path) -> None:
    protos = sorted(ROOT.glob("protos/vau/v1/*.proto"))
    outputs = [f"--{kind}_out={tmp_path}" for kind in ("python", "pyi", "grpc_python")]
    protoc = (sys.executable, "-m", "grpc_tools.protoc", "-I", ROOT / "protos")
    subprocess.run([*protoc, *outputs, *protos], check=True)
    assert contents(tmp_path) != {}
    assert contents(ROOT / "service") == contents(tmp_path)
