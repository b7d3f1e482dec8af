"""All that can go wrong for a caller, as one tree.

    VauError
     ├─ ConfigError            what was asked for cannot be meant
     │   ├─ ConfigExpected     audio or control came before the config
     │   ├─ ConfigRepeated     a second config in one stream
     │   ├─ ConfigInvalid      a field is out of range, unknown or not offered
     │   └─ ConfigTimeout      no config within the time allowed
     ├─ AudioError             the audio is not what it claims to be
     │   ├─ AudioUnsupported   a rate, channel count or encoding that is not accepted
     │   ├─ AudioMismatch      a file's header disagrees with the config
     │   ├─ AudioCorrupt       undecodable, cut short, empty, or not numbers
     │   ├─ AudioTooLong       more audio than one unary call may carry
     │   └─ MessageTooLarge    more audio than one message may carry
     ├─ ModelError             the model cannot be used
     │   ├─ ModelNotFound      no model of that name is served here
     │   ├─ BadModel           a bundle's files are missing, damaged or foreign
     │   ├─ ModelIncompatible  its shape or arithmetic does not suit this backend
     │   └─ ModelTooLarge      it does not fit into the accelerator's memory
     ├─ BackendError           the accelerator cannot be used
     │   ├─ BackendNotFound    no backend of that name is installed or served here
     │   ├─ BackendBusy        every slot the backend can hold is taken, or it has another owner
     │   ├─ DevicePermission   its port may not be opened by this server
     │   ├─ FirmwareMismatch   it speaks another protocol, or is not the hardware it should be
     │   └─ BackendFault       the device, its driver or its model gave up
     │       ├─ DeviceLost     it was unplugged, restarted, or hung up
     │       ├─ DeviceTimeout  it does not answer, whatever was tried
     │       └─ DeviceCorrupt  what it holds or computes is not what it should be
     ├─ SlotsExhausted         the server already carries as many streams as it may
     ├─ AuthError              the caller may not do this
     │   ├─ AuthRequired       no bearer token, or none that this server knows
     │   └─ AuthForbidden      a token that others can read, or a page of somebody else
     ├─ QuotaExceeded          the caller has all it may have
     ├─ ResumeError            a lost stream cannot be picked up
     │   ├─ ResumeInvalid      the token is damaged, or sealed by nobody known here
     │   ├─ ResumeExpired      the token is too old
     │   └─ ResumeMismatch     the token is of another owner, model, arithmetic or config
     ├─ CapabilityMissing      the backend lacks what was asked of it
     ├─ BadSnapshot            a saved state belongs to another network or arithmetic
     ├─ StreamEnded            the server ended a stream for how it went on
     │   ├─ IdleTimeout        nothing came for too long
     │   ├─ StreamTooLong      it has lasted as long as one may
     │   ├─ StreamLagging      audio came faster than it was computed
     │   └─ ClientNotReading   responses were left unread for too long
     ├─ Draining               the server is shutting down
     ├─ Unreachable            the server does not answer, or was lost
     └─ ServerDefect           the server ended the call by a mistake of its own

What a caller cannot cause is not in the tree. A defect of ours raises whatever Python
raises, ends the call as INTERNAL, which its client hears as ServerDefect, and leaves its
traceback in the log.
"""

from typing import Self


class VauError(Exception):
    """Something a caller can understand and mend.

    The message names the field, the value and the remedy. ``field`` is the path of the
    offending field as the caller wrote it, empty if there is none; ``facts`` are the
    figures that a program needs to react (a limit, an offset, the names available).
    """

    def __init__(self, message: str, *, field: str = "", **facts: int | float | str) -> None:
        super().__init__(message)
        self.field = field
        self.facts = facts
        self.retry_after_s: float | None = None
        """Of what a server said: when it wants to be asked again; None if it does not say."""

    def copy(self) -> Self:
        """Return the same as an object of its own, for each caller whom it answers.

        Whoever hears of it may add facts of his.
        """
        other = type(self).__new__(type(self), *self.args)  # a plug-in's may take more to make
        vars(other).update(vars(self), facts=dict(vars(self).get("facts", {})))
        return other

    def saying(self, text: str) -> Self:
        """Return the same with another text."""
        other = self.copy()
        other.args = (text,)
        return other


class ConfigError(VauError):
    """What was asked for cannot be meant."""


class ConfigExpected(ConfigError):
    """Audio or a control arrived before the config: the first message must be it."""


class ConfigRepeated(ConfigError):
    """A second config arrived: a stream has one, and a new one needs a new stream."""


