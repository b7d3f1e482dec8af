"""Several backends on the same recordings: what each hears, what it costs, where they part."""

from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack, closing, contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Final

from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import Channel, foreign_s, header, read_recording
from vau.backend import BackendOptions
from vau.batch import Failed
from vau.commands.compare.file import FileResult, Shown, Source, most_divergent, result_of
from vau.commands.compare.plots import draw
from vau.commands.compare.result import Comparison
from vau.comparison import Posteriors
from vau.decode import DecoderName
from vau.errors import AudioError, ConfigInvalid, VauError
from vau.evaluation.listening import inventory_of
from vau.evaluation.manifest import Utterance, read_manifest
from vau.frontend import Frontend
from vau.hearing import Engine
from vau.model import Model, find_model
from vau.pictures import check_png, new_figure
from vau.registry import open_backend
from vau.selfcheck import self_check

SAMPLES_PER_MS: Final = SAMPLE_RATE_HZ // 1000
TOLERANCE: Final = 0.1
"""Arithmetics that round otherwise differ in every frame, mostly by less than this."""


@dataclass(frozen=True, slots=True, kw_only=True)
class ComparePlan:
    """What to compare on what, and by what means."""

    files: tuple[Path, ...]
    backends: tuple[str, ...]
    """Two ids or more, ``kind`` or ``kind:instance``; the first one is the reference."""

    model: str
    manifest: Path | None = None
    """Says what is said in the files, or in some of them."""

    channel: Channel = "mix"
    decoder: DecoderName = "viterbi"
    chunk_ms: int = 100
    tolerance: float = TOLERANCE
    """The total variation from which on a frame counts as beyond it; 0 for any difference."""

    plot: Path | None = None
    plot_file: Path | None = None
    """One of ``files``; None shows the one whose posteriors are furthest apart."""

    def __post_init__(self) -> None:
        if not 0.0 <= self.tolerance <= 1.0:
            raise ConfigInvalid(
                f"tolerance: {self.tolerance:g} is no total variation; choose from 0, for any "
                "difference, to 1",
                field="tolerance",
            )
        if self.plot_file is not None and self.plot_file not in self.files:
            raise ConfigInvalid(
                f"plot-file: {self.plot_file} is not among the files that are compared; "
                "name one of them",
                field="plot-file",
            )
        if self.plot_file is not None and self.plot is None:
            raise ConfigInvalid(
                "plot-file: nothing is drawn; say where to with --plot", field="plot-file"
            )


@dataclass(slots=True)
class _Gathered:
    """What there is so far. Posteriors are kept of one file alone, the one to be shown."""

    plan: ComparePlan
    files: list[FileResult] = field(default_factory=list)
    failed: list[Failed] = field(default_factory=list)
    shown: Shown | None = None

    def keep(self, found: FileResult, source: Source, posteriors: Sequence[Posteriors]) -> None:
        self.files.append(found)
        if self._is_to_be_shown(found):
            samples = source.recording.samples
            self.shown = Shown(result=found, samples=samples, posteriors=tuple(posteriors))

    def _is_to_be_shown(self, found: FileResult) -> bool:
        """Tell whether a picture should rather show this file; of equals the first stays."""
        if self.plan.plot is None:
            return False
        if self.plan.plot_file is not None:
            return found.file == self.plan.plot_file
        known = self.shown
        return known is None or most_divergent(found.pairs) > most_divergent(known.result.pairs)


