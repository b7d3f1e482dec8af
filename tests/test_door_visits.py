"""How much a caller may have at a time, and over time."""

import pytest

from vau.door.tokens import Holder, Token
from vau.door.visits import BURST_S, Visitor, Visits, place_of
from vau.errors import AuthForbidden, QuotaExceeded

HOME = "192.0.2.1"


def visitor(
    name: str = "alice",
    *,
    host: str = HOME,
    max_streams: int | None = None,
    max_audio_rate: float | None = None,
) -> Visitor:
    holder = Holder(name=name, max_streams=max_streams, max_audio_rate=max_audio_rate)
    return Visitor(name, host, Token(b"digest", holder))


def test_a_token_has_as_many_streams_as_it_may_and_its_place_comes_back() -> None:
    visits, alice = Visits(), visitor(max_streams=2)
    with visits.stream(alice):
        with visits.stream(visitor(host="192.0.2.2", max_streams=2)):
            with pytest.raises(QuotaExceeded) as refused, visits.stream(alice):
                pass
            assert refused.value.facts == {
                "subject": "token:alice:streams",
                "limit": 2,
                "retry_s": 1.0,
            }
            with visits.stream(visitor("bob", max_streams=1)):
                pass
        with visits.stream(alice):
            assert visits.streams_of("alice") == 2
    assert visits.streams_of("alice") == 0


def test_a_place_comes_back_however_the_stream_ends() -> None:
    visits, alice = Visits(), visitor(max_streams=1)
    with pytest.raises(OSError, match="gone"), visits.stream(alice):
        raise OSError("gone")
    with visits.stream(alice):
        pass


def test_a_token_with_no_streams_may_not_stream_at_all() -> None:
    with pytest.raises(AuthForbidden) as refused, Visits().stream(visitor(max_streams=0)):
        pass
    assert refused.value.facts == {"why": "no_streams"}


def test_an_address_has_as_many_streams_as_the_server_says_whoever_calls_from_there() -> None:
    visits = Visits(max_per_host=2)
    with visits.stream(Visitor("", HOME)), visits.stream(visitor("bob")):
        with pytest.raises(QuotaExceeded) as refused, visits.stream(Visitor("", HOME)):
            pass
        assert refused.value.facts["subject"] == f"address:{HOME}:streams"
        with visits.stream(Visitor("", "192.0.2.2")):
            pass
    with visits.stream(Visitor("", HOME)):
        pass


def test_without_a_limit_nobody_is_refused() -> None:
    visits = Visits()
    with visits.stream(visitor()), visits.stream(visitor()):
        visits.heard(visitor(), 1e9, 0.0)


def test_audio_beyond_the_rate_is_refused_over_all_streams_until_it_is_earned() -> None:
    visits, alice = Visits(), visitor(max_audio_rate=2.0)
    visits.heard(alice, 2.0 * BURST_S, 0.0)
    with pytest.raises(QuotaExceeded) as refused:
        visits.heard(visitor(host="192.0.2.2", max_audio_rate=2.0), 0.1, 0.0)
    facts = refused.value.facts
    assert (facts["subject"], facts["limit"]) == ("token:alice:audio_rate", 2.0)
    visits.heard(visitor("bob", max_audio_rate=2.0), 0.1, 0.0)
    visits.heard(alice, 0.1, float(facts["retry_s"]))


def test_a_new_rate_counts_at_once() -> None:
    visits = Visits()
    visits.heard(visitor(max_audio_rate=1.0), 10.0 * BURST_S, 0.0)
    visits.heard(visitor(max_audio_rate=100.0), 1.0, 0.0)


@pytest.mark.parametrize(
    ("host", "place"),
    [
        ("192.0.2.1", "192.0.2.1"),
        ("127.0.0.1", "127.0.0.1"),
        ("::1", "::1"),
        ("2001:db8:0:7::1", "2001:db8:0:7::/64"),
        ("2001:db8:0:7:ffff:ffff:ffff:ffff", "2001:db8:0:7::/64"),
        ("2001:db8:0:8::1", "2001:db8:0:8::/64"),
        ("fe80::1%eth0", "fe80::/64"),
        ("unix:/run/vau", "unix:/run/vau"),
    ],
)
def test_a_place_is_an_ipv4_address_or_an_ipv6_network(host: str, place: str) -> None:
    assert place_of(host) == place


def test_whoever_has_a_network_of_ipv6_has_no_more_streams_than_one_address() -> None:
    visits = Visits(max_per_host=2)
    with visits.stream(Visitor("", "2001:db8::1")), visits.stream(Visitor("", "2001:db8::2")):
        with pytest.raises(QuotaExceeded) as refused, visits.stream(Visitor("", "2001:db8::3")):
            pass
        assert refused.value.facts["subject"] == "address:2001:db8::/64:streams"
        with visits.stream(Visitor("", "2001:db8:0:1::1")):
            pass
    with visits.stream(Visitor("", "2001:db8::3")):
        pass


def test_who_left_and_owes_nothing_is_forgotten() -> None:
    visits = Visits()
    for number in range(1000):
        guest = Visitor(f"cert:{number}", HOME)
        with visits.stream(guest), visits.stream(guest):
            pass
    assert visits.known == 0
    for number in range(1000):  # each has earned it back when the next one comes
        metered = visitor(f"token-{number}", max_audio_rate=1.0)
        with visits.stream(metered):
            visits.heard(metered, 1.0, 10.0 * number)
    assert visits.known == 1


def test_who_left_and_owes_something_is_not_forgotten() -> None:
    visits, alice = Visits(), visitor(max_audio_rate=1.0)
    with visits.stream(alice):
        visits.heard(alice, 2.0 * BURST_S, 0.0)
    with visits.stream(alice), visits.stream(visitor("bob", max_audio_rate=1.0)):
        visits.heard(visitor("bob", max_audio_rate=1.0), 1.0, 1.0)
        with pytest.raises(QuotaExceeded):
            visits.heard(alice, 0.1, 1.0)
