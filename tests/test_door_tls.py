"""TLS at the door of a real server: who gets through, and what is said to the others."""

import json
import logging
import re
import socket
import ssl
import urllib.request
from pathlib import Path

import grpc
import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes

from tests.certificates import DAY, Authority, Pair
from tests.serving import (
    FREE,
    PATIENCE_S,
    Talk,
    eventually,
    hear,
    serving,
    speech,
    streaming,
)
from vau.client import Access, Client
from vau.config import ServerConfig, split_address
from vau.door.config import DoorConfig
from vau.errors import ConfigInvalid, ResumeMismatch, Unreachable, VauError

SECOND = speech()


@pytest.fixture
def authority(tmp_path: Path) -> Authority:
    return Authority(tmp_path / "ours")


def behind(pair: Pair, client_ca: Path | None = None, listen: str = FREE) -> ServerConfig:
    door = DoorConfig(tls_cert=pair.cert, tls_key=pair.key, tls_client_ca=client_ca)
    return ServerConfig(listen=listen, metrics_listen=FREE, door=door)


def refusal(address: str, access: Access) -> str:
    """Return why a client does not get through."""
    with Client(address, access=access, connect_timeout_s=0.5) as client:
        with pytest.raises(Unreachable) as refused:
            client.server_info()
        assert address in str(refused.value)
        return str(refused.value)


def test_a_stream_over_tls_is_answered_as_one_in_plaintext(authority: Authority) -> None:
    access = Access(tls_ca=authority.cert)
    with serving(config=behind(authority.issue("server")), access=access) as served:
        secure = hear(served.client, [SECOND], streaming()).finished
    with serving() as served:
        plain = hear(served.client, [SECOND], streaming()).finished
    assert secure.output_digest == plain.output_digest


def test_with_tls_a_server_may_listen_anywhere(authority: Authority) -> None:
    config = behind(authority.issue("server"), listen="0.0.0.0:0")
    with serving(config=config) as served:
        port = served.address.rpartition(":")[2]
        with Client(f"127.0.0.1:{port}", access=Access(tls_ca=authority.cert)) as client:
            assert client.server_info().version


def test_a_plaintext_client_of_a_tls_server_is_told_so(authority: Authority) -> None:
    with serving(config=behind(authority.issue("server"))) as served:
        assert "it speaks TLS, and this client plaintext" in refusal(served.address, Access())


def test_a_tls_client_of_a_plaintext_server_is_told_so(authority: Authority) -> None:
    with serving() as served:
        said = refusal(served.address, Access(tls_ca=authority.cert))
        assert "it speaks plaintext, and this client TLS" in said


@pytest.mark.parametrize("name", ["authority", "stranger"])  # it may call itself like ours
def test_a_client_does_not_believe_a_server_of_another_authority(
    authority: Authority, tmp_path: Path, name: str
) -> None:
    with serving(config=behind(Authority(tmp_path, name).issue("server"))) as served:
        for access in (Access(tls_ca=authority.cert), Access(tls=True)):
            assert "signed by nobody that this client believes" in refusal(
                served.address, access
            )


def test_a_client_does_not_believe_a_server_of_another_name(authority: Authority) -> None:
    elsewhere = authority.issue("server", hosts=("example.org", "192.0.2.1"))
    with serving(config=behind(elsewhere)) as served:
        said = refusal(served.address, Access(tls_ca=authority.cert))
        assert "its certificate is not for 127.0.0.1" in said


def test_nobody_there_is_still_nobody_there(authority: Authority) -> None:
    with serving(config=behind(authority.issue("server"))) as served:
        gone = served.address
    said = refusal(gone, Access(tls_ca=authority.cert))
    assert "is the server running there" in said


# --- certificates of clients -------------------------------------------------------------


def test_with_a_client_ca_only_its_clients_get_in(authority: Authority, tmp_path: Path) -> None:
    config = behind(authority.issue("server"), client_ca=authority.cert)
    ours = authority.issue("kiosk", hosts=(), for_servers=False)
    theirs = Authority(tmp_path / "theirs").issue("kiosk", hosts=(), for_servers=False)
    ca = authority.cert
    known = Access(tls_ca=ca, tls_cert=ours.cert, tls_key=ours.key)
    with serving(config=config, access=known) as served:
        assert hear(served.client, [SECOND], streaming()).finished.frames == 99
        said = refusal(served.address, Access(tls_ca=ca))
        assert "if it asks clients for certificates, give tls_cert" in said
        foreign = Access(tls_ca=ca, tls_cert=theirs.cert, tls_key=theirs.key)
        said = refusal(served.address, foreign)
        assert "it does not accept this client's tls_cert" in said


