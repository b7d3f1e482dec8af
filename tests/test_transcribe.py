import io
import json
import multiprocessing
import os
from collections.abc import Iterator
from dataclasses import replace
from itertools import permutations
from pathlib import Path

import pytest

from tests.audio import encoded, noise, recording
from tests.lively import LIVELY, write_lively_bundle
from tests.manifests import manifest
from tests.serving import muntaniala, serving
from vau.commands.transcribe.items import (
    Item,
    check_names,
    check_utterances,
    find_items,
    named_apart,
    paths_of,
)
from vau.commands.transcribe.plan import Kept, TranscribePlan, in_order
from vau.commands.transcribe.run import duration_s, long_first, transcribe, transcribe_all
from vau.errors import ConfigInvalid, VauError
from vau.transcripts import Output, OutputFormat, Transcription


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpus")
    write_lively_bundle(folder / "model")
    for name in ("b/two.flac", "b/ONE.FLAC", "a.x.flac"):
        recording(folder / "audio" / name, 0.3)
    (folder / "audio/notes.txt").write_text("not audio")
    return folder


def test_a_manifest_says_where_files_are_and_what_they_are_called(tmp_path: Path) -> None:
    recording(tmp_path / "audio/0.flac", 0.1)
    row = {"utterance": "s1/first", "path": "audio/0.flac"}
    table = manifest(tmp_path, "audio/0.flac|s1/first", columns="path utt")
    lines = tmp_path / "manifest.JSONL"
    lines.write_text(f"{json.dumps(row)}\n\n")
    expected = [Item(tmp_path / "audio/0.flac", Path("s1/first"))]
    assert find_items([], table) == find_items([], lines) == expected
    assert find_items([tmp_path / "audio"], table)[1:] == expected


def test_of_a_manifest_a_split_alone_may_be_taken_and_the_first_of_it(tmp_path: Path) -> None:
    rows = ("a|a.wav|test", "b|b.wav|dev", "c|c.wav|test")
    table = manifest(tmp_path, *rows, columns="utt path split")

    def found(split: str, limit: int | None = None) -> list[str]:
        return [item.name.name for item in find_items([], table, split=split, limit=limit)]

    assert found("test") == ["a", "c"]
    assert found("test", 1) == ["a"]
    assert found("", 2) == ["a", "b"]
    with pytest.raises(ConfigInvalid, match="no split 'x'; it has dev, test"):
        found("x")


@pytest.mark.parametrize(
    ("utt", "why"),
    [
        ("../x", "line 2: utterance '../x' names no file below the output folder"),
        ("/x", "line 2: utterance '/x' names no file below"),
        ("", "line 2: utterance '' names no file below"),
        ("x|a.flac\nx", "line 3: utterance x is there already, in line 2"),
    ],
)
def test_a_name_that_no_transcript_may_have_is_refused(
    tmp_path: Path, utt: str, why: str
) -> None:
    with pytest.raises(ConfigInvalid, match=why):
        find_items([], manifest(tmp_path, f"{utt}|a.flac", columns="utt path"))


@pytest.mark.parametrize("listed", [b"a b.wav\n\n\xff.wav\n", b"a b.wav\0\xff.wav\0"])
def test_a_list_stands_in_the_place_of_a_dash(listed: bytes) -> None:
    found = paths_of([Path("x.wav"), Path("-"), Path("y")], io.BytesIO(listed))
    assert [os.fsencode(path) for path in found] == [b"x.wav", b"a b.wav", b"\xff.wav", b"y"]


def test_a_list_of_nothing_is_an_error() -> None:
    with pytest.raises(ConfigInvalid, match="the list on stdin is empty"):
        find_items(paths_of([Path("-")], io.BytesIO(b"\n")))


def test_folders_are_searched_and_files_taken_as_they_are(folder: Path) -> None:
    audio = folder / "audio"
    items = find_items([audio, audio / "notes.txt"])
    assert [item.name.as_posix() for item in items] == ["a.x", "b/ONE", "b/two", "notes"]
    assert items[0].file == audio / "a.x.flac"


