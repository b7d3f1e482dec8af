"""What a run that was cut off left behind is not done again, unless something changed."""

import json
import os
import signal
import subprocess
import sys
from collections.abc import Callable
from dataclasses import asdict, replace
from pathlib import Path
from typing import Final

import pytest

from tests.audio import recording
from tests.commands import environment, vau
from tests.lively import LIVELY, write_lively_bundle
from tests.models import write_tiny_bundle
from tests.serving import floating, muntaniala, serving
from tests.transcriptions import transcribed
from vau.commands.transcribe.items import Item, check_names, find_items
from vau.commands.transcribe.journal import Journal
from vau.commands.transcribe.plan import Kept, TranscribePlan, in_order
from vau.commands.transcribe.run import transcribe as transcribe_some
from vau.commands.transcribe.run import transcribe_all
from vau.errors import ConfigInvalid, VauError
from vau.transcripts import Output

NAMES: Final = ("a", "b", "c")
SIGNALLED: Final = """
import os, signal, sys
number, last = int(sys.argv.pop(1)), int(sys.argv.pop(1))
from vau.commands.transcribe.journal import Journal
add, count = Journal.add, 0
def add_and_die(journal, entry):
    global count
    add(journal, entry)
    count += 1
    if count == last:
        os.kill(os.getpid(), number)
Journal.add = add_and_die
from vau.cli import main
sys.exit(main())
"""


@pytest.fixture
def corpus(tmp_path: Path) -> Path:
    write_lively_bundle(tmp_path / "model")
    for seed, name in enumerate(NAMES):
        recording(tmp_path / f"in/{name}.flac", 0.2, seed)
    return tmp_path


def plan(
    corpus: Path, *, resume: bool = True, jobs: int = 1, server: str = ""
) -> TranscribePlan:
    return TranscribePlan(
        model="" if server else str(corpus / "model"),
        backend="" if server else "muntaniala",
        server=server,
        jobs=jobs,
        output=Output(corpus / "out", ("jsonl", "ctm")),
        resume=resume,
    )


def ignore(_done_s: float, _total_s: float) -> None:
    pass


def fail(error: VauError, _file: Path) -> int:
    raise error


def run(corpus: Path, chosen: TranscribePlan) -> None:
    transcribe_all(find_items([corpus / "in"]), chosen, ignore, print, fail, warn=print)


def recalled(corpus: Path) -> list[Item]:
    """Return the items of the corpus, with what the journal says of them."""
    entries = Journal(corpus / "out").entries()
    found = find_items([corpus / "in"])
    return [replace(item, before=entries[item.name.name]) for item in found]


def times(corpus: Path) -> dict[str, int]:
    """Return when each transcript was written."""
    files = (corpus / "out").glob("?.*")
    return {file.name: file.stat().st_mtime_ns for file in files}


def heard_again(corpus: Path, chosen: TranscribePlan) -> set[str]:
    before = times(corpus)
    run(corpus, chosen)
    after = times(corpus)
    assert len(after) == 2 * len(NAMES)
    return {name.partition(".")[0] for name, at in after.items() if before.get(name) != at}


@pytest.mark.parametrize("jobs", [1, 2])
def test_what_is_done_and_true_is_left_alone(corpus: Path, jobs: int) -> None:
    run(corpus, plan(corpus, resume=False, jobs=jobs))
    assert heard_again(corpus, plan(corpus, jobs=jobs)) == set()
    assert heard_again(corpus, plan(corpus, resume=False, jobs=jobs)) == set(NAMES)


def test_a_server_is_asked_what_it_hears_with(corpus: Path) -> None:
    with serving((LIVELY, muntaniala(LIVELY))) as served:
        chosen = plan(corpus, server=served.address, jobs=2)
        run(corpus, chosen)
        (corpus / "out/b.ctm").unlink()
        assert heard_again(corpus, chosen) == {"b"}
    with serving((LIVELY, floating(LIVELY))) as served:
        assert heard_again(corpus, plan(corpus, server=served.address)) == set(NAMES)


