"""Utterances through a backend, here or on a server, or through another recogniser."""

import wave
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from vau.audiofile import read_recording
from vau.batch import BatchOptions, Choice, Failed
from vau.client import Client
from vau.client.access import PLAIN, Access
from vau.client.recognition import Request, transcribe
from vau.decode import DecoderName
from vau.errors import BackendNotFound, ModelNotFound
from vau.evaluation import peers
from vau.evaluation.condition import CLEAN, Condition
from vau.evaluation.edits import align
from vau.evaluation.emission import CHUNK_S, Watch
from vau.evaluation.frames import boundary_errors_ms, count_frames, labels_of_frames
from vau.evaluation.manifest import Inventory, Utterance
from vau.evaluation.scores import FLOAT, Heard
from vau.model import Model
from vau.session import Answer
from vau.transcripts import Transcription

CHUNK_SAMPLES: Final = round(CHUNK_S * SAMPLE_RATE_HZ)


@dataclass(frozen=True, slots=True)
class Hearing:
    """What is heard, and under which condition, apart from the backend."""

    manifest: Path
    """For messages."""

    inventory: Inventory
    utterances: Sequence[Utterance]
    condition: Condition

    @property
    def files(self) -> list[Path]:
        """Where the recordings are."""
        return [each.path for each in self.utterances]

    def change(self, index: int, samples: NDArray[np.int16]) -> NDArray[np.int16]:
        """Return the samples that are heard of the utterance at ``index``."""
        return self.condition.change(self.utterances[index].name, samples)


@dataclass(slots=True)
class _Seen:
    """What was seen of a stream on its way."""

    watch: Watch = field(default_factory=Watch)
    saturations: int | None = None

    def answer(self, answer: Answer) -> None:
        self.watch.see(answer.segments, answer.received_sample)
        if answer.cost.saturations:
            self.saturations = (self.saturations or 0) + sum(answer.cost.saturations)


def inventory_of(model: Model) -> Inventory:
    """Return the phones of a model."""
    silences = frozenset(model.phonemes[class_id] for class_id in model.silence_ids)
    return Inventory(model.phonemes, silences)


def choice_of(model: str, backend: str, decoder: DecoderName, *, timed: bool) -> Choice:
    """Choose a backend of this process; with ``timed``, emission delays are measured."""
    options = BatchOptions(decoder=decoder)
    if timed:
        options = replace(options, piece_s=CHUNK_S, interim_results=True)
    return Choice(model=model, backend=backend, options=options)


def hear_here(hearing: Hearing, choice: Choice) -> Iterator[Heard]:
    """Yield what a backend of this process hears, an utterance each.

    Raises the error of an utterance that failed, with its name and that of the manifest.
    """
    seen = [_Seen() for _ in hearing.utterances]
    with choice.open() as batch:
        outcomes = batch.transcribe(
            hearing.files,
            change=hearing.change,
            on_answer=lambda index, answer: seen[index].answer(answer),
        )
        timed = choice.options.interim_results
        for index, done in outcomes:
            yield _compared(hearing, index, done, seen[index], timed=timed)


def hear_on_server(
    hearing: Hearing, server: str, request: Request, *, streams: int, access: Access = PLAIN
) -> Iterator[Heard]:
    """Do the same with a backend of a server, ``streams`` utterances at a time.

    Chunks of CHUNK_S are sent as fast as they are taken, and no other is taken before one is
    computed: delays in audio time are those of live audio.
    """
    seen = [_Seen() for _ in hearing.utterances]
    outcomes = transcribe(
        server,
        hearing.files,
        replace(request, max_lag_s=CHUNK_S),
        access=access,
        streams=streams,
        chunk_samples=CHUNK_SAMPLES,
        change=hearing.change,
        on_update=lambda index, update: seen[index].watch.see(
            update.segments, update.received_sample
        ),
    )
    for index, done in outcomes:
        yield _compared(hearing, index, done, seen[index], timed=request.interim_results)


def hear_with_peer(hearing: Hearing, peer: str) -> Iterator[Heard]:
    """Yield what another recogniser hears of the same samples, by its name."""
    with _as_heard(hearing) as files:
        for index, symbols in peers.hear(peer, files):
            utterance = hearing.utterances[index]
            yield Heard(
                utterance=utterance.name,
                speaker=utterance.speaker,
                gender=utterance.gender,
                model="",
                backend=peer,
                pairs=tuple(align(utterance.phones, symbols)),
            )


@contextmanager
def _as_heard(hearing: Hearing) -> Iterator[list[Path]]:
    """Return files of what is heard: the recordings, or WAVs for as long as the block lasts."""
    if hearing.condition == CLEAN:
        yield hearing.files
        return
    with TemporaryDirectory() as folder:
        files = [Path(folder) / f"{index}.wav" for index in range(len(hearing.utterances))]
        for index, file in enumerate(files):
            samples = hearing.change(index, read_recording(hearing.files[index]).samples)
            with wave.open(str(file), "wb") as target:
                target.setparams((1, SAMPLE_BYTES["linear16"], SAMPLE_RATE_HZ, 0, "NONE", ""))
                target.writeframes(samples.astype("<i2").tobytes())
        yield files


def _compared(
    hearing: Hearing, index: int, done: Transcription | Failed, seen: _Seen, *, timed: bool
) -> Heard:
    """Score one transcription against what was said."""
    utterance = hearing.utterances[index]
    if isinstance(done, Failed):
        error = done.error
        what = f"{hearing.manifest}: utterance {utterance.name}: {error}"
        raise type(error)(what, field=error.field, **error.facts) from error
    frame_counts = boundary_errors = None
    labels = labels_of_frames(utterance, hearing.inventory, done.frames, done.samples)
    if labels is not None and done.posteriors is not None:
        frame_counts = count_frames(done.posteriors.astype(np.float32), labels)
    if utterance.alignment is not None:
        silences = hearing.inventory.silences
        boundary_errors = boundary_errors_ms(utterance.alignment, silences, done.phones())
    return Heard(
        utterance=utterance.name,
        speaker=utterance.speaker,
        gender=utterance.gender,
        model=done.engine.model,
        backend=done.engine.backend,
        decoder=done.engine.decoder,
        pairs=tuple(align(utterance.phones, done.symbols())),
        frames=done.frames,
        frame_counts=frame_counts,
        boundary_errors_ms=boundary_errors,
        delays=seen.watch.delays(done.engine.silence_ids) if timed else None,
        saturations=seen.saturations,
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class Offer:
    """A model on a server, and what runs it."""

    model: str
    inventory: Inventory
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
    models = {each.name: each for each in client.server_info().models}
    phonemes = tuple(models[name].classes)
    silences = frozenset(phonemes[class_id] for class_id in models[name].silence_ids)
    return Offer(
        model=model or name,
        inventory=Inventory(phonemes, silences),
        backends=tuple(backends),
    )
