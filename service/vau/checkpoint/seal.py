"""The seal on a checkpoint: a client keeps a state that only servers can have written.

    vaur              these four bytes
    key id            8 bytes: which key sealed it
    content           in the form of ``vau.checkpoint.form``: version, terms, state
    seal              HMAC-SHA-256 of all before, 32 bytes

Nothing behind the key id is looked at before the seal has proved right, and that is compared
in constant time. Nothing is encrypted: what a state tells is its client's own stream, which
that client has heard (docs/adr/0012). A token may be used more than once, each time for a
stream that takes a slot and a quota like any other; there is nothing in it to spend.
"""

import hashlib
import hmac
import secrets
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from vau.checkpoint.form import Reader, Writer
from vau.errors import ConfigInvalid, ResumeExpired, ResumeInvalid, ResumeMismatch
from vau.smallfile import read_secret

VERSION: Final = 2
"""Of the content, states included: it changes when a server could misread an older one."""

LAYOUT: Final = "986bbdfb1661a01b"
"""Of all that is written into a token, by field and call: tests/test_checkpoint_layout.py."""

MAGIC: Final = b"vaur"
KEY_ID_BYTES: Final = 8
SEAL_BYTES: Final = hashlib.sha256().digest_size
LEAST_KEY_BYTES: Final = 32
MOST_KEY_BYTES: Final = 1 << 16
MOST_TERM_BYTES: Final = 1024
MOST_SETTINGS: Final = 256
NS_IN_S: Final = 1_000_000_000

_FIELD: Final = "config.resume_token"
_HEAD_BYTES: Final = len(MAGIC) + KEY_ID_BYTES


@dataclass(frozen=True, slots=True, kw_only=True)
class Terms:
    """What a state is good for. A stream with other terms cannot go on from it."""

    owner: str
    """Whose stream it is: the name of a token or certificate, empty where nobody is asked."""

    model_digest: str
    arithmetic_id: str
    settings: Mapping[str, str]
    """What the config came to mean: by the path of each field that decides an answer."""


@dataclass(frozen=True, slots=True)
class Token:
    """A sealed state."""

    data: bytes
    expires_ns: int
    """Since the epoch."""


class Sealer:
    """Seals states and opens them again, with one key. It keeps nothing of either."""

    def __init__(
        self,
        key: bytes | None = None,
        *,
        ttl_s: float,
        now_ns: Callable[[], int] = time.time_ns,
    ) -> None:
        """Seal with ``key``, or with one that dies with this process if there is none.

        ttl_s: for so long after it was sealed a state can be opened.
        """
        self.is_portable = key is not None
        """Whether others may have the same key."""

        self._key = key or secrets.token_bytes(LEAST_KEY_BYTES)
        self._key_id = hmac.digest(self._key, b"key id", hashlib.sha256)[:KEY_ID_BYTES]
        self.ttl_ns = round(ttl_s * NS_IN_S)
        self._now_ns = now_ns

    def seal(self, terms: Terms, state: bytes) -> Token:
        """Return ``state`` as a token that is good for ``terms``, from now on."""
        now_ns = self._now_ns()
        out = Writer()
        out.count(VERSION)
        out.count(now_ns)
        for term in (terms.owner, terms.model_digest, terms.arithmetic_id):
            out.text(term)
        out.count(len(terms.settings))
        for path, value in sorted(terms.settings.items()):
            out.text(path)
            out.text(value)
        out.octets(state)
        body = MAGIC + self._key_id + out.bytes()
        return Token(body + self._seal(body), now_ns + self.ttl_ns)

    def open(self, token: bytes, terms: Terms) -> bytes:
        """Return the state in ``token``.

        Raises ResumeInvalid if no server with this key sealed it as it is, ResumeExpired if
        that was too long ago, and ResumeMismatch, which says what differs, for other terms.
        """
        saved = Reader(self._content(token))
        _check_version(saved.count())
        self._check_age(saved.count())
        found = Terms(
            owner=saved.text(MOST_TERM_BYTES),
            model_digest=saved.text(MOST_TERM_BYTES),
            arithmetic_id=saved.text(MOST_TERM_BYTES),
            settings={
                saved.text(MOST_TERM_BYTES): saved.text(MOST_TERM_BYTES)
                for _ in range(saved.count(most=MOST_SETTINGS))
            },
        )
        state = saved.octets(most=len(token))
        saved.check_end()
        _check_terms(found, terms)
        return state

    def _content(self, token: bytes) -> bytes:
        """Return what is between key id and seal, once it is known to be ours."""
        body, seal = token[:-SEAL_BYTES], token[-SEAL_BYTES:]
        if not body.startswith(MAGIC) or len(body) < _HEAD_BYTES:
            raise _invalid("is no token of this service; send it as it was received")
        if not hmac.compare_digest(body[len(MAGIC) : _HEAD_BYTES], self._key_id):
            raise _invalid(
                "was sealed with another key; resume at the server that sent it, or let "
                "servers share a resume_key_file"
            )
        if not hmac.compare_digest(seal, self._seal(body)):
            raise _invalid("fails its seal; send it as it was received")
        return body[_HEAD_BYTES:]

    def _seal(self, body: bytes) -> bytes:
        return hmac.digest(self._key, body, hashlib.sha256)

    def _check_age(self, sealed_ns: int) -> None:
        age_ns = self._now_ns() - sealed_ns
        if age_ns > self.ttl_ns:
            age_s, ttl_s = age_ns / NS_IN_S, self.ttl_ns / NS_IN_S
            raise ResumeExpired(
                f"resume_token: is {age_s:.0f} s old, and {ttl_s:g} s are allowed; start anew",
                field=_FIELD,
                age_s=round(age_s, 3),
                ttl_s=ttl_s,
            )


