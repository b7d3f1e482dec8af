"""Several backends on the same files: what is found, and what a program and a person get."""

import json
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from tests.audio import encoded, noise, recording
from tests.commands import vau
from tests.lively import LIVELY, write_lively_bundle
from tests.manifests import manifest
from tests.serving import muntaniala
from vau.audio import HOP_S, frame_count
from vau.backend import Backend, BackendOptions, Cost, Result, Slot, Work
from vau.batch import Batch, BatchOptions
from vau.commands.compare.plan import ComparePlan, compare
from vau.commands.compare.report import SCHEMA, report
from vau.commands.compare.result import Comparison
from vau.commands.compare.table import WIDTH, table
from vau.commands.compare.table.layout import LABEL
from vau.commands.compare.table.phones import phone_lines
from vau.errors import BackendFault, VauError
from vau.evaluation.edits import Edits
from vau.hearing import call_device_s
from vau.model import Model
from vau.registry import GROUP
from vau.segments import Phone
from vau.transcripts import Transcription
from vau_backends.muntaniala.backend import FACTORY

FAULTY_FRAME, FAULTY_CLASS = 33, 1


class Faulty:
    """The dies, but for one logit of one frame."""

    def __init__(self, backend: Backend) -> None:
        self._backend = backend
        self._steps: Counter[Slot] = Counter()
        self.info = replace(backend.info, id="faulty", kind="faulty")

    def __getattr__(self, name: str) -> Any:  # noqa: ANN401
        return getattr(self._backend, name)

    def run(self, work: Sequence[Work]) -> list[Result]:
        results = self._backend.run(work)
        for at, one in enumerate(work):
            row = FAULTY_FRAME + LIVELY.output_delay - self._steps[one.slot]
            self._steps[one.slot] += len(one.features)
            if 0 <= row < len(one.features):
                results[at] = wrong(results[at], row)
        return results


def wrong(result: Result, row: int) -> Result:
    """Return an answer whose FAULTY_CLASS is all but certain in one row."""
    assert result.logits is not None
    logits, log_prob = result.logits.copy(), result.log_prob.copy()
    logits[row, FAULTY_CLASS] += 1 << 24
    log_prob[row] = np.log(1e-4)
    log_prob[row, FAULTY_CLASS] = np.log(1 - 1e-4 * (log_prob.shape[1] - 1))
    return replace(result, logits=logits, log_prob=log_prob)


class FaultyFactory:
    def discover(self, model: Model) -> list[str]:
        return ["faulty"] if model.phonemes else []

    def open(self, model: Model, options: BackendOptions) -> Backend:
        return Faulty(FACTORY.open(model, replace(options, instance="")))


FAULTY = FaultyFactory()


