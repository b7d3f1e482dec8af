"""Bearer tokens: the file that lists them, and what makes one.

A line of the file is ``name sha256-hex [max_streams=N] [max_audio_rate=R]``; ``#`` begins a
comment. The file holds no secret: a secret is 256 random bits, so its plain SHA-256 cannot be
turned back by guessing, as that of a word could.
"""

import hashlib
import hmac
import os
import re
import secrets
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from math import inf
from pathlib import Path
from typing import Final, Self

from vau.errors import AuthRequired, ConfigInvalid
from vau.smallfile import read_trusted

SECRET_BYTES: Final = 32
SECRET_PREFIX: Final = "vau_"  # noqa: S105 - by which people and scanners know one when it leaks
MAX_SECRET_CHARACTERS: Final = 256

_NAME: Final = re.compile(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}")
_DIGEST: Final = re.compile(r"[0-9a-f]{64}")
_BEARER: Final = re.compile(r"bearer +([A-Za-z0-9._~+/-]+=*)", re.IGNORECASE)  # RFC 6750, 2.1
_FORM: Final = "name sha256-hex [max_streams=N] [max_audio_rate=R]"


@dataclass(frozen=True, slots=True, kw_only=True)
class Holder:
    """Whom a token belongs to, and how much that caller may have."""

    name: str
    max_streams: int | None = None
    """At a time; 0 is a caller who may ask but not stream. None is no limit."""

    max_audio_rate: float | None = None
    """Seconds of audio a second, over all streams of this name. None is no limit."""

    def __post_init__(self) -> None:
        if not _NAME.fullmatch(self.name):
            raise ConfigInvalid(
                f"name={self.name!r} is no name of a token; take 1 to 64 letters, digits, "
                "dots, dashes and underscores",
                field="name",
            )
        if self.max_streams is not None and self.max_streams < 0:
            raise ConfigInvalid(
                f"max_streams={self.max_streams} must be 0 or more", field="max_streams"
            )
        if self.max_audio_rate is not None and not 0.0 < self.max_audio_rate < inf:
            raise ConfigInvalid(
                f"max_audio_rate={self.max_audio_rate} must be more than 0 and finite",
                field="max_audio_rate",
            )

    def line(self, digest: str) -> str:
        """Return the line of a token file for this holder of a secret with ``digest``."""
        limits = {"max_streams": self.max_streams, "max_audio_rate": self.max_audio_rate}
        words = [f"{name}={value}" for name, value in limits.items() if value is not None]
        return " ".join((self.name, digest, *words))


@dataclass(frozen=True, slots=True)
class Token:
    """One line of a token file."""

    digest: bytes
    """SHA-256 of the secret."""

    holder: Holder


class Tokens:
    """The tokens of one file, at one time."""

    def __init__(self, tokens: Sequence[Token]) -> None:
        """Take them as they are; ``parse`` checks."""
        self._tokens = tuple(tokens)

    def __len__(self) -> int:
        return len(self._tokens)

    @classmethod
    def read(cls, file: Path) -> Self:
        """Read a token file.

        Raises ConfigInvalid if it cannot be read, is malformed, or anybody may change it.
        """
        try:
            text = read_trusted(file).decode()
        except (OSError, UnicodeDecodeError) as cause:
            why = getattr(cause, "strerror", None) or "it is not UTF-8"
            raise ConfigInvalid(
                f"tokens={str(file)!r}: {why}; give a file of lines {_FORM!r}", field="tokens"
            ) from cause
        try:
            return cls.parse(text)
        except ConfigInvalid as wrong:
            raise wrong.saying(
                f"tokens={str(file)!r}{str(wrong).removeprefix('tokens')}"
            ) from None

    @classmethod
    def parse(cls, text: str) -> Self:
        """Read the text of a token file.

        A name may have several lines, to change a secret without a gap; their limits must
        agree. Raises ConfigInvalid with the number of the first line that is wrong; the line
        itself is not repeated, since somebody may have put a secret there.
        """
        tokens: list[Token] = []
        holders: dict[str, Holder] = {}
        for number, token in _parsed(text):
            same = holders.setdefault(token.holder.name, token.holder)
            if same != token.holder:
                raise _wrong(number, "limits differ from those of an earlier line of its name")
            if any(token.digest == other.digest for other in tokens):
                raise _wrong(number, "this SHA-256 is there already; make a token for each")
            tokens.append(token)
        if not tokens:
            raise ConfigInvalid(
                "tokens: the file holds none, so nobody could come in; "
                "'vau token NAME' makes a line",
                field="tokens",
            )
        return cls(tokens)

    def find(self, secret: str) -> Token | None:
        """Return the token that ``secret`` is for, in a time that says nothing of the file.

        Every digest is compared, each in constant time, whichever it was.
        """
        asked = hashlib.sha256(secret.encode()).digest()
        found = None
        for token in self._tokens:
            if hmac.compare_digest(token.digest, asked):
                found = token
        return found

    def now(self, token: Token) -> Token | None:
        """Return ``token`` with its present limits, None if it is no longer in the file."""
        same = (
            other
            for other in self._tokens
            if other.digest == token.digest and other.holder.name == token.holder.name
        )
        return next(same, None)


