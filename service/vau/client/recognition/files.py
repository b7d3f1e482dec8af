"""Whole files through a server, several at a time."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from concurrent.futures import ThreadPoolExecutor, as_completed
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Final

from vau.audio import SAMPLE_RATE_HZ
from vau.audiofile import Channel, read_recording
from vau.batch import Change, Failed
from vau.client import Client, Resume
from vau.client.access import PLAIN, Access
from vau.client.recognition.answers import Finished, Started, Update
from vau.client.recognition.conversation import chunks_of, converse
from vau.client.recognition.gathering import transcription
from vau.client.recognition.request import Request
from vau.client.throttle import rate_of
from vau.errors import AudioError, QuotaExceeded
from vau.transcripts import Engine, Transcription

CHUNK_SAMPLES: Final = SAMPLE_RATE_HZ // 2  # of a whole file, sent as fast as it is taken

CAREFUL: Final = Resume(interval_s=2.0)


def transcribe(
    server: str,
    files: Sequence[Path],
    request: Request,
    *,
    access: Access = PLAIN,
    channel: Channel = "mix",
    streams: int = 1,
    chunk_samples: int = CHUNK_SAMPLES,
    change: Change | None = None,
    on_update: Callable[[int, Update], None] | None = None,
    on_loss: Callable[[int, str], None] | None = None,
    resume: Resume = CAREFUL,
    stopping: Callable[[], bool] = lambda: False,
) -> Iterator[tuple[int, Transcription | Failed]]:
    """Yield each file with its place in ``files``, as they are done.

    server:    ``host:port``, over a connection of its own.
    access:    what the server wants: TLS, a token.
    streams:   how many at a time, or fewer if the server allows no more; one that finds no
               slot free comes again, and one that has sent all that its token may have for
               now goes on later.
    change:    gives the samples that are sent instead of those of a file.
    on_update: hears each update, after the place of its file, on the thread of its stream.
    on_loss:   hears in the same way that a stream was lost or found no room, in a sentence.
    resume:    for how long a stream is then tried again.
    stopping:  once it is true no other file is begun; those that were, end.
    Raises the first error that is not the fault of a file; the other streams end then.
    """
    with Client(server, access=access) as client:
        limits = client.server_info().limits
        send = _Sending(
            client=client,
            request=request,
            channel=channel,
            chunk_samples=chunk_samples,
            change=change,
            on_update=on_update,
            on_loss=on_loss,
            resume=resume,
            stopping=stopping,
        )
        pool = ThreadPoolExecutor(min(streams, limits.max_streams or streams))
        try:
            places = {
                pool.submit(send.transcribe, index, file): index
                for index, file in enumerate(files)
            }
            for future in as_completed(places):
                if stopping():
                    for each in places:
                        each.cancel()
                if not future.cancelled() and (done := future.result()) is not None:
                    yield places[future], done
        finally:
            client.close()  # cancels what still runs, so that its threads end
            pool.shutdown(cancel_futures=True)


def engine_on(server: str, request: Request, *, access: Access = PLAIN) -> Engine:
    """Return what a server would hear with now: what it says of a stream of one sample.

    Raises what the server answers with, Unreachable if there is none.
    """
    with Client(server, access=access) as client:
        return transcription(server, lambda: "", converse(client, [bytes(2)], request)).engine


@dataclass(frozen=True, slots=True, kw_only=True)
class _Sending:
    """How whole files are sent."""

    client: Client
    request: Request
    channel: Channel
    chunk_samples: int
    change: Change | None
    on_update: Callable[[int, Update], None] | None
    on_loss: Callable[[int, str], None] | None
    resume: Resume
    stopping: Callable[[], bool]

    def transcribe(self, index: int, file: Path) -> Transcription | Failed | None:
        """Send a file, or return None if none is to be begun any more."""
        if self.stopping():
            return None
        try:
            audio = read_recording(file, self.channel)
        except AudioError as error:
            return Failed(file, error)
        if self.change is not None:
            audio = replace(audio, samples=self.change(index, audio.samples))
        resume = self.resume
        if self.on_loss is not None:
            resume = replace(resume, on_loss=partial(self.on_loss, index))
        chunks = chunks_of(audio.samples, self.chunk_samples)
        events = converse(self.client, chunks, self.request, resume, is_live=lambda: False)
        try:
            watched = self._watched(index, events)
            return transcription(str(file), lambda: audio.sha256, watched)
        except QuotaExceeded as error:
            if rate_of(error) is None:
                raise
            return Failed(file, error)  # it cannot go on; the others keep the pace from now on

    def _watched(
        self, index: int, events: Iterable[Started | Update | Finished]
    ) -> Iterator[Started | Update | Finished]:
        for event in events:
            if self.on_update is not None and isinstance(event, Update):
                self.on_update(index, event)
            yield event
