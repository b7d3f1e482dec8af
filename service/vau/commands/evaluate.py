"""Phoneme error rate over a manifest: what was heard against what was said.

A manifest is a TSV file with a header. It needs the columns ``utt``, ``path`` (relative to
the manifest) and ``phones`` (separated by spaces); ``split`` is optional. Silence counts on
neither side.
"""

import csv
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import partial
from itertools import chain
from pathlib import Path
from typing import Any, Final

import numpy as np

from vau.batch import Choice, Failed
from vau.client import Client
from vau.client.recognition import Request, transcribe
from vau.errors import BackendNotFound, ConfigInvalid, ModelNotFound
from vau.model import find_model
from vau.processes import spread
from vau.transcript import Transcription

COLUMNS: Final = ("utt", "path", "phones")
UTTERANCES_AT_ONCE: Final = 16
FLOAT: Final = "float"
"""The kind of backend that computes the network as it was trained: the yardstick."""

LISTED: Final = 12  # values that a message names before it says "..."


@dataclass(frozen=True, slots=True)
class Edits:
    """What turns a reference into what was heard."""

    substitutions: int = 0
    insertions: int = 0
    deletions: int = 0

    @property
    def errors(self) -> int:
        """All three together: the edit distance."""
        return self.substitutions + self.insertions + self.deletions

    def __add__(self, other: "Edits") -> "Edits":
        return Edits(
            self.substitutions + other.substitutions,
            self.insertions + other.insertions,
            self.deletions + other.deletions,
        )


def edit_distance(reference: Sequence[str], heard: Sequence[str]) -> Edits:
    """Count the edits of a cheapest alignment.

    Of several cheapest ones that which, read from the end, prefers a match or a
    substitution, then a deletion, then an insertion: the counts are always the same.
    """
    said, got = np.array(reference, object), np.array(heard, object)
    costs = np.zeros((len(said) + 1, len(got) + 1), np.int64)
    costs[0] = columns = np.arange(len(got) + 1)
    for row, phone in enumerate(said, start=1):
        above = costs[row - 1]
        reached = np.minimum(above[1:] + 1, above[:-1] + (got != phone))
        reached = np.concatenate([[row], reached])
        # An insertion extends the cheapest path to the left, at one per phone.
        costs[row] = np.minimum.accumulate(reached - columns) + columns
    row, column = len(said), len(got)
    substitutions = insertions = deletions = 0
    while row or column:
        differs = row > 0 and column > 0 and said[row - 1] != got[column - 1]
        if row and column and costs[row, column] == costs[row - 1, column - 1] + differs:
            row, column, substitutions = row - 1, column - 1, substitutions + differs
        elif row and costs[row, column] == costs[row - 1, column] + 1:
            row, deletions = row - 1, deletions + 1
        else:
            column, insertions = column - 1, insertions + 1
    return Edits(substitutions, insertions, deletions)


@dataclass(frozen=True, slots=True)
class Utterance:
    """One line of a manifest."""

    name: str
    path: Path
    phones: tuple[str, ...]


def read_manifest(
    manifest: Path, phonemes: Sequence[str], split: str = "", limit: int | None = None
) -> list[Utterance]:
    """Return the utterances of ``split``, or all of them if it is empty, in their order.

    phonemes: those that the model knows.
    limit:    no more than so many, the first ones; what is wrong beyond them does not matter.
    Raises    ConfigInvalid if the manifest, a column, the split, a phoneme or an audio file
              is missing or unknown; the message lists what is there. So too if an utterance
              has no phones, or the name of an earlier one.
    """
    rows = _rows(manifest)
    if split:
        splits = sorted({row["split"] for _, row in rows if row.get("split")})
        if split not in splits:
            raise _invalid(manifest, f"no split {split!r}; it has {_listed(splits)}")
        rows = [(line, row) for line, row in rows if row["split"] == split]
    rows = rows[:limit]
    _check_rows(manifest, rows)
    utterances = [
        Utterance(row["utt"], manifest.parent / row["path"], tuple(row["phones"].split()))
        for _, row in rows
    ]
    for utterance in utterances:
        unknown = sorted(set(utterance.phones) - set(phonemes))
        if unknown:
            raise _invalid(
                manifest,
                f"utterance {utterance.name} has phones that the model does not know: "
                f"{_listed(unknown)}; it knows {' '.join(phonemes)}",
            )
    missing = [str(utterance.path) for utterance in utterances if not utterance.path.is_file()]
    if missing:
        raise _invalid(
            manifest,
            f"{len(missing)} of {len(utterances)} audio files missing: {_listed(missing)}",
        )
    return utterances


