"""The transcriber on workers of Ray gives what it gives without, whatever becomes of them."""

import json
import threading
from collections import Counter
from pathlib import Path
from typing import Final

import pytest

from tests.ray_runs import FILES, Mortal, contents, vau, write_corpus
from vau.commands.transcribe import on_ray
from vau.commands.transcribe.journal import Journal
from vau.commands.transcribe.plan import TranscribePlan
from vau.errors import Unreachable

pytestmark = pytest.mark.ray

FORMATS: Final = "jsonl,ctm,textgrid,srt,rttm,npz,audacity"


@pytest.fixture(scope="module")
def corpus(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("ray")
    write_corpus(folder)
    done = vau(*given(folder), "--out", folder / "here", "--jobs", 1)
    assert done.returncode == 1, done.stderr  # of the one that is no audio
    return folder


def given(corpus: Path) -> list[object]:
    return ["transcribe", corpus / "in", "--model", corpus / "model", "--format", FORMATS]


def test_a_killed_worker_loses_nothing_and_no_finished_file_is_heard_twice(
    corpus: Path, tmp_path: Path
) -> None:
    mortal = Mortal.at(tmp_path / "site", **{"3": 1, "20": 1})
    out = tmp_path / "out"
    (corpus / "in/bad.wav").rename(tmp_path / "bad.wav")
    try:
        ray = ("--engine", "ray", "--jobs", 2)
        done = vau(*given(corpus), "--out", out, *ray, **mortal.variables())
    finally:
        (tmp_path / "bad.wav").rename(corpus / "in/bad.wav")
    assert done.returncode == 0, done.stderr
    assert mortal.deaths() == 2
    assert "2 workers died; what was begun there went on elsewhere" in done.stderr
    assert contents(out) == contents(corpus / "here")
    names = Counter(str(seed) for seed in range(FILES))
    assert mortal.noted() == names
    lines = (out / "manifest.jsonl").read_text().splitlines()
    assert Counter(json.loads(line)["name"] for line in lines) == names


def test_three_workers_do_as_one_process_does_which_goes_on_where_they_were(
    corpus: Path, tmp_path: Path
) -> None:
    out, ray = tmp_path / "out", ("--engine", "ray", "--jobs", 3)
    done = vau(*given(corpus), "--out", out, *ray, "--progress", "jsonl")
    here = vau(*given(corpus), "--out", tmp_path / "here", "--progress", "jsonl")
    assert done.returncode == here.returncode == 1
    assert contents(out) == contents(corpus / "here")
    assert Journal(out).entries() == Journal(tmp_path / "here").entries()
    assert said(done.stderr) == said(here.stderr)
    assert done.stdout == ""

    (out / "7.ctm").unlink()
    again = vau(*given(corpus), "--out", out, "--resume")
    assert "1 heard, 29 left as they were, 1 failed" in again.stderr
    assert contents(out) == contents(corpus / "here")


def said(stderr: str) -> list[object]:
    """Return what was reported of each file, and at the end, without times."""
    found: list[object] = []
    for line in stderr.splitlines():
        if line.startswith("{"):
            fields = json.loads(line)
            found.append([fields[name] for name in ("file", "outcome", "error", "files", "of")])
        elif line.startswith("vau: ") and not line.startswith("vau: audio"):
            found.append(line)
    return found


class Lingering(threading.Thread):
    """Ends only if somebody waits for it."""

    def __init__(self) -> None:
        super().__init__(daemon=True)
        self._is_awaited = threading.Event()

    def run(self) -> None:
        self._is_awaited.wait()

    def join(self, timeout: float | None = None) -> None:
        self._is_awaited.set()
        super().join(timeout)


def test_what_ray_began_has_ended_before_it_is_left() -> None:
    began = Lingering()
    with on_ray.loaded("auto").without_threads_left():
        began.start()
    assert not began.is_alive()


def test_a_node_that_does_not_start_is_said(monkeypatch: pytest.MonkeyPatch) -> None:
    driver = on_ray.loaded("auto")

    def init(**_: object) -> None:
        raise Exception("The current node timed out during startup.")  # noqa: TRY002 - as Ray

    monkeypatch.setattr(driver.ray, "init", init)
    plan = TranscribePlan(model="tiny", backend="muntaniala")
    with pytest.raises(
        Unreachable, match="no cluster of Ray at this machine: The current node"
    ):
        next(driver.outcomes(plan, [], [], print, lambda: False))
