"""What was built, installed where nothing else of this tree is, and tried there."""

import json
import random
import re
import sys
import venv
import wave
from array import array
from pathlib import Path
from typing import Any, Final

from releasing.archives import PIP, ROOT, Failed, run

RUN: Final = ROOT / "requirements/run.txt"
RATE_HZ: Final = 16_000
SECONDS: Final = 2


def fetch(to: Path) -> Path:
    """Fill a folder with wheels of all that Vau stands on, of the digests that are pinned."""
    run(
        *PIP,
        "wheel",
        "--require-hashes",
        "--use-pep517",
        "--no-build-isolation",
        "-w",
        to,
        "-r",
        RUN,
        cwd=ROOT,
    )
    return to


def environment(home: Path, wheels: Path, vau: Path) -> Path:
    """Return an environment with these wheels and Vau, and nothing else: not even pip."""
    venv.create(home, with_pip=False, symlinks=True)
    # By name: what is installed by its path says where that was, in the list of parts, too.
    named = ["==".join(each.name.split("-")[:2]) for each in (*wheels.glob("*.whl"), vau)]
    pip = (*PIP, "--python", home / "bin/python", "install", "--no-index", "--no-deps")
    run(*pip, "--find-links", wheels, "--find-links", vau.parent, *named, cwd=home)
    return home


def try_it(home: Path, version: str, *, compiled: bool) -> str:
    """Return the digest of what an installed Vau hears in noise.

    compiled: whether it is to have its kernels in C.
    Raises Failed if it is another version, is not all there, or hears nothing.
    """
    told = _vau(home, "--version").strip()
    if told != f"vau {version}":
        raise Failed(f"vau --version says {told!r}, and this is to be {version}")
    quick = ("--quick", "--json", "--listen", "127.0.0.1:0", "--metrics-listen", "off")
    checks: dict[str, dict[str, Any]] = {
        each["name"]: each for each in json.loads(_vau(home, "doctor", *quick))["checks"]
    }
    if "from a wheel" not in checks["installed.vau"]["found"]:
        raise Failed(f"it is not the wheel: {checks['installed.vau']['found']}")
    for kind in ("muntaniala", "rpu"):
        tier = checks[f"kernel.{kind}"]["found"].partition(",")[0]
        if (tier != "numpy") != compiled:
            raise Failed(f"{kind} is computed by {tier}, and compiled is {compiled}")
    recording = _noise(home / "noise.wav")
    _vau(home, "transcribe", recording.name, "--out", "heard", "--format", "jsonl")
    *_, last = (home / "heard/noise.jsonl").read_text(encoding="utf-8").splitlines()
    return str(json.loads(last)["output_digest"])


def sbom(home: Path, to: Path, epoch: int) -> Path:
    """Write what an environment holds as CycloneDX JSON."""
    tool = Path(sys.executable).with_name("cyclonedx-py")
    run(
        tool,
        "environment",
        "--pyproject",
        ROOT / "pyproject.toml",
        "--output-reproducible",
        "-o",
        to,
        home / "bin/python",
        cwd=home,
        SOURCE_DATE_EPOCH=str(epoch),
    )
    text = to.read_text(encoding="utf-8")
    if "file:" in text:
        raise Failed(f"{to.name}: it names folders of the machine that made it")
    listed = {canonical(each["name"]) for each in json.loads(text)["components"]}
    if missing := pinned() - listed:
        raise Failed(f"{to.name}: {', '.join(sorted(missing))} are not in it")
    return to


def pinned() -> set[str]:
    """Return the names of all that runs on Linux."""
    lines = RUN.read_text(encoding="utf-8").splitlines()
    return {
        canonical(line.partition("==")[0])
        for line in lines
        if "==" in line and "win32" not in line and not line.startswith((" ", "#"))
    }


def canonical(name: str) -> str:
    """Return a name as all its spellings mean it (PEP 503)."""
    return re.sub(r"[-_.]+", "-", name).lower()


def _vau(home: Path, *arguments: str) -> str:
    return run(home / "bin/vau", *arguments, cwd=home, HOME=str(home), PATH="/usr/bin:/bin")


def _noise(file: Path) -> Path:
    chance = random.Random(0)  # noqa: S311 - for a noise that is always the same
    samples = array("h", (round(chance.gauss(0.0, 2000.0)) for _ in range(SECONDS * RATE_HZ)))
    with wave.open(str(file), "wb") as out:
        out.setparams((1, 2, RATE_HZ, 0, "NONE", ""))
        out.writeframes(samples.tobytes())
    return file
