"""Token files: what they may say, and who is let in by them."""

import hashlib
import hmac
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from vau.door.tokens import Holder, Token, Tokens, bearer, mint
from vau.errors import AuthRequired, ConfigInvalid

DIGEST = hashlib.sha256(b"open sesame").hexdigest()


def test_a_line_is_name_digest_and_limits_and_the_rest_is_comment() -> None:
    tokens = Tokens.parse(
        f"# who may come\n\n alice {DIGEST.upper()} max_audio_rate=1.5 max_streams=3 # hers\n"
    )
    found = tokens.find("open sesame")
    assert found is not None
    assert found.holder == Holder(name="alice", max_streams=3, max_audio_rate=1.5)
    assert tokens.find("open sesam") is None


names = st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True)
holders = st.builds(
    Holder,
    name=names,
    max_streams=st.none() | st.integers(0, 10**6),
    max_audio_rate=st.none() | st.floats(0.0, exclude_min=True, allow_infinity=False),
)


@given(holders)
def test_what_is_minted_lets_its_holder_in_with_his_limits(holder: Holder) -> None:
    minted = mint(holder)
    assert minted.secret not in minted.line
    found = Tokens.parse(minted.line).find(bearer([f"Bearer {minted.secret}"]))
    assert found is not None
    assert found.holder == holder


def test_no_two_secrets_are_alike() -> None:
    assert len({mint(Holder(name="alice")).secret for _ in range(100)}) == 100


@pytest.mark.parametrize(
    ("line", "what"),
    [
        ("alice", "SHA-256"),
        ("alice correct-horse-battery-staple", "SHA-256"),
        (f"alice {DIGEST[:-1]}", "SHA-256"),
        (f"alice {DIGEST} streams=3", "max_streams=N"),
        (f"alice {DIGEST} max_streams", "max_streams=N"),
        (f"alice {DIGEST} max_streams=1 max_streams=2", "once"),
        (f"alice {DIGEST} max_streams=many", "not a number"),
        (f"alice {DIGEST} max_streams=-1", "max_streams is out of range"),
        (f"alice {DIGEST} max_audio_rate=0", "max_audio_rate is out of range"),
        (f"alice {DIGEST} max_audio_rate=nan", "max_audio_rate is out of range"),
        (f"alice {DIGEST} max_audio_rate=inf", "max_audio_rate is out of range"),
        (f"al/ice {DIGEST}", "name is out of range or malformed"),
        (f"{'a' * 65} {DIGEST}", "name is out of range or malformed"),
        (f"bob {DIGEST}", "is there already"),
        (f"first {'0' * 64}", "limits differ"),
    ],
)
def test_a_wrong_line_is_named_by_its_number_and_never_repeated(line: str, what: str) -> None:
    with pytest.raises(ConfigInvalid, match=what) as refused:
        Tokens.parse(f"first {DIGEST} max_streams=7\n# a comment\n{line}\n")
    assert (refused.value.field, refused.value.facts["line"]) == ("tokens", 3)
    assert "line 3" in str(refused.value)
    for word in line.split():
        assert word not in str(refused.value).replace("max_streams=N", "")


@pytest.mark.parametrize("text", ["", "# alice\n", " \n\n"])
def test_a_file_without_a_token_is_refused(text: str) -> None:
    with pytest.raises(ConfigInvalid, match="nobody could come in"):
        Tokens.parse(text)


@pytest.mark.parametrize("content", [None, b"\xff\xfe", b"alice 12\n", b"# nobody yet\n"])
def test_a_file_that_cannot_be_read_is_refused_by_name(
    tmp_path: Path, content: bytes | None
) -> None:
    file = tmp_path / "tokens"
    if content is not None:
        file.write_bytes(content)
    with pytest.raises(ConfigInvalid, match="tokens='/") as refused:
        Tokens.read(file)
    assert refused.value.field == "tokens"


def test_a_name_may_have_two_secrets_while_one_replaces_the_other() -> None:
    old, new = (mint(Holder(name="alice", max_streams=2)) for _ in range(2))
    both = Tokens.parse(f"{old.line}\n{new.line}\n")
    found = [both.find(minted.secret) for minted in (old, new)]
    assert [token and token.holder.name for token in found] == ["alice", "alice"]


def test_a_token_that_left_the_file_is_no_more_and_one_that_stayed_has_its_new_limits() -> None:
    gone, stays = mint(Holder(name="gone")), mint(Holder(name="stays"))
    before = Tokens.parse(f"{gone.line}\n{stays.line}\n")
    after = Tokens.parse(f"{stays.line} max_streams=1\n")
    tokens = [before.find(minted.secret) for minted in (gone, stays)]
    assert all(tokens)
    now = [after.now(token) for token in tokens if token]
    assert [each and each.holder.max_streams for each in now] == [None, 1]


def test_every_digest_is_compared_whichever_it_is_and_in_constant_time(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    compared: list[tuple[bytes, bytes]] = []

    def counting(ours: bytes, theirs: bytes) -> bool:
        compared.append((ours, theirs))
        return real(ours, theirs)

    real = hmac.compare_digest
    monkeypatch.setattr("vau.door.tokens.hmac.compare_digest", counting)
    minted = [mint(Holder(name=f"holder-{index}")) for index in range(5)]
    tokens = Tokens.parse("\n".join(each.line for each in minted))
    for secret in (minted[0].secret, minted[4].secret, "vau_nobody"):
        compared.clear()
        tokens.find(secret)
        assert len(compared) == 5
        assert {theirs for _, theirs in compared} == {hashlib.sha256(secret.encode()).digest()}


@pytest.mark.parametrize("scheme", ["Bearer", "bearer", "BEARER"])
def test_the_scheme_is_bearer_in_any_case(scheme: str) -> None:
    assert bearer([f"{scheme} vau_x-Y_z=="]) == "vau_x-Y_z=="


@pytest.mark.parametrize(
    ("headers", "why"),
    [
        ([], "missing"),
        (["Basic dXNlcjpwYXNz"], "malformed"),
        (["Bearer"], "malformed"),
        (["Bearer "], "malformed"),
        (["Bearer two words"], "malformed"),
        (["Bearer ünlawful"], "malformed"),
        ([b"Bearer bytes"], "malformed"),
        (["Bearer " + "x" * 257], "malformed"),
        (["Bearer one", "Bearer two"], "malformed"),
    ],
)
def test_anything_else_is_refused_without_repeating_it(
    headers: list[str | bytes], why: str
) -> None:
    with pytest.raises(AuthRequired) as refused:
        bearer(headers)
    assert refused.value.facts == {"why": why}
    assert "dXNl" not in str(refused.value)
    assert "lawful" not in str(refused.value)


def test_a_token_shows_no_secret_when_it_is_printed() -> None:
    minted = mint(Holder(name="alice"))
    token = Tokens.parse(minted.line).find(minted.secret)
    assert isinstance(token, Token)
    assert minted.secret not in repr(token)
