"""One live stream: each message is answered before the next is read.

Reading no further while an answer is due is the whole of back-pressure: HTTP/2 holds back
a client that sends faster than that.
"""

import asyncio
from collections import deque
from time import perf_counter
from typing import Final

import grpc

from vau.audio import FRAME_BUDGET_S, SAMPLE_BYTES, SAMPLE_RATE_HZ
from vau.errors import (
    BackendFault,
    ConfigExpected,
    ConfigInvalid,
    ConfigRepeated,
    ConfigTimeout,
    MessageTooLarge,
)
from vau.lane import Timed
from vau.session import EndReason, Session
from vau.v1 import speech_pb2 as pb
from vau.wire.answer import (
    S_TO_NS,
    add_timing,
    energy_of,
    finished_of,
    posteriors_of,
    result_of,
    timing_of,
)
from vau.wire.call import Call, Context
from vau.wire.gate import Pass
from vau.wire.host import Host
from vau.wire.pieces import push
from vau.wire.request import Stream, check_known, stream_of

ACKED_SAMPLE: Final = 0  # without checkpoints a stream starts again from its first sample
GOOD_MS: Final = (10, 100)  # in one message: less is mostly envelope, more comes late


async def stream(host: Host, context: Context, call: Call) -> None:
    """Serve one call of StreamingRecognize."""
    host.gate.check_open()
    wanted = stream_of(await _config(context, host), host.lanes, host.shadows, host.config)
    lane = wanted.recognition.lane
    call.backend_id = lane.backend.info.id
    async with host.gate.admit(lane) as admitted:
        shadows = host.shadows.chosen(wanted.shadows, lane.model.name)
        session = Session(
            lane.model,
            encoding=wanted.recognition.raw_encoding,
            interim_results=wanted.interim_results and wanted.recognition.output.phonemes,
            decoder=wanted.recognition.decoder_name,
        )
        session.observer = host.shadows.ears(shadows, call.backend_id, lane.model.name)
        try:
            await lane.open(session)
            started = host.session_started(call.session_id, wanted.recognition, shadows)
            await context.write(pb.StreamingRecognizeResponse(started=started))
            await _LiveStream(host, call, wanted, session).run(context, admitted)
        except BackendFault as fault:
            fault.facts["acked_sample"] = ACKED_SAMPLE
            raise
        finally:
            lane.close(session)  # behind any push that a cancel left running


async def _config(context: Context, host: Host) -> pb.StreamingConfig:
    """Read the first message, which must be the config."""
    limit_s = host.config.config_timeout_s
    try:
        async with asyncio.timeout(limit_s):
            request = await context.read()
    except TimeoutError:
        raise ConfigTimeout(
            f"config: none arrived within {limit_s:g} s; send it as the first message",
            field="config",
            limit_s=limit_s,
        ) from None
    kind = None if request is grpc.aio.EOF else request.WhichOneof("request")
    if kind != "config":
        raise ConfigExpected(
            f"config: the first message holds {kind or 'nothing'}; send the config first",
            field="config",
        )
    config: pb.StreamingConfig = request.config
    return config


