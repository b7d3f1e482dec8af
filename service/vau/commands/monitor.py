"""One stream as it happens: its figures, and the phonemes that can no longer change."""

from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from vau.audio import FRAMES_PER_S, SAMPLE_RATE_HZ
from vau.backend import Cost, Energy
from vau.client import Client, Resume
from vau.client.recognition import Finished, Gathering, Request, Started, Update, converse
from vau.commands.latencies import Latencies
from vau.commands.live_audio import Source
from vau.segments import Phone, Segment, SpeechEvent
from vau.transcripts import Transcription


@dataclass(slots=True)
class StablePhones:
    """Tells which phonemes have become final since the last look."""

    _told: dict[int, int] = field(default_factory=dict)

    def fresh(self, segments: tuple[Segment, ...]) -> list[Phone]:
        """Return the phonemes that can no longer change and were not returned before."""
        phones: list[Phone] = []
        for segment in segments:
            told = self._told.get(segment.segment_index, 0)
            phones += segment.phones[told : segment.stable_count]
            self._told[segment.segment_index] = max(told, segment.stable_count)
        return phones


@dataclass(slots=True)
class Monitor:
    """The figures of one stream while it runs."""

    audio_s: float | None = None
    """Duration of all audio; None if nobody knows before it ends."""

    on_start: Callable[[Started], None] | None = None
    """Hears who serves the stream."""

    on_phone: Callable[[Phone], None] | None = None
    """Hears of each phoneme once it can no longer change."""

    on_notice: Callable[[str], None] | None = None
    """Hears what the server finds worth a remark."""

    on_turn: Callable[[SpeechEvent | Segment], None] | None = None
    """Hears where speech begins and ends, and of each segment once it is final."""

    started: Started | None = None
    finished: Finished | None = None
    phones: list[Phone] = field(default_factory=list)
    """Those that can no longer change, silence among them."""

    latencies: Latencies = field(default_factory=Latencies)
    """Of all frames so far."""

    recent: deque[NDArray[np.float32]] = field(
        default_factory=lambda: deque(maxlen=FRAMES_PER_S)
    )
    """Log posteriors of the last second, by frame."""

    frames_of_messages: Counter[int] = field(default_factory=Counter)
    """How many messages brought so many frames, of those that brought any."""

    backends: list[str] = field(default_factory=list)
    """The ids of those that served, in their order."""

    received_s: float = 0.0
    _cost: Cost = field(default_factory=Cost)
    _stable: StablePhones = field(default_factory=StablePhones)

    def take(self, event: Started | Update | Finished) -> None:
        """Add what the server just said."""
        if isinstance(event, Started):
            self.started = event
            self._served_by(event.engine.backend)
            if self.on_start is not None:
                self.on_start(event)
        elif isinstance(event, Finished):
            self.finished = event
        else:
            self._update(event)

    @property
    def energy(self) -> Energy | None:
        """What the accelerator spent so far; None if it does not say."""
        energies = self.finished.energies if self.finished else self._cost.energies
        return energies[0] if energies else None

    @property
    def energy_per_frame_uj(self) -> float | None:
        """Microjoules for each frame answered."""
        energy, frames = self.energy, self.latencies.frames
        return energy.joules / frames * 1e6 if energy and frames else None

    @property
    def frames_at_once(self) -> int:
        """How many frames messages bring most often, of equals the least; 0 of no message."""
        counts = self.frames_of_messages
        return min(counts, key=lambda frames: (-counts[frames], frames), default=0)

    def latencies_ms(self) -> dict[str, float | None]:
        """Return median and 99th percentile over all frames, to one in a hundred.

        None before the first.
        """
        return {f"p{each}": self.latencies.percentile_ms(each) for each in (50, 99)}

    def is_silence(self, phone: Phone) -> bool:
        """Tell whether ``phone`` stands for no sound of speech."""
        return self.started is not None and phone.class_id in self.started.engine.silence_ids

    def spoken(self) -> list[Phone]:
        """Return the phonemes so far without silence."""
        return [phone for phone in self.phones if not self.is_silence(phone)]

    def _update(self, update: Update) -> None:
        if update.posteriors is not None:
            frames = len(update.posteriors)
            if frames:
                self.latencies.add(update.frame_latency_s, frames)
                self.frames_of_messages[frames] += 1
            if update.posteriors.dtype == np.float32:
                self.recent.extend(update.posteriors)
        for backend in update.taken_over_by:
            self._served_by(backend)
        self.received_s = update.received_sample / SAMPLE_RATE_HZ
        self._cost += Cost(energies=update.energies)
        if self.on_notice is not None:
            for notice in update.notices:
                self.on_notice(notice)
        for phone in self._stable.fresh(update.segments):
            self.phones.append(phone)
            if self.on_phone is not None:
                self.on_phone(phone)
        if self.on_turn is not None:
            self._tell_turns(update, self.on_turn)

    def _served_by(self, backend: str) -> None:
        """Note who serves from here on; of one that stood in at the start it is told twice."""
        if self.backends[-1:] != [backend]:
            self.backends.append(backend)

    def _tell_turns(
        self, update: Update, tell: Callable[[SpeechEvent | Segment], None]
    ) -> None:
        for event in update.events:
            tell(event)
        for segment in update.segments:
            if segment.end_reason is not None:
                tell(segment)


def listen(
    client: Client,
    source: Source,
    request: Request,
    monitor: Monitor,
    *,
    keep_posteriors: bool = False,
    resume: Resume | None = None,
    on_broken: Callable[[Gathering, BaseException], None] | None = None,
) -> Transcription:
    """Stream ``source`` to a server and let ``monitor`` follow; return the whole of it.

    keep_posteriors: for a file of them; a stream without end would fill the memory.
    on_broken:       hears, before it is raised, what ends the stream too soon, and what was
                     heard until then.
    Raises           what the source raises, what the server answers with, and Unreachable
                     if it is lost.
    """
    monitor.audio_s = source.audio_s
    gathering = Gathering(source.name, source.sha256, keep_posteriors=keep_posteriors)
    try:
        for event in converse(client, source.chunks, request, resume, source.is_live):
            gathering.add(event)
            monitor.take(event)
    except BaseException as end:
        if on_broken is not None:
            on_broken(gathering, end)
        raise
    return gathering.whole()