@dataclass(frozen=True, slots=True)
class Minted:
    """A new token: what its holder gets, and what the file gets."""

    secret: str
    line: str


def write_secret(file: Path, secret: str, field: str) -> None:
    """Write a secret as the only line of a new file that its owner alone may read.

    field:  the setting that names the file.
    Raises  ConfigInvalid if it cannot be made, or is there already.
    """
    try:
        descriptor = os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(descriptor, "w", encoding="ascii") as opened:
            opened.write(f"{secret}\n")
    except OSError as cause:
        raise ConfigInvalid(
            f"{field}={str(file)!r}: cannot be made: {cause.strerror}; name a file that is not "
            "there yet",
            field=field,
        ) from cause


def mint(holder: Holder) -> Minted:
    """Make a secret, and the line that lets its holder in."""
    secret = SECRET_PREFIX + secrets.token_urlsafe(SECRET_BYTES)
    return Minted(secret, holder.line(hashlib.sha256(secret.encode()).hexdigest()))


def bearer(headers: Sequence[str | bytes]) -> str:
    """Return the secret in the ``authorization`` headers of a call.

    Raises AuthRequired if there is none, more than one, or something else than a bearer token.
    """
    if not headers:
        raise AuthRequired(
            "authorization: this server wants a bearer token; send 'authorization: Bearer "
            "TOKEN', in our client token_file",
            why="missing",
        )
    found = _BEARER.fullmatch(headers[0]) if isinstance(headers[0], str) else None
    if len(headers) > 1 or found is None or len(found[1]) > MAX_SECRET_CHARACTERS:
        raise AuthRequired(
            "authorization: is not one header 'Bearer TOKEN'; send it once, in this form",
            why="malformed",
        )
    return found[1]


def _parsed(text: str) -> Iterator[tuple[int, Token]]:
    for number, line in enumerate(text.splitlines(), start=1):
        words = line.partition("#")[0].split()
        if words:
            yield number, _token(number, words)


def _token(number: int, words: Sequence[str]) -> Token:
    if len(words) < 2 or not _DIGEST.fullmatch(words[1].lower()):
        raise _wrong(number, "the second word is not a SHA-256 of 64 hex digits")
    limits: dict[str, str] = {}
    for word in words[2:]:
        name, is_given, value = word.partition("=")
        if not is_given or name not in ("max_streams", "max_audio_rate") or name in limits:
            raise _wrong(number, "what follows are not max_streams=N, max_audio_rate=R, once")
        limits[name] = value
    try:
        holder = Holder(
            name=words[0],
            max_streams=int(limits["max_streams"]) if "max_streams" in limits else None,
            max_audio_rate=(
                float(limits["max_audio_rate"]) if "max_audio_rate" in limits else None
            ),
        )
    except ConfigInvalid as wrong:
        raise _wrong(number, f"its {wrong.field} is out of range or malformed") from None
    except ValueError:
        raise _wrong(number, "a limit is not a number") from None
    return Token(bytes.fromhex(words[1]), holder)


def _wrong(number: int, what: str) -> ConfigInvalid:
    return ConfigInvalid(
        f"tokens: line {number}: {what}; a line is {_FORM!r}, as 'vau token NAME' makes it",
        field="tokens",
        line=number,
    )
