"""Become a container: ``python -m tests.image.inside ROOT UID GID COMMAND...``.

Starts as root in new namespaces of mounts, processes, network, IPC and host name, and goes on
as the command of an image: under ROOT, which it cannot write to, without privileges, on a
network of its own in which there is nothing but loopback.
"""

import fcntl
import os
import socket
import struct
import subprocess
import sys
from pathlib import Path
from typing import Final

DEVICES: Final = ("full", "null", "random", "urandom", "zero")
SIOCSIFFLAGS: Final = 0x8914  # linux/sockios.h
IFF_UP: Final = 1  # linux/if.h


def mount(*arguments: str | Path) -> None:
    subprocess.run(["mount", *arguments], check=True)


def loopback_up() -> None:
    with socket.socket(socket.AF_INET, socket.SOCK_DGRAM) as any_socket:
        fcntl.ioctl(any_socket, SIOCSIFFLAGS, struct.pack("16sh14x", b"lo", IFF_UP))


def seal(root: Path) -> None:
    """Make ``root`` a file system for reading alone, with /proc and a few devices."""
    mount("--bind", root, root)
    mount("-t", "tmpfs", "-o", "size=64k,mode=755", "tmpfs", root / "dev")
    for name in DEVICES:
        (root / "dev" / name).touch()
        mount("--bind", f"/dev/{name}", root / "dev" / name)
    mount("-o", "remount,ro", root / "dev")
    mount("-t", "proc", "proc", root / "proc")
    mount("-o", "remount,bind,ro", root)


def main(root: Path, uid: str, gid: str, *command: str) -> None:
    loopback_up()
    seal(root)
    os.chroot(root)
    os.chdir("/")
    dropped = [
        "--pdeathsig=KILL",
        "--clear-groups",
        "--no-new-privs",
        "--inh-caps=-all",
        "--bounding-set=-all",
    ]
    os.execvp("setpriv", ["setpriv", f"--reuid={uid}", f"--regid={gid}", *dropped, *command])


if __name__ == "__main__":
    main(Path(sys.argv[1]), *sys.argv[2:])