def compare(
    plan: ComparePlan,
    on_progress: Callable[[float, float], None],
    warn: Callable[[str], None],
    complain: Callable[[VauError, Path], object],
) -> Comparison:
    """Take every file through all backends.

    on_progress: hears how many seconds of audio are done, and of how many.
    warn:        hears of a file whose labels are not in the manifest.
    complain:    hears of each file that cannot be read; the others go on.
    Raises       what model, backends, manifest or flags are wrong with.
    """
    _check_plot(plan)
    model = find_model(plan.model)
    said = _said(plan, model, warn)
    gathered = _Gathered(plan)
    listen = _progress(plan.files, on_progress)
    with _opened(plan, model) as engine:
        infos = tuple(backend.info for backend in engine.backends)
        for source in _sources(plan, said):
            if isinstance(source, Failed):
                gathered.failed.append(source)
                complain(source.error, source.file)
                continue
            heard = engine.hear(source.recording.samples, listen)
            found = result_of(source, infos, heard, plan.tolerance)
            gathered.keep(found, source, [posteriors for _, posteriors in heard])
    return Comparison(
        model=model,
        backends=infos,
        decoder=plan.decoder,
        chunk_ms=plan.chunk_ms,
        tolerance=plan.tolerance,
        files=tuple(gathered.files),
        failed=tuple(gathered.failed),
        shown=gathered.shown,
    )


def draw_and_write(plan: ComparePlan, found: Comparison) -> list[Path]:
    """Make the picture that ``plan`` asks for, and return what was written.

    Raises ConfigInvalid if matplotlib is not installed, or the file cannot be written.
    """
    if plan.plot is None or found.shown is None:
        return []
    draw(found, found.shown, plan.plot)
    return [plan.plot]


def _check_plot(plan: ComparePlan) -> None:
    """Raise ConfigInvalid now for what cannot be drawn, and not after all else is done."""
    if plan.plot is None:
        return
    check_png(plan.plot, "plot")
    new_figure(1, 1)


def _said(
    plan: ComparePlan, model: Model, warn: Callable[[str], None]
) -> dict[Path, Utterance]:
    """Return what the manifest says of the files, by their real paths."""
    if plan.manifest is None:
        return {}
    utterances = read_manifest(plan.manifest, inventory_of(model), warn=warn)
    wanted = {file.resolve() for file in plan.files}
    paths = ((utterance.path.resolve(), utterance) for utterance in utterances)
    said = {path: utterance for path, utterance in paths if path in wanted and utterance.phones}
    for file in plan.files:
        if file.resolve() not in said:
            warn(f"{file}: {plan.manifest} does not say what is said in it, so it has no PER")
    return said


def _sources(plan: ComparePlan, said: dict[Path, Utterance]) -> Iterator[Source | Failed]:
    """Read the files one after the other, as they are asked for."""
    for file in plan.files:
        try:
            recording = read_recording(file, plan.channel)
        except AudioError as error:
            yield Failed(file, error)
        else:
            yield Source(file, recording, said.get(file.resolve()))


@contextmanager
def _opened(plan: ComparePlan, model: Model) -> Iterator[Engine]:
    """Open every backend, and give all back at the end.

    Raises ConfigInvalid if two names mean the same one.
    """
    with ExitStack() as stack:
        backends = []
        names: dict[str, str] = {}
        for name in plan.backends:
            backend = open_backend(name, model, BackendOptions(slot_count=1))
            backends.append(stack.enter_context(closing(backend)))
            known = names.setdefault(backend.info.id, name)
            if known != name:
                raise ConfigInvalid(
                    f"backends: {known} and {name} are both {backend.info.id}; name each once",
                    field="backends",
                )
            self_check(backend, model)
        yield Engine(
            model=model,
            backends=backends,
            frontend=Frontend(model.frontend),
            decoder=plan.decoder,
            chunk_samples=plan.chunk_ms * SAMPLES_PER_MS,
        )


def _progress(
    files: Sequence[Path], on_progress: Callable[[float, float], None]
) -> Callable[[int], None]:
    """Return what hears of samples that are done, and tells of seconds."""
    total_s = sum(_duration_s(file) for file in files)
    done_s = 0.0

    def on_samples(samples: int) -> None:
        nonlocal done_s
        done_s += samples / SAMPLE_RATE_HZ
        on_progress(done_s, total_s)

    return on_samples


def _duration_s(file: Path) -> float:
    """Return what a file's header says it lasts; 0 if it cannot be read."""
    try:
        with file.open("rb") as opened:
            said = header(opened)
    except (OSError, AudioError):
        return foreign_s(file)
    return said.frames / said.rate_hz