def _check_version(found: int) -> None:
    if found != VERSION:
        raise ResumeMismatch(
            f"resume_token: is of version {found}, and this server reads {VERSION}; start anew",
            field=_FIELD,
            differs="version",
        )


def _check_terms(found: Terms, wanted: Terms) -> None:
    """Raise ResumeMismatch if they differ; of somebody else's stream nothing more is told."""
    if found.owner != wanted.owner:
        raise _mismatch("owner", "is another caller's")
    for name in ("model_digest", "arithmetic_id"):
        then, now = getattr(found, name), getattr(wanted, name)
        if then != now:
            raise _mismatch(name, f"has {name} {then!r}, and here it is {now!r}")
    paths = sorted({*found.settings, *wanted.settings})
    unset = dict.fromkeys(paths, "not set")
    before, present = unset | dict(found.settings), unset | dict(wanted.settings)
    differing = [path for path in paths if before[path] != present[path]]
    if differing:
        changes = [f"{path} was {before[path]} and is {present[path]}" for path in differing]
        raise _mismatch(", ".join(differing), f"is of another config: {'; '.join(changes)}")


def _mismatch(differs: str, text: str) -> ResumeMismatch:
    return ResumeMismatch(
        f"resume_token: {text}; resume with what the stream began with, or start anew",
        field=_FIELD,
        differs=differs,
    )


def _invalid(text: str) -> ResumeInvalid:
    return ResumeInvalid(f"resume_token: {text}", field=_FIELD)


def read_key(file: Path) -> bytes:
    """Return the key in a file, without white space around it.

    Raises ConfigInvalid if it cannot be read, is too short to be a secret, or is none: one
    that everybody on this machine can read or change.
    """
    try:
        key = read_secret(file).strip()
    except OSError as cause:
        raise _bad_key(file, f"{cause.strerror or cause}") from cause
    if len(key) < LEAST_KEY_BYTES:
        raise _bad_key(
            file,
            f"{len(key)} bytes, and {LEAST_KEY_BYTES} at least are needed; openssl rand -hex "
            "32 makes some",
        )
    if len(key) > MOST_KEY_BYTES:
        raise _bad_key(file, f"more than {MOST_KEY_BYTES} bytes, which is no key")
    return key


def _bad_key(file: Path, why: str) -> ConfigInvalid:
    return ConfigInvalid(f"resume_key_file={str(file)!r}: {why}", field="resume_key_file")