class _LiveStream:
    """A stream that holds a slot."""

    def __init__(self, host: Host, call: Call, wanted: Stream, session: Session) -> None:
        self._host = host
        self._call = call
        self._wanted = wanted.recognition
        self._lane = wanted.recognition.lane
        self._session = session
        self._max_lag_s = wanted.max_lag_s
        self._sample_bytes = SAMPLE_BYTES[self._wanted.raw_encoding]
        self._meters = host.metrics.of(call.backend_id)
        self._received = self._answered = 0
        self._first_audio_s: float | None = None
        self._marks: deque[tuple[int, int]] = deque()  # (sample where its audio ends, mark)
        self._answered_mark = 0
        self._totals = pb.Timing()
        self._is_warned = False

    async def run(self, context: Context, admitted: Pass) -> None:
        """Answer until the client closes its half."""
        while True:
            request = await context.read()
            read_s = perf_counter()
            response = pb.StreamingRecognizeResponse()
            self._warn(response, admitted)
            if request is grpc.aio.EOF:
                await self._advance(response, read_s, ends=EndReason.HALF_CLOSE)
                self._meters.final_after_end.observe(perf_counter() - read_s)
                await self._finish(response, context)
                return
            await self._answer(response, request, read_s)
            self._stamp(response, request.client_mark)
            await context.write(response)

    async def _answer(
        self,
        response: pb.StreamingRecognizeResponse,
        request: pb.StreamingRecognizeRequest,
        read_s: float,
    ) -> None:
        kind = request.WhichOneof("request")
        if kind == "audio":
            self._check_size(request.audio)
            audio_s = len(request.audio) / self._sample_bytes / SAMPLE_RATE_HZ
            self._host.door.heard(self._call.visitor, audio_s)
            if not self._received:
                self._first_audio_s = read_s
            await self._advance(response, read_s, request.audio)
        elif kind == "control":
            await self._obey(response, request.control, read_s)
        elif kind == "config":
            raise ConfigRepeated(
                "config: this stream has one already; open another stream for another config",
                field="config",
            )
        else:
            raise ConfigInvalid("request: is empty; send audio or a control", field="request")

    async def _obey(
        self, response: pb.StreamingRecognizeResponse, control: pb.Control, read_s: float
    ) -> None:
        """Carry out a control. What a flush could hurry along is never held back here."""
        check_known(control.kind, pb.Control.Kind, "control.kind", allows_zero=False)
        if control.kind == pb.Control.KIND_END_UTTERANCE:
            await self._advance(response, read_s, ends=EndReason.END_UTTERANCE)
        response.controls.add(
            kind=control.kind, control_id=control.control_id, sample=self._received
        )

    async def _advance(
        self,
        response: pb.StreamingRecognizeResponse,
        read_s: float,
        audio: bytes = b"",
        ends: EndReason | None = None,
    ) -> None:
        """Put into ``response`` whatever the next audio completes."""
        timed = await push(self._lane, self._session, audio, self._sample_bytes, ends)
        answer, output = timed.answer, self._wanted.output
        self._meters.heard(answer.received_sample - self._received)
        self._received, self._answered = answer.received_sample, answer.answered_sample
        self._call.samples = self._received
        fraction_bits = self._lane.backend.info.logit_fraction_bits
        posteriors = posteriors_of(answer, output, fraction_bits)
        if posteriors is not None:
            response.posteriors.CopyFrom(posteriors)
        response.results.extend(result_of(segment, output) for segment in answer.segments)
        if output.energy and answer.steps:
            response.energy.extend(
                energy_of(energy, answer.first_frame, len(answer.log_prob))
                for energy in answer.cost.energies
            )
        self._time(response, timed, read_s)

    def _time(
        self, response: pb.StreamingRecognizeResponse, timed: Timed, read_s: float
    ) -> None:
        """Take the latency of the frames, as late as possible."""
        timing = timing_of(timed.times, timed.answer.cost)
        frames = len(timed.answer.log_prob)
        now_s = perf_counter()
        if frames:
            latency_s = now_s - read_s
            timing.frame_latency_max_ns = round(latency_s * S_TO_NS)
            timing.deadline_misses = frames if latency_s > FRAME_BUDGET_S else 0
            self._meters.answered(frames, timed.times, latency_s)
            if self._first_audio_s is not None:
                self._meters.first_answer.observe(now_s - self._first_audio_s)
                self._first_audio_s = None
        add_timing(self._totals, timing)
        if self._wanted.output.timing and timed.answer.steps:
            response.timing.CopyFrom(timing)

    async def _finish(self, response: pb.StreamingRecognizeResponse, context: Context) -> None:
        """Send the last response, even if the audio turns out to end inside a sample."""
        self._stamp(response)
        try:
            self._session.check_complete()
            response.finished.CopyFrom(finished_of(self._session.summary(), self._totals))
        finally:
            await context.write(response)

    def _stamp(self, response: pb.StreamingRecognizeResponse, mark: int = 0) -> None:
        """Say how far the stream has come."""
        if mark:
            self._marks.append((self._received, mark))
        while self._marks and self._marks[0][0] <= self._answered:
            self._answered_mark = self._marks.popleft()[1]
        response.received_sample = self._received
        response.answered_sample = self._answered
        response.acked_sample = ACKED_SAMPLE
        response.client_mark = self._answered_mark
        self._meters.lag.observe((self._received - self._answered) / SAMPLE_RATE_HZ)

    def _warn(self, response: pb.StreamingRecognizeResponse, admitted: Pass) -> None:
        """Say once that the stream will be ended, when that has been decided."""
        leave_at_s = admitted.stay.when()
        if leave_at_s is None or self._is_warned:
            return
        left_s = max(0.0, leave_at_s - asyncio.get_running_loop().time())
        notice = response.notices.add(
            code="GOING_AWAY", text=f"The server shuts down: end within {left_s:.1f} s."
        )
        notice.metadata["deadline_s"] = f"{left_s:.3f}"
        self._is_warned = True

    def _check_size(self, audio: bytes) -> None:
        limit = self._host.config.max_audio_message_bytes
        if len(audio) > limit:
            raise MessageTooLarge(
                f"audio: {len(audio)} bytes in one message, {limit} are allowed; "
                + self._advice(),
                field="audio",
                limit=limit,
                got=len(audio),
            )
        lag_s = len(audio) / self._sample_bytes / SAMPLE_RATE_HZ
        if lag_s > self._max_lag_s:
            raise MessageTooLarge(
                f"audio: {lag_s:g} s in one message, max_lag is {self._max_lag_s:g} s; "
                + self._advice(),
                field="audio",
                limit_s=self._max_lag_s,
                got_s=lag_s,
            )

    def _advice(self) -> str:
        """Say how much to send in one message, within both limits."""
        per_s = self._sample_bytes * SAMPLE_RATE_HZ
        most_s = min(self._max_lag_s, self._host.config.max_audio_message_bytes / per_s)
        most_ms = min(GOOD_MS[1], most_s * 1e3)
        if most_ms > GOOD_MS[0]:
            return f"send {GOOD_MS[0]} to {most_ms:g} ms at a time"
        return f"send at most {most_ms:g} ms at a time"