@pytest.fixture
def _faulty(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Install the backend that is wrong once."""
    info = tmp_path / "faulty-1.dist-info"
    info.mkdir()
    (info / "METADATA").write_text("Metadata-Version: 2.1\nName: faulty\nVersion: 1\n")
    (info / "entry_points.txt").write_text(f"[{GROUP}]\nfaulty = tests.test_compare:FAULTY\n")
    monkeypatch.syspath_prepend(str(tmp_path))


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Return a folder with a model, two recordings, and a file that is none."""
    folder = tmp_path_factory.mktemp("compare")
    write_lively_bundle(folder / "model")
    recording(folder / "a.flac", 0.5, 0)
    recording(folder / "b.flac", 0.7, 1)
    (folder / "bad.wav").write_bytes(encoded(noise())[:5_000])
    return folder


def plan_for(folder: Path, *names: str, backends: str, **more: object) -> ComparePlan:
    return ComparePlan(
        files=tuple(folder / name for name in names or ("a.flac", "b.flac")),
        backends=tuple(backends.split(",")),
        model=str(folder / "model"),
        **more,  # type: ignore[arg-type]
    )


def silent(_done: float, _total: float) -> None:
    """Take the progress, and do nothing."""


def never(error: VauError, _file: Path) -> None:
    pytest.fail(str(error))


def compared(folder: Path, *names: str, backends: str, **more: object) -> Comparison:
    plan = plan_for(folder, *names, backends=backends, **more)
    return compare(plan, silent, pytest.fail, never)


def heard_alone(folder: Path, name: str) -> Transcription:
    """Return what the dies make of a file, without anybody beside them."""
    batch = Batch(LIVELY, muntaniala(LIVELY), BatchOptions(logits=True))
    ((_, done),) = batch.transcribe([folder / name])
    assert isinstance(done, Transcription)
    return done


# --- what is measured -----------------------------------------------------------------------


def test_backends_of_one_arithmetic_are_apart_by_nothing(folder: Path) -> None:
    found = compared(folder, backends="muntaniala:1x1,muntaniala:3x1")
    (pair,) = report(found)["pairs"]
    assert pair["same_arithmetic"] is True
    assert pair["frames"] == frame_count(8_000) + frame_count(11_200)
    counts = [pair[f"{name}_frames"] for name in ("different", "other_best", "beyond")]
    assert counts == [0, 0, 0]
    for measure in ("total_variation", "kl_nats", "largest_difference"):
        assert set(pair[measure].values()) == {0.0}
    for each in found.files:
        first, second = each.heard
        assert first.summary.output_digest == second.summary.output_digest
        assert each.pairs[0].edits == Edits()
        assert each.pairs[0].first_different is None
        assert each.pairs[0].first_logit is None
    assert "the same arithmetic, and the same logits in every frame" in "\n".join(table(found))
    assert not found.is_beyond


@pytest.mark.parametrize("chunk_ms", [10, 35, 100, 2000])
def test_each_backend_hears_what_it_hears_alone(folder: Path, chunk_ms: int) -> None:
    found = compared(folder, "b.flac", backends="muntaniala,float", chunk_ms=chunk_ms)
    ours, alone = found.files[0].heard[0], heard_alone(folder, "b.flac")
    assert ours.summary.output_digest == alone.output_digest
    assert ours.summary.input_digest == alone.input_digest
    assert ours.symbols == alone.symbols()


@pytest.mark.usefixtures("_faulty")
def test_a_single_frame_that_differs_is_found_at_its_place(folder: Path) -> None:
    found = compared(folder, "b.flac", backends="muntaniala,faulty")
    (divergence,) = found.divergences
    for marks in (divergence.is_different, divergence.is_other_best, divergence.is_beyond(0.1)):
        assert np.flatnonzero(marks).tolist() == [FAULTY_FRAME]
    (pair,) = report(found)["files"][0]["pairs"]
    for name in ("first_different", "first_other_best", "first_beyond", "first_logit"):
        assert pair[name]["frame"] == FAULTY_FRAME
        assert pair[name]["start_s"] == pytest.approx(FAULTY_FRAME * HOP_S)
    assert pair["first_different"]["other"]["symbol"] == LIVELY.phonemes[FAULTY_CLASS]
    logit = pair["first_logit"]
    assert (logit["class_id"], logit["other"] - logit["reference"]) == (FAULTY_CLASS, 1 << 24)


@pytest.mark.usefixtures("_faulty")
def test_equal_arithmetics_that_differ_are_told_in_capitals(folder: Path) -> None:
    text = "\n".join(table(compared(folder, backends="muntaniala,faulty")))
    assert "THE SAME ARITHMETIC, YET OTHER LOGITS" in text
    assert f"a.flac, frame {FAULTY_FRAME}, class {FAULTY_CLASS} (AA)" in text


@pytest.mark.usefixtures("_faulty")
def test_frames_within_the_tolerance_are_not_beyond_it(folder: Path) -> None:
    assert compared(folder, backends="muntaniala,faulty", tolerance=0.1).is_beyond
    assert not compared(folder, backends="muntaniala,faulty", tolerance=1.0).is_beyond


def test_costs_are_those_of_the_frames_and_have_their_origin(folder: Path) -> None:
    ours, floating = report(compared(folder, backends="muntaniala,float"))["backends"]
    steps = frame_count(8_000) + frame_count(11_200) + 2 * LIVELY.output_delay
    assert ours["network_frames"] == steps
    assert ours["cycles"] == ours["cycles_per_frame"] * steps
    assert ours["device_origin"] == "estimated"
    boundaries = {each["boundary"]: each["origin"] for each in ours["energy"]}
    assert boundaries == {"system": "estimated", "accelerator": "estimated"}
    for each in ours["energy"]:
        assert each["joules_per_frame"] == pytest.approx(each["joules"] / steps)
    assert ours["host_origin"] == floating["host_origin"] == "measured"
    unknown = ("device_s", "device_s_per_frame", "device_origin", "cycles", "saturations")
    assert [floating[name] for name in unknown] == [None] * 5
    assert floating["energy"] == []


def test_a_call_whose_frames_share_it_keeps_the_device_as_long_as_one_of_them() -> None:
    shared = Cost(device_s=5.0, unshared=Cost(device_s=9.0))
    assert call_device_s(shared, 5) == 1.0
    assert call_device_s(Cost(device_s=5.0), 5) == 5.0  # they take turns
    assert call_device_s(Cost(), 5) is None
    assert call_device_s(replace(shared, device_s=0.0), 0) == 0.0


def test_time_of_calls_over_their_frames_is_less_only_where_frames_share_a_call(
    folder: Path,
) -> None:
    ours, sharing, floating = report(compared(folder, backends="muntaniala,rpu,float"))[
        "backends"
    ]
    name = "calls_device_s_per_frame"
    assert ours[name] == pytest.approx(ours["device_s_per_frame"])
    assert sharing[name] < 0.3 * sharing["device_s_per_frame"]  # ten frames in most calls
    assert floating[name] is None


def test_energy_one_by_one_stands_below_that_of_calls_where_anybody_gains(folder: Path) -> None:
    found = compared(folder, backends="muntaniala,rpu:streamed")
    rows = table(found)
    at = next(at for at, row in enumerate(rows) if row.startswith("system, µJ a frame"))
    assert rows[at + 1].startswith("  one by one, µJ a frame")
    (together, alone) = (
        [float(cell.strip("*").replace(",", "")) for cell in row[LABEL:].split()]
        for row in rows[at : at + 2]
    )
    assert alone[0] == together[0]
    assert alone[1] > together[1]
    without = table(compared(folder, backends="muntaniala,float"))
    assert not any("one by one" in row for row in without)


def spoken(symbols: str) -> tuple[Phone, ...]:
    """Return phones of these names; where they lie does not matter here."""
    return tuple(
        Phone(symbol=each, class_id=1, start_sample=0, end_sample=1, confidence=1.0)
        for each in symbols.split()
    )


def with_phones(found: Comparison, *symbols: str) -> Comparison:
    """Return a comparison of one file in which the backends heard just these."""
    (file,) = found.files
    heard = tuple(
        replace(each, phones=spoken(its)) for each, its in zip(file.heard, symbols, strict=True)
    )
    return replace(found, files=(replace(file, heard=heard),))


def test_phones_of_each_file_are_listed_with_marks_where_the_reference_differs(
    folder: Path,
) -> None:
    found = compared(folder, "a.flac", backends="muntaniala,float")
    lines = list(phone_lines(with_phones(found, "AA B T S", "AA D T S IY")))
    assert [line.split() for line in lines[-2:]] == [
        ["muntaniala:1x1", "AA", "B", "T", "S"],
        ["float", "AA", "[D]", "T", "S", "[IY]"],
    ]
    lines = list(phone_lines(with_phones(found, "AA B T S", "")))
    assert lines[-1].split() == ["float", *["[-]"] * 4]


def test_many_phones_are_wrapped_below_each_other(folder: Path) -> None:
    found = compared(folder, "a.flac", backends="muntaniala,float")
    lines = list(phone_lines(with_phones(found, "AA " * 100, "AA " * 99)))
    assert max(map(len, lines)) <= max(WIDTH, len(str(folder / "a.flac")))
    listed = " ".join(line[LABEL:] for line in lines[2:]).split()
    assert Counter(listed) == {"AA": 199, "[-]": 1}


# --- labels ---------------------------------------------------------------------------------


def test_a_manifest_gives_the_error_rate_of_the_files_it_names(folder: Path) -> None:
    symbols = heard_alone(folder, "a.flac").symbols()
    phones = " ".join(["SIL", *symbols, "B", "SIL"])
    labels = manifest(folder, f"u|a.flac|{phones}|test")
    warnings: list[str] = []
    plan = plan_for(folder, backends="muntaniala,float", manifest=labels)
    found = compare(plan, silent, warnings.append, never)
    ours = report(found)["backends"][0]
    assert ours["per"] == 1 / (len(symbols) + 1)
    assert ours["errors"] == {"substitutions": 0, "insertions": 0, "deletions": 1, "edits": 1}
    (one, other) = report(found)["files"]
    assert (one["utterance"], one["backends"][0]["per"]) == ("u", ours["per"])
    assert (other["utterance"], other["backends"][0]["per"]) == (None, None)
    (warning,) = warnings
    assert warning.startswith(f"{folder / 'b.flac'}: ")


def test_without_a_manifest_there_is_no_error_rate(folder: Path) -> None:
    found = compared(folder, backends="muntaniala,float")
    assert [each["per"] for each in report(found)["backends"]] == [None, None]
    assert not any("PER of" in line for line in table(found))


def test_disagreement_counts_edits_of_the_references_phones(folder: Path) -> None:
    backends = "muntaniala:1x1,muntaniala:3x1,float"
    found = compared(folder, backends=backends, decoder="greedy")
    ours, equal, other = report(found)["backends"]
    assert ours["disagreement"]["edits"] == equal["disagreement"]["edits"] == 0
    assert other["disagreement"]["edits"] > 0
    by_file = [each["pairs"][1]["disagreement"]["edits"] for each in report(found)["files"]]
    assert other["disagreement"]["edits"] == sum(by_file)


def test_silence_is_no_phone(tmp_path: Path) -> None:
    (tmp_path / "silence.wav").write_bytes(encoded(np.zeros((8_000, 1), np.int16)))
    plan = ComparePlan(
        files=(tmp_path / "silence.wav",),
        backends=("muntaniala", "float"),
        model="munt-1x96-mfcc",
    )
    found = compare(plan, silent, pytest.fail, never)
    assert [each["phone_count"] for each in report(found)["backends"]] == [0, 0]


# --- for programs and people ----------------------------------------------------------------


def test_the_command_prints_one_object_with_every_documented_key(folder: Path) -> None:
    done = vau(
        *("compare", folder / "a.flac", folder / "b.flac", "--model", folder / "model"),
        *("--backends", "muntaniala,float", "--json"),
    )
    assert (done.returncode, done.stderr) == (0, "")
    found = json.loads(done.stdout, parse_constant=pytest.fail)
    assert found["schema"] == SCHEMA
    assert [each["backend"] for each in found["backends"]] == ["muntaniala:1x1", "float"]
    document = (Path(__file__).parent.parent / "docs/compare.md").read_text()
    missing = sorted(key for key in keys_of(found) if f"`{key}`" not in document)
    assert missing == []


def keys_of(found: object) -> set[str]:
    """Return the names of all values at any depth."""
    if isinstance(found, list):
        return set().union(*map(keys_of, found)) if found else set()
    if isinstance(found, dict):
        return set(found).union(*map(keys_of, found.values()))
    return set()


def test_what_is_infinite_is_null(folder: Path) -> None:
    found = compared(folder, "a.flac", backends="muntaniala,float")
    pair = found.files[0].pairs[0]
    endless = np.full_like(pair.divergence.kl_nats, np.inf)
    pair = replace(pair, divergence=replace(pair.divergence, kl_nats=endless))
    found = replace(found, files=(replace(found.files[0], pairs=(pair,)),))
    assert report(found)["pairs"][0]["kl_nats"] == dict.fromkeys(("mean", "p50", "p99", "max"))
    assert "inf" in "\n".join(table(found))


@pytest.mark.parametrize(
    "backends", ["muntaniala,float", "float,muntaniala,muntaniala:1x1+acc=wide,muntaniala:2x2"]
)
def test_the_table_fits_into_its_width(folder: Path, backends: str) -> None:
    lines = table(compared(folder, backends=backends))
    names = (str(folder), "first frame")  # as long as their files' names
    assert [
        line for line in lines if len(line) > WIDTH and not any(n in line for n in names)
    ] == []


# --- what goes wrong ------------------------------------------------------------------------


def test_a_file_that_cannot_be_read_is_reported_and_the_others_go_on(folder: Path) -> None:
    command = ("compare", "--backends", "muntaniala,float", "--model", folder / "model")
    done = vau(*command, folder / "bad.wav", folder / "a.flac", "--json")
    assert done.returncode == 1
    assert done.stderr.startswith(f"vau: error: {folder / 'bad.wav'}: ")
    found = json.loads(done.stdout)
    assert [each["file"] for each in found["files"]] == [str(folder / "a.flac")]
    assert [each["file"] for each in found["failed"]] == [str(folder / "bad.wav")]


def test_without_a_readable_file_there_is_nothing_to_compare(folder: Path) -> None:
    command = ("compare", "--backends", "muntaniala,float", "--model", folder / "model")
    done = vau(*command, folder / "bad.wav", folder / "nowhere.wav")
    assert (done.returncode, done.stdout) == (4, "")
    assert len(done.stderr.splitlines()) == 2


@pytest.mark.parametrize(
    ("flags", "status"),
    [
        ((), 0),
        (("--strict",), 0),
        (("--strict", "--tolerance", "0"), 1),
        (("--tolerance", "0"), 0),
    ],
)
def test_differences_are_an_error_only_if_they_are_to_be(
    folder: Path, flags: tuple[str, ...], status: int
) -> None:
    command = ("compare", "--backends", "float,muntaniala:1x1+acc=wide", folder / "a.flac")
    shipped = "munt-1x96-mfcc"  # trained, so that rounding moves it little
    done = vau(*command, "--model", shipped, *flags)
    assert (done.returncode, done.stderr) == (status, "")


@pytest.mark.parametrize(
    ("flags", "status", "message"),
    [
        (("--backends", "muntaniala"), 2, "'muntaniala' are not two backends or more"),
        (("--backends", "muntaniala,"), 2, "are not two backends or more"),
        (("--backends", "float,float"), 2, "'float' is there twice"),
        (
            ("--backends", "muntaniala,muntaniala:1x1"),
            2,
            "muntaniala and muntaniala:1x1 are both muntaniala:1x1; name each once",
        ),
        (("--backends", "float,abacus"), 3, "--backends: no kind 'abacus' is installed; there"),
        (("--backends", "float,rpu:cold"), 3, "--backends rpu:cold: "),
        (("--backends", "float,muntaniala", "--tolerance", "2"), 2, "choose from 0"),
        (("--backends", "float,muntaniala", "--plot-file", "x"), 2, "not among the files"),
        (("--backends", "float,muntaniala", "--manifest", "x.tsv"), 2, "cannot be read"),
    ],
)
def test_what_cannot_be_meant_is_refused_before_any_work(
    folder: Path, flags: tuple[str, ...], status: int, message: str
) -> None:
    done = vau("compare", folder / "a.flac", "--model", folder / "model", *flags)
    assert (done.returncode, done.stdout) == (status, "")
    assert message in " ".join(done.stderr.split())


def test_a_backend_that_gives_up_ends_it_and_all_are_given_back(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    released: list[Slot] = []
    engine_class = type(FACTORY.open(LIVELY, BackendOptions()))
    run: Callable[..., list[Result]] = engine_class.run
    release: Callable[..., None] = engine_class.release

    def give_up(self: Backend, work: Sequence[Work]) -> list[Result]:
        if released:  # the consistency check is over
            raise BackendFault("the device does not answer")
        return run(self, work)

    def watch(self: Backend, slot: Slot) -> None:
        release(self, slot)
        released.append(slot)

    monkeypatch.setattr(engine_class, "run", give_up)
    monkeypatch.setattr(engine_class, "release", watch)
    with pytest.raises(BackendFault, match="does not answer"):
        compared(folder, "a.flac", backends="float,muntaniala")
    assert released
