"""How a client names its fallbacks, and what is refused by name."""

from collections.abc import Iterator
from dataclasses import replace

import pytest

from tests.flaky import ONE, TWIN, WIDE, Flaky, flaky
from tests.models import tiny_model
from tests.serving import (
    FULL,
    LINEAR16,
    MODEL,
    Served,
    floating,
    hear,
    muntaniala,
    serving,
    speech,
    streaming,
)
from vau.errors import (
    BackendNotFound,
    CapabilityMissing,
    ConfigInvalid,
    ModelNotFound,
    VauError,
)
from vau.v1 import speech_pb2 as pb

LOG_PROB = pb.OutputConfig(phonemes=True, posteriors=pb.OutputConfig.POSTERIORS_FULL)
FIELD = "config.recognition.fallback_backends"
OTHER = replace(tiny_model(seed=1), name="other")


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    mute = flaky("2x1")
    mute.is_mute = True
    backends: list[Flaky | object] = [flaky("1x1"), flaky("1x2"), floating(), mute]
    held = [(MODEL, each) for each in backends]
    with serving(*held, (OTHER, muntaniala(OTHER))) as running:  # type: ignore[arg-type]
        yield running


def config(
    *fallbacks: str, output: pb.OutputConfig = LOG_PROB, backend: str = ""
) -> pb.StreamingConfig:
    wanted = streaming(output, backend=backend)
    wanted.recognition.fallback_backends.extend(fallbacks)
    return wanted


def resolved(served: Served, wanted: pb.StreamingConfig) -> list[str]:
    started = hear(served.client, [speech()], wanted).responses[0].started
    return list(started.resolved.fallback_backends)


@pytest.mark.parametrize(
    ("names", "meant"),
    [
        ((), []),
        (("float",), ["float"]),
        ((WIDE, "float"), [WIDE, "float"]),
        (("float", WIDE, "float"), ["float", WIDE]),
        (("same-kind",), [WIDE, TWIN]),
        (("any",), [WIDE, "float", TWIN]),
        (("float", "any"), ["float", WIDE, TWIN]),
        ((ONE, "float"), ["float"]),  # itself is no substitute
        ((ONE,), []),
    ],
)
def test_a_name_means_an_id_a_kind_all_of_the_kind_or_all_there_are(
    served: Served, names: tuple[str, ...], meant: list[str]
) -> None:
    wanted = config(*names)
    assert resolved(served, wanted) == meant
    again = pb.StreamingConfig(recognition=wanted.recognition)
    del again.recognition.fallback_backends[:]
    again.recognition.fallback_backends.extend(meant)
    assert resolved(served, again) == meant


def test_words_mean_what_can_do_what_the_stream_asks_for(served: Served) -> None:
    assert resolved(served, config("any", output=FULL)) == [WIDE, TWIN]  # float has no logits
    wanted = config("any")
    wanted.checkpoint_interval.FromMilliseconds(500)
    assert resolved(served, wanted) == [WIDE, "float"]  # the third gives no states away
    assert resolved(served, config("same-kind", backend="float")) == []


def refused(served: Served, wanted: pb.StreamingConfig) -> VauError:
    with pytest.raises(VauError) as error:
        hear(served.client, [speech()], wanted)
    assert str(error.value).startswith(f"{FIELD}: ")
    return error.value


@pytest.mark.parametrize("name", ["tpu", "", "Any", "muntaniala:9x9"])
def test_who_is_not_there_is_refused_with_those_who_are(served: Served, name: str) -> None:
    error = refused(served, config("float", name))
    assert isinstance(error, BackendNotFound)
    assert error.facts["name"] == name
    assert error.facts["available"] == f"{ONE}, {WIDE}, float, {TWIN}, same-kind, any"


def test_a_kind_of_which_there_are_several_is_ambiguous(served: Served) -> None:
    error = refused(served, config("float", "muntaniala"))
    several = f"{ONE}, {WIDE}, {TWIN}"
    assert isinstance(error, BackendNotFound)
    assert f"'muntaniala' is ambiguous: {several} are of that kind" in str(error)
    assert error.facts["available"] == several
    with pytest.raises(BackendNotFound, match="'muntaniala' is ambiguous") as first:
        hear(served.client, [speech()], config(backend="muntaniala"))
    assert first.value.field == "config.recognition.backend"


def test_who_does_not_hold_the_network_is_refused(served: Served) -> None:
    with serving((MODEL, floating()), (OTHER, muntaniala(OTHER))) as two:
        error = refused(two, config(ONE))
    assert isinstance(error, ModelNotFound)
    assert "does not hold tiny as float does" in str(error)
    del served


def test_who_cannot_do_what_the_stream_asks_for_is_refused(served: Served) -> None:
    error = refused(served, config("float", output=FULL))
    assert isinstance(error, CapabilityMissing)
    assert error.facts["capability"] == "integer-logits"
    wanted = config(TWIN)
    wanted.checkpoint_interval.FromMilliseconds(500)
    error = refused(served, wanted)
    assert isinstance(error, CapabilityMissing)
    assert (error.facts["capability"], error.facts["backend"]) == ("checkpoints", TWIN)
    assert hear(served.client, [speech()], config(TWIN)).finished.samples == 16_000


def test_more_names_than_anybody_needs_are_refused_unread(served: Served) -> None:
    assert hear(served.client, [speech()], config(*64 * ["any"])).finished.samples == 16_000
    error = refused(served, config(*65 * ["any"]))
    assert isinstance(error, ConfigInvalid)
    assert "65 names; give at most 64" in str(error)
    wanted = config()
    wanted.shadow_backends.extend(65 * ["tpu"])
    with pytest.raises(ConfigInvalid, match=r"^config\.shadow_backends: 65 names"):
        hear(served.client, [speech()], wanted)


def test_a_call_names_its_own_field(served: Served) -> None:
    wanted = pb.RecognitionConfig(audio_format=LINEAR16, fallback_backends=["tpu"])
    with pytest.raises(BackendNotFound, match=r"^config\.fallback_backends: 'tpu'"):
        served.client.recognize(wanted, speech())
