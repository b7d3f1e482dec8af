"""What ``vau doctor`` says of certificates, tokens and keys: real files of each kind."""

from dataclasses import replace
from datetime import timedelta
from pathlib import Path

import pytest

from tests.certificates import Authority
from vau.commands.doctor import door
from vau.commands.doctor.check import Asked, Check
from vau.door.tokens import Holder, mint

ASKED = Asked(
    listen="127.0.0.1:50051",
    metrics_listen="off",
    models=("munt-3x384",),
    backends=("muntaniala",),
    max_streams=None,
)
WEEKS = timedelta(days=60)


def found(asked: Asked) -> dict[str, Check]:
    return {check.name: check for check in door.examine(asked)}


def statuses(asked: Asked) -> dict[str, str]:
    return {name: check.status for name, check in found(asked).items()}


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "pki")


def test_plaintext_is_well_where_no_other_machine_comes() -> None:
    assert statuses(ASKED) == {"door.tls": "ok"}


def test_plaintext_for_other_machines_is_a_problem_and_streams_end_there() -> None:
    checks = found(replace(ASKED, listen="0.0.0.0:50051"))
    assert checks["door.tls"].status == "problem"
    assert "plaintext that other machines can reach" in checks["door.tls"].found
    assert checks["door.resume_key"].status == "note"


def test_a_live_page_that_would_be_refused_is_a_problem(authority: Authority) -> None:
    check = found(replace(ASKED, web_listen="0.0.0.0:8080"))["door.tls"]
    assert check.status == "problem"
    assert "web_listen='0.0.0.0:8080' is plaintext that other machines" in check.found
    pair = authority.issue("server")
    asked = replace(
        ASKED,
        web_listen="127.0.0.1:8080",
        tls_cert=pair.cert,
        tls_key=pair.key,
        tls_client_ca=authority.cert,
    )
    assert found(asked)["door.tls"].status == "problem"
    asked = replace(ASKED, web_listen="127.0.0.1:8080", web_origins=("demo.example",))
    assert "is no origin" in found(asked)["door.tls"].found


def test_plaintext_that_is_meant_is_a_warning() -> None:
    address = "0.0.0.0:50051"
    meant = replace(ASKED, insecure=True)
    for asked in (replace(meant, listen=address), replace(meant, web_listen=address)):
        check = found(asked)["door.tls"]
        assert check.status == "warning"
        assert f"plaintext on {address}, as --insecure" in check.found


def test_a_certificate_that_fits_is_well(authority: Authority) -> None:
    pair = authority.issue("server", ends=WEEKS)
    asked = replace(
        ASKED, tls_cert=pair.cert, tls_key=pair.key, access={"tls_ca": authority.cert}
    )
    assert statuses(asked) == {"door.tls": "ok", "door.names": "ok", "door.authority": "ok"}


def test_a_certificate_that_soon_ends_is_a_warning(authority: Authority) -> None:
    pair = authority.issue("server", ends=timedelta(days=3))
    checks = found(replace(ASKED, tls_cert=pair.cert, tls_key=pair.key))
    assert checks["door.tls"].status == "warning"
    assert "renew it" in checks["door.tls"].remedy


def test_a_certificate_that_has_expired_is_a_problem(authority: Authority) -> None:
    pair = authority.issue("server", begins=-WEEKS, ends=-timedelta(days=1))
    check = found(replace(ASKED, tls_cert=pair.cert, tls_key=pair.key))["door.tls"]
    assert (check.status, check.remedy) == ("problem", "renew it")


def test_a_key_of_another_certificate_is_a_problem(authority: Authority) -> None:
    pair, other = authority.issue("server"), authority.issue("other")
    check = found(replace(ASKED, tls_cert=pair.cert, tls_key=other.key))["door.tls"]
    assert check.status == "problem"
    assert "belongs to another certificate" in check.found


def test_a_key_that_others_may_read_is_a_problem(authority: Authority) -> None:
    pair = authority.issue("server")
    pair.key.chmod(0o644)
    check = found(replace(ASKED, tls_cert=pair.cert, tls_key=pair.key))["door.tls"]
    assert check.status == "problem"
    assert "chmod o=" in f"{check.found} {check.remedy}"


@pytest.mark.parametrize(
    ("listen", "hosts", "status"),
    [
        ("127.0.0.1:0", ("127.0.0.1",), "ok"),
        ("[::1]:0", ("::1",), "ok"),
        ("localhost:0", ("LOCALHOST",), "ok"),
        ("vau.example.org:0", ("*.example.org",), "ok"),
        ("a.vau.example.org:0", ("*.example.org",), "warning"),
        ("127.0.0.2:0", ("127.0.0.1", "localhost"), "warning"),
        ("0.0.0.0:0", ("vau.example.org",), "ok"),
    ],
)
def test_names_are_held_against_where_it_listens(
    authority: Authority, listen: str, hosts: tuple[str, ...], status: str
) -> None:
    pair = authority.issue("server", hosts=hosts)
    asked = replace(ASKED, listen=listen, tls_cert=pair.cert, tls_key=pair.key)
    assert found(asked)["door.names"].status == status


def test_an_authority_that_did_not_sign_it_is_a_problem(
    authority: Authority, tmp_path: Path
) -> None:
    pair, other = authority.issue("server"), Authority(tmp_path / "other", "other")
    asked = replace(ASKED, tls_cert=pair.cert, tls_key=pair.key)
    for ca in (other.cert, pair.key):
        check = found(replace(asked, access={"tls_ca": ca}))["door.authority"]
        assert check.status == "problem"


def test_tokens_are_counted_or_what_is_wrong_with_their_file_is_said(tmp_path: Path) -> None:
    file = tmp_path / "tokens"
    asked = replace(ASKED, tokens=file)
    assert found(asked)["door.tokens"].status == "problem"
    file.write_text(f"{mint(Holder(name='a')).line}\n")
    file.chmod(0o644)
    assert found(asked)["door.tokens"].found == f"{file}: 1 token"
    file.chmod(0o646)
    check = found(asked)["door.tokens"]
    assert check.status == "problem"
    assert "others may change it" in check.found


def test_a_key_of_resumption_is_read_or_what_is_wrong_is_said(tmp_path: Path) -> None:
    file = tmp_path / "key"
    asked = replace(ASKED, resume_key_file=file)
    file.write_bytes(b"k" * 32)
    file.chmod(0o600)
    assert found(asked)["door.resume_key"].status == "ok"
    file.write_bytes(b"short")
    assert found(asked)["door.resume_key"].status == "problem"
    file.write_bytes(b"k" * 32)
    file.chmod(0o604)
    assert found(asked)["door.resume_key"].status == "problem"
