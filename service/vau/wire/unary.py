"""One short recording in, its whole answer out: the same lane, in pieces, as a stream."""

import asyncio
import io
from contextlib import suppress
from typing import Final

import numpy as np
import soundfile
from numpy.typing import NDArray

from vau.audio import HOP_SAMPLES, SAMPLE_BYTES, SAMPLE_RATE_HZ, PcmReader
from vau.audiofile import read_pcm
from vau.errors import AudioMismatch, AudioTooLong
from vau.session import EndReason, Session
from vau.v1 import speech_pb2 as pb
from vau.wire.answer import add_timing, posteriors_of, result_of, timing_of
from vau.wire.call import Call
from vau.wire.host import Host, finished_of
from vau.wire.request import (
    FILES,
    Recognition,
    check_rate_and_channels,
    recognition_of,
)

# Long enough that a piece is mostly computing, short enough that a live stream which shares
# the lane is not kept waiting.
PIECE_SAMPLES: Final = 20 * HOP_SAMPLES

_NAMES: Final = {"WAV": "wav", "WAVEX": "wav", "RF64": "wav", "FLAC": "flac"}  # of libsndfile


async def recognize(
    host: Host, request: pb.RecognizeRequest, call: Call
) -> pb.RecognizeResponse:
    """Serve one call of Recognize. It holds a slot, like a stream."""
    host.gate.check_open()
    wanted = recognition_of(request.config, host.lanes, path="config", files=True)
    lane = wanted.lane
    call.backend_id = lane.backend.info.id
    async with host.gate.admit(lane):
        limit_s = host.config.max_unary_audio_s
        samples = await asyncio.to_thread(_samples, request.audio, wanted, limit_s)
        call.samples = len(samples)
        session = Session(lane.model)
        try:
            await lane.open(session)
            return await _answer(host, call, wanted, session, samples)
        finally:
            lane.close(session)


async def _answer(
    host: Host, call: Call, wanted: Recognition, session: Session, samples: NDArray[np.int16]
) -> pb.RecognizeResponse:
    """Push the samples through the lane and join what comes back."""
    started = host.session_started(call.session_id, wanted)
    response = pb.RecognizeResponse(started=started)
    totals = pb.Timing()
    fraction_bits = wanted.lane.backend.info.logit_fraction_bits
    for first in range(0, max(1, len(samples)), PIECE_SAMPLES):
        is_last = first + PIECE_SAMPLES >= len(samples)
        timed = await wanted.lane.push(
            session,
            samples[first : first + PIECE_SAMPLES].tobytes(),
            EndReason.HALF_CLOSE if is_last else None,
        )
        part = posteriors_of(timed.answer, wanted.output, fraction_bits)
        if part is not None:
            _append(response.posteriors, part)
        response.results.extend(
            result_of(each, wanted.output) for each in timed.answer.segments
        )
        add_timing(totals, timing_of(timed.times, timed.answer.cost))
    host.metrics.of(call.backend_id).heard(len(samples))
    response.finished.CopyFrom(finished_of(session.summary(), totals))
    return response


def _append(whole: pb.Posteriors, part: pb.Posteriors) -> None:
    if not whole.frame_count:
        whole.CopyFrom(part)
        return
    whole.frame_count += part.frame_count
    whole.values += part.values
    whole.class_ids += part.class_ids


def _samples(audio: bytes, wanted: Recognition, limit_s: float) -> NDArray[np.int16]:
    """Return the samples of a request, little-endian; whatever is wrong is found here."""
    if wanted.encoding in FILES:
        return _decoded(audio, wanted, limit_s)
    encoding = wanted.raw_encoding
    _check_length(len(audio) // SAMPLE_BYTES[encoding], SAMPLE_RATE_HZ, limit_s)
    reader = PcmReader(encoding)
    samples = reader.read(audio)
    reader.check_complete()
    return samples.astype("<i2")


def _decoded(audio: bytes, wanted: Recognition, limit_s: float) -> NDArray[np.int16]:
    """Decode a file, after its header has been found to be what was declared."""
    with (
        suppress(soundfile.LibsndfileError),  # the decoder below says in which way it is broken
        soundfile.SoundFile(io.BytesIO(audio)) as header,
    ):
        _check_header(header, wanted)
        _check_length(header.frames, header.samplerate, limit_s)
    pcm = read_pcm(io.BytesIO(audio))
    return pcm.samples[:, 0].astype("<i2")


def _check_header(header: soundfile.SoundFile, wanted: Recognition) -> None:
    path = "config.audio_format"
    for field, declared, found in (
        ("encoding", FILES[wanted.encoding], _NAMES.get(header.format, header.format.lower())),
        ("sample_rate_hertz", wanted.rate_hz, header.samplerate),
        ("channel_count", wanted.channels, header.channels),
    ):
        if declared and declared != found:
            raise AudioMismatch(
                f"{path}.{field}: declared {declared}, but the file's header says {found}; "
                "declare what the file holds",
                field=f"{path}.{field}",
                declared=declared,
                found=found,
            )
    check_rate_and_channels(header.samplerate, header.channels, path)


def _check_length(samples: int, rate_hz: int, limit_s: float) -> None:
    if samples > limit_s * rate_hz:
        raise AudioTooLong(
            f"audio: {samples / rate_hz} s, {limit_s:g} s are allowed in one call; "
            "use StreamingRecognize, or cut the recording",
            field="audio",
            limit_s=limit_s,
            got_s=samples / rate_hz,
        )