def _check_rows(manifest: Path, rows: Iterable[tuple[int, dict[str, str]]]) -> None:
    lines: dict[str, int] = {}
    for line, row in rows:
        name = row["utt"]
        if not row["phones"].split():
            raise _invalid(
                manifest,
                f"line {line}: utterance {name} has no phones; write what is said in it, "
                "or leave the line out",
            )
        if name in lines:
            raise _invalid(
                manifest,
                f"line {line}: utterance {name} is there already, in line {lines[name]}; "
                "give each a name of its own",
            )
        lines[name] = line


def _rows(manifest: Path) -> list[tuple[int, dict[str, str]]]:
    """Return each row below the header with the number of its line."""
    try:
        with manifest.open(encoding="utf-8", newline="") as file:
            table = csv.DictReader(file, delimiter="\t", quoting=csv.QUOTE_NONE, restval="")
            found = list(table.fieldnames or [])
            rows = [(table.line_num, row) for row in table]
    except (OSError, UnicodeDecodeError, csv.Error) as cause:
        reason = getattr(cause, "strerror", None) or cause
        raise _invalid(manifest, f"cannot be read: {reason}") from cause
    lacking = [name for name in COLUMNS if name not in found]
    if lacking:
        raise _invalid(
            manifest,
            f"no column {', '.join(lacking)}; separated by tabs it has {_listed(found)}",
        )
    if not rows:
        raise _invalid(manifest, "has no utterance below its header")
    return rows


def _invalid(manifest: Path, what: str) -> ConfigInvalid:
    return ConfigInvalid(f"{manifest}: {what}", field="manifest")


def _listed(values: Sequence[str]) -> str:
    if not values:
        return "none"
    return ", ".join(values[:LISTED]) + (", ..." if len(values) > LISTED else "")


@dataclass(frozen=True, slots=True, kw_only=True)
class Heard:
    """One utterance, as one backend understood it."""

    utterance: str
    model: str
    backend: str
    edits: Edits
    phones: int
    """In the reference, silence left out."""

    frames: int


@dataclass(frozen=True, slots=True, kw_only=True)
class Score:
    """The error rate of one backend over a manifest."""

    model: str
    backend: str
    edits: Edits
    utterances: int
    phones: int
    frames: int

    @property
    def per(self) -> float:
        """Errors over reference phonemes: 0 is perfect, and insertions may lift it past 1."""
        return self.edits.errors / self.phones


@dataclass(frozen=True, slots=True, kw_only=True)
class EvaluatePlan:
    """What to evaluate, and by what means."""

    manifest: Path
    split: str = ""
    limit: int | None = None
    """No more than so many utterances, the first ones."""

    model: str
    backend: str
    server: str = ""
    """``host:port``; empty computes here, and then model and backend are needed."""

    jobs: int = 1
    """Processes here, or streams at a time on the server."""


Progress = Callable[[int, int], None]
"""Hears how many utterances are done, and of how many. Where two backends hear each, once by
one of them is half of it."""


def evaluate(plan: EvaluatePlan, on_progress: Progress) -> list[Score]:
    """Score the backend asked for, then ``float``, the yardstick, if it is another one.

    On a server that does not offer ``float`` there is one score only.
    Raises VauError for the first utterance that cannot be transcribed: a rate over the rest
           would be another figure.
    """
    if plan.server:
        return _on_server(plan, on_progress)
    utterances = _wanted(plan, find_model(plan.model).phonemes)
    backends = [plan.backend, *[FLOAT] * (not _is_float(plan.backend))]
    choices = tuple(Choice(model=plan.model, backend=backend) for backend in backends)
    work = partial(_hear_all, plan.manifest, choices)
    heard = spread(work, utterances, jobs=plan.jobs, group_size=UTTERANCES_AT_ONCE)
    return scores(_counted(heard, len(utterances), len(choices), on_progress))


def hear(
    manifest: Path,
    utterances: Sequence[Utterance],
    outcomes: Iterable[tuple[int, Transcription | Failed]],
) -> Iterator[Heard]:
    """Compare transcriptions, each with its place in ``utterances``, with what was said.

    Raises the error of an utterance that failed, with its name and that of ``manifest``.
    """
    for index, done in outcomes:
        utterance = utterances[index]
        if isinstance(done, Failed):
            error = done.error
            what = f"{manifest}: utterance {utterance.name}: {error}"
            raise type(error)(what, field=error.field, **error.facts) from error
        yield compare(utterance, done)


def scores(heard: Iterable[Heard]) -> list[Score]:
    """Add up what each backend heard; the order within a backend changes nothing."""
    by_backend: dict[str, list[Heard]] = {}
    for one in heard:
        by_backend.setdefault(one.backend, []).append(one)
    return [score(each) for each in by_backend.values()]


def score(heard: Sequence[Heard]) -> Score:
    """Add up what one backend heard. Raises ConfigInvalid without a reference phoneme."""
    phones = sum(one.phones for one in heard)
    if not phones:
        raise ConfigInvalid(
            "manifest: no reference phones besides silence, so there is no error rate",
            field="manifest",
        )
    return Score(
        model=heard[0].model,
        backend=heard[0].backend,
        edits=sum((one.edits for one in heard), Edits()),
        utterances=len(heard),
        phones=phones,
        frames=sum(one.frames for one in heard),
    )