def test_a_folder_may_hold_every_format_that_is_read(folder: Path, tmp_path: Path) -> None:
    kinds = {
        "wav": ("WAV", "PCM_16"),
        "flac": ("FLAC", "PCM_24"),
        "ogg": ("OGG", "VORBIS"),
        "opus": ("OGG", "OPUS"),
        "mp3": ("MP3", "MPEG_LAYER_III"),
        "sph": ("NIST", "PCM_16"),
    }
    for suffix, kind in kinds.items():
        (tmp_path / f"{suffix}.{suffix}").write_bytes(encoded(noise(4_800), *kind))
    items = find_items([tmp_path])
    assert {item.name.name for item in items} == set(kinds)
    chosen = TranscribePlan(model=str(folder / "model"), backend="muntaniala")
    for _, outcome in transcribe(items, chosen, ignore):
        assert isinstance(outcome, Transcription)
        assert outcome.samples == pytest.approx(4_800, abs=1_200)  # an mp3 has whole frames


def test_a_path_that_is_not_there_is_named(folder: Path) -> None:
    with pytest.raises(ConfigInvalid, match="absent: no such file or folder; check the path"):
        find_items([folder / "absent"])


def test_a_pattern_stands_for_the_paths_that_it_matches_by_name(tmp_path: Path) -> None:
    names = ("b.wav", "a.wav", "s/c.wav", "s/t/d.wav", "[x].wav", "x.wav")
    for name in names:
        (tmp_path / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / name).touch()

    def found(*patterns: str) -> list[str]:
        items = find_items([tmp_path / pattern for pattern in patterns])
        return [item.file.relative_to(tmp_path).as_posix() for item in items]

    assert found("b.wav", "[ab].wav") == ["b.wav", "a.wav", "b.wav"]
    assert found("[x].wav") == ["[x].wav"]  # there is such a file
    assert found("?") == ["s/c.wav", "s/t/d.wav"]  # a folder is searched
    assert found("**/*.wav") == sorted(names)
    assert found("**") == sorted(names)
    with pytest.raises(
        ConfigInvalid, match=r"z\*: no file or folder matches it; check the pat"
    ):
        found("z*")


@pytest.mark.parametrize(("path", "why"), [("absent", "No such file"), ("model", "directory")])
def test_a_path_that_cannot_be_heard_stops_nobody_else(
    folder: Path, path: str, why: str
) -> None:
    file = folder / "audio/b/two.flac"
    chosen = TranscribePlan(model=str(folder / "model"), backend="muntaniala")
    complaints: list[str] = []

    def complain(error: VauError, at: Path) -> int:
        complaints.append(f"{at}: {error}")
        return 4

    items = find_items([folder / path, file])
    statuses = transcribe_all(items, chosen, ignore, print, complain, warn=print)
    assert statuses == [4, 0]
    (complaint,) = complaints
    assert complaint.startswith(f"{folder / path}: ")
    assert why in complaint


def test_a_name_that_no_file_can_have_stops_nobody_else(folder: Path, tmp_path: Path) -> None:
    recording(tmp_path / os.fsdecode(b"\xff.flac"), 0.1)
    rows = ({"utt": name[0], "path": name} for name in ("b\0.wav", "a\ud800.wav"))
    table = tmp_path / "manifest.jsonl"
    table.write_text("\n".join(json.dumps(row) for row in rows))
    paths = [tmp_path / ("x" * 300), tmp_path / "c\0", tmp_path / os.fsdecode(b"\xff.flac")]
    complaints: list[str] = []

    def complain(error: VauError, _at: Path) -> int:
        complaints.append(str(error))
        return 4

    items = find_items(paths, table)
    chosen = plan(folder, tmp_path / "out")
    assert transcribe_all(items, chosen, ignore, print, complain, warn=print) == [4, 4, 0, 4, 4]
    whys = ("name too long", "null byte", "null byte", "surrogates not allowed")
    for complaint, why in zip(complaints, whys, strict=True):
        assert why in complaint
        assert complaint.endswith("check the path")


def test_a_path_alone_that_cannot_be_looked_at_says_why(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match="x: File name too long"):
        find_items([tmp_path / ("x" * 300)])


