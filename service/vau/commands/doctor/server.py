"""A server that runs: who it is, how it fares, and how late it answers from here."""

import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from statistics import median
from typing import Any, Final

import numpy as np

from vau.audio import SAMPLE_RATE_HZ
from vau.client import Access, Client
from vau.commands.doctor.check import Asked, Check, Checks, of_error, plural
from vau.config import version
from vau.errors import AuthRequired, VauError
from vau.v1 import speech_pb2 as pb

GIVE_ONE: Final = "give --token-file FILE, whose first line is the token"
CONNECT_S: Final = 5.0
PIECE_S: Final = 0.1
PIECE_SAMPLES: Final = round(PIECE_S * SAMPLE_RATE_HZ)
PIECES: Final = 10  # a second
LATE_MS: Final = 100.0
SKEW_S: Final = 2.0
CHECKPOINT_MS: Final = 200
STATES: Final = {
    pb.BackendInfo.STATE_READY: "ok",
    pb.BackendInfo.STATE_FAULT: "problem",
}


def examine(asked: Asked) -> Checks:
    """Look at the server that is named."""
    access = None
    try:
        access = Access(**asked.access)
        with Client(asked.server, access=access, connect_timeout_s=CONNECT_S) as client:
            yield from _of(client, asked)
    except AuthRequired as error:
        check = of_error("server.reach", error)
        is_given = access is not None and access.token_file is not None
        yield check if is_given else replace(check, remedy=GIVE_ONE)
    except VauError as error:
        yield of_error("server.reach", error)


def _of(client: Client, asked: Asked) -> Checks:
    info = client.server_info()
    backends = client.backends(include_unavailable=True).backends  # for which it takes a token
    how = "TLS" if client_is_tls(asked) else "plaintext"
    wants = ", and takes the token" if info.auth_required else ""
    yield Check(
        name="server.reach",
        status="ok",
        found=f"{asked.server} answers over {how}{wants}; it takes "
        f"{plural(info.limits.max_streams, 'stream')}",
    )
    yield versions(info.version, version())
    for backend in backends:
        yield health(backend)
    if asked.is_quick:
        return
    try:
        trip = second_of_audio(client)
    except VauError as error:
        yield of_error("server.stream", error)
        return
    yield latency(trip)
    yield skew(trip)


def client_is_tls(asked: Asked) -> bool:
    """Tell whether the server is reached over TLS."""
    return Access(**asked.access).is_tls


def versions(theirs: str, ours: str) -> Check:
    """Judge whether both ends are of one version."""
    if theirs == ours:
        return Check(name="server.version", status="ok", found=f"vau {theirs}, as here")
    return Check(
        name="server.version",
        status="warning",
        found=f"vau {theirs}, and {ours} here",
        meaning="before 1.0 a minor version may change what goes over the wire",
        remedy="bring both to one version",
    )


def health(backend: pb.BackendInfo) -> Check:
    """Judge a backend by what its server says of it."""
    state = pb.BackendInfo.State.Name(backend.state).removeprefix("STATE_").lower()
    text = f"{state}, {backend.slots_in_use} of {plural(backend.slots_total, 'slot')} in use"
    status: Any = STATES.get(backend.state, "warning")
    return Check(
        name=f"server.{backend.id}",
        status=status,
        found=text,
        meaning=backend.state_text,
        remedy=""
        if status == "ok"
        else "its log says since when; docs/operations.md what helps",
    )


@dataclass(slots=True)
class Trip:
    """A second of audio, there and back."""

    began_s: float = 0.0
    began_at_s: float = 0.0
    """When the config was sent, by the clock: seconds since the epoch."""

    sent_s: list[float] = field(default_factory=list)
    """When each piece was sent, in order."""

    answered_s: list[float] = field(default_factory=list)
    """How long after that the answer came that tells of it."""

    final_s: float = 0.0
    """From the last piece to the end of the answers."""

    frames: int = 0
    ahead_s: float | None = None
    """By so much the clock of the server is ahead of ours; None if it did not show."""


