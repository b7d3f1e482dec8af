"""What runs on Ray are tried with: many short files, and workers that die at a chosen line."""

import json
import subprocess
from collections import Counter
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from tests.audio import recording
from tests.commands import VAU, environment
from tests.lively import write_lively_bundle

FILES: Final = 30
PATIENCE_S: Final = 300.0  # it starts many processes

# Python runs it as each process begins. Each file that a worker notes is counted. Of those that
# are named, it is killed once they are noted, or before their block is heard; or it waits with
# that until the run is told to stop. The threads that are left when Ray is left are told.
SITE: Final = """
import json, os, signal, threading, time
from pathlib import Path
folder = Path(__file__).parent
from vau.commands.transcribe import on_ray
from vau.commands.transcribe.on_ray import desk, worker
from vau.commands.transcribe.on_ray.parts import Part

def die(name):
    for number in range(json.loads((folder / "deaths.json").read_text()).get(name, 0)):
        try:
            (folder / f"died-{name}-{number}").touch(exist_ok=False)
        except FileExistsError:
            continue
        os.kill(os.getpid(), signal.SIGKILL)

add = Part.add
def noted(part, entry):
    add(part, entry)
    with (folder / "noted").open("ab", buffering=0) as file:
        file.write(entry.name.encode() + b"\\n")
    die(entry.name)
Part.add = noted

heard = worker.Worker._heard
def mortal(self, items, part):
    for item in items:
        die("before " + item.name.name)
        if (folder / f"wait-{item.name.name}").exists():
            (folder / "waiting").touch()
            while not self._order.stopping():
                time.sleep(0.05)
    return heard(self, items, part)
worker.Worker._heard = mortal

begin = desk.Desk.begin
def begun(self, block):
    die("desk")
    return begin(self, block)
desk.Desk.begin = begun

loaded = on_ray.loaded
def watched(address):
    driver = loaded(address)
    ray, init, shutdown = driver.ray, driver.ray.init, driver.ray.shutdown
    def joined(**said):
        init(**said)
        of_ray = set(threading.enumerate())
        def left():
            names = [thread.name for thread in set(threading.enumerate()) - of_ray]
            (folder / "threads").write_text("\\n".join(names))
            ray.init, ray.shutdown = init, shutdown
            shutdown()
        ray.shutdown = left
    ray.init = joined
    return driver
on_ray.loaded = watched
"""


@dataclass(frozen=True, slots=True)
class Mortal:
    """Processes that die as they were told, and what they noted before."""

    folder: Path

    @classmethod
    def at(cls, folder: Path, **deaths: int) -> "Mortal":
        """Prepare them; deaths: how often the worker that has noted a file dies of it."""
        folder.mkdir()
        (folder / "sitecustomize.py").write_text(SITE)
        mortal = cls(folder)
        mortal.sentence(**deaths)
        return mortal

    def sentence(self, **deaths: int) -> None:
        """Let others die from now on, and forget what was noted."""
        (self.folder / "deaths.json").write_text(json.dumps(deaths))
        (self.folder / "noted").write_text("")

    def variables(self) -> dict[str, str]:
        """Return what stands in their environment."""
        return {"PYTHONPATH": f"{self.folder}:{environment()['PYTHONPATH']}"}

    def deaths(self) -> int:
        """Return how many died."""
        return len(list(self.folder.glob("died-*")))

    def threads(self) -> list[str]:
        """Return what threads of the run were left when it left Ray."""
        return (self.folder / "threads").read_text().splitlines()

    def noted(self) -> Counter[str]:
        """Return how often each file was noted as finished."""
        return Counter((self.folder / "noted").read_text().split())


def vau(*arguments: object, **variables: str) -> "subprocess.CompletedProcess[str]":
    """Run a command to its end."""
    return subprocess.run(
        (*VAU, *map(str, arguments)),
        env=environment(**variables),
        capture_output=True,
        text=True,
        timeout=PATIENCE_S,
        check=False,
    )


def write_corpus(folder: Path, count: int = FILES) -> None:
    """Write a model, short recordings of unlike lengths, and one that is none."""
    write_lively_bundle(folder / "model")
    for seed in range(count):
        recording(folder / f"in/{seed}.flac", 0.1 + 0.05 * (seed % 7), seed)
    (folder / "in/bad.wav").write_bytes(b"no audio")


def contents(folder: Path) -> dict[str, bytes]:
    """Return what was written, without the journal."""
    return {
        path.relative_to(folder).as_posix(): path.read_bytes()
        for path in folder.rglob("*.*")
        if path.is_file() and path.name != "manifest.jsonl"
    }
