"""Certificates and keys: what is wrong with one is said at once, with field and remedy."""

import os
from pathlib import Path

import pytest

from tests.certificates import DAY, Authority
from vau.client.access import Access
from vau.door.certificates import read_identity
from vau.door.config import DoorConfig
from vau.errors import ConfigInvalid


@pytest.fixture(scope="module")
def authority(tmp_path_factory: pytest.TempPathFactory) -> Authority:
    return Authority(tmp_path_factory.mktemp("certificates"))


def test_a_good_pair_is_read_with_its_names_and_its_end(authority: Authority) -> None:
    pair = authority.issue("good")
    identity = read_identity(pair.cert, pair.key, authority.cert)
    assert identity.names == ("localhost", "127.0.0.1")
    assert identity.chain == pair.cert.read_bytes()
    assert identity.key == pair.key.read_bytes()
    assert identity.client_ca == authority.cert.read_bytes()


def test_a_chain_with_others_behind_the_certificate_is_read(authority: Authority) -> None:
    pair = authority.issue("chained")
    pair.cert.write_bytes(pair.cert.read_bytes() + authority.cert.read_bytes())
    assert read_identity(pair.cert, pair.key).names == ("localhost", "127.0.0.1")


@pytest.mark.parametrize(
    ("options", "field", "what"),
    [
        ({"begins": -2 * DAY, "ends": -DAY}, "tls_cert", "has expired; renew it"),
        ({"begins": DAY, "ends": 2 * DAY}, "tls_cert", "is not valid yet"),
        ({"hosts": ()}, "tls_cert", "has no subjectAltName"),
        ({"for_servers": False}, "tls_cert", "is not one for a server"),
        ({"passphrase": b"secret"}, "tls_key", "has a passphrase"),
    ],
)
def test_a_pair_that_no_client_would_take_is_refused(
    authority: Authority, options: dict[str, object], field: str, what: str
) -> None:
    pair = authority.issue("bad", **options)  # type: ignore[arg-type]
    with pytest.raises(ConfigInvalid, match=what) as refused:
        read_identity(pair.cert, pair.key)
    assert refused.value.field == field
    assert str(pair.cert if field == "tls_cert" else pair.key) in str(refused.value)


@pytest.mark.parametrize("with_rsa", [False, True])
def test_a_key_of_another_certificate_is_refused(
    authority: Authority, *, with_rsa: bool
) -> None:
    pair, other = authority.issue("one"), authority.issue("other", with_rsa=with_rsa)
    with pytest.raises(ConfigInvalid, match="belongs to another certificate") as refused:
        read_identity(pair.cert, other.key)
    assert refused.value.field == "tls_key"


def test_swapped_files_are_recognised(authority: Authority) -> None:
    pair = authority.issue("swapped")
    with pytest.raises(ConfigInvalid, match="are the two files swapped") as refused:
        read_identity(pair.key, pair.cert)
    assert refused.value.field == "tls_key"


@pytest.mark.parametrize("content", [b"", b"not PEM", b"\xff\xfe", None])
@pytest.mark.parametrize("field", ["tls_cert", "tls_key", "tls_client_ca"])
def test_a_file_that_is_not_what_it_should_be_is_refused_by_name(
    authority: Authority, tmp_path: Path, field: str, content: bytes | None
) -> None:
    pair, bad = authority.issue("pair"), tmp_path / "bad.pem"
    if content is not None:
        bad.touch(0o600)
        bad.write_bytes(content)
    files = {"tls_cert": pair.cert, "tls_key": pair.key, "tls_client_ca": authority.cert}
    files[field] = bad
    with pytest.raises(ConfigInvalid) as refused:
        read_identity(files["tls_cert"], files["tls_key"], files["tls_client_ca"])
    assert refused.value.field == field
    assert str(bad) in str(refused.value)


@pytest.mark.skipif(os.geteuid() == 0, reason="root may read everything")
def test_a_key_that_this_user_may_not_read_is_refused(authority: Authority) -> None:
    pair = authority.issue("private")
    pair.key.chmod(0)
    with pytest.raises(ConfigInvalid, match="Permission denied"):
        read_identity(pair.cert, pair.key)


def test_what_is_wrong_with_a_key_is_said_without_a_byte_of_it(authority: Authority) -> None:
    pair, other = authority.issue("mine"), authority.issue("theirs")
    with pytest.raises(ConfigInvalid) as refused:
        read_identity(pair.cert, other.key)
    for line in other.key.read_text().splitlines()[1:-1]:
        assert line not in str(refused.value)


@pytest.mark.parametrize(
    ("settings", "field"),
    [
        ({"tls_cert": Path("x")}, "tls_key"),
        ({"tls_key": Path("x")}, "tls_cert"),
        ({"tls_client_ca": Path("x")}, "tls_client_ca"),
        ({"closed_health": True}, "closed_health"),
        ({"max_streams_per_client": -1}, "max_streams_per_client"),
    ],
)
def test_rules_that_cannot_be_meant_are_refused_by_name(
    settings: dict[str, object], field: str
) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        DoorConfig(**settings)  # type: ignore[arg-type]
    assert refused.value.field == field


def test_a_client_needs_both_files_to_show_a_certificate() -> None:
    with pytest.raises(ConfigInvalid) as refused:
        Access(tls_cert=Path("x"))
    assert refused.value.field == "tls_key"