def second_of_audio(client: Client) -> Trip:
    """Send a second of noise at the pace of speech, and time its answers. Raises VauError."""
    trip = Trip()
    ttl_s = client.server_info().limits.resume_ttl.ToTimedelta().total_seconds()
    for response in client.exchange(_paced(trip)):
        now_s = time.monotonic()
        while len(trip.answered_s) < response.received_sample // PIECE_SAMPLES:
            trip.answered_s.append(now_s - trip.sent_s[len(trip.answered_s)])
        if response.HasField("checkpoint"):
            sealed_s = response.checkpoint.expires.ToNanoseconds() / 1e9 - ttl_s
            trip.ahead_s = ahead(sealed_s, trip.began_at_s, time.time())
        if response.HasField("finished"):
            trip.final_s = now_s - trip.sent_s[-1]
            trip.frames = response.finished.frames
    return trip


def ahead(then_s: float, earliest_s: float, latest_s: float) -> float:
    """Return how far a clock is ahead that said ``then_s`` between two moments of ours."""
    return then_s - min(max(then_s, earliest_s), latest_s)


def _paced(trip: Trip) -> Iterator[pb.StreamingRecognizeRequest]:
    recognition = pb.RecognitionConfig(
        audio_format=pb.AudioFormat(
            encoding=pb.AudioFormat.ENCODING_LINEAR16,
            sample_rate_hertz=SAMPLE_RATE_HZ,
            channel_count=1,
        ),
        output=pb.OutputConfig(posteriors=pb.OutputConfig.POSTERIORS_TOP_K, top_k=1),
    )
    config = pb.StreamingConfig(recognition=recognition)
    config.checkpoint_interval.FromMilliseconds(CHECKPOINT_MS)
    trip.began_at_s = time.time()
    yield pb.StreamingRecognizeRequest(config=config)
    noise = np.random.default_rng(0).normal(0.0, 2000.0, (PIECES, PIECE_SAMPLES))
    trip.began_s = time.monotonic()
    for number, piece in enumerate(noise.astype("<i2"), 1):
        time.sleep(max(0.0, trip.began_s + number * PIECE_S - time.monotonic()))
        trip.sent_s.append(time.monotonic())
        yield pb.StreamingRecognizeRequest(audio=piece.tobytes())


def latency(trip: Trip) -> Check:
    """Judge how late answers come."""
    if not trip.answered_s or not trip.frames:
        return Check(
            name="server.latency",
            status="problem",
            found="a second of audio was sent, and nothing of it was answered",
            remedy="its log says why: docs/operations.md",
        )
    middle_ms, worst_ms = median(trip.answered_s) * 1e3, max(trip.answered_s) * 1e3
    text = (
        f"a second of audio: {plural(trip.frames, 'frame')}, each message answered after "
        f"{middle_ms:.1f} ms (median; worst {worst_ms:.1f}), the end after "
        f"{trip.final_s * 1e3:.1f} ms"
    )
    if middle_ms <= LATE_MS:
        return Check(name="server.latency", status="ok", found=text)
    return Check(
        name="server.latency",
        status="warning",
        found=text,
        meaning="this is no longer live",
        remedy="is the network slow, or the server full? docs/observability.md",
    )


def skew(trip: Trip) -> Check:
    """Judge how far both clocks are apart."""
    name = "server.clock"
    if trip.ahead_s is None:
        return Check(name=name, status="note", found="it did not show: no checkpoint came")
    found = f"its clock and ours are {abs(trip.ahead_s):.2f} s apart"
    if abs(trip.ahead_s) <= SKEW_S:
        return Check(name=name, status="ok", found=found)
    return Check(
        name=name,
        status="warning",
        found=found,
        meaning="certificates may be refused, and servers that resume each other's streams "
        "must agree on the time",
        remedy="synchronise both (chrony, systemd-timesyncd)",
    )
