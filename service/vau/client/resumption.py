"""One stream over however many calls it takes: what sync and async clients share.

It sends nothing and waits for nothing. Whoever does, asks it for the first message of each
call, shows it every response and every loss, and sends what it keeps from its first message on.
"""

from typing import Final

from vau.audio import SAMPLE_BYTES, SAMPLE_RATE_HZ
from vau.client.kept import Item, Kept
from vau.client.resume import NO_ROOM, Backoff, Resume, is_passing
from vau.client.sieve import Response, Sieve
from vau.client.throttle import Throttle, rate_of
from vau.errors import (
    CapabilityMissing,
    ConfigInvalid,
    QuotaExceeded,
    Unreachable,
    VauError,
)
from vau.v1 import speech_pb2 as pb
from vau.wire.durations import duration_of

RESUMED: Final = "RESUMED"
"""The code of a notice that the client adds: the stream was lost, and is answered again."""

_WIDTH: Final = {
    pb.AudioFormat.ENCODING_FLOAT32: SAMPLE_BYTES["float32"],
}


class Resumption:
    """The state of one stream at its client."""

    def __init__(
        self, config: pb.StreamingConfig, policy: Resume, throttle: Throttle | None = None
    ) -> None:
        """Begin a stream with ``config``; its checkpoint interval goes before the policy's.

        throttle: of all streams of the client, which share what its token may send.
        """
        self._policy, self._throttle = policy, throttle or Throttle()
        self._has_own_interval = bool(config.checkpoint_interval.ToNanoseconds())
        self._loss: VauError | None = None
        self._config = pb.StreamingConfig()
        self._config.CopyFrom(config)
        if not self._has_own_interval:
            self._ask_every(policy.interval_s)
        encoding = config.recognition.audio_format.encoding
        sample_bytes = _WIDTH.get(encoding, SAMPLE_BYTES["linear16"])
        self.kept = Kept(sample_bytes)
        self._sample_bytes = sample_bytes
        self._most_bytes = round(policy.keep_s * SAMPLE_RATE_HZ) * sample_bytes
        self._backoff = Backoff(policy.patience_s)
        self._sieve = Sieve()
        self._has_begun = False
        self._is_taken_again = False  # and has not come further since
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
        if response.HasField("started"):
            self._backoff.returned()
            if self._has_begun:
                response.ClearField("started")
                self._is_taken_again = True
            else:
                self._loss = None  # of room, which there is now
        self._has_begun = True
        is_new = self._sieve.sift(response)
        if not self._sieve.is_behind:
            if self._is_taken_again:
                self._tell(response)
            self._is_taken_again, self._loss = False, None
            self._backoff.progressed()
        if response.HasField("checkpoint"):
            self._config.resume_token = response.checkpoint.token
            self.kept.forget(response.checkpoint.next_sample, self._sieve.safe_controls)
        return is_new

    def lost(self, error: VauError) -> float:
        """Return after how many seconds to call again.

        Raises ``error`` if the stream cannot go on after it, or if that was tried for too long;
        what came before it is said with it.
        """
        if self._lacks_checkpoints(error):
            self._config.ClearField("checkpoint_interval")
            self.keeps = False
            return 0.0
        if self._is_asked_too_rarely(error):
            return 0.0
        if not self._may_pass(error):
            raise self._with_loss(error) from error
        is_new = not self._backoff.is_lost and type(error) is not type(self._loss)
        delay_s = self._backoff.lost(error)
        rate = rate_of(error)
        if rate is not None:
            self._throttle.learn(rate)
        if is_new:
            self._loss = error
            if self._policy.on_loss is not None:
                self._policy.on_loss(self._words(error, rate))
        return delay_s

    def wait_s(self, item: Item) -> float:
        """Return in how many seconds a message may be sent: at once, but for a quota."""
        if not isinstance(item, bytes):
            return 0.0
        return self._throttle.wait_s(len(item) / self._sample_bytes / SAMPLE_RATE_HZ)

    def _ask_every(self, interval_s: float) -> None:
        self._config.checkpoint_interval.CopyFrom(duration_of(interval_s))

    def _may_pass(self, error: VauError) -> bool:
        if self._has_begun:
            return self.keeps and is_passing(error)
        if self._backoff.is_lost:  # a server that drained may be gone before the next is there
            return is_passing(error)
        return isinstance(error, NO_ROOM)

    def _with_loss(self, error: VauError) -> VauError:
        """Return an error that ends what a loss began, and say of that, too."""
        if not self._backoff.is_lost or self._loss is None:
            return error
        before = "lost" if self._has_begun else "refused"
        return error.saying(f"{error} (before that the stream was {before}: {self._loss})")

    def _words(self, error: VauError, rate: float | None) -> str:
        patience = f"trying again for {self._policy.patience_s:g} s"
        if rate is not None:
            return f"{error}; going on at {rate:g} s of audio a second"
        if not self._has_begun:
            return f"no room yet, {patience}: {error}"
        if isinstance(error, Unreachable):
            return f"connection lost, {patience}: {error}"
        return f"stream lost, {patience}: {error}"

    def _is_asked_too_rarely(self, error: VauError) -> bool:
        """Tell whether checkpoints are to come sooner than tokens expire, and ask for that."""
        most_s = float(error.facts.get("most_s", 0.0))
        if (
            self._has_begun
            or self._has_own_interval
            or not isinstance(error, ConfigInvalid)
            or error.field != "config.checkpoint_interval"
            or not 0.0 < most_s < self._policy.interval_s
        ):
            return False
        least_s = float(error.facts.get("least_s", 0.0))
        self._ask_every(max(least_s, most_s / 2))
        self._has_own_interval = True
        return True

    def _lacks_checkpoints(self, error: VauError) -> bool:
        return (
            not self._has_begun
            and isinstance(error, CapabilityMissing)
            and error.facts.get("capability") == "checkpoints"
        )

    def _tell(self, response: Response) -> None:
        """Say that the stream goes on. It may not, until something new was answered."""
        what = "held up by its quota" if isinstance(self._loss, QuotaExceeded) else "lost"
        away_s, attempts = self._backoff.away_s, self._backoff.attempts
        times = f", {attempts} attempts" if attempts > 1 else ""
        notice = response.notices.add(
            code=RESUMED,
            text=f"The stream was {what} for {away_s:.1f} s{times}, and goes on where it was.",
        )
        notice.metadata["away_s"] = f"{away_s:.3f}"
        notice.metadata["attempts"] = str(attempts)
