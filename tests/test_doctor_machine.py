"""What ``vau doctor`` says of cores, memory, pace, limits, clock and folders."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from vau.commands.doctor import machine, places
from vau.commands.doctor.check import Check

NOW_S = 1_800_000_000.0


JUDGED = [
    (machine.cores(4, 8, None), "ok", "4 of 8 cores may be used"),
    (machine.cores(4, 8, 2.5), "ok", "2 servers behind a balancer"),
    (machine.cores(1, 1, None), "ok", "a server computes on one core"),
    (machine.cores(4, 8, 0.5), "warning", "a quota of 0.5"),
    (machine.memory(4000), "ok", "4000 MiB free"),
    (machine.memory(500), "warning", "500 MiB free"),
    (machine.memory(100), "problem", "100 MiB free"),
    (machine.memory(None), "note", "does not say"),
    (machine.load(0.1, 2), "ok", "0.10"),
    (machine.load(1.5, 2), "warning", "something else computes"),
    (machine.blas({}), "ok", "one thread"),
    (machine.blas({"OMP_NUM_THREADS": "1"}), "ok", "one thread"),
    (machine.blas({"OMP_NUM_THREADS": "8"}), "warning", "OMP_NUM_THREADS=8"),
    (machine.descriptors(1024, 64), "ok", "1024 open files"),
    (machine.descriptors(1024, None), "ok", "1024 open files"),
    (machine.descriptors(-1, 4000), "ok", "no limit"),
    (machine.descriptors(1024, 1000), "problem", "take 1064"),
    (machine.clock(NOW_S, True), "ok", "synchronised"),
    (machine.clock(NOW_S, None), "ok", "does not say"),
    (machine.clock(NOW_S, False), "note", "not synchronised"),
    (machine.clock(0.0, True), "problem", "before this was built"),
]


@pytest.mark.parametrize(
    ("check", "status", "says"),
    JUDGED,
    ids=[f"{check.name}-{number}" for number, (check, *_) in enumerate(JUDGED)],
)
def test_the_machine_is_judged(check: Check, status: str, says: str) -> None:
    assert check.status == status
    assert says in f"{check.found}; {check.meaning}"
    if status in {"warning", "problem"}:
        assert check.remedy


def written(root: Path, files: dict[str, str]) -> Path:
    for name, text in files.items():
        file = root / name
        file.parent.mkdir(parents=True, exist_ok=True)
        file.write_text(text)
    return root


@pytest.mark.parametrize(
    ("files", "quota"),
    QUOTAS := [
        ({}, None),
        ({"proc/self/cgroup": "0::/a/b\n"}, None),
        (
            {"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n"},
            1.5,
        ),
        ({"proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/cpu.max": "50000 100000\n"}, 0.5),
        ({"proc/self/cgroup": "0::/\n", "sys/fs/cgroup/cpu.max": "max 100000\n"}, None),
        (
            {
                "proc/self/cgroup": "0::/a/b\n",
                "sys/fs/cgroup/a/cpu.max": "50000 100000\n",
                "sys/fs/cgroup/a/b/cpu.max": "150000 100000\n",
            },
            0.5,
        ),
        (
            {
                "proc/self/cgroup": "3:cpu,cpuacct:/a\n2:memory:/\n",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_quota_us": "200000\n",
                "sys/fs/cgroup/cpu,cpuacct/a/cpu.cfs_period_us": "100000\n",
            },
            2.0,
        ),
        (
            {
                "proc/self/cgroup": "3:cpu:/\n",
                "sys/fs/cgroup/cpu/cpu.cfs_quota_us": "-1\n",
                "sys/fs/cgroup/cpu/cpu.cfs_period_us": "100000\n",
            },
            None,
        ),
    ],
    ids=map(str, range(len(QUOTAS))),
)
def test_a_quota_of_either_version_is_found_wherever_it_is_set(
    tmp_path: Path, files: dict[str, str], quota: float | None
) -> None:
    root = written(tmp_path, files)
    assert machine.cpu_quota(root / "proc", root / "sys") == quota


@pytest.mark.parametrize(
    ("files", "mib"),
    ROOMS := [
        ({}, None),
        ({"proc/meminfo": "MemTotal: 9 kB\nMemAvailable:  2097152 kB\n"}, 2048),
        (
            {
                "proc/meminfo": "MemAvailable:  2097152 kB\n",
                "proc/self/cgroup": "0::/a\n",
                "sys/fs/cgroup/a/memory.max": f"{300 << 20}\n",
                "sys/fs/cgroup/a/memory.current": f"{100 << 20}\n",
            },
            200,
        ),
        (
            {
                "proc/meminfo": "MemAvailable:  2097152 kB\n",
                "proc/self/cgroup": "2:memory:/a\n",
                "sys/fs/cgroup/memory/a/memory.limit_in_bytes": f"{600 << 20}\n",
                "sys/fs/cgroup/memory/a/memory.usage_in_bytes": f"{100 << 20}\n",
            },
            500,
        ),
    ],
    ids=map(str, range(len(ROOMS))),
)
def test_memory_is_what_machine_and_control_groups_leave(
    tmp_path: Path, files: dict[str, str], mib: int | None
) -> None:
    root = written(tmp_path, files)
    assert machine.available_mib(root / "proc", root / "sys") == mib


@pytest.mark.parametrize(
    ("kinds", "status"),
    [([], "ok"), (["performance"], "ok"), (["performance", "powersave"], "warning")],
)
def test_a_governor_that_saves_power_is_a_warning(
    tmp_path: Path, kinds: list[str], status: str
) -> None:
    for core, kind in enumerate(kinds):
        file = f"devices/system/cpu/cpu{core}/cpufreq/scaling_governor"
        written(tmp_path, {file: f"{kind}\n"})
    assert machine.governor(tmp_path).status == status


def test_a_core_whose_governor_cannot_be_read_is_left_out(tmp_path: Path) -> None:
    cores = tmp_path / "devices/system/cpu"
    (cores / "cpu0/cpufreq/scaling_governor").mkdir(parents=True)
    assert machine.governor(tmp_path).status == "ok"
    written(cores, {"cpu1/cpufreq/scaling_governor": "powersave\n"})
    assert "powersave" in machine.governor(tmp_path).found


def test_this_machine_can_be_looked_at() -> None:
    assert machine.available_mib() is None or machine.available_mib()
    assert machine.is_synchronised() in {True, False, None}


def test_a_folder_with_room_is_well_even_before_it_is_there(tmp_path: Path) -> None:
    check = places.folder("places.cache", tmp_path / "to/be", "why", "XDG_CACHE_HOME")
    assert check.status == "ok"
    assert "MiB free" in check.found
    assert not (tmp_path / "to").exists()


def _a_file(path: Path) -> Path:
    path.write_text("")
    return path


@pytest.mark.parametrize(
    "made",
    [lambda _: Path("/proc"), lambda folder: _a_file(folder / "file")],
    ids=["read-only", "file"],
)
def test_a_folder_that_cannot_be_written_to_is_a_warning(
    tmp_path: Path, made: Callable[[Path], Path]
) -> None:
    check = places.folder("places.cache", made(tmp_path), "why", "XDG_CACHE_HOME")
    assert check.status == "warning"
    assert "XDG_CACHE_HOME" in check.remedy


def test_a_folder_without_room_is_a_warning(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    free_mib = os.statvfs(tmp_path).f_bavail * os.statvfs(tmp_path).f_frsize >> 20
    monkeypatch.setattr(places, "LEAST_MIB", free_mib * 2 + 1)
    assert places.folder("places.cache", tmp_path, "why", "XDG_CACHE_HOME").status == "warning"
