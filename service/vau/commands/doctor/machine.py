"""Cores, memory, pace, limits and clock of this machine."""

import ctypes
import os
import resource
from contextlib import suppress
from pathlib import Path
from time import time
from typing import Final

from vau.commands.doctor.check import Asked, Check, Checks, plural

SYS: Final = Path("/sys")
PROC: Final = Path("/proc")
LEAST_MIB, ENOUGH_MIB = 256, 1024  # a server with the largest shipped model takes about 200
DESCRIPTORS_BESIDE: Final = 64  # files, sockets and pipes of a server without any stream
BLAS: Final = ("OPENBLAS_NUM_THREADS", "OMP_NUM_THREADS", "MKL_NUM_THREADS")
BUILT_S: Final = 1_767_225_600  # 2026-01-01: this was written later
NOT_SYNCHRONISED: Final = 5  # TIME_ERROR of adjtimex(2)
TIMEX_BYTES: Final = 1024  # more than struct timex has anywhere


def examine(asked: Asked) -> Checks:
    """Look at the machine."""
    yield cores(len(os.sched_getaffinity(0)), os.cpu_count() or 1, cpu_quota())
    yield memory(available_mib())
    yield governor(SYS)
    yield load(os.getloadavg()[0], len(os.sched_getaffinity(0)))
    yield blas({name: os.environ[name] for name in BLAS if os.environ.get(name)})
    soft, _hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    yield descriptors(soft, asked.max_streams)
    yield clock(time(), is_synchronised())


def cores(allowed: int, present: int, quota: float | None) -> Check:
    """Judge the cores that this process may use. quota: of cores; None without one."""
    found = f"{allowed} of {plural(present, 'core')} may be used"
    found += "" if quota is None else f", with a quota of {quota:g}"
    if quota is not None and quota < 1.0:
        return Check(
            name="machine.cores",
            status="warning",
            found=found,
            meaning="a server computes on one core, and is stopped for the rest of each period "
            "once its quota is used up: answers come late in bursts",
            remedy="allow one core at least (cpu.max of its cgroup, --cpus, limits.cpu)",
        )
    usable = allowed if quota is None else min(allowed, int(quota))
    return Check(
        name="machine.cores",
        status="ok",
        found=found,
        meaning="a server computes on one core"
        + (f"; {usable} servers behind a balancer use them all" if usable > 1 else ""),
    )


def cpu_quota(proc: Path = PROC, system: Path = SYS) -> float | None:
    """Return the cores that control groups allow; None if none of ours has a limit."""
    quotas = [
        quota
        for folder in _groups(proc, system / "fs/cgroup", "cpu")
        if (quota := _quota(folder)) is not None
    ]
    return min(quotas, default=None)


def _quota(folder: Path) -> float | None:
    try:
        if (folder / "cpu.max").exists():  # version 2
            quota, period = (folder / "cpu.max").read_text(encoding="ascii").split()
            return None if quota == "max" else int(quota) / int(period)
        quota = (folder / "cpu.cfs_quota_us").read_text(encoding="ascii")
        period = (folder / "cpu.cfs_period_us").read_text(encoding="ascii")
    except (OSError, ValueError):
        return None
    return None if int(quota) < 0 else int(quota) / int(period)


def _groups(proc: Path, mount: Path, controller: str) -> list[Path]:
    """Return the folders of our control groups and those above them, of both versions."""
    try:
        lines = (proc / "self/cgroup").read_text(encoding="utf-8").splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        _, controllers, path = line.split(":", 2)
        if controllers and controller not in controllers.split(","):
            continue
        root = mount / controllers if controllers else mount
        here = root / path.lstrip("/")
        found += [
            each for each in (here, *here.parents) if each == root or root in each.parents
        ]
    return found


def available_mib(proc: Path = PROC, system: Path = SYS) -> int | None:
    """Return the memory that is free for us, MiB: of the machine and of our control groups."""
    try:
        lines = (proc / "meminfo").read_text(encoding="ascii").splitlines()
    except OSError:
        return None
    rooms = [int(line.split()[1]) >> 10 for line in lines if line.startswith("MemAvailable:")]
    for folder in _groups(proc, system / "fs/cgroup", "memory"):
        room = _room(folder)
        if room is not None:
            rooms.append(room)
    return min(rooms, default=None)


def _room(folder: Path) -> int | None:
    """Return what a control group leaves, MiB; None without a limit."""
    for limit, used in (
        ("memory.max", "memory.current"),
        ("memory.limit_in_bytes", "memory.usage_in_bytes"),
    ):
        try:
            most = (folder / limit).read_text(encoding="ascii").strip()
            now = int((folder / used).read_text(encoding="ascii"))
        except (OSError, ValueError):
            continue
        return None if most == "max" else (int(most) - now) >> 20
    return None


