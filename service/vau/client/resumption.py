"""One stream over however many calls it takes: what sync and async clients share.

It sends nothing and waits for nothing. Whoever does, asks it for the first message of each
call, shows it every response and every loss, and sends what it keeps from its first message on.
"""

from typing import Final

from vau.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from vau.client.kept import Kept
from vau.client.resume import Backoff, Resume, is_passing
from vau.client.sieve import Response, Sieve
from vau.errors import CapabilityMissing, VauError
from vau.v1 import speech_pb2 as pb

RESUMED: Final = "RESUMED"
"""The code of a notice that the client adds: the stream was lost, and goes on."""

_WIDTH: Final = {
    pb.AudioFormat.ENCODING_FLOAT32: SAMPLE_BYTES["float32"],
}


class Resumption:
    """The state of one stream at its client."""

    def __init__(self, config: pb.StreamingConfig, policy: Resume) -> None:
        """Begin a stream with ``config``; its checkpoint interval goes before the policy's."""
        self._config = pb.StreamingConfig()
        self._config.CopyFrom(config)
        if not config.checkpoint_interval.ToNanoseconds():
            interval_ns = round(policy.interval_s * 1e9)
            self._config.checkpoint_interval.FromNanoseconds(interval_ns)
        encoding = config.recognition.audio_format.encoding
        sample_bytes = _WIDTH.get(encoding, SAMPLE_BYTES["linear16"])
        self.kept = Kept(sample_bytes)
        self._most_bytes = round(policy.keep_s * SAMPLE_RATE_HZ) * sample_bytes
        self._backoff = Backoff(policy.patience_s)
        self._sieve = Sieve()
        self._has_begun = False
        self.keeps = True
        """Whether what was sent is kept. Not for a backend that gives no states away."""

    @property
    def is_full(self) -> bool:
        """Whether as much is kept as may be."""
        return self.kept.bytes >= self._most_bytes

    def first_request(self) -> pb.StreamingRecognizeRequest:
        """Return the first message of the next call."""
        self._sieve.again()
        return pb.StreamingRecognizeRequest(config=self._config)

    def heard(self, response: Response) -> bool:
        """Take note of a response, and leave in it what is new; tell whether anything is."""
        away_s = self._backoff.goes_on() if response.HasField("started") else None
        if response.HasField("started") and self._has_begun:
            response.ClearField("started")
            _tell(response, away_s or 0.0)
        self._has_begun = True
        is_new = self._sieve.sift(response)
        if response.HasField("checkpoint"):
            self._config.resume_token = response.checkpoint.token
            self.kept.forget(response.checkpoint.next_sample, self._sieve.safe_controls)
        return is_new

    def lost(self, error: VauError) -> float:
        """Return after how many seconds to call again.

        Raises ``error`` if the stream cannot go on after it, or if that was tried for too long.
        """
        if self._lacks_checkpoints(error):
            self._config.ClearField("checkpoint_interval")
            self.keeps = False
            return 0.0
        if not (self._has_begun and self.keeps and is_passing(error)):
            raise error
        return self._backoff.lost(error)

    def _lacks_checkpoints(self, error: VauError) -> bool:
        return (
            not self._has_begun
            and isinstance(error, CapabilityMissing)
            and error.facts.get("capability") == "checkpoints"
        )


def _tell(response: Response, away_s: float) -> None:
    """Say that the stream goes on."""
    notice = response.notices.add(
        code=RESUMED,
        text=f"The stream was lost for {away_s:.1f} s, and goes on where it was.",
    )
    notice.metadata["away_s"] = f"{away_s:.3f}"