def test_a_folder_without_audio_says_what_would_be(folder: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"no audio file \(\.wav, \.flac"):
        find_items([folder / "model"])


def test_two_files_of_one_name_are_refused_before_anything_is_written(folder: Path) -> None:
    items = [Item(Path("x/a.wav"), Path("a")), Item(Path("y/a.wav"), Path("a"))]
    with pytest.raises(ConfigInvalid, match=r"x/a\.wav and y/a\.wav would both be written"):
        check_names(items)
    check_names(find_items([folder / "audio"]))


def test_files_that_differ_only_in_their_suffix_keep_it_and_the_others_do_not(
    folder: Path, tmp_path: Path
) -> None:
    for name in ("x/a.flac", "x/a.wav", "x/b.flac", "a.flac"):
        recording(tmp_path / "in" / name, 0.1)
    chosen = plan(folder, tmp_path / "out")
    transcribe_all(find_items([tmp_path / "in"]), chosen, ignore, print, unread, warn=print)
    assert sorted({path.removesuffix(".npz") for path in written(tmp_path / "out")}) == [
        *("a", "a.jsonl"),
        *("x/a.flac", "x/a.flac.jsonl", "x/a.wav", "x/a.wav.jsonl"),
        *("x/b", "x/b.jsonl"),
    ]


def test_names_kept_apart_do_not_depend_on_the_order_and_meet_no_other() -> None:
    files = [Path(name) for name in ("a.flac", "a.wav", "a.flac.wav", "b.wav")]
    for order in permutations(files):
        items = [Item(file, Path(file.stem)) for file in order]
        named = {str(item.file): str(item.name) for item in named_apart(items)}
        assert named == {
            "a.flac": "a.flac",
            "a.wav": "a.wav",
            "a.flac.wav": "a.flac.wav",
            "b.wav": "b",
        }
    with pytest.raises(ConfigInvalid, match=r"x/a\.wav and y/a\.wav would both be written"):
        named_apart([Item(Path(f"{at}/a.wav"), Path("a")) for at in "xy"])


def test_utterances_that_kaldi_would_confuse_are_refused_before_anything_is_heard(
    folder: Path, tmp_path: Path
) -> None:
    items = [Item(Path("in/a b.wav"), Path("x/a b")), Item(Path("in/a_b.wav"), Path("a_b"))]
    chosen = plan(folder, tmp_path / "out", formats=("kaldi",))
    with pytest.raises(ConfigInvalid, match=r"in/a b\.wav and in/a_b\.wav would both be a_b"):
        transcribe_all(items, chosen, ignore, print, unread, warn=print)
    assert not (tmp_path / "out").exists()
    check_utterances([items[0]], tmp_path)


def test_recordings_that_no_index_of_kaldi_can_name_are_named_all_at_once(
    tmp_path: Path,
) -> None:
    bad = [Path(f"in/{name}.wav") for name in ("a\nb", "\udcff", "é\udcff", "\r1", "\r2")]
    items = [Item(file, Path(file.stem)) for file in [*bad[:1], Path("in/good.wav"), *bad[1:]]]
    with pytest.raises(ConfigInvalid) as refused:
        check_utterances(items, tmp_path)
    said = str(refused.value)
    assert said.encode().startswith(b"format: ")
    assert r"5 recordings have no such name: in/a\nb.wav, in/\xff.wav, in/é\xff.wav, " in said
    assert said.endswith("...; rename them, or leave out kaldi")
    named = [Item(Path("in/good.wav"), Path("x\ny\ud800"))]  # by a manifest
    with pytest.raises(
        ConfigInvalid, match=r"1 recording has no such name: x\\ny\\ud800; rena"
    ):
        check_utterances(named, tmp_path)
    with pytest.raises(ConfigInvalid, match=r"out: .*/o\\xff.*; rename the folder, or leave"):
        check_utterances([Item(Path("a.wav"), Path("a"))], tmp_path / "o\udcff")


