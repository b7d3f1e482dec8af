"""A token is opened by who has its key, in time and on its terms, and by nobody else."""

import hashlib
import hmac
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Final

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from vau.checkpoint.form import Writer
from vau.checkpoint.seal import (
    KEY_ID_BYTES,
    LEAST_KEY_BYTES,
    MAGIC,
    MOST_KEY_BYTES,
    SEAL_BYTES,
    VERSION,
    Sealer,
    Terms,
    read_key,
)
from vau.errors import ConfigInvalid, ResumeExpired, ResumeInvalid, ResumeMismatch, VauError

KEY: Final = bytes(range(LEAST_KEY_BYTES))
TERMS: Final = Terms(
    owner="alice",
    model_digest="sha256:12",
    arithmetic_id="munt-spec-0/C4",
    settings={"config.interim_results": "True", "config.recognition.decoder": "VITERBI"},
)
STATE: Final = b"what a stream remembers"


@dataclass
class Clock:
    now_ns: int = 1_800_000_000_000_000_000

    def __call__(self) -> int:
        return self.now_ns


def sealer(key: bytes | None = KEY, clock: Callable[[], int] | None = None) -> Sealer:
    return Sealer(key, ttl_s=600.0, now_ns=clock or Clock())


TOKEN: Final = sealer().seal(TERMS, STATE).data


@given(state=st.binary(max_size=300), owner=st.text(max_size=20))
def test_a_state_comes_out_as_it_went_in(state: bytes, owner: str) -> None:
    terms = replace(TERMS, owner=owner)
    assert sealer().open(sealer().seal(terms, state).data, terms) == state


def test_a_token_is_good_until_it_expires_and_not_longer() -> None:
    clock = Clock()
    token = sealer(clock=clock).seal(TERMS, STATE)
    clock.now_ns = token.expires_ns
    assert sealer(clock=clock).open(token.data, TERMS) == STATE
    clock.now_ns += 1_000_000_000
    with pytest.raises(ResumeExpired) as refused:
        sealer(clock=clock).open(token.data, TERMS)
    assert refused.value.facts == {"age_s": 601.0, "ttl_s": 600.0}


def test_a_token_from_a_server_whose_clock_is_ahead_is_good() -> None:
    ahead = Clock(Clock().now_ns + 5_000_000_000)
    assert sealer().open(sealer(clock=ahead).seal(TERMS, STATE).data, TERMS) == STATE


@pytest.mark.parametrize("place", range(len(TOKEN)))
def test_a_token_with_any_bit_changed_is_invalid(place: int) -> None:
    for bit in range(8):
        changed = bytearray(TOKEN)
        changed[place] ^= 1 << bit
        with pytest.raises(ResumeInvalid):
            sealer().open(bytes(changed), TERMS)


def test_a_token_that_was_cut_or_lengthened_is_invalid() -> None:
    for size in range(len(TOKEN)):
        with pytest.raises(ResumeInvalid):
            sealer().open(TOKEN[:size], TERMS)
        with pytest.raises(ResumeInvalid):
            sealer().open(TOKEN[size + 1 :], TERMS)
    with pytest.raises(ResumeInvalid):
        sealer().open(TOKEN + b"\0", TERMS)


@given(st.binary(max_size=200))
def test_what_nobody_sealed_is_invalid(data: bytes) -> None:
    with pytest.raises(ResumeInvalid):
        sealer().open(data, TERMS)
    with pytest.raises(ResumeInvalid):
        sealer().open(TOKEN[: len(MAGIC) + KEY_ID_BYTES] + data, TERMS)


@pytest.mark.parametrize("key", [b"k" * LEAST_KEY_BYTES, None])
def test_a_token_under_another_key_is_invalid_and_says_so(key: bytes | None) -> None:
    with pytest.raises(ResumeInvalid, match="another key"):
        sealer(key).open(TOKEN, TERMS)


def test_without_a_key_every_sealer_has_one_of_its_own() -> None:
    one, other = sealer(None), sealer(None)
    assert not one.is_portable
    assert sealer().is_portable
    token = one.seal(TERMS, STATE).data
    assert one.open(token, TERMS) == STATE
    with pytest.raises(ResumeInvalid):
        other.open(token, TERMS)


