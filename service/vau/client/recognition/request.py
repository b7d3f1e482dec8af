"""What to ask a server for."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final, Literal

from vau.audio import SAMPLE_RATE_HZ
from vau.client.endpointing import Endpointing
from vau.decode import DecoderName
from vau.errors import ConfigInvalid
from vau.v1 import speech_pb2 as pb
from vau.wire.durations import duration_of
from vau.wire.vocabulary import DECODERS

Wanted = Literal["none", "log", "logits"]
"""Which posteriors to ask for."""

_ENCODINGS: Final[dict[Wanted, pb.PosteriorEncoding]] = {
    "none": pb.POSTERIOR_ENCODING_UNSPECIFIED,
    "log": pb.POSTERIOR_ENCODING_FLOAT32,
    "logits": pb.POSTERIOR_ENCODING_RAW_INT32,
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Request:
    """What to ask a server for; an empty name means its default.

    Raises ConfigInvalid for a value that cannot be meant.
    """

    model: str = ""
    backend: str = ""
    fallback_backends: Sequence[str] = ()
    """Those that may take over, the best first: ids, ``same-kind`` or ``any``."""

    interim_results: bool = False
    posteriors: Wanted = "none"
    decoder: DecoderName = "viterbi"
    max_lag_s: float | None = None
    """The most audio that may wait at the server; None for what it allows."""

    endpointing: Endpointing | None = None
    """When a segment ends before the audio does, and whether to hear where speech begins and
    ends; None for neither."""

    def __post_init__(self) -> None:
        for name, known in (("posteriors", _ENCODINGS), ("decoder", DECODERS)):
            value = getattr(self, name)
            if value not in [*known]:
                raise _invalid(name, f"{value!r} is none of {', '.join(known)}")
        for name in ("model", "backend"):
            if not isinstance(value := getattr(self, name), str):
                raise _invalid(name, f"{value!r} is no name; leave it out for the default")
        names: object = self.fallback_backends
        if isinstance(names, str):  # whose letters would be the names
            raise _invalid(
                "fallback_backends", f"{names!r} is one name alone; give [{names!r}]"
            )
        if not isinstance(names, Sequence) or not all(isinstance(each, str) for each in names):
            raise _invalid("fallback_backends", f"{names!r} is no list of names")

    def config(self) -> pb.StreamingConfig:
        """Return the first message of a stream."""
        wanted = self.posteriors != "none"
        return pb.StreamingConfig(
            recognition=pb.RecognitionConfig(
                audio_format=pb.AudioFormat(
                    encoding=pb.AudioFormat.ENCODING_LINEAR16,
                    sample_rate_hertz=SAMPLE_RATE_HZ,
                    channel_count=1,
                ),
                model=self.model,
                backend=self.backend,
                fallback_backends=self.fallback_backends,
                decoder=DECODERS[self.decoder],
                output=pb.OutputConfig(
                    phonemes=True,
                    posteriors=(
                        pb.OutputConfig.POSTERIORS_FULL
                        if wanted
                        else pb.OutputConfig.POSTERIORS_UNSPECIFIED
                    ),
                    encoding=_ENCODINGS[self.posteriors],
                    timing=True,
                    energy=True,
                ),
            ),
            interim_results=self.interim_results,
            endpointing=None if self.endpointing is None else self.endpointing.message(),
            flow_control=self._flow_control(),
        )

    def _flow_control(self) -> pb.FlowControl | None:
        if self.max_lag_s is None:
            return None
        return pb.FlowControl(max_lag=duration_of(self.max_lag_s))


def _invalid(name: str, why: str) -> ConfigInvalid:
    return ConfigInvalid(f"{name}: {why}", field=name)