def test_the_log_names_the_owner_of_a_client_certificate(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    ours = authority.issue("kiosk", hosts=(), for_servers=False)
    access = Access(tls_ca=authority.cert, tls_cert=ours.cert, tls_key=ours.key)
    caplog.set_level(logging.INFO)
    config = behind(authority.issue("server"), client_ca=authority.cert)
    with serving(config=config, access=access) as served:
        hear(served.client, [SECOND], streaming())
    (ended,) = [each for each in caplog.records if each.getMessage() == "ended"]
    assert ended.vau_facts["owner"] == "cert:kiosk"  # type: ignore[attr-defined]


def test_clients_without_a_common_name_are_each_somebody_else(authority: Authority) -> None:
    config = behind(authority.issue("server"), client_ca=authority.cert)
    impostor = "sha256:" + "0" * 57  # no name may look like what stands for one
    pairs = [
        authority.issue(name, hosts=(name,), for_servers=False, common_name=common_name)
        for name, common_name in (("a.test", ""), ("b.test", ""), ("c.test", impostor))
    ]
    known, *others = (
        Access(tls_ca=authority.cert, tls_cert=pair.cert, tls_key=pair.key) for pair in pairs
    )
    wanted = streaming()
    wanted.checkpoint_interval.FromMilliseconds(200)
    with serving(config=config, access=known) as served:
        heard = hear(served.client, [SECOND], wanted)
        *_, token = [each.checkpoint for each in heard.responses if each.HasField("checkpoint")]
        wanted.resume_token = token.token
        assert hear(served.client, [SECOND], wanted).finished.frames > 99
        for access in others:
            with Client(served.address, access=access) as other:
                with pytest.raises(ResumeMismatch) as refused:
                    hear(other, [SECOND], wanted)
                assert refused.value.facts["differs"] == "owner"


@pytest.mark.parametrize("common_name", ["", "sha256:" + "0" * 57])
def test_the_owner_of_a_certificate_without_a_name_of_its_own_is_its_fingerprint(
    authority: Authority, caplog: pytest.LogCaptureFixture, common_name: str
) -> None:
    ours = authority.issue(
        "kiosk.test", hosts=("kiosk.test",), for_servers=False, common_name=common_name
    )
    shown = x509.load_pem_x509_certificate(ours.cert.read_bytes())
    access = Access(tls_ca=authority.cert, tls_cert=ours.cert, tls_key=ours.key)
    caplog.set_level(logging.INFO)
    config = behind(authority.issue("server"), client_ca=authority.cert)
    with serving(config=config, access=access) as served:
        hear(served.client, [SECOND], streaming())
    (ended,) = [each for each in caplog.records if each.getMessage() == "ended"]
    owner = f"cert:sha256:{shown.fingerprint(hashes.SHA256()).hex()}"
    assert ended.vau_facts["owner"] == owner  # type: ignore[attr-defined]


# --- renewal -----------------------------------------------------------------------------


@pytest.fixture
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("vau.wire.door.LOOK_S", 0.05)


def gets_in(address: str, authority: Path) -> bool:
    """Tell whether a new connection comes about."""
    with Client(address, access=Access(tls_ca=authority), connect_timeout_s=1.0) as client:
        try:
            return bool(client.server_info().version)
        except Unreachable:
            return False


def test_a_renewed_certificate_is_shown_at_once_and_live_streams_go_on(
    authority: Authority, tmp_path: Path, quick: None
) -> None:
    old = authority.issue("server")
    successor = Authority(tmp_path / "successor")
    new = successor.issue("server", ends=3 * DAY)
    with serving(config=behind(old), access=Access(tls_ca=authority.cert)) as served:
        expiry_s = expires_s(served.metrics_address)
        talk = Talk(served.client)
        talk.say(SECOND)
        new.take_the_place_of(old)
        eventually(lambda: gets_in(served.address, successor.cert))
        assert not gets_in(served.address, authority.cert)
        talk.say(SECOND)
        assert talk.half_close()[-1].finished.samples == 2 * len(SECOND) // 2
        renewed_s = expires_s(served.metrics_address)
        assert renewed_s - expiry_s == pytest.approx(2 * DAY.total_seconds(), abs=60.0)
        assert served.value("vau_door_reloads_total", file="tls", outcome="renewed") >= 1


def expires_s(metrics: str) -> float:
    with urllib.request.urlopen(f"http://{metrics}/metrics") as page:
        text = page.read().decode()
    (value,) = re.findall(
        r'^vau_tls_certificate_expiry\S+_seconds{file="tls"} (\S+)', text, re.MULTILINE
    )
    return float(value)


def test_a_renewal_that_went_wrong_leaves_the_old_certificate_and_says_so(
    authority: Authority, quick: None, caplog: pytest.LogCaptureFixture
) -> None:
    pair = authority.issue("server")
    expired = authority.issue("expired", begins=-2 * DAY, ends=-DAY)
    with serving(config=behind(pair)) as served:

        def kept() -> float:
            return served.value("vau_door_reloads_total", file="tls", outcome="kept")

        pair.key.write_text("half a k")
        eventually(lambda: kept() >= 1)
        assert gets_in(served.address, authority.cert)
        expired.take_the_place_of(pair)
        eventually(lambda: "has expired" in told(caplog))
        assert gets_in(served.address, authority.cert)
    assert "holds no PEM private key" in told(caplog)


def told(caplog: pytest.LogCaptureFixture) -> str:
    """Return why files were not reloaded, as the log says it."""
    events = [each for each in caplog.records if each.getMessage() == "not reloaded"]
    return json.dumps([each.vau_facts for each in events])  # type: ignore[attr-defined]


def test_a_renewed_client_ca_decides_about_new_connections(
    authority: Authority, tmp_path: Path, quick: None
) -> None:
    trusted = tmp_path / "clients.pem"
    trusted.write_bytes(authority.cert.read_bytes())
    successor = Authority(tmp_path / "successor")
    kiosk = successor.issue("kiosk", hosts=(), for_servers=False)
    access = Access(tls_ca=authority.cert, tls_cert=kiosk.cert, tls_key=kiosk.key)
    config = behind(authority.issue("server"), client_ca=trusted)
    with serving(config=config) as served:

        def is_let_in() -> bool:
            with Client(served.address, access=access, connect_timeout_s=0.5) as client:
                try:
                    return bool(client.server_info().version)
                except VauError:
                    return False

        assert not is_let_in()
        trusted.write_bytes(successor.cert.read_bytes())
        eventually(is_let_in)


# --- starting ----------------------------------------------------------------------------


def test_a_server_whose_certificate_has_expired_does_not_start(authority: Authority) -> None:
    pair = authority.issue("server", begins=-2 * DAY, ends=-DAY)
    with (
        pytest.raises(ConfigInvalid, match="has expired; renew it"),
        serving(config=behind(pair)),
    ):
        pass


@pytest.mark.filterwarnings("ignore:ssl.TLSVersion:DeprecationWarning")
def test_old_tls_is_refused(authority: Authority) -> None:
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.load_verify_locations(authority.cert)
    context.set_ciphers("DEFAULT:@SECLEVEL=0")  # or this end would not offer it
    context.minimum_version = ssl.TLSVersion.TLSv1
    with serving(config=behind(authority.issue("server"))) as served:

        def version(most: ssl.TLSVersion) -> str | None:
            context.maximum_version = most
            address = split_address(served.address)
            with (
                socket.create_connection(address, PATIENCE_S) as connection,
                context.wrap_socket(connection, server_hostname="localhost") as wrapped,
            ):
                return wrapped.version()

        assert version(ssl.TLSVersion.TLSv1_2) == "TLSv1.2"
        with pytest.raises(ssl.SSLError, match="EOF"):
            version(ssl.TLSVersion.TLSv1_1)


def test_the_log_of_the_start_says_what_tls_there_is(
    authority: Authority, caplog: pytest.LogCaptureFixture
) -> None:
    caplog.set_level(logging.INFO)
    with serving(config=behind(authority.issue("server"))):
        pass
    (listening,) = [each for each in caplog.records if each.getMessage() == "listening"]
    facts = listening.vau_facts  # type: ignore[attr-defined]
    assert (facts["tls"], facts["names"]) == ("on", "localhost, 127.0.0.1")
    assert facts["tokens"] == 0


def test_a_raw_grpc_client_needs_nothing_of_ours(authority: Authority) -> None:
    with serving(config=behind(authority.issue("server"))) as served:
        credentials = grpc.ssl_channel_credentials(authority.cert.read_bytes())
        with grpc.secure_channel(served.address, credentials) as channel:
            grpc.channel_ready_future(channel).result(PATIENCE_S)