def change_audio(corpus: Path) -> None:
    recording(corpus / "in/b.flac", 0.2, seed=9)


def change_output(corpus: Path) -> None:
    with (corpus / "out/b.ctm").open("a") as file:
        file.write("more")


def remove_output(corpus: Path) -> None:
    (corpus / "out/b.jsonl").unlink()


def cut_line(corpus: Path) -> None:
    journal = corpus / "out/manifest.jsonl"
    lines = journal.read_bytes().splitlines(keepends=True)
    (wanted,) = (line for line in lines if b'"name": "b"' in line)
    others = [line for line in lines if line != wanted]
    journal.write_bytes(b"".join(others) + wanted[: len(wanted) // 2])


@pytest.mark.parametrize("change", [change_audio, change_output, remove_output, cut_line])
def test_what_changed_is_done_again_alone(corpus: Path, change: Callable[[Path], None]) -> None:
    run(corpus, plan(corpus))
    change(corpus)
    assert heard_again(corpus, plan(corpus)) == {"b"}
    assert heard_again(corpus, plan(corpus)) == set()


@pytest.mark.parametrize("option", ["formats", "decoder", "channel", "backend", "model"])
def test_other_options_do_it_all_again(corpus: Path, option: str) -> None:
    (corpus / "other").mkdir()
    write_tiny_bundle(corpus / "other", seed=7)
    first = plan(corpus)
    others = {
        "formats": replace(first, output=Output(corpus / "out", ("jsonl", "ctm", "srt"))),
        "decoder": replace(first, decoder="greedy"),
        "channel": replace(first, channel=1),
        "backend": replace(first, backend="muntaniala:2x2"),
        "model": replace(first, model=str(corpus / "other")),
    }
    run(corpus, first)
    before = times(corpus)
    run(corpus, others[option])
    after = times(corpus)
    assert all(after[name] != at for name, at in before.items())


def test_a_file_that_is_left_alone_counts_as_heard(corpus: Path) -> None:
    run(corpus, plan(corpus))
    items = recalled(corpus)
    told: list[tuple[float, float]] = []
    outcomes = transcribe_some(items, plan(corpus), lambda *seconds: told.append(seconds))
    kept = [outcome for _, outcome in in_order(items, outcomes)]
    assert kept == [Kept(item.file, 0.2) for item in items]
    assert told[-1] == pytest.approx((0.6, 0.6))


@pytest.mark.parametrize("where", ["here", "server"])
def test_who_stops_looks_at_no_other_file(corpus: Path, where: str) -> None:
    with serving((LIVELY, muntaniala(LIVELY))) as served:
        chosen = plan(corpus, server=served.address if where == "server" else "")
        run(corpus, chosen)
        items = recalled(corpus)
        assert len(list(transcribe_some(items, chosen, ignore))) == len(NAMES)
        assert list(transcribe_some(items, chosen, ignore, stopping=lambda: True)) == []


def test_lines_that_are_none_count_for_nothing(tmp_path: Path) -> None:
    journal = Journal(tmp_path)
    entry = journal.entry_of(transcribed([[]], 10), Path("x/a"), "options", [])
    wrong: tuple[dict[str, object], ...] = (
        {"outputs": []},
        {"outputs": {"/dev/zero": "without an end"}},
        {"outputs": {"../x": "of another folder"}},
        {"samples": 10**400},
        {"samples": 0},
        {"sha256": None},
    )
    lines = [json.dumps({**asdict(entry), **each}) for each in wrong]
    for line in ("", "[]", "{}", "[" * 100_000, *lines):
        with journal.path.open("a") as file:
            file.write(line + "\n")
    assert journal.entries() == {}
    journal.add(entry)
    journal.add(replace(entry, sha256="other"))
    with journal.path.open("a") as file:
        file.write('{"file": "cut sh')
    journal.mend()
    journal.add(replace(entry, name="\udcff"))
    assert journal.entries() == {
        "x/a": replace(entry, sha256="other"),
        "\udcff": replace(entry, name="\udcff"),
    }


def test_a_line_holds_as_long_as_all_of_it_does(corpus: Path) -> None:
    run(corpus, plan(corpus))
    journal, file = Journal(corpus / "out"), corpus / "in/a.flac"
    entry = journal.entries()["a"]
    engine = replace(
        transcribed([[]], 1).engine,
        model_digest=entry.model_digest,
        arithmetic_id=entry.arithmetic_id,
    )
    assert entry.holds(file, engine, entry.options, journal.sha256_of)
    for other in (
        replace(entry, file="other"),
        replace(entry, sha256="other"),
        replace(entry, model_digest="other"),
        replace(entry, arithmetic_id="other"),
        replace(entry, options="other"),
        replace(entry, outputs={"a.jsonl": "other"}),
    ):
        assert not other.holds(file, engine, entry.options, journal.sha256_of)


def test_no_recording_may_take_the_name_of_the_journal(tmp_path: Path) -> None:
    recording(tmp_path / "x/manifest.wav")
    with pytest.raises(ConfigInvalid, match=r"manifest\.jsonl, which is the journal"):
        check_names(find_items([tmp_path / "x/manifest.wav"]))
    check_names(find_items([tmp_path]))


def test_a_run_that_is_killed_goes_on_and_ends_like_one_that_was_not(corpus: Path) -> None:
    given = many(corpus)
    whole, cut = corpus / "whole", corpus / "cut"
    assert vau(*given, whole).returncode == 0
    assert signalled(signal.SIGKILL, 20, *given, cut).returncode == -signal.SIGKILL
    before = {path: path.stat().st_mtime_ns for path in cut.rglob("*.ctm")}
    assert len(before) < 40
    entries = Journal(cut).entries()
    assert len(entries) == 20
    assert vau(*given, cut, "--resume").returncode == 0
    paths = {cut / f"{name}.ctm" for name in entries}
    assert all(path.stat().st_mtime_ns == before[path] for path in paths)
    assert contents(cut) == contents(whole)
    assert len(Journal(cut).entries()) == 40


def test_an_interrupt_lets_the_files_under_way_end_and_the_rest_be_resumed(
    corpus: Path,
) -> None:
    given, out = many(corpus), corpus / "stopped"
    done = signalled(signal.SIGINT, 1, *given, out)
    assert done.returncode == 130
    said = done.stderr.splitlines()
    assert said[0] == "vau: the files under way are finished; again to stop at once"
    assert said[-1] == "vau: interrupted, 24 of 40 files not begun"
    assert len(Journal(out).entries()) == 16
    assert not list(out.rglob("*.tmp"))
    assert "24 heard, 16 left as they were" in vau(*given, out, "--resume").stderr


def many(corpus: Path) -> list[str]:
    """Return a command for forty files of one length."""
    for seed in range(40):
        recording(corpus / f"many/{seed}.flac", 0.1, seed)
    given = ["transcribe", str(corpus / "many"), "--model", str(corpus / "model")]
    return [*given, "--jobs", "1", "--format", "ctm,kaldi", "--out"]


def signalled(number: int, last: int, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """Run a command that gets a signal behind the last of so many lines of its journal."""
    return subprocess.run(
        [sys.executable, "-c", SIGNALLED, str(number), str(last), *map(str, arguments)],
        env=environment(),
        capture_output=True,
        text=True,
        check=False,
    )


def contents(folder: Path) -> dict[str, bytes]:
    return {
        path.relative_to(folder).as_posix(): path.read_bytes().replace(os.fsencode(folder), b"")
        for path in folder.rglob("*.*")
        if path.name != "manifest.jsonl"
    }
