"""A server's config refuses nonsense, and says how to mend it."""

import pytest

from vau.config import ServerConfig, is_loopback, join_address, split_address, version
from vau.errors import ConfigInvalid


def test_the_defaults_are_those_of_the_contract() -> None:
    config = ServerConfig()
    assert config.listen == "127.0.0.1:50051"
    assert config.metrics_listen == "127.0.0.1:9464"
    assert config.max_streams == 64
    assert config.max_audio_message_bytes == 65_536
    assert (config.max_unary_audio_s, config.max_lag_s) == (60.0, 2.05)
    assert (config.config_timeout_s, config.drain_grace_s) == (10.0, 30.0)
    assert (config.keepalive_s, config.keepalive_timeout_s) == (30.0, 10.0)
    assert (config.idle_timeout_s, config.write_timeout_s) == (60.0, 30.0)
    assert (config.max_stream_duration_s, config.max_connection_age_s) == (0.0, 0.0)


@pytest.mark.parametrize(
    ("field", "value"),
    [
        ("max_streams", 0),
        ("max_audio_message_bytes", 0),
        ("max_audio_message_bytes", 1 << 30),
        ("max_unary_audio_s", -1.0),
        ("max_unary_audio_s", 8400.0),
        ("max_unary_audio_s", float("nan")),
        ("max_lag_s", float("inf")),
        ("max_lag_s", 0.0),
        ("max_lag_s", 0.001),
        ("config_timeout_s", float("nan")),
        ("drain_grace_s", -1.0),
        ("keepalive_s", 0.0),
        ("idle_timeout_s", 0.0),
        ("write_timeout_s", float("inf")),
        ("max_stream_duration_s", -1.0),
        ("max_connection_age_s", float("nan")),
        ("max_connection_age_grace_s", -0.5),
        ("resume_ttl_s", 0.0),
        ("resume_ttl_s", 1.9),
        ("shadow_share", -0.1),
        ("shadow_share", 1.1),
        ("shadow_share", float("nan")),
        ("keepalive_timeout_s", 0.0),
        ("listen", "50051"),
        ("listen", "localhost:grpc"),
        ("listen", "127.0.0.1:65536"),
        ("listen", "::1:50051"),
        ("metrics_listen", ":9464"),
    ],
)
def test_a_value_out_of_range_is_refused_by_name(field: str, value: object) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        ServerConfig(**{field: value})  # type: ignore[arg-type]
    assert refused.value.field == field
    assert str(value) in str(refused.value)


@pytest.mark.parametrize(
    ("field", "value", "text"),
    [
        ("drain_grace_s", -1.0, "drain_grace_s=-1.0 must be 0 or more and finite"),
        ("max_streams", 0, "max_streams=0 must be more than 0 and finite"),
        (
            "max_lag_s",
            0.05,
            (
                "max_lag_s=0.05 is less than 0.1, which is what clients send in one message; "
                "allow more"
            ),
        ),
        (
            "max_unary_audio_s",
            1e4,
            "max_unary_audio_s=10000.0 must be more than 0 and at most 8388",
        ),
        (
            "max_audio_message_bytes",
            1 << 30,
            "max_audio_message_bytes=1073741824 must be more than 0 and at most 1073709055",
        ),
    ],
)
def test_a_refusal_says_in_plain_numbers_what_is_taken(
    field: str, value: object, text: str
) -> None:
    with pytest.raises(ConfigInvalid) as refused:
        ServerConfig(**{field: value})  # type: ignore[arg-type]
    assert str(refused.value) == text


def test_the_largest_message_of_the_default_fits_into_the_default_lag() -> None:
    config = ServerConfig()
    assert config.max_audio_message_bytes / 2 / 16_000 <= config.max_lag_s


@pytest.mark.parametrize(
    "limits",
    [
        {},
        {"max_unary_audio_s": 0.5},
        {"max_unary_audio_s": 600.0},
        {"max_unary_audio_s": 8388.0},
        {"max_audio_message_bytes": 8 << 20},
    ],
)
def test_the_transport_takes_more_than_any_limit_allows(limits: dict[str, float]) -> None:
    config = ServerConfig(**limits)  # type: ignore[arg-type]
    widest_bytes = config.max_unary_audio_s * 16_000 * 8
    assert config.transport_bytes > 2 * max(widest_bytes, config.max_audio_message_bytes)
    assert 4 << 20 <= config.transport_bytes < 1 << 31


def test_no_grace_at_all_may_be_chosen() -> None:
    assert ServerConfig(drain_grace_s=0.0).drain_grace_s == 0.0


@pytest.mark.parametrize("listen", ["0.0.0.0:50051", "[::]:50051", "example.org:50051"])
def test_plaintext_that_others_can_reach_must_be_meant(listen: str) -> None:
    with pytest.raises(ConfigInvalid, match="say insecure=True"):
        ServerConfig(listen=listen)
    assert ServerConfig(listen=listen, insecure=True).listen == listen


@pytest.mark.parametrize("host", ["127.0.0.1", "127.8.8.8", "::1", "localhost"])
def test_these_hosts_are_loopback(host: str) -> None:
    assert is_loopback(host)


@pytest.mark.parametrize("address", ["127.0.0.1:0", "[::1]:50051", "example.org:65535"])
def test_an_address_is_split_and_joined_again(address: str) -> None:
    assert join_address(*split_address(address)) == address


def test_there_is_always_a_version() -> None:
    assert version()
