"""What the engine on Ray is made of, tried without Ray."""

import errno
import json
import sys
from collections.abc import Generator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from types import SimpleNamespace

import fsspec
import pytest
from fsspec.implementations.local import LocalFileSystem

from tests.audio import recording
from tests.commands import vau
from tests.lively import write_lively_bundle
from tests.transcriptions import transcribed
from vau.commands.transcribe import on_ray
from vau.commands.transcribe.items import Item, find_items, named_apart
from vau.commands.transcribe.journal import Entry, Journal
from vau.commands.transcribe.on_ray.blocks import FILES_PER_BLOCK, Block, cut
from vau.commands.transcribe.on_ray.desk import Desk
from vau.commands.transcribe.on_ray.parts import Part, gathered
from vau.commands.transcribe.on_ray.shelf import Shelf
from vau.commands.transcribe.on_ray.worker import ATTEMPTS, Answer, Order, Worker
from vau.commands.transcribe.plan import Outcome, TranscribePlan
from vau.commands.transcribe.run import transcribe_all
from vau.errors import ConfigInvalid, VauError
from vau.model import find_model
from vau.transcripts import Output
from vau.wholefile import Unwritable


def numbered(count: int) -> list[tuple[int, Item]]:
    return [(index, Item(Path(f"{index}.wav"), Path(str(index)))) for index in range(count)]


# --- blocks ------------------------------------------------------------------------------


@pytest.mark.parametrize("workers", [1, 2, 5])
def test_blocks_hold_every_item_once_in_order_and_cost_alike(workers: int) -> None:
    durations_s = [1.0 + index % 7 for index in range(200)]
    blocks = cut(numbered(200), durations_s, workers=workers)
    assert [pair for block in blocks for pair in block.numbered] == numbered(200)
    costs_s = [block.cost_s for block in blocks]
    assert sum(costs_s) == sum(durations_s)
    assert max(costs_s[:-1]) - min(costs_s[:-1]) <= max(durations_s)
    assert len(blocks) >= 3 * workers


def test_what_is_long_is_begun_first() -> None:
    blocks = cut(numbered(101), [1.0] * 100 + [500.0], workers=2)
    assert blocks[0].numbered[-1] == numbered(101)[100]
    assert len(blocks) > 1


def test_a_block_has_no_more_files_than_its_part_of_the_journal_bears() -> None:
    blocks = cut(numbered(5_000), [0.0] * 5_000, workers=1)
    assert max(len(block.numbered) for block in blocks) == FILES_PER_BLOCK
    assert cut([], [], workers=2) == []


# --- the journal in parts -----------------------------------------------------------------


def entry(name: str) -> Entry:
    done = transcribed([[]], 10)
    return Journal(Path()).entry_of(done, Path(name), "options", [])


@pytest.fixture(params=["folder", "memory"])
def shelf(request: pytest.FixtureRequest, tmp_path: Path) -> Shelf:
    at = tmp_path / "out"
    return Shelf(str(at) if request.param == "folder" else f"memory://{at}")


