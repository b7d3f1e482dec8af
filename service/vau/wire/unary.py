"""One short recording in, its whole answer out, by the way that live audio takes."""

import asyncio
import io
from functools import partial
from time import perf_counter
from typing import Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ, PcmReader
from vau.audiofile import format_of, header, read_pcm
from vau.endpoint import EndReason
from vau.errors import AudioMismatch, AudioTooLong
from vau.honesty import Remark, trailing
from vau.session import Session
from vau.v1 import speech_pb2 as pb
from vau.wire.answer import finished_of, notice_of, posteriors_of, timing_of
from vau.wire.call import Call
from vau.wire.carrier import Carrier, carried
from vau.wire.host import Host
from vau.wire.pieces import push
from vau.wire.request import (
    FILES,
    Recognition,
    check_rate_and_channels,
    recognition_of,
)
from vau.wire.results import Results
from vau.wire.route import Route

FORMAT: Final = "config.audio_format"
PATIENCE_S: Final = 1.0  # who sends a whole recording lets those go first who speak


async def recognize(
    host: Host, request: pb.RecognizeRequest, call: Call
) -> pb.RecognizeResponse:
    """Serve one call of Recognize. It holds a slot, like a stream."""
    host.gate.check_open()
    wanted = recognition_of(request.config, host.lanes, path="config", files=True)
    limit_s = host.config.max_unary_audio_s
    announced = await asyncio.to_thread(_announced, request.audio, wanted, limit_s)
    async with carried(host, call, Route(wanted.lane, wanted.lanes)) as carrier:
        # Whoever finds no slot pays nothing; whoever may not send so much has nothing decoded.
        host.door.heard(call.visitor, announced / SAMPLE_RATE_HZ)
        samples, rest = await asyncio.to_thread(_samples, request.audio, wanted)
        call.samples = len(samples)
        model = wanted.lane.model
        shadows = host.shadows.chosen((), model.name)
        try:
            new = partial(Session, model, decoder=wanted.decoder_name)
            await carrier.open(new, shadows)
            response = await _answer(host, call, wanted, carrier, samples)
            for remark in rest:
                host.metrics.remarked(remark)
                response.notices.append(notice_of(remark))
            response.notices.extend(carrier.take_notices())
            lane = carrier.lane
            started = host.session_started(call.session_id, wanted, lane, shadows)
            response.started.CopyFrom(started)
            return response
        finally:
            carrier.close()


async def _answer(
    host: Host, call: Call, wanted: Recognition, carrier: Carrier, samples: NDArray[np.int16]
) -> pb.RecognizeResponse:
    """Push the samples through the lane."""
    output, pcm = wanted.output, samples.tobytes()
    due_s = perf_counter() + PATIENCE_S
    (timed,) = await push(carrier, pcm, samples.itemsize, EndReason.HALF_CLOSE, due_s=due_s)
    fraction_bits = carrier.lane.backend.info.logit_fraction_bits
    host.metrics.of(call.backend_id).heard(len(samples))
    timing = timing_of(timed.times, timed.answer.spent)
    response = pb.RecognizeResponse(
        posteriors=posteriors_of(timed.answer, output, fraction_bits),
        notices=map(notice_of, timed.answer.remarks),
        finished=finished_of(carrier.session.summary(), timing),
    )
    results = Results(phonemes=output.phonemes)
    for segment in timed.answer.segments:
        results.write(segment, response.results.add())
    return response


def _announced(audio: bytes, wanted: Recognition, limit_s: float) -> int:
    """Return how many samples a request holds, by its size or its header, decoding none.

    Raises AudioError if the header is not what was declared, or states more than is allowed.
    """
    if wanted.encoding not in FILES:
        count = len(audio) // SAMPLE_BYTES[wanted.raw_encoding]
        _check_length(count, SAMPLE_RATE_HZ, limit_s)
        return count
    _check_declared("encoding", FILES[wanted.encoding], format_of(io.BytesIO(audio)))
    stated = header(io.BytesIO(audio))
    _check_declared("sample_rate_hertz", wanted.rate_hz, stated.rate_hz)
    _check_declared("channel_count", wanted.channels, stated.channels)
    check_rate_and_channels(stated.rate_hz, stated.channels, FORMAT)
    _check_length(stated.frames, stated.rate_hz, limit_s)
    return stated.frames


def _samples(audio: bytes, wanted: Recognition) -> tuple[NDArray[np.int16], list[Remark]]:
    """Return the samples of a request, little-endian.

    With them comes a remark on what is left of raw bytes, if anything is.
    """
    if wanted.encoding in FILES:
        return read_pcm(io.BytesIO(audio)).samples[:, 0].astype("<i2"), []
    encoding = wanted.raw_encoding
    reader = PcmReader(encoding)
    samples = reader.read(audio)
    rest = reader.rest_bytes
    remarks = [trailing(rest, SAMPLE_BYTES[encoding], len(samples))] if rest else []
    return samples.astype("<i2"), remarks


def _check_declared(field: str, declared: str | int, found: str | int) -> None:
    """Raise AudioMismatch if the file is not what its caller said; 0 said nothing."""
    if declared and declared != found:
        raise AudioMismatch(
            f"{FORMAT}.{field}: declared {declared}, but the file's header says {found}; "
            "declare what the file holds",
            field=f"{FORMAT}.{field}",
            declared=declared,
            found=found,
        )


def _check_length(samples: int, rate_hz: int, limit_s: float) -> None:
    if samples > limit_s * rate_hz:
        raise AudioTooLong(
            f"audio: {samples / rate_hz:.2f} s, {limit_s:g} s are allowed in one call; "
            "use StreamingRecognize, or cut the recording",
            field="audio",
            limit_s=limit_s,
            got_s=samples / rate_hz,
        )