def memory(available: int | None) -> Check:
    """Judge the memory that is free, MiB."""
    if available is None:
        return Check(name="machine.memory", status="note", found="the system does not say")
    found = f"{available} MiB free"
    if available >= ENOUGH_MIB:
        return Check(name="machine.memory", status="ok", found=found)
    return Check(
        name="machine.memory",
        status="problem" if available < LEAST_MIB else "warning",
        found=found,
        meaning="a server with the largest shipped model takes about 200 MiB, and more with "
        "each backend and stream",
        remedy="free some, allow more, or serve --model munt-1x192",
    )


def governor(system: Path) -> Check:
    """Judge how the clock of the cores is chosen."""
    files = sorted((system / "devices/system/cpu").glob("cpu[0-9]*/cpufreq/scaling_governor"))
    read = set()
    for file in files:
        with suppress(OSError):  # of a core that is switched off
            read.add(file.read_text(encoding="ascii").strip())
    kinds = sorted(read)
    if not kinds:
        return Check(
            name="machine.governor",
            status="ok",
            found="the system does not say how fast its cores are to run",
            meaning="so it is in most virtual machines",
        )
    if "powersave" in kinds:
        return Check(
            name="machine.governor",
            status="warning",
            found=f"the CPU frequency governor is {', '.join(kinds)}",
            meaning="cores that wait for audio run slowly when it comes: answers are later",
            remedy="cpupower frequency-set -g performance (as root)",
        )
    return Check(
        name="machine.governor",
        status="ok",
        found=f"the CPU frequency governor is {', '.join(kinds)}",
    )


def load(load_1min: float, usable: int) -> Check:
    """Judge what else computes."""
    found = f"{load_1min:.2f} over the last minute, on {plural(usable, 'core')}"
    if load_1min < usable / 2:
        return Check(name="machine.load", status="ok", found=found)
    return Check(
        name="machine.load",
        status="warning",
        found=found,
        meaning="something else computes: what is measured meanwhile is less than this machine "
        "could carry alone",
        remedy="look again when it is quiet, or leave it so if it will be like that",
    )


def blas(variables: dict[str, str]) -> Check:
    """Judge the threads of BLAS."""
    more = {name: value for name, value in variables.items() if value != "1"}
    if not more:
        return Check(
            name="machine.blas",
            status="ok",
            found="one thread of BLAS, as vau sets it unless told otherwise",
        )
    given = " ".join(f"{name}={value}" for name, value in more.items())
    return Check(
        name="machine.blas",
        status="warning",
        found=given,
        meaning="threads of BLAS wait for each other over matrices as small as ours",
        remedy=f"unset {' '.join(more)}",
    )


def descriptors(limit: int, max_streams: int | None) -> Check:
    """Judge how many files and connections a server may have open."""
    streams = 64 if max_streams is None else max_streams
    wanted = streams + DESCRIPTORS_BESIDE
    found = "no limit on open files" if limit < 0 else f"{limit} open files are allowed"
    if limit < 0 or limit >= wanted:
        return Check(name="machine.files", status="ok", found=found)
    return Check(
        name="machine.files",
        status="problem",
        found=found,
        meaning=f"{plural(streams, 'stream')}, each on a connection of its own, take {wanted}",
        remedy=f"ulimit -n {wanted}; in a unit of systemd LimitNOFILE={wanted}",
    )


def clock(now_s: float, synchronised: bool | None) -> Check:
    """Judge the clock. now_s: seconds since the epoch."""
    if now_s < BUILT_S:
        return Check(
            name="machine.clock",
            status="problem",
            found="the clock says a time before this was built",
            meaning="certificates are refused, and what is sealed for resumption with them",
            remedy="set the clock, or start the service that does",
        )
    if synchronised is False:
        return Check(
            name="machine.clock",
            status="note",
            found="the system says that its clock is not synchronised",
            meaning="servers that resume each other's streams must agree on the time, and "
            "certificates have one",
            remedy="start a service that does it: systemd-timesyncd, chrony",
        )
    return Check(
        name="machine.clock",
        status="ok",
        found="synchronised" if synchronised else "the system does not say whether it is right",
    )


def is_synchronised() -> bool | None:
    """Tell what the kernel says of its clock; None if it does not."""
    try:
        state = ctypes.CDLL(None).adjtimex(ctypes.create_string_buffer(TIMEX_BYTES))
    except (OSError, AttributeError):
        return None
    return None if state < 0 else bool(state != NOT_SYNCHRONISED)
