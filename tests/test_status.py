"""One table of errors, read in both directions."""

import inspect
from collections.abc import Iterator
from concurrent import futures
from contextlib import contextmanager
from typing import TypeVar

import grpc
import pytest
from google.protobuf.message import Message
from google.rpc import error_details_pb2, status_pb2
from hypothesis import given
from hypothesis import strategies as st

from tests.flaky import SupplyLost
from vau import errors
from vau.client import Client
from vau.errors import (
    AudioUnsupported,
    BackendFault,
    BackendNotFound,
    CapabilityMissing,
    ModelNotFound,
    QuotaExceeded,
    SlotsExhausted,
    Unreachable,
    VauError,
)
from vau.wire.status import DETAIL_BYTES, STATUS, WRITE_FAILED, rich_status, row_of, to_grpc

EVERY_CLASS = [
    kind
    for _, kind in inspect.getmembers(errors, inspect.isclass)
    if issubclass(kind, VauError)
]
DETAILS_KEY = "grpc-status-details-bin"
D = TypeVar("D", bound=Message)


def detail(error: VauError, kind: type[D]) -> D:
    found = [part for part in rich_status(error).details if part.Is(kind.DESCRIPTOR)]  # type: ignore[arg-type]
    assert len(found) == 1
    message = kind()
    found[0].Unpack(message)
    return message


@pytest.mark.parametrize("kind", EVERY_CLASS)
def test_every_class_of_error_has_a_row_of_its_own(kind: type[VauError]) -> None:
    assert kind in STATUS


@pytest.mark.parametrize(
    ("kind", "code", "reason"),
    [
        (errors.ConfigExpected, "INVALID_ARGUMENT", "CONFIG_EXPECTED"),
        (errors.ConfigRepeated, "INVALID_ARGUMENT", "CONFIG_REPEATED"),
        (errors.ConfigInvalid, "INVALID_ARGUMENT", "CONFIG_INVALID"),
        (errors.ConfigTimeout, "DEADLINE_EXCEEDED", "CONFIG_TIMEOUT"),
        (errors.AudioUnsupported, "INVALID_ARGUMENT", "AUDIO_FORMAT_UNSUPPORTED"),
        (errors.AudioMismatch, "INVALID_ARGUMENT", "AUDIO_FORMAT_MISMATCH"),
        (errors.AudioCorrupt, "INVALID_ARGUMENT", "AUDIO_CORRUPT"),
        (errors.MessageTooLarge, "RESOURCE_EXHAUSTED", "MESSAGE_TOO_LARGE"),
        (errors.AudioTooLong, "RESOURCE_EXHAUSTED", "AUDIO_TOO_LONG"),
        (errors.ModelNotFound, "NOT_FOUND", "MODEL_NOT_FOUND"),
        (errors.BackendNotFound, "NOT_FOUND", "BACKEND_NOT_FOUND"),
        (errors.ModelTooLarge, "FAILED_PRECONDITION", "MODEL_TOO_LARGE"),
        (errors.ModelIncompatible, "INVALID_ARGUMENT", "MODEL_INCOMPATIBLE"),
        (errors.CapabilityMissing, "FAILED_PRECONDITION", "CAPABILITY_MISSING"),
        (errors.SlotsExhausted, "RESOURCE_EXHAUSTED", "STREAM_SLOTS_EXHAUSTED"),
        (errors.BackendBusy, "RESOURCE_EXHAUSTED", "BACKEND_BUSY"),
        (errors.AuthRequired, "UNAUTHENTICATED", "AUTH_REQUIRED"),
        (errors.AuthForbidden, "PERMISSION_DENIED", "AUTH_FORBIDDEN"),
        (errors.QuotaExceeded, "RESOURCE_EXHAUSTED", "QUOTA_EXCEEDED"),
        (errors.BackendFault, "UNAVAILABLE", "BACKEND_LOST"),
        (errors.Draining, "UNAVAILABLE", "SERVER_DRAINING"),
        (errors.BadSnapshot, "FAILED_PRECONDITION", "RESUME_MISMATCH"),
        (errors.ResumeInvalid, "INVALID_ARGUMENT", "RESUME_INVALID"),
        (errors.ResumeExpired, "FAILED_PRECONDITION", "RESUME_EXPIRED"),
        (errors.ResumeMismatch, "FAILED_PRECONDITION", "RESUME_MISMATCH"),
        (errors.VauError, "INTERNAL", "INTERNAL"),
    ],
)
def test_a_class_of_error_has_the_code_and_reason_of_the_contract(
    kind: type[VauError], code: str, reason: str
) -> None:
    row = row_of(kind("text"))
    assert (row.code.name, row.reason) == (code, reason)