def test_outcomes_are_put_back_in_order_as_soon_as_possible() -> None:
    items = [Item(Path(name), Path(name)) for name in "abcd"]
    drawn: list[str] = []

    def outcomes() -> Iterator[tuple[int, str]]:
        for index in (1, 0, 3, 2):
            drawn.append("abcd"[index])
            yield index, "abcd"[index]

    ordered = in_order(items, outcomes())
    assert next(ordered)[0] is items[0]
    assert drawn == ["b", "a"]
    assert [(item.name.name, outcome) for item, outcome in ordered] == [
        (name, name) for name in "bcd"
    ]


def test_outcomes_behind_a_gap_are_not_lost() -> None:
    items = [Item(Path(name), Path(name)) for name in "abcde"]
    kept = {index: Kept(items[index].file, 0.1) for index in (4, 2, 0)}
    ordered = list(in_order(items, kept.items()))
    assert ordered == [(items[index], kept[index]) for index in (0, 2, 4)]


def plan(
    folder: Path,
    out: Path,
    server: str = "",
    *,
    jobs: int = 1,
    formats: tuple[OutputFormat, ...] = ("jsonl", "npz"),
) -> TranscribePlan:
    return TranscribePlan(
        model="" if server else str(folder / "model"),
        backend="" if server else "muntaniala",
        server=server,
        jobs=jobs,
        decoder="greedy",
        output=Output(out, formats),
    )


def written(out: Path) -> dict[str, bytes]:
    """Return what is in a folder of transcripts, by name."""
    return {
        path.relative_to(out).as_posix(): path.read_bytes().replace(bytes(out), b"out")
        for path in out.rglob("*.*")
        if path.name != "manifest.jsonl"
    }


def test_processes_and_servers_write_the_same_files(folder: Path, tmp_path: Path) -> None:
    items = find_items([folder / "audio"])
    told: list[tuple[float, float]] = []
    formats: tuple[OutputFormat, ...] = ("jsonl", "ctm", "npz", "kaldi")
    with serving((LIVELY, muntaniala(LIVELY))) as served:
        plans = (
            plan(folder, tmp_path / "one", formats=formats),
            plan(folder, tmp_path / "two", jobs=2, formats=formats),
            plan(folder, tmp_path / "server", served.address, jobs=2, formats=formats),
        )
        for each in plans:
            outcomes = dict(transcribe(items, each, lambda *seconds: told.append(seconds)))
            assert sorted(outcomes) == list(range(len(items)))
            for done in outcomes.values():
                assert isinstance(done, Transcription)
                assert done.posteriors is None  # they are in the files, and not in memory
    expected = written(tmp_path / "one")
    assert len(expected) == 15
    assert "b/two.npz" in expected
    for name, said in expected.items():
        if name.endswith(".jsonl"):
            assert json.loads(said.splitlines()[0])["decoder"] == "greedy"
    assert written(tmp_path / "two") == expected
    assert written(tmp_path / "server") == expected
    assert told[-1] == pytest.approx((0.9, 0.9))


def test_a_batch_of_one_is_done_before_the_next_recording_is_begun(
    folder: Path, tmp_path: Path
) -> None:
    files = [recording(tmp_path / f"{name}.flac", 1.2) for name in "ab"]
    items = find_items(files)
    heard_s: list[float] = []
    for batch_size, expected_s in ((1, 1.2), (2, 2.4)):
        chosen = replace(plan(folder, tmp_path / str(batch_size)), batch_size=batch_size)
        first = next(transcribe(items, chosen, lambda done_s, _of: heard_s.append(done_s)))
        assert isinstance(first[1], Transcription)
        assert heard_s[-1] == pytest.approx(expected_s)


@pytest.mark.parametrize("backend", ["muntaniala", "rpu:streamed"])
def test_a_transcript_does_not_depend_on_what_is_heard_with_it(
    folder: Path, tmp_path: Path, backend: str
) -> None:
    items = find_items([folder / "audio"])
    for name, groups in (("alone", [[item] for item in items]), ("together", [items])):
        chosen = replace(plan(folder, tmp_path / name), backend=backend)
        for group in groups:
            list(transcribe(group, chosen, ignore))
    assert b"joules" in b"".join(written(tmp_path / "alone").values())
    assert written(tmp_path / "alone") == written(tmp_path / "together")


