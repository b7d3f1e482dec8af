"""``vau stream``: live audio to a server, and what comes back a line at a time."""

import signal
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from pathlib import Path

from vau.audiofile import Channel
from vau.client import Client, Resume
from vau.client.access import PLAIN, Access
from vau.client.endpointing import Endpointing
from vau.client.recognition import Gathering, Request, Started
from vau.commands.display import phone_line, summary_lines, turn_line
from vau.commands.live_audio import Source, chunk_samples, from_file, from_microphone, from_pipe
from vau.commands.monitor import Monitor, listen
from vau.decode import DecoderName
from vau.errors import ConfigInvalid, VauError
from vau.segments import Phone, Segment, SpeechEvent
from vau.transcripts import (
    Output,
    Transcription,
    phone_object,
    segment_line,
    summary,
    to_json,
    write,
)

STDIN = "-"


@dataclass(frozen=True, slots=True, kw_only=True)
class StreamOptions:
    """What to stream, where to, and what to make of the answers."""

    server: str
    access: Access = PLAIN
    file: str = ""
    """A path, or ``-`` for raw s16le samples of 16 kHz mono on stdin."""

    mic: bool = False
    """Listen to a microphone instead of ``file``."""

    device: str = ""
    """Of the microphone; empty takes the system's default."""

    model: str = ""
    backend: str = ""
    """Of the server's; empty takes its first."""

    fallback_backends: tuple[str, ...] = ()
    """Of the server's, which may take over; or ``same-kind``, or ``any``."""

    channel: Channel = "mix"
    decoder: DecoderName = "viterbi"
    chunk_ms: int = 100
    pace: bool = True
    output: Output | None = None
    logits: bool = False
    resume: bool = True
    """Go on after the connection or the server was lost."""

    endpointing: Endpointing | None = None
    """When silence ends a segment; None if only the end of the audio does."""

    as_json: bool = False

    def __post_init__(self) -> None:
        if self.mic == bool(self.file):
            raise ConfigInvalid("file: give one of a file, - for stdin, --mic", field="file")


def endpointing_of(
    start_timeout_s: float | None, end_silence_s: float | None, max_segment_s: float | None
) -> Endpointing | None:
    """Return the rules of which at least one is given; 0 asks for the events alone."""
    spans = (start_timeout_s, end_silence_s, max_segment_s)
    if all(span is None for span in spans):
        return None
    start_s, silence_s, segment_s = (span or 0.0 for span in spans)
    return Endpointing(
        start_timeout_s=start_s, end_silence_s=silence_s, max_segment_s=segment_s
    )


def stream(
    options: StreamOptions, tell: Callable[[str], None], warn: Callable[[str], None]
) -> None:
    """Stream until the audio ends; ``tell`` each phoneme that became certain, then the sum.

    ``warn`` hears the server's notices, and of losses.
    The first Ctrl-C ends the audio, so that all of it is answered; for whoever did not listen
    to a microphone, KeyboardInterrupt is raised then. What a stream said that breaks off is
    written all the same, with the reason in its header.
    Raises what the audio, the server or the output folder is wrong with.
    """
    output = options.output
    if output is not None:
        output.prepare()  # before an hour of audio that could not be kept
    stop = threading.Event()
    source = _source(options, stop)
    request = Request(
        model=options.model,
        backend=options.backend,
        fallback_backends=options.fallback_backends,
        interim_results=True,
        posteriors="logits" if options.logits else "log",
        decoder=options.decoder,
        endpointing=options.endpointing,
    )
    monitor = Monitor(
        on_phone=lambda phone: tell(_phone_line(monitor, phone, options)), on_notice=warn
    )
    if options.fallback_backends:
        monitor.on_start = lambda started: warn(_standing_in(started))
    if options.endpointing is not None:
        monitor.on_turn = lambda turn: tell(_turn_line(turn, options))
    keep = output is not None and output.holds_posteriors
    try:
        with (
            _ending_on_interrupt(stop, lambda: monitor.started is not None) as interrupted,
            Client(options.server, access=options.access) as client,
        ):
            done = listen(
                client,
                source,
                request,
                monitor,
                keep_posteriors=keep,
                resume=Resume(on_loss=warn) if options.resume else None,
                on_broken=lambda heard, end: _write_part(heard, end, options, warn),
            )
    finally:
        stop.set()
    is_cut = interrupted.is_set() and not options.mic
    if is_cut:
        done = replace(done, incomplete="interrupted")
    if output is not None:
        write(done, output.folder / Path(source.name).stem, output.formats)
    _tell_end(monitor, done, options, tell, is_live=source.is_live())
    if is_cut:
        raise KeyboardInterrupt


