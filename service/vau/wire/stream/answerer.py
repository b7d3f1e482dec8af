"""What waits in the inbox, through the lane and back to the client."""

from time import perf_counter
from typing import Final

from vau.audio import FRAME_BUDGET_S, SAMPLE_BYTES, SAMPLE_RATE_HZ
from vau.endpoint import EndReason
from vau.errors import Draining, IdleTimeout, StreamLagging, StreamTooLong
from vau.lane import Timed
from vau.session import LateEnd
from vau.v1 import speech_pb2 as pb
from vau.wire.answer import energy_of, finished_of, notice_of, posteriors_of
from vau.wire.context import Context
from vau.wire.pieces import push
from vau.wire.results import Results, event_of
from vau.wire.stream import notices
from vau.wire.stream.inbox import Audio, End, Order
from vau.wire.stream.latency import Latency
from vau.wire.stream.live import Live

PARTING: Final = (Draining, IdleTimeout, StreamLagging, StreamTooLong)
"""What ends a stream whose client is still there to hear how far it came."""


class Answerer:
    """Answers one stream that holds a slot, a turn at a time."""

    def __init__(self, live: Live) -> None:
        """Begin where its position is."""
        self._live = live
        self._carrier, self._inbox, self._position = live.carrier, live.inbox, live.position
        self._wanted = live.wanted.recognition
        look_ahead_frames = self._wanted.lane.model.look_ahead_frames
        self._latency = Latency(live.meters, look_ahead_frames, live.totals, live.toll)
        self._checkpoints = live.checkpoints
        self._results = Results(phonemes=self._wanted.output.phonemes)
        self._is_lagging = False

    async def run(self, context: Context) -> None:
        """Answer until the client has closed its half. Raises what ends the stream earlier."""
        try:
            await self._say_what_is_due(context)
            while True:
                turn = await self._inbox.turn()
                if turn is None:
                    await self._say_what_is_due(context)
                elif isinstance(turn, End):
                    await self._finish(turn, context)
                    return
                elif isinstance(turn, Order):
                    if self._checkpoints.is_urgent:
                        await self._say_what_is_due(context)
                    await self._obey(turn, context)
                elif await self._hear(turn, context):
                    return
        except PARTING:
            await self._part(context)
            raise

    async def _hear(self, messages: tuple[Audio, ...], context: Context) -> bool:
        """Answer audio: all of it at once, and every message by a response.

        Returns whether the client's half-close went along, and has been answered too.
        """
        self._latency.heard(messages[0].read_s)
        for message in messages:
            self._position.mark(message.end_sample, message.mark)
            self._live.toll.heard(message)
        response = await self._advance(context, messages, messages[-1].read_s)
        end = self._inbox.end_that_went_along()
        if end is not None:
            self._sum_up(response, end)
        await self._write(response, context)
        for _ in messages[1:] if end is None else ():
            await self._write(pb.StreamingRecognizeResponse(), context)
        return end is not None

    async def _obey(self, order: Order, context: Context) -> None:
        """Carry out a control. What a flush hurries along was answered in its turn, before."""
        control, response = order.control, pb.StreamingRecognizeResponse()
        if control.kind == pb.Control.KIND_END_UTTERANCE:
            response = await self._advance(context, (), order.read_s, EndReason.END_UTTERANCE)
        elif control.kind == pb.Control.KIND_FLUSH:
            self._carrier.flushed()
        self._position.mark(self._position.computed, order.mark)
        response.controls.add(
            kind=control.kind, control_id=control.control_id, sample=self._position.computed
        )
        await self._write(response, context)

    async def _advance(
        self,
        context: Context,
        messages: tuple[Audio, ...],
        read_s: float,
        ends: EndReason | None = None,
    ) -> pb.StreamingRecognizeResponse:
        """Return a response with whatever the next audio completes.

        Of several utterances those before the last have one of their own, which is written.
        read_s: when the last of what is answered was read.
        """
        audio = b"".join(message.data for message in messages)
        sample_bytes = SAMPLE_BYTES[self._wanted.raw_encoding]
        due_s = (messages[0].read_s if messages else read_s) + FRAME_BUDGET_S
        saves = bool(messages) and self._checkpoints.is_due(messages[-1].end_sample)
        late_end = None
        if messages and not saves:  # a checkpoint is of a stream that goes on
            self._inbox.await_end(late_end := LateEnd())
        *before, last = await push(
            self._carrier,
            audio,
            sample_bytes,
            ends,
            due_s=due_s,
            saves=saves,
            late_end=late_end,
        )
        if (end := self._inbox.end_that_went_along()) is not None:
            read_s = end.read_s  # the answer is the end's; the messages have theirs before it
            for _ in messages:
                await self._write(pb.StreamingRecognizeResponse(), context)
        for timed in before:
            await self._write(self._answer(timed, messages, read_s), context)
        return self._answer(last, messages, read_s)

    def _answer(
        self, timed: Timed, messages: tuple[Audio, ...], read_s: float
    ) -> pb.StreamingRecognizeResponse:
        """Return a response with the answer to some messages, or what ended them."""
        response = pb.StreamingRecognizeResponse()
        self._count(timed)
        self._fill(response, timed)
        is_first = not self._live.toll.frames
        timing = self._latency.answered(timed, messages, read_s)
        if is_first and self._live.toll.frames:
            self._live.call.span.event("first answer", sample=self._position.answered)
        if self._wanted.output.timing and timed.answer.steps:
            response.timing.CopyFrom(timing)
        if timed.state is not None:
            self._checkpoints.put(response, timed.state, self._latency.totals)
        return response

    def _count(self, timed: Timed) -> None:
        """Take note how far the stream has come."""
        answer, position = timed.answer, self._position
        samples = answer.received_sample - position.computed
        position.computed, position.answered = answer.received_sample, answer.answered_sample
        self._live.call.samples = position.computed
        self._live.meters().heard(samples)
        self._inbox.free(samples)

    def _fill(self, response: pb.StreamingRecognizeResponse, timed: Timed) -> None:
        answer, output = timed.answer, self._wanted.output
        fraction_bits = self._carrier.lane.backend.info.logit_fraction_bits
        posteriors = posteriors_of(answer, output, fraction_bits)
        if posteriors is not None:
            response.posteriors.CopyFrom(posteriors)
        for remark in answer.remarks:
            response.notices.append(notice_of(remark))
            self._live.call.span.event("notice", code=remark.kind.value)
        for segment in answer.segments:
            self._results.write(segment, response.results.add())
        response.events.extend(map(event_of, answer.events))
        if output.energy and (answer.steps or answer.repeated.steps):
            response.energy.extend(
                energy_of(energy, answer.first_frame, len(answer.log_prob))
                for energy in answer.spent.energies
            )

    async def _finish(self, end: End, context: Context) -> None:
        """Send the last response."""
        response = await self._advance(context, (), end.read_s, EndReason.HALF_CLOSE)
        self._sum_up(response, end)
        await self._write(response, context)

    def _sum_up(self, response: pb.StreamingRecognizeResponse, end: End) -> None:
        """Let ``response`` be the last one."""
        self._live.meters().final_after_end.observe(perf_counter() - end.read_s)
        summary = self._carrier.session.summary()
        response.finished.CopyFrom(finished_of(summary, self._latency.totals))

    async def _say_what_is_due(self, context: Context) -> None:
        """Send what cannot wait for the next answer: notices, and a checkpoint."""
        response = pb.StreamingRecognizeResponse()
        if self._checkpoints.is_urgent:
            state = await self._carrier.save()
            self._checkpoints.put(response, state, self._latency.totals)
        response.notices.extend(self._notices())
        if response.ListFields():
            await self._write(response, context)

    async def _part(self, context: Context) -> None:
        """Say how far the stream has come, before it is ended."""
        self._checkpoints.ask()
        await self._say_what_is_due(context)

    async def _write(self, response: pb.StreamingRecognizeResponse, context: Context) -> None:
        self._watch_lag()
        response.notices.extend(self._notices())
        self._position.stamp(response)
        if not self._live.toll.pace.is_ahead:
            self._live.meters().lag.observe(self._position.lag / SAMPLE_RATE_HZ)
        self._live.life.writes()
        began_s = perf_counter()
        await context.write(response)
        self._live.toll.wrote(perf_counter() - began_s, self._position.lag)
        self._live.life.written()

    def _notices(self) -> list[pb.Notice]:
        """Return what there is to say beside an answer, once."""
        return [*self._carrier.take_notices(), *self._live.life.take_notices()]

    def _watch_lag(self) -> None:
        """Say it when half of what may wait does; again only after nothing did."""
        waiting, most = self._inbox.waiting_samples, self._inbox.most_samples
        if not self._is_lagging and waiting > most / 2:
            self._live.life.notice(notices.lagging(waiting, most))
        self._is_lagging = waiting > most / 2 or (self._is_lagging and waiting > 0)