@pytest.mark.parametrize(
    ("changed", "differs"),
    [
        (replace(TERMS, owner="mallory"), "owner"),
        (replace(TERMS, owner=""), "owner"),
        (replace(TERMS, model_digest="sha256:34"), "model_digest"),
        (replace(TERMS, arithmetic_id="munt-spec-0/C2"), "arithmetic_id"),
        (replace(TERMS, settings={}), "config.interim_results, config.recognition.decoder"),
        (
            replace(TERMS, settings=dict(TERMS.settings) | {"config.new": "1"}),
            "config.new",
        ),
        (
            replace(TERMS, settings=dict(TERMS.settings) | {"config.interim_results": "False"}),
            "config.interim_results",
        ),
    ],
)
def test_other_terms_are_a_mismatch_that_says_what_differs(
    changed: Terms, differs: str
) -> None:
    with pytest.raises(ResumeMismatch) as refused:
        sealer().open(TOKEN, changed)
    assert refused.value.facts == {"differs": differs}


def test_who_brings_the_token_of_another_learns_nothing_about_them() -> None:
    stranger = Terms(owner="mallory", model_digest="", arithmetic_id="", settings={})
    with pytest.raises(ResumeMismatch) as refused:
        sealer().open(TOKEN, stranger)
    assert not any(word in str(refused.value) for word in ("alice", "munt", "VITERBI"))


def sealed(content: bytes) -> bytes:
    """Seal any content with the right key."""
    body = TOKEN[: len(MAGIC) + KEY_ID_BYTES] + content
    return body + hmac.digest(KEY, body, hashlib.sha256)


def test_a_token_of_another_version_is_a_mismatch() -> None:
    for other in (VERSION - 1, VERSION + 1):
        out = Writer()
        out.count(other)
        with pytest.raises(ResumeMismatch) as refused:
            sealer().open(sealed(out.bytes() + b"whatever that version holds"), TERMS)
        assert refused.value.facts == {"differs": "version"}


@settings(max_examples=300)
@given(
    places=st.lists(st.tuples(st.integers(0, 10**6), st.integers(0, 255)), max_size=4),
    cut=st.integers(0, 30),
)
def test_content_that_no_server_wrote_is_refused_even_under_the_right_seal(
    places: list[tuple[int, int]], cut: int
) -> None:
    content = bytearray(TOKEN[len(MAGIC) + KEY_ID_BYTES : -SEAL_BYTES])
    for place, value in places:
        content[place % len(content)] = value
    with suppress(VauError):
        assert isinstance(sealer().open(sealed(bytes(content[cut:])), TERMS), bytes)


# --- keys --------------------------------------------------------------------------------


def key_file(folder: Path, content: bytes, mode: int = 0o600) -> Path:
    file = folder / "key"
    file.write_bytes(content)
    file.chmod(mode)
    return file


def test_a_key_is_what_is_in_the_file_without_the_end_of_its_line(tmp_path: Path) -> None:
    assert read_key(key_file(tmp_path, b" " + b"f" * 64 + b"\r\n")) == b"f" * 64


@pytest.mark.parametrize(
    ("content", "mode", "why"),
    [
        (b"f" * (LEAST_KEY_BYTES - 1) + b"\n\n\n", 0o600, "31 bytes"),
        (b"", 0o600, "0 bytes"),
        (b"f" * (MOST_KEY_BYTES + 1), 0o600, "no key"),
        (b"f" * 64, 0o604, "others may read"),
        (b"f" * 64, 0o602, "others may read"),
    ],
)
def test_a_file_that_keeps_no_secret_is_refused(
    tmp_path: Path, content: bytes, mode: int, why: str
) -> None:
    with pytest.raises(ConfigInvalid, match=why) as refused:
        read_key(key_file(tmp_path, content, mode))
    assert refused.value.field == "resume_key_file"


def test_a_file_that_is_not_there_is_refused_by_name(tmp_path: Path) -> None:
    with pytest.raises(ConfigInvalid, match=r"no-such-key.*No such file"):
        read_key(tmp_path / "no-such-key")