class ConfigInvalid(ConfigError):
    """A field is out of range, has an unknown value, or asks for what is not offered."""


class ConfigTimeout(ConfigError):
    """A stream was opened and then said nothing."""


class AudioError(VauError):
    """The audio is not what it claims to be."""


class AudioUnsupported(AudioError):
    """Example: 44.1 kHz sent as it came from the sound card; resample to 16 kHz first."""


class AudioMismatch(AudioError):
    """Example: the config says mono, the WAV header says stereo."""


class AudioCorrupt(AudioError):
    """Examples: a NaN in float audio, no sample at all, a FLAC cut short."""


class AudioTooLong(AudioError):
    """One unary call carries a minute of audio at most by default: stream longer ones."""


class MessageTooLarge(AudioError):
    """One message carries 64 KiB of audio at most by default: send smaller chunks."""


class ModelError(VauError):
    """The model cannot be used."""


class ModelNotFound(ModelError):
    """Example: a name mistyped; the message lists those that are there."""


class BadModel(ModelError):
    """Examples: weights that fail their SHA-256, a card with a field missing."""


class ModelIncompatible(ModelError):
    """Example: a model exported without the integers of this backend's arithmetic."""


class ModelTooLarge(ModelError):
    """Example: 384 hidden units on a 2x2 array of dies, whose memories hold 192."""


class BackendError(VauError):
    """The accelerator cannot be used."""


class BackendNotFound(BackendError):
    """Example: a package that brings the backend is not installed."""


class BackendBusy(BackendError):
    """Every slot is taken; one comes free when another stream ends."""


class BackendFault(BackendError):
    """The device, its driver or its model gave up; states of that batch are lost."""


class DevicePermission(BackendError):
    """Example: a serial port that only members of the group dialout may open."""


class FirmwareMismatch(BackendError):
    """Examples: an RTL hash that nobody here knows, other activation tables, no SUM."""


class DeviceLost(BackendFault):
    """Unplugged, powered off, restarted or hung up: one error for every cause."""


class DeviceTimeout(BackendFault):
    """Retries are used up; ``stage`` says at what."""


class DeviceCorrupt(BackendFault):
    """A checksum, a parity, a known answer or a cycle count is wrong, also the second time."""

    @property
    def is_of_answers(self) -> bool:
        """Whether earlier answers may be wrong, too: nobody is to go on from a state of then.

        A backend says so by the fact ``answers="doubtful"``.
        """
        return self.facts.get("answers") == "doubtful"


class SlotsExhausted(VauError):
    """The server carries as many streams as it was told to."""


class AuthError(VauError):
    """The caller may not do this. Neither message nor facts ever hold what was presented."""


class AuthRequired(AuthError):
    """No bearer token came along, or one that this server does not know (any more)."""


class AuthForbidden(AuthError):
    """Examples: a token in plaintext, so connect with TLS; a page not named by --web-origin."""


class QuotaExceeded(VauError):
    """Example: a third stream for a token with max_streams=2; end one of the others."""


class ResumeError(VauError):
    """A lost stream cannot be picked up: begin it anew."""


class ResumeInvalid(ResumeError):
    """Examples: a token that lost a byte, or one sealed with the key of another server."""


class ResumeExpired(ResumeError):
    """Example: a checkpoint of yesterday; they are good for ten minutes by default."""


class ResumeMismatch(ResumeError):
    """Example: the token of a stream with interim results, and a config without them."""


class CapabilityMissing(VauError):
    """Example: raw integer logits asked of a backend that computes in floating point."""


class BadSnapshot(VauError):
    """Example: a state saved on a 2x2 array restored on a 4x4 one."""


class StreamEnded(VauError):
    """The server ended a stream for how it went on; ``acked_sample`` says how far it counts."""


class IdleTimeout(StreamEnded):
    """Example: a microphone that was muted for a minute; send KIND_KEEP_ALIVE meanwhile."""


class StreamTooLong(StreamEnded):
    """The operator lets streams last so long and no longer: open another."""


class StreamLagging(StreamEnded):
    """Example: a file sent as fast as it is read, under OVERFLOW_FAIL."""


class ClientNotReading(StreamEnded):
    """The client sends and does not read, so that answers pile up here."""


class Draining(VauError):
    """The server was told to stop; another replica, or a later try, will answer."""


class Unreachable(VauError):
    """Nothing listens at that address, or the connection broke and stayed broken."""


class ServerDefect(VauError):
    """A mistake of ours; the log of the server has its traceback under ``session_id``."""