def test_a_duration_comes_from_the_header(folder: Path) -> None:
    assert duration_s(folder / "audio/a.x.flac") == pytest.approx(0.3)
    assert duration_s(folder / "audio/notes.txt") == 0.0
    assert duration_s(folder / "absent") == 0.0


def test_a_channel_can_be_chosen(folder: Path, tmp_path: Path) -> None:
    stereo = noise(4_800, channels=2)
    (tmp_path / "x.wav").write_bytes(encoded(stereo))
    (tmp_path / "y.wav").write_bytes(encoded(stereo[:, 1:]))
    digests = []
    for name, channel in (("x", 2), ("y", 1)):
        chosen = TranscribePlan(
            model=str(folder / "model"), backend="muntaniala", channel=channel
        )
        items = find_items([tmp_path / f"{name}.wav"])
        ((_, done),) = transcribe(items, chosen, lambda _done_s, _total_s: None)
        assert isinstance(done, Transcription)
        digests.append(done.output_digest)
    assert digests[0] == digests[1]


def ignore(_done_s: float, _total_s: float) -> None:
    """Take progress that the test is not about."""


def unread(_error: VauError, _file: Path) -> int:
    return 4


@pytest.mark.parametrize("where", ["one", "two", "server"])
def test_who_stops_gets_what_was_begun(folder: Path, where: str) -> None:
    items = find_items([folder / "audio/a.x.flac"] * 100)
    with serving((LIVELY, muntaniala(LIVELY))) as served:
        chosen = TranscribePlan(
            model="" if where == "server" else str(folder / "model"),
            backend="" if where == "server" else "muntaniala",
            server=served.address if where == "server" else "",
            jobs=2 if where == "two" else 1,
        )
        heard: list[object] = []
        statuses = transcribe_all(
            items,
            chosen,
            ignore,
            lambda _line: None,
            unread,
            warn=print,
            count=heard.append,
            stopping=lambda: bool(heard),
        )
    assert 0 < len(statuses) < 100
    assert len(statuses) == len(heard)


def test_the_longest_come_first_within_each_stretch(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau.commands.transcribe.run.STRETCH", 3)
    items = [Item(Path(f"{place}.wav"), Path(str(place))) for place in range(5)]
    ordered = long_first(list(enumerate(items)), [1.0, 2.0, 2.0, 0.0, 9.0])
    assert [index for index, _ in ordered] == [1, 2, 0, 4, 3]
    assert all(items[index] is item for index, item in ordered)


@pytest.mark.parametrize("jobs", [1, 2])
def test_a_file_named_twice_is_told_twice_in_its_order(folder: Path, jobs: int) -> None:
    one, two = folder / "audio/a.x.flac", folder / "audio/b/two.flac"
    absent = folder / "audio/notes.txt"
    chosen = TranscribePlan(model=str(folder / "model"), backend="muntaniala", jobs=jobs)
    told: list[str] = []
    items = find_items([absent, two, one, one])
    statuses = transcribe_all(items, chosen, ignore, told.append, unread, warn=print)
    assert statuses == [4, 0, 0, 0]
    assert [line.partition("\t")[0] for line in told] == [str(two), str(one), str(one)]


def test_who_stops_listening_leaves_no_process_even_while_the_error_is_held(
    folder: Path,
) -> None:
    def full(_line: str) -> None:
        raise BrokenPipeError

    chosen = TranscribePlan(model=str(folder / "model"), backend="muntaniala", jobs=2)
    with pytest.raises(BrokenPipeError) as held:
        transcribe_all(find_items([folder / "audio"]), chosen, ignore, full, unread, warn=print)
    assert multiprocessing.active_children() == []
    assert held.tb is not None


def test_a_folder_that_cannot_be_written_is_refused_before_anything_is_read(
    folder: Path, tmp_path: Path
) -> None:
    (tmp_path / "file").write_text("in the way")
    chosen = plan(tmp_path / "no model", tmp_path / "file/out")
    with pytest.raises(ConfigInvalid, match="cannot be written: Not a directory"):
        transcribe_all(
            find_items([folder / "audio"]), chosen, ignore, print, unread, warn=print
        )
