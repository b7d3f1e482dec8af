"""Secrets and certificates come from small regular files, whatever a name leads to."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.certificates import Authority
from vau.checkpoint.seal import read_key
from vau.client import Access
from vau.door.certificates import read_ca, read_client_pair, read_identity
from vau.door.tokens import Holder, Tokens, mint
from vau.errors import ConfigInvalid
from vau.smallfile import MOST_BYTES, read_small

ZERO = Path("/dev/zero")  # has no end


def test_a_small_file_is_read_whole_and_through_a_link(tmp_path: Path) -> None:
    file, link = tmp_path / "a", tmp_path / "b"  # a mounted secret is such a link
    file.write_bytes(b"x" * MOST_BYTES)
    link.symlink_to(file)
    assert read_small(file) == read_small(link) == b"x" * MOST_BYTES


def test_a_large_file_is_refused_with_the_limit(tmp_path: Path) -> None:
    file = tmp_path / "a"
    file.write_bytes(b"x" * (MOST_BYTES + 1))
    with pytest.raises(OSError, match="more than 1 MiB"):
        read_small(file)


def test_a_pipe_is_refused_without_waiting_for_its_other_end(tmp_path: Path) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe)
    with pytest.raises(OSError, match="no regular file"):
        read_small(pipe)


def identity(cert: Path) -> object:
    return read_identity(cert, cert, None)


def access(file: Path) -> object:
    return Access(token_file=file).metadata("127.0.0.1:50051")


READERS: list[Callable[[Path], object]] = [read_key, Tokens.read, identity, access]


@pytest.mark.parametrize("read", READERS, ids=["resume-key", "tokens", "tls", "token-file"])
def test_whoever_names_a_device_or_a_pipe_is_told_so_by_setting_and_name(
    tmp_path: Path, read: Callable[[Path], object]
) -> None:
    pipe = tmp_path / "pipe"
    os.mkfifo(pipe, 0o600)
    for file in (ZERO, pipe):
        with pytest.raises(ConfigInvalid, match="no regular file") as refused:
            read(file)
        assert str(file) in str(refused.value)
        assert refused.value.field in str(refused.value)


@pytest.mark.parametrize("mode", [0o604, 0o602, 0o666])
@pytest.mark.parametrize(
    "field", ["tls_key", "client's tls_key", "token_file", "resume_key_file"]
)
def test_a_secret_that_everybody_may_read_or_change_is_refused(
    tmp_path: Path, field: str, mode: int
) -> None:
    pair, file = Authority(tmp_path).issue("pair"), tmp_path / "secret"
    file.touch(0o640)
    file.write_text("s" * 64)
    readers: dict[str, tuple[Path, Callable[[], object]]] = {
        "tls_key": (pair.key, lambda: read_identity(pair.cert, pair.key)),
        "client's tls_key": (pair.key, lambda: read_client_pair(pair.cert, pair.key)),
        "token_file": (file, lambda: access(file)),
        "resume_key_file": (file, lambda: read_key(file)),
    }
    secret, read = readers[field]
    read()
    secret.chmod(mode)
    with pytest.raises(
        ConfigInvalid, match="others may read or change it; chmod o="
    ) as refused:
        read()
    assert str(secret) in str(refused.value)
    assert refused.value.field == field.removeprefix("client's ")


@pytest.mark.parametrize("field", ["tokens", "tls_cert", "tls_client_ca", "tls_ca"])
def test_a_file_that_says_who_comes_in_is_refused_if_everybody_may_change_it(
    tmp_path: Path, field: str
) -> None:
    authority, tokens = Authority(tmp_path), tmp_path / "tokens"
    pair = authority.issue("pair")
    tokens.write_text(mint(Holder(name="alice")).line)
    readers: dict[str, tuple[Path, Callable[[], object]]] = {
        "tokens": (tokens, lambda: Tokens.read(tokens)),
        "tls_cert": (pair.cert, lambda: read_identity(pair.cert, pair.key)),
        "tls_client_ca": (
            authority.cert,
            lambda: read_identity(pair.cert, pair.key, authority.cert),
        ),
        "tls_ca": (authority.cert, lambda: read_ca(authority.cert, "tls_ca")),
    }
    file, read = readers[field]
    file.chmod(0o644)
    read()
    file.chmod(0o646)
    with pytest.raises(ConfigInvalid, match="others may change it; chmod o-w") as refused:
        read()
    assert str(file) in str(refused.value)
    assert refused.value.field == field