def report(scores: Sequence[Score]) -> dict[str, Any]:
    """Return the figures for a program; those of float carry its name, or are null."""
    first = scores[0]
    yardstick = next((each for each in scores if _is_float(each.backend)), None)
    return {
        "model": first.model,
        "backend": first.backend,
        "utterances": first.utterances,
        "reference_phones": first.phones,
        "frames": first.frames,
        "per": first.per,
        "counts": asdict(first.edits),
        "per_float": yardstick.per if yardstick else None,
        "counts_float": asdict(yardstick.edits) if yardstick else None,
    }


def table(scores: Sequence[Score]) -> list[str]:
    """Return the figures for a person: a line per backend."""
    first = scores[0]
    size = f"{first.utterances} utterances, {first.phones} phonemes, {first.frames} frames"
    lines = [
        f"{first.model}: {size}",
        f"{'backend':<20} {'PER':>8} {'subst.':>8} {'ins.':>8} {'del.':>8}",
    ]
    for each in scores:
        edits = each.edits
        counts = f"{edits.substitutions:>8} {edits.insertions:>8} {edits.deletions:>8}"
        lines.append(f"{each.backend:<20} {each.per:>8.2%} {counts}")
    return lines


def compare(utterance: Utterance, done: Transcription) -> Heard:
    """Score one transcription against what was said."""
    silences = {done.engine.phonemes[class_id] for class_id in done.engine.silence_ids}
    reference = [phone for phone in utterance.phones if phone not in silences]
    edits = edit_distance(reference, done.symbols())
    return Heard(
        utterance=utterance.name,
        model=done.engine.model,
        backend=done.engine.backend,
        edits=edits,
        phones=len(reference),
        frames=done.frames,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model on a server, and what runs it."""

    model: str
    phonemes: tuple[str, ...]
    backends: tuple[str, ...]
    """The id of the backend asked for, then that of ``float`` if it runs the same model."""


def offer(client: Client, model: str, backend: str) -> Offer:
    """Return what a server means by two names, either of which may be empty for its default.

    Raises BackendNotFound or ModelNotFound, listing what there is.
    """
    listed = client.backends()
    there = [each for each in listed.backends if backend in ("", each.id)]
    if not there:
        ids = ", ".join(each.id for each in listed.backends)
        raise BackendNotFound(
            f"backend: {client.address} does not serve {backend!r}; there are: {ids or 'none'}",
            field="backend",
        )
    name = model.partition("@")[0]
    fitting = [each for each in there if each.models and name in ("", *each.models)]
    if not fitting:
        names = ", ".join(dict.fromkeys(name for each in there for name in each.models))
        raise ModelNotFound(
            f"model: {client.address} does not serve {name!r}; there are: {names}",
            field="model",
        )
    first = min(fitting, key=lambda each: each.id != listed.default_backend)
    name = name or first.models[0]
    backends = [first.id]
    if first.kind != FLOAT:
        floats = (each for each in listed.backends if each.kind == FLOAT)
        backends += [each.id for each in floats if name in each.models][:1]
    models = {each.name: tuple(each.classes) for each in client.server_info().models}
    return Offer(model=model or name, phonemes=models[name], backends=tuple(backends))


def _is_float(backend_id: str) -> bool:
    """Tell whether a backend, ``kind`` or ``kind:instance``, is the yardstick."""
    return backend_id.partition(":")[0] == FLOAT


def _wanted(plan: EvaluatePlan, phonemes: Sequence[str]) -> list[Utterance]:
    return read_manifest(plan.manifest, phonemes, plan.split, plan.limit)


def _hear_all(
    manifest: Path, choices: Iterable[Choice], utterances: Sequence[Utterance]
) -> Iterator[Heard]:
    files = [each.path for each in utterances]
    for choice in choices:
        with choice.open() as batch:
            yield from hear(manifest, utterances, batch.transcribe(files))


def _on_server(plan: EvaluatePlan, on_progress: Progress) -> list[Score]:
    with Client(plan.server) as client:
        found = offer(client, plan.model, plan.backend)
    utterances = _wanted(plan, found.phonemes)
    files = [each.path for each in utterances]
    requests = [Request(model=found.model, backend=backend) for backend in found.backends]
    heard = chain.from_iterable(
        hear(
            plan.manifest,
            utterances,
            transcribe(plan.server, files, request, streams=plan.jobs),
        )
        for request in requests
    )
    return scores(_counted(heard, len(files), len(requests), on_progress))


def _counted(
    heard: Iterable[Heard], utterances: int, backends: int, on_progress: Progress
) -> Iterator[Heard]:
    for count, one in enumerate(heard, start=1):
        on_progress(count // backends, utterances)
        yield one