def test_parts_of_a_run_become_the_journal_behind_a_line_that_was_cut_short(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.prepare()
    shelf.write("manifest.jsonl", entry("old").line + b'{"cut sho')
    for block, names in enumerate(("ab", "c")):
        part = Part.of(shelf, "run", block)
        for name in names:
            part.add(entry(name))
    assert Part.of(shelf, "run", 0).entries == {name: entry(name) for name in "ab"}
    assert set(gathered(shelf)) == {"old", "a", "b", "c"}
    assert shelf.names("manifest.parts") == []
    assert not (tmp_path / "out/manifest.parts").exists()
    lines = shelf.read("manifest.jsonl").splitlines()
    assert [json.loads(line)["name"] for line in lines if line.endswith(b"}")] == [
        *("old", "a", "b", "c")
    ]
    assert gathered(shelf) == gathered(shelf)


def test_what_is_added_to_a_part_while_it_is_put_into_the_journal_is_kept(
    shelf: Shelf, monkeypatch: pytest.MonkeyPatch
) -> None:
    part = Part.of(shelf, "run", 0)
    part.add(entry("a"))
    write = Shelf.write

    def write_and_add(shelf: Shelf, at: str, content: bytes) -> None:
        write(shelf, at, content)
        if at == "manifest.jsonl":
            part.add(entry("b"))

    with monkeypatch.context() as patched:
        patched.setattr(Shelf, "write", write_and_add)
        assert set(gathered(shelf)) == {"a"}
    assert set(gathered(shelf)) == {"a", "b"}
    assert shelf.names("manifest.parts") == []


def test_what_a_killed_worker_left_among_the_parts_is_removed(
    shelf: Shelf, tmp_path: Path
) -> None:
    shelf.write("manifest.parts/.run-0000000.jsonl.0f.tmp", b"cut sho")
    gathered(shelf)
    assert shelf.names("manifest.parts") == []
    (tmp_path / "there/manifest.parts").mkdir(parents=True)
    (tmp_path / "there/manifest.parts/.run-0000000.jsonl.0f.tmp").touch()
    Journal(tmp_path / "there").mend()
    assert not (tmp_path / "there/manifest.parts").exists()


def test_what_a_killed_worker_left_among_the_transcripts_is_removed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    (tmp_path / ".a.ctm.123.tmp").touch()
    output = Output(tmp_path, ("ctm",))
    plan = TranscribePlan(model="m", backend="muntaniala", engine="ray", output=output)
    driver = SimpleNamespace(
        recalled=lambda plan: gathered(Shelf(plan.place)),
        outcomes=lambda *_: (pair for pair in list[Outcome]()),
    )
    monkeypatch.setattr(on_ray, "loaded", lambda _address: driver)
    item = Item(tmp_path / "a.wav", Path("a"))
    transcribe_all([item], plan, print, print, lambda *_: 0, warn=print)
    assert list(tmp_path.iterdir()) == []


def test_a_run_without_ray_takes_in_the_parts_of_one_with_it(tmp_path: Path) -> None:
    Part.of(Shelf(str(tmp_path)), "run", 0).add(entry("a"))
    journal = Journal(tmp_path)
    journal.mend()
    journal.mend()
    assert journal.path.read_bytes() == entry("a").line
    assert [path.name for path in tmp_path.iterdir()] == ["manifest.jsonl"]


def test_no_recording_may_take_the_place_of_the_parts(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"manifest\.parts, which is the journal"):
        named_apart([Item(tmp_path / "a.wav", Path("manifest.parts/a"))])


def test_what_is_written_is_there_whole_and_nothing_else_is(
    shelf: Shelf, tmp_path: Path
) -> None:
    (tmp_path / "file").write_bytes(b"content")
    shelf.prepare()
    shelf.put(tmp_path / "file", "x/y.npz")
    shelf.write("x/z.npz", b"content")
    assert shelf.names("x") == ["x/y.npz", "x/z.npz"]
    assert shelf.sha256_of("x/y.npz") == shelf.sha256_of("x/z.npz") != ""
    assert (shelf.read("none"), shelf.sha256_of("none"), shelf.names("none")) == (b"", "", [])


def test_what_cannot_be_read_has_no_digest(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    shelf, journal = Shelf(str(tmp_path)), Journal(tmp_path)
    for at in ("none", "folder", "a\0b"):
        assert shelf.sha256_of(at) == journal.sha256_of(at) == ""


class Full(LocalFileSystem):  # type: ignore[misc]
    """A folder on a disk that is full."""

    protocol = "full"

    def pipe_file(self, path: str, value: bytes, mode: str = "overwrite") -> None:
        super().pipe_file(path, value[: len(value) // 2], mode)
        raise OSError(errno.ENOSPC, "No space left on device")


def test_what_is_cut_short_is_not_there(tmp_path: Path) -> None:
    fsspec.register_implementation("full", Full, clobber=True)
    shelf = Shelf(f"full://{tmp_path}/out")
    with pytest.raises(Unwritable, match=r"a/b: OSError: .*No space left on device"):
        shelf.write("a/b", b"content")
    assert list((tmp_path / "out/a").iterdir()) == []


class Crowded(LocalFileSystem):  # type: ignore[misc]
    """A folder in which somebody else makes each folder just before we do, as of ftp."""

    protocol = "crowded"

    def makedirs(self, path: str, exist_ok: bool = False) -> None:  # noqa: ARG002
        for each in (*reversed(Path(path).parents), Path(path)):
            if not each.exists():
                each.mkdir()
                raise ValueError("550 File exists.")


def test_a_folder_may_be_made_by_several_at_a_time(tmp_path: Path) -> None:
    fsspec.register_implementation("crowded", Crowded, clobber=True)
    shelf = Shelf(f"crowded://{tmp_path}/out")
    shelf.prepare()
    shelf.write("a/b/c/d", b"content")
    assert shelf.read("a/b/c/d") == b"content"


class Refusing(LocalFileSystem):  # type: ignore[misc]
    """A folder where nothing is renamed over a file, as of smb."""

    protocol = "refusing"

    def mv(self, path1: str, path2: str, **_: object) -> None:
        if self.exists(path2):
            raise FileExistsError(path2)
        super().mv(path1, path2)


class Silent(Refusing):
    """One that does not say so, as of webhdfs."""

    protocol = "silent"

    def mv(self, path1: str, path2: str, **_: object) -> None:
        with suppress(FileExistsError):
            super().mv(path1, path2)


class Stuck(LocalFileSystem):  # type: ignore[misc]
    """A folder where nothing is renamed at all, and nothing said."""

    protocol = "stuck"

    def mv(self, path1: str, path2: str, **_: object) -> None:
        pass


@pytest.mark.parametrize("kind", [Refusing, Silent])
def test_a_file_is_written_anew_where_nothing_is_renamed_over_another(
    kind: type[LocalFileSystem], tmp_path: Path
) -> None:
    fsspec.register_implementation(kind.protocol, kind, clobber=True)
    shelf = Shelf(f"{kind.protocol}://{tmp_path}/out")
    for content in (b"old", b"new", b"newest"):
        shelf.write("a", content)
    assert shelf.read("a") == b"newest"
    assert shelf.names("") == ["a"]


def test_what_cannot_be_renamed_is_said(tmp_path: Path) -> None:
    fsspec.register_implementation("stuck", Stuck, clobber=True)
    shelf = Shelf(f"stuck://{tmp_path}/out")
    with pytest.raises(Unwritable, match=r"out/a: .*tmp was written, but cannot be renamed"):
        shelf.write("a", b"content")
    assert shelf.names("") == []


@pytest.mark.parametrize("listed", [False, True])
def test_recordings_at_an_address_are_refused_by_name(tmp_path: Path, listed: bool) -> None:
    manifest = tmp_path / "manifest.tsv"
    manifest.write_text("utt\tpath\na\ts3://bucket/a.wav\n")
    paths = () if listed else (Path("s3://bucket/a.wav"),)
    with pytest.raises(
        ConfigInvalid, match=r"s3://?bucket/a\.wav.* folders: mount it, or copy"
    ):
        find_items(paths, manifest if listed else None)


def test_what_cannot_be_written_is_said_without_the_password(tmp_path: Path) -> None:
    (tmp_path / "file").touch()
    with pytest.raises(Unwritable, match=r"file/\.probe\S+: FileExistsError: .*another folder"):
        Shelf(str(tmp_path / "file")).prepare()
    with pytest.raises(
        ConfigInvalid, match=r"nosuch://host/x cannot be opened: .*docs/ray\.md"
    ):
        Shelf("nosuch://me:secret@host/x")


def test_a_folder_may_have_colons_in_its_name(tmp_path: Path) -> None:
    folder = tmp_path / "a::b"
    Shelf(str(folder)).write("c", b"content")
    assert (folder / "c").read_bytes() == b"content"


# --- a worker -----------------------------------------------------------------------------


@dataclass(slots=True)
class Trial:
    """A run of one block, as often as a test likes."""

    folder: Path
    desk: Desk
    order: Order

    def items(self) -> list[Item]:
        return find_items([self.folder / "in"])

    def answers(self) -> Generator[Answer, None, None]:
        """Begin the block with a new worker."""
        block = Block(0, list(enumerate(self.items())), cost_s=1.0)
        return Worker(self.order).answers(block)


@pytest.fixture
def trial(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Trial:
    monkeypatch.chdir(tmp_path)
    write_lively_bundle(tmp_path / "model")
    for seed in range(4):
        recording(tmp_path / f"in/{seed}.flac", 0.2, seed)
    (tmp_path / "in/bad.wav").write_bytes(b"no audio")
    desk = Desk()
    plan = TranscribePlan(
        model=str(tmp_path / "model"),
        backend="muntaniala",
        output=Output(tmp_path / "out", ("ctm",)),
    )
    digest = find_model(plan.model).digest
    order = Order(plan, "run", digest, str(tmp_path), desk.begin, desk.stopping)
    return Trial(tmp_path, desk, order)


def kinds(answers: list[Answer]) -> list[str]:
    return [
        type(answer).__name__ if isinstance(answer, VauError) else type(answer[1]).__name__
        for answer in answers
    ]


HEARD = ["Transcription"] * 4 + ["Failed"]


def test_who_takes_over_a_block_answers_as_often_and_hears_only_what_was_not_finished(
    trial: Trial,
) -> None:
    first = trial.answers()
    had = [next(first), next(first)]
    first.close()
    written = {path: path.stat().st_mtime_ns for path in (trial.folder / "out").glob("*.ctm")}
    again = list(trial.answers())
    assert kinds(had) == HEARD[:2]
    assert [place for place, _ in again] == list(range(5))  # type: ignore[misc]
    assert kinds(again)[-1] == "Failed"
    assert "Kept" in kinds(again)
    assert all(path.stat().st_mtime_ns == at for path, at in written.items())
    assert trial.desk.lost() == 1


def test_a_block_over_which_worker_after_worker_dies_ends_the_run(trial: Trial) -> None:
    for _ in range(ATTEMPTS):
        next(trial.answers())
        (part,) = (trial.folder / "out/manifest.parts").glob("*")
        part.unlink()
    answers = list(trial.answers())
    assert kinds(answers) == ["BackendFault"] * 6
    assert "4 workers died one after the other over the same files" in str(answers[-1])
    assert "in/0.flac" in str(answers[-1])
    assert "2 more; --resume goes on with the rest" in str(answers[-1])


def test_an_error_stands_behind_all_that_may_have_been_had(trial: Trial) -> None:
    (trial.folder / "out").write_text("no folder")
    answers = list(trial.answers())
    assert kinds(answers) == ["Unwritable"] * 6


def test_who_is_told_to_stop_answers_for_what_was_not_begun(trial: Trial) -> None:
    trial.desk.stop()
    assert list(trial.answers()) == [(place, None) for place in range(5)]


def test_another_model_of_the_same_name_is_refused(trial: Trial) -> None:
    trial.order = replace(trial.order, model_digest="other")
    assert "is another than where this run was started" in str(list(trial.answers())[-1])


def test_a_folder_that_a_node_lacks_is_named(trial: Trial) -> None:
    trial.order = replace(trial.order, folder="/no/such/folder")
    assert "/no/such/folder, where this run was started, is not on" in str(
        list(trial.answers())[-1]
    )


# --- the command --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (["--engine", "ray", "--server", "127.0.0.1:1"], "with --server the server computes"),
        (["--address", "127.0.0.1:1"], "add --engine ray"),
        (["--batch-size", "2", "--server", "127.0.0.1:1"], "with --server the server batches"),
        (["--engine", "ray", "--address", "ray://127.0.0.1:1"], "run this on one of its nodes"),
        (["--out", "s3://bucket/x"], "s3://bucket/x is no folder of this machine"),
        (["--out", "s3://b/x", "--engine", "ray", "--format", "kaldi"], "leave out kaldi"),
        (["--out", "file://elsewhere/x"], "names another host"),
    ],
)
def test_what_does_not_go_together_is_refused(arguments: list[str], said: str) -> None:
    done = vau("transcribe", "a.wav", *arguments)
    assert done.returncode == 2
    assert said in done.stderr


def test_without_ray_the_remedy_is_named_and_nothing_else_needs_it(tmp_path: Path) -> None:
    recording(tmp_path / "a.flac", 0.1)
    (tmp_path / "site").mkdir()
    (tmp_path / "site/ray.py").write_text("raise ImportError('no ray here')")
    paths = {"PYTHONPATH": ":".join([str(tmp_path / "site"), *sys.path])}
    given = ("transcribe", tmp_path / "a.flac", "--model", "munt-1x96-mfcc")
    done = vau(*given, "--out", tmp_path / "out", "--engine", "ray", **paths)
    assert done.returncode == 2
    assert "Ray is not installed here (no ray here); pip install 'vau[ray]'" in done.stderr
    assert vau(*given, "--out", (tmp_path / "there").as_uri(), **paths).returncode == 0
    assert (tmp_path / "there/a.jsonl").exists()