def _source(options: StreamOptions, stop: threading.Event) -> Source:
    size = chunk_samples(options.chunk_ms)
    if options.mic:
        return from_microphone(options.device, size, stop)
    if options.file == STDIN:
        return from_pipe(sys.stdin.fileno(), size, stop)
    path = Path(options.file)
    return from_file(path, size, pace=options.pace, channel=options.channel, stop=stop)


@contextmanager
def _ending_on_interrupt(
    stop: threading.Event, has_begun: Callable[[], bool]
) -> Iterator[threading.Event]:
    """Let the first Ctrl-C of a stream that has begun set ``stop``, and the second end us.

    Yields what is set once that happened.
    """
    interrupted = threading.Event()

    def end(_number: int, _frame: object) -> None:
        signal.signal(signal.SIGINT, signal.default_int_handler)
        if not has_begun():
            raise KeyboardInterrupt
        interrupted.set()
        stop.set()

    before = signal.signal(signal.SIGINT, end)
    try:
        yield interrupted
    finally:
        signal.signal(signal.SIGINT, before)


def _write_part(
    heard: Gathering, end: BaseException, options: StreamOptions, warn: Callable[[str], None]
) -> None:
    """Write what was heard of a stream that broke off, and say so."""
    output = options.output
    part = heard.broken_off(_reason(end))
    if output is None or part is None:
        return
    stem = output.folder / Path(part.file).stem
    try:
        write(part, stem, output.formats)
    except VauError as failure:  # what ended the stream is worth more
        warn(str(failure))
    else:
        warn(f"{stem}: has what was heard until the stream broke off, marked as incomplete")


def _reason(end: BaseException) -> str:
    if isinstance(end, KeyboardInterrupt):
        return "interrupted"
    if isinstance(end, SystemExit):
        return "terminated"
    return " ".join(str(end).split()) or type(end).__name__


def _standing_in(started: Started) -> str:
    """Say who may take over: a word like same-kind may have come to mean nobody."""
    backend, found = started.engine.backend, started.fallback_backends
    if not found:
        return f"nobody could take over from {backend}: this server has no such backend"
    return f"if {backend} fails, these may take over, in this order: {', '.join(found)}"


def _phone_line(monitor: Monitor, phone: Phone, options: StreamOptions) -> str:
    if options.as_json:
        return to_json({"type": "phone", **phone_object(phone)})
    return phone_line(phone, is_silence=monitor.is_silence(phone))


def _turn_line(turn: SpeechEvent | Segment, options: StreamOptions) -> str:
    if not options.as_json:
        return turn_line(turn)
    if isinstance(turn, Segment):
        return to_json(segment_line(turn))
    kind = "speech_begin" if turn.begins else "speech_end"
    return to_json({"type": kind, "sample": turn.sample})


def _tell_end(
    monitor: Monitor,
    done: Transcription,
    options: StreamOptions,
    tell: Callable[[str], None],
    *,
    is_live: bool,
) -> None:
    if options.as_json:
        engine = done.engine
        made_by = {
            "model": engine.model,
            "backend": engine.backend,
            "backends": monitor.backends,
            "decoder": engine.decoder,
        }
        figures = {**summary(done), **made_by, "frame_latency_ms": monitor.latencies_ms()}
        tell(to_json(figures))
        return
    for line in ("", *summary_lines(monitor, paced=is_live, chunk_ms=options.chunk_ms)):
        tell(line)
