"""Answers as messages: what domain types become on their way out."""

from collections.abc import Sequence
from typing import Any, Final

import numpy as np
from numpy.typing import NDArray

from vau.audio import FRAME_SAMPLES, HOP_SAMPLES, SAMPLE_RATE_HZ
from vau.backend import Cost, Energy
from vau.honesty import Remark
from vau.lane import StageTimes
from vau.model import Model
from vau.session import Answer, Summary
from vau.v1 import speech_pb2 as pb
from vau.wire.durations import nanoseconds
from vau.wire.request import CHANNELS, FILES, RAW, Output
from vau.wire.vocabulary import BOUNDARIES, ORIGINS

NO_BLANK: Final = -1
LOWEST_HALF: Final = np.finfo(np.float16).min  # of what is less, nothing is left to tell


def posteriors_of(
    answer: Answer, output: Output, fraction_bits: int | None
) -> pb.Posteriors | None:
    """Pack the posteriors of the frames that are wanted; None if none are.

    fraction_bits: of the backend's integer logits, if it has any.
    """
    skip = -answer.first_frame % output.every_n_frames
    log_prob = answer.log_prob[skip :: output.every_n_frames]
    if output.posteriors == pb.OutputConfig.POSTERIORS_UNSPECIFIED or not len(log_prob):
        return None
    logits = None if answer.logits is None else answer.logits[skip :: output.every_n_frames]
    is_raw = output.encoding == pb.POSTERIOR_ENCODING_RAW_INT32
    values: NDArray[Any] = _encoded(log_prob, logits, output)
    class_ids = b""
    if output.posteriors == pb.OutputConfig.POSTERIORS_TOP_K:
        best = _best(log_prob if logits is None else logits, output.top_k)
        values = np.take_along_axis(values, best, axis=1)
        class_ids = best.astype("<u2").tobytes()
    return pb.Posteriors(
        utterance_index=answer.utterance_index,
        first_frame=answer.first_frame + skip,
        first_sample=answer.first_sample + skip * HOP_SAMPLES,
        frame_count=len(values),
        frame_stride=output.every_n_frames,
        width=values.shape[1],
        encoding=output.encoding,
        fraction_bits=(fraction_bits or 0) if is_raw else 0,
        values=values.tobytes(),
        class_ids=class_ids,
    )


def notice_of(remark: Remark) -> pb.Notice:
    """Return a remark on the audio as a notice."""
    facts = {name: str(value) for name, value in remark.facts.items()}
    return pb.Notice(code=remark.kind.value, text=remark.text + ".", metadata=facts)


def energy_of(energy: Energy, first_frame: int, frame_count: int) -> pb.Energy:
    """Return an energy that was spent on these frames."""
    return pb.Energy(
        joules=energy.joules,
        origin=ORIGINS[energy.origin],
        boundary=BOUNDARIES[energy.boundary],
        parts=[pb.EnergyPart(name=name, joules=joules) for name, joules in energy.parts],
        method=energy.method,
        first_frame=first_frame,
        frame_count=frame_count,
        extrapolated=energy.extrapolated,
    )


def timing_of(times: StageTimes, cost: Cost) -> pb.Timing:
    """Return where the time went; the latency of the frames is for the caller to add."""
    timing = pb.Timing(
        queue_ns=nanoseconds(times.queue_s),
        feature_ns=nanoseconds(times.feature_s),
        compute_ns=nanoseconds(times.compute_s),
        post_ns=nanoseconds(times.post_s),
        batch_size=times.batch_size,
    )
    _set_device(timing, cost)
    return timing


def _set_device(timing: pb.Timing, cost: Cost) -> None:
    """Say what the device took, if all of that is estimated or all measured."""
    if cost.device_origin == "mixed" or (cost.cycles is None and cost.device_s is None):
        return
    timing.device_cycles = cost.cycles or 0
    timing.device_ns = nanoseconds(cost.device_s or 0.0)
    timing.device_origin = ORIGINS[cost.device_origin]


def add_timing(total: pb.Timing, timing: pb.Timing) -> None:
    """Add ``timing`` to the totals of a stream; what the device took is in its summary."""
    total.queue_ns += timing.queue_ns
    total.feature_ns += timing.feature_ns
    total.compute_ns += timing.compute_ns
    total.post_ns += timing.post_ns
    total.frame_latency_max_ns = max(total.frame_latency_max_ns, timing.frame_latency_max_ns)
    total.deadline_misses += timing.deadline_misses
    total.batch_size = max(total.batch_size, timing.batch_size)


def finished_of(summary: Summary, timing: pb.Timing) -> pb.SessionFinished:
    """Add up a stream that ended well; ``timing`` holds the totals of the host."""
    total = pb.Timing()
    total.CopyFrom(timing)
    for field in ("device_cycles", "device_ns", "device_origin"):
        total.ClearField(field)  # perhaps from before a resume
    _set_device(total, summary.cost)
    return pb.SessionFinished(
        samples=summary.samples,
        frames=summary.frames,
        utterances=summary.utterances,
        output_digest=summary.output_digest,
        deadline_misses=total.deadline_misses,
        energy=[energy_of(energy, 0, summary.frames) for energy in summary.cost.energies],
        timing=total,
        input_digest=summary.input_digest,
    )


def model_info(model: Model) -> pb.ModelInfo:
    """Describe a model."""
    return pb.ModelInfo(
        name=model.name,
        digest=model.digest,
        classes=model.phonemes,
        decoding=pb.ModelInfo.DECODING_FRAMEWISE,
        blank_id=NO_BLANK,
        silence_ids=model.silence_ids,
        feature_dim=model.frontend.feature_dim,
        frame_shift_samples=HOP_SAMPLES,
        frame_length_samples=FRAME_SAMPLES,
        look_ahead_frames=model.look_ahead_frames,
    )


def accepted_formats() -> Sequence[pb.AudioFormat]:
    """Return every format of audio that some call takes."""
    return [
        pb.AudioFormat(
            encoding=encoding,
            sample_rate_hertz=SAMPLE_RATE_HZ,
            channel_count=CHANNELS,
        )
        for encoding in (*RAW, *FILES)
    ]


def _encoded(
    log_prob: NDArray[np.float32], logits: NDArray[np.int32] | None, output: Output
) -> NDArray[Any]:
    if output.encoding == pb.POSTERIOR_ENCODING_RAW_INT32:
        if logits is None:
            raise ValueError("integer logits were promised, and there are none")
        return logits.astype("<i4")
    if output.encoding == pb.POSTERIOR_ENCODING_FLOAT16:
        return np.maximum(log_prob, LOWEST_HALF).astype("<f2")
    return log_prob.astype("<f4")


def _best(scores: NDArray[np.float32] | NDArray[np.int32], count: int) -> NDArray[np.intp]:
    """Return the ids of the highest scores of each row, best first, of equals the lower id."""
    descending = -scores.astype(np.float64)  # exact for both, and -INT32_MIN fits
    return np.argsort(descending, axis=1, kind="stable")[:, :count]