def test_the_most_specific_row_wins() -> None:
    class LinkLost(BackendFault):
        """A class that the table has never seen."""

    assert row_of(LinkLost("gone")) is STATUS[BackendFault]


def test_a_class_that_takes_other_arguments_is_told_all_the_same() -> None:
    class LinkLost(BackendFault):
        """As plug-ins have them: what it says cannot be made into it again."""

        def __init__(self, link: int, tries: int) -> None:
            super().__init__(f"link {link} lost", tries=tries)

    status = rich_status(LinkLost(3, 2))
    assert status.message == "link 3 lost"
    assert detail(LinkLost(3, 2), error_details_pb2.ErrorInfo).metadata["tries"] == "2"


def test_error_info_carries_the_reason_and_the_facts() -> None:
    info = detail(SlotsExhausted("full", limit=8), error_details_pb2.ErrorInfo)
    assert (info.reason, info.domain) == ("STREAM_SLOTS_EXHAUSTED", "vau")
    assert dict(info.metadata) == {"limit": "8"}


def test_a_refused_field_is_named_by_its_path() -> None:
    error = AudioUnsupported("resample", field="config.audio_format.sample_rate_hertz")
    violation = detail(error, error_details_pb2.BadRequest).field_violations[0]
    assert violation.field == "config.audio_format.sample_rate_hertz"
    assert violation.description == "resample"


@pytest.mark.parametrize(
    ("error", "kind"),
    [(ModelNotFound("no", name="x"), "model"), (BackendNotFound("no", name="x"), "backend")],
)
def test_what_was_not_found_is_named(error: VauError, kind: str) -> None:
    resource = detail(error, error_details_pb2.ResourceInfo)
    assert (resource.resource_type, resource.resource_name) == (kind, "x")


def test_a_full_server_says_when_to_try_again_and_what_is_short() -> None:
    assert detail(SlotsExhausted("full"), error_details_pb2.RetryInfo).retry_delay.seconds > 0
    quota = detail(SlotsExhausted("full"), error_details_pb2.QuotaFailure)
    assert quota.violations[0].subject == "streams"


def test_a_quota_says_whose_it_is_and_when_to_try_again() -> None:
    error = QuotaExceeded("all", subject="token:alice:streams", limit=2, retry_s=0.25)
    assert detail(error, error_details_pb2.RetryInfo).retry_delay.nanos == 250_000_000
    quota = detail(error, error_details_pb2.QuotaFailure)
    assert quota.violations[0].subject == "token:alice:streams"


def test_a_missing_capability_is_named() -> None:
    error = CapabilityMissing("no", capability="integer-logits")
    violation = detail(error, error_details_pb2.PreconditionFailure).violations[0]
    assert (violation.type, violation.subject) == ("CAPABILITY_MISSING", "integer-logits")


@given(
    text=st.text(max_size=5000),
    field=st.text(max_size=5000),
    facts=st.dictionaries(
        st.from_regex(r"[a-z_]{1,40}", fullmatch=True), st.text(), max_size=9
    ),
    kind=st.sampled_from(EVERY_CLASS),
)
def test_details_are_smaller_than_4_kib_whatever_the_error_says(
    text: str, field: str, facts: dict[str, str], kind: type[VauError]
) -> None:
    facts.pop("field", None)
    facts.pop("self", None)
    facts.pop("message", None)
    assert rich_status(kind(text, field=field, **facts)).ByteSize() < DETAIL_BYTES


def test_a_client_that_names_a_huge_model_still_gets_details() -> None:
    error = ModelNotFound("x" * 100_000, field="y" * 100_000, name="ü" * 100_000)
    status = rich_status(error)
    assert status.ByteSize() < DETAIL_BYTES
    assert len(status.details) == 3


