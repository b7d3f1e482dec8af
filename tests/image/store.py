"""What buildah keeps, in a folder of this project, without a daemon and without a registry."""

import os
import subprocess
import sys
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path


class NotDone(Exception):
    """A tool failed; its last words are in the message."""


def say(words: str) -> None:
    """Tell on stderr what is being done."""
    print(f"image: {words}", file=sys.stderr, flush=True)


def done(command: Sequence[str | Path], **environment: str) -> str:
    """Run ``command`` and return what it printed. Raises NotDone if it fails."""
    ran = subprocess.run(
        command,
        env=os.environ | environment,
        stdin=subprocess.DEVNULL,
        capture_output=True,
        text=True,
        errors="replace",
        check=False,
    )
    if ran.returncode:
        told = "\n".join((ran.stdout + ran.stderr).strip().splitlines()[-40:])
        raise NotDone(f"{command[0]} ended with {ran.returncode}:\n{told}")
    return ran.stdout


@dataclass(frozen=True, slots=True)
class Store:
    """A folder of images and containers."""

    folder: Path

    def buildah(self, *arguments: str | Path) -> str:
        """Run buildah on this store and return what it printed, stripped."""
        command = [
            "buildah",
            "--storage-driver=vfs",
            f"--root={self.folder / 'store'}",
            f"--runroot={self.folder / 'run'}",
        ]
        return done([*command, *arguments], BUILDAH_ISOLATION="chroot").strip()
