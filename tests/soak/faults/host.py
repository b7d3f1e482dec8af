"""A host whose disk is full, whose log reader is gone, and whose clock jumps."""

import os
from pathlib import Path
from time import sleep
from typing import Final

from tests.commands import ROOT
from tests.soak.check import Check, Figures, Site, require
from tests.soak.crowd import crowd
from tests.soak.known import Known, small_bundle
from tests.soak.scene import OTHERS, SOON_S
from tests.soak.server import soak_server
from tests.soak.slots import error_of, wait_for_slots

DAY_S: Final = 86_400.0
TERMS: Final = {"idle_timeout_s": 5.0, "max_stream_duration_s": 60.0}
"""Such as a wall clock would end."""

_JUMPS: Final = (DAY_S, -DAY_S, 0.0)
_SITECUSTOMIZE: Final = """
import os, time
_offset = os.environ["VAU_TEST_CLOCK"]
_time, _time_ns = time.time, time.time_ns


def _read():
    with open(_offset) as file:
        return float(file.read() or 0)


time.time = lambda: _time() + _read()
time.time_ns = lambda: _time_ns() + int(_read() * 1e9)
"""


def disk_full(site: Site) -> Figures:
    with Path("/dev/full").open("wb") as full:
        return _served_with(site, full.fileno())


def log_reader_gone(site: Site) -> Figures:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        return _served_with(site, writer)
    finally:
        os.close(writer)


def _served_with(site: Site, stderr: int) -> Figures:
    """Serve streams, and refuse one, with this for a log."""
    bundle = small_bundle(site.folder)
    known = Known(bundle)
    with (
        soak_server(site.folder, bundle, stderr=stderr) as server,
        crowd(server, OTHERS) as others,
    ):
        sleep(1.0)
        figures = others.finish_well(known)
        wait_for_slots(server, 0, SOON_S)
        figures["exit_status"] = server.stop()
    require(figures["exit_status"] == 0, "it did not end with 0", figures)
    return figures


def clock_jumps(site: Site) -> Figures:
    """Whatever Python calls the wall clock jumps a day forth and back beneath live streams."""
    bundle = small_bundle(site.folder)
    known = Known(bundle)
    offset = site.folder / "offset"
    offset.write_text("0")
    patch = site.folder / "patch"
    patch.mkdir()
    (patch / "sitecustomize.py").write_text(_SITECUSTOMIZE)
    paths = (patch, ROOT / "service", ROOT / "backends", ROOT)
    variables = {
        "PYTHONPATH": os.pathsep.join(map(str, paths)),
        "VAU_TEST_CLOCK": str(offset),
    }
    with (
        soak_server(site.folder, bundle, variables=variables, settings=TERMS) as server,
        crowd(server, OTHERS) as others,
    ):
        for jump in _JUMPS:
            _replace(offset, str(jump))
            sleep(0.7)
            require(not error_of(server), "a stream that began after a jump failed")
        figures = others.finish_well(known)
        wait_for_slots(server, 0, SOON_S)
        assert server.log is not None
        entries = server.log.news()
    longest = max(entry["duration_s"] for entry in entries if entry["event"] == "ended")
    days = {entry["time"][:10] for entry in entries}
    figures |= {"longest_stream_s": longest, "jumped_s": DAY_S}
    require(not any("traceback" in entry for entry in entries), "a defect was logged", figures)
    require(0.0 < longest < SOON_S * 4, "a duration was taken from the wall clock", figures)
    require(len(days) >= len(_JUMPS), "the clock never jumped", figures)
    return figures


def _replace(file: Path, text: str) -> None:
    """Change a file at once, for whoever reads it meanwhile."""
    new = file.with_suffix(".new")
    new.write_text(text)
    new.replace(file)


CHECKS: Final = (
    Check("log-disk-full", "stderr is full: streams are served, exit 0", disk_full),
    Check(
        "log-reader-gone",
        "stderr is a closed pipe: streams are served, exit 0",
        log_reader_gone,
    ),
    Check(
        "clock-jumps",
        "a day forth and back: no stream ends, bits and durations stay right",
        clock_jumps,
    ),
)