class Failing(grpc.GenericRpcHandler):
    """A server all of whose methods end with one status."""

    def __init__(self, status: grpc.Status) -> None:
        self.status = status

    def service(
        self, _details: grpc.HandlerCallDetails
    ) -> "grpc.RpcMethodHandler[bytes, bytes]":
        def fail(_request: bytes, context: grpc.ServicerContext) -> bytes:
            context.abort_with_status(self.status)

        return grpc.unary_unary_rpc_method_handler(fail)


@contextmanager
def failing_with(status: grpc.Status) -> Iterator[str]:
    server = grpc.server(futures.ThreadPoolExecutor(1), handlers=[Failing(status)])
    port = server.add_insecure_port("127.0.0.1:0")
    server.start()
    try:
        yield f"127.0.0.1:{port}"
    finally:
        server.stop(None).wait()


def received(status: grpc.Status) -> VauError:
    """Return what a client makes of a status that went over a real wire."""
    with failing_with(status) as address, Client(address) as client:
        with pytest.raises(VauError) as caught:
            client.server_info()
        return caught.value


@pytest.mark.parametrize("kind", EVERY_CLASS)
def test_an_error_comes_back_as_what_it_was(kind: type[VauError]) -> None:
    back = received(to_grpc(kind("of old", field="config", limit=3)))
    assert STATUS[type(back)].reason == STATUS[kind].reason
    assert str(back) == "of old"
    assert back.facts == {"limit": "3"}
    assert back.field == "config"


def test_an_error_without_a_field_accuses_none() -> None:
    described = error_details_pb2.BadRequest.DESCRIPTOR
    details = rich_status(SlotsExhausted("full")).details
    assert [each for each in details if each.Is(described)] == []  # type: ignore[arg-type]
    assert received(to_grpc(SlotsExhausted("full"))).field == ""


class Plain(grpc.Status):
    """A status as a proxy makes it."""

    def __init__(self, code: grpc.StatusCode, details: str, rich: bytes = b"") -> None:
        self.code, self.details = code, details
        self.trailing_metadata = ((DETAILS_KEY, rich),) if rich else ()


def test_unavailable_from_another_hand_is_unreachable_and_names_the_address() -> None:
    error = received(Plain(grpc.StatusCode.UNAVAILABLE, "a proxy says so"))
    assert type(error) is Unreachable
    assert str(error.facts["address"]) in str(error)
    assert "a proxy says so" in str(error)


def test_a_connection_that_ends_while_grpc_writes_is_lost_like_any_other() -> None:
    error = received(Plain(grpc.StatusCode.INTERNAL, WRITE_FAILED))
    assert type(error) is Unreachable
    assert str(error.facts["address"]) in str(error)
    assert type(received(Plain(grpc.StatusCode.INTERNAL, "something else"))) is VauError


def test_another_status_from_another_hand_keeps_its_name() -> None:
    error = received(Plain(grpc.StatusCode.UNIMPLEMENTED, "no such method"))
    assert type(error) is VauError
    assert "UNIMPLEMENTED" in str(error)


def test_details_that_disagree_with_their_status_are_not_trusted() -> None:
    lying = status_pb2.Status(code=5, message="not found")
    status = Plain(grpc.StatusCode.UNAVAILABLE, "x", lying.SerializeToString())
    assert type(received(status)) is Unreachable


def test_an_error_that_is_said_otherwise_keeps_all_but_its_text() -> None:
    error = SupplyLost(0.4)  # of a plug-in: what it says cannot be made into it again
    error.retry_after_s = 3.0
    error.field = "audio"
    other = error.saying(f"{error}, twice")
    other.facts["attempts"] = 2
    assert type(other) is SupplyLost
    assert str(other) == "the supply is at 0.4 V, twice"
    assert (other.field, other.retry_after_s) == ("audio", 3.0)
    assert other.facts == {"volts": 0.4, "attempts": 2}
    assert (str(error), error.facts) == ("the supply is at 0.4 V", {"volts": 0.4})
    assert str(other.copy()) == str(other)
