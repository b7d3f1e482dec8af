"""An image at work: started and probed as it says itself, and asked from outside.

Neither Docker nor Podman starts a container where there are no control groups to be had, in a
machine within a machine for example. What matters of a container here is a few mounts and a few
system calls: ``tests/image/inside.py``.
"""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from time import monotonic, sleep
from typing import Any, Final

from tests.commands import ROOT, children
from tests.image.speech import heard_by_server, heard_here
from tests.image.store import NotDone, done

FETCH: Final = "import sys, urllib.request as u; print(u.urlopen(sys.argv[1]).read().decode())"
VOLUME: Final = "run/vau"
"""Where a volume is mounted that the server's user writes to."""
PATIENCE_S: Final = 300.0
"""For what must happen, on however busy a machine."""


def account(root: Path, uid: str) -> tuple[str, str]:
    """Return user and group of an image's USER, by its own list of accounts."""
    for line in (root / "etc/passwd").read_text().splitlines():
        _, _, user, group, *_ = line.split(":")
        if user == uid:
            return user, group
    raise NotDone(f"USER {uid} has no account in the image: useradd --uid {uid}")


def clean_environment(config: Mapping[str, Any]) -> list[str]:
    """Return the command before another that leaves it the variables of an image alone."""
    return ["/usr/bin/env", "-i", *config["Env"]]


@dataclass(frozen=True, slots=True)
class Container:
    """The command of an image that runs."""

    root: Path
    config: Mapping[str, Any]
    """Of the image: Entrypoint, Cmd, Env, User, Healthcheck."""
    process: "subprocess.Popen[bytes]"
    """What it runs in, which ends as it does."""
    log: Path

    @property
    def pid(self) -> int:
        """The command, as this machine counts its processes."""
        return children(self.process.pid)[0]

    def await_(self, holds: Callable[[], object], what: str) -> None:
        """Return once something holds. Raises NotDone if the command ends before."""
        begun_s = monotonic()
        while True:
            was_running = self.process.poll() is None
            if holds():
                return
            if not was_running or monotonic() - begun_s > PATIENCE_S:
                raise NotDone(f"waited in vain for {what}: {self.log.read_text()[-2000:]}")
            sleep(0.02)

    def outside(self) -> list[str]:
        """Return what runs a command of this machine, which sees the container's network."""
        return ["nsenter", f"--target={self.pid}", "--net", "--"]

    def is_healthy(self) -> bool:
        """Run the image's own HEALTHCHECK in the container, as its user."""
        kind, *command = self.config["Healthcheck"]["Test"]
        assert kind == "CMD"
        uid, gid = account(self.root, self.config["User"])
        entered = ["--net", "--mount", "--pid", "--ipc", "--uts", "--root", "--wd"]
        ran = subprocess.run(
            [
                *("nsenter", f"--target={self.pid}", *entered, f"--setuid={uid}"),
                *(f"--setgid={gid}", "--", *clean_environment(self.config), *command),
            ],
            capture_output=True,
            check=False,
        )
        return ran.returncode == 0

    def status(self) -> dict[str, str]:
        """Return what the kernel says of the process: Uid, Gid, NoNewPrivs, CapEff, CapBnd."""
        lines = Path(f"/proc/{self.pid}/status").read_text().splitlines()
        return {name: value.strip() for name, value in (each.split(":", 1) for each in lines)}

    def writable(self) -> list[str]:
        """Return which file systems of the container may be written to, /proc left out."""
        rows = Path(f"/proc/{self.pid}/mountinfo").read_text().splitlines()
        mounted = [row.split()[4:6] for row in rows]
        return [
            at
            for at, options in mounted
            if "ro" not in options.split(",") and not at.startswith(("/proc", "/dev/"))
        ]

    def said(self, event: str) -> dict[str, Any]:
        """Return the line of the log that tells of an event, waited for. Raises NotDone."""
        found: list[dict[str, Any]] = []

        def is_said() -> bool:
            *lines, _ = self.log.read_text().split("\n")
            entries = (json.loads(line) for line in lines if line.startswith("{"))
            found.extend(entry for entry in entries if entry["event"] == event)
            return bool(found)

        self.await_(is_said, f"{event!r} in the log")
        return found[0]

    def stop(self) -> int:
        """End the command as ``docker stop`` does; return its exit status."""
        os.kill(self.pid, signal.SIGTERM)
        return self.process.wait(PATIENCE_S)


@contextmanager
def started(
    root: Path, config: Mapping[str, Any], log: Path, *variables: str
) -> Iterator[Container]:
    """Run what an image is for, with these variables, too; kill it at the end if it runs.

    Whatever ends this process ends the container.
    """
    uid, gid = account(root, config["User"])
    apart = ["--mount", "--pid", "--net", "--ipc", "--uts", "--fork", "--kill-child"]
    inside = [sys.executable, "-m", "tests.image.inside", str(root), uid, gid]
    image = [*clean_environment(config), *variables, *config["Entrypoint"], *config["Cmd"]]
    with (
        log.open("wb") as file,
        subprocess.Popen(
            ["setpriv", "--pdeathsig=KILL", "unshare", *apart, *inside, *image],
            cwd=ROOT,
            stdin=subprocess.DEVNULL,
            stdout=file,
            stderr=file,
        ) as process,
    ):
        container = Container(root, config, process, log)
        try:
            container.await_(lambda: children(process.pid), "the command")
            yield container
        finally:
            process.kill()


def at_work(root: Path, config: Mapping[str, Any], clip: Path) -> dict[str, Any]:
    """Start an image, let it hear a recording, stop it, and return what was seen."""
    begun_s = monotonic()
    with TemporaryDirectory(prefix="vau-image-") as name:
        folder = Path(name)
        with started(root, config, folder / "log", "VAU_WEB=1") as container:
            container.await_(container.is_healthy, "health")
            start_up_s = monotonic() - begun_s
            status, writable = container.status(), container.writable()
            listening = container.said("listening")
            page = done([*container.outside(), sys.executable, "-c", FETCH, listening["web"]])
            there = heard_by_server(clip, container.outside())
            ended = container.stop()
        here = heard_here(clip, folder)
    return {
        "start_up_s": round(start_up_s, 2),
        "healthcheck": "SERVING",
        "uid": int(status["Uid"].split()[0]),
        "gid": int(status["Gid"].split()[0]),
        "capabilities": int(status["CapEff"], 16) | int(status["CapBnd"], 16),
        "no_new_privileges": status["NoNewPrivs"] == "1",
        "read_only_root": not writable,
        "writable": writable,
        "tiers": listening["tiers"],
        "has_page": "<title>" in page,
        "volume_uid": (root / VOLUME).stat().st_uid,
        "phones": there.text,
        "phones_equal": there.phones == here.phones,
        "digests_equal": there.bits == here.bits,
        "exit_status": ended,
    }
