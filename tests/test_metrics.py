"""The page that Prometheus reads: its names, labels and buckets, and what they count."""

import math
import re
import socket
import struct
import threading
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import replace

import numpy as np
import pytest
from prometheus_client import CollectorRegistry
from prometheus_client.metrics_core import Metric
from prometheus_client.openmetrics.parser import text_string_to_metric_families

from tests.serving import (
    FREE,
    MODEL,
    Served,
    cut,
    eventually,
    floating,
    hear,
    muntaniala,
    recognition,
    serving,
    speech,
    streaming,
)
from vau.audio import frame_count
from vau.backend import Cost, Energy, State
from vau.config import ServerConfig
from vau.errors import SlotsExhausted, VauError
from vau.frontend import Frontend
from vau.lane import StageTimes
from vau.logs import Log
from vau.metrics import Metrics, MetricsPage
from vau.registry import open_backend
from vau.session import Answer, Push, Round, Session, advance, open_session
from vau.v1 import speech_pb2 as pb

FRAME = "5e-05 0.0001 0.0002 0.00033 0.0005 0.001 0.002 0.005 0.01 0.02 0.05 0.1 0.25 0.5 1.0"
ANSWER = "0.005 0.01 0.02 0.05 0.1 0.2 0.5 1.0 2.0 5.0 10.0"
ENERGY = (
    "1e-07 2e-07 5e-07 1e-06 2e-06 5e-06 1e-05 2e-05 5e-05 "
    "0.0001 0.0002 0.0005 0.001 0.002 0.005 0.01"
)
TABLE = {  # of each meter the type, the labels and the buckets
    "vau_frame_latency_seconds": ("histogram", "backend stage", FRAME),
    "vau_frame_device_seconds": ("histogram", "backend origin", "1e-05 2e-05 " + FRAME),
    "vau_deadline_misses": ("counter", "backend stage", ""),
    "vau_ahead_frames": ("counter", "backend", ""),
    "vau_slow_streams": ("counter", "backend cause", ""),
    "vau_log_lines_lost": ("counter", "reason", ""),
    "vau_first_answer_seconds": ("histogram", "backend", ANSWER),
    "vau_final_after_end_seconds": ("histogram", "backend", ANSWER),
    "vau_stream_lag_seconds": ("histogram", "backend", "0.05 0.1 0.2 0.5 1.0 2.0 5.0"),
    "vau_batch_size": ("histogram", "backend", "1.0 2.0 4.0 8.0 16.0 32.0 64.0 128.0"),
    "vau_resumes": ("counter", "outcome", ""),
    "vau_checkpoints": ("counter", "backend", ""),
    "vau_backend_changes": ("counter", "backend to reason", ""),
    "vau_backend_mended": ("counter", "backend kind", ""),
    "vau_streams_active": ("gauge", "backend", ""),
    "vau_stream_slots": ("gauge", "backend", ""),
    "vau_server_streams_active": ("gauge", "", ""),
    "vau_server_stream_slots": ("gauge", "", ""),
    "vau_streams": ("counter", "backend code reason", ""),
    "vau_stream_duration_seconds": (
        "histogram",
        "backend",
        "1.0 5.0 15.0 60.0 300.0 900.0 3600.0 14400.0",
    ),
    "vau_audio_seconds": ("counter", "backend", ""),
    "vau_frames": ("counter", "backend", ""),
    "vau_energy_joules": ("counter", "backend origin boundary component", ""),
    "vau_energy_joules_per_frame": ("histogram", "backend origin boundary", ENERGY),
    "vau_device_cycles": ("counter", "backend origin", ""),
    "vau_memory_bytes": ("counter", "backend", ""),
    "vau_chunk_frames": ("histogram", "backend", "1.0 2.0 4.0 8.0 16.0 32.0 64.0 128.0"),
    "vau_unshared_energy_joules": ("counter", "backend origin boundary", ""),
    "vau_unshared_device_cycles": ("counter", "backend origin", ""),
    "vau_unshared_memory_bytes": ("counter", "backend", ""),
    "vau_backend_state": ("gauge", "backend state", ""),
    "vau_saturations": ("counter", "backend layer", ""),
    "vau_audio_suspicious": ("counter", "kind", ""),
    "vau_auth_failures": ("counter", "reason", ""),
    "vau_door_reloads": ("counter", "file outcome", ""),
    "vau_tls_certificate_expiry_timestamp_seconds": ("gauge", "file", ""),
    "vau_build_info": ("gauge", "version build", ""),
    "vau_model_info": ("gauge", "model digest backend", ""),
}
PHONES = pb.OutputConfig(phonemes=True)  # which a backend without logits says as well
BACKEND = "muntaniala:1x1"
AUDIO = speech(16_000)
LIVE = speech(1600)  # no more than may come at once of live audio


@pytest.fixture
def metrics() -> Metrics:
    return Metrics(CollectorRegistry())


@pytest.fixture(scope="module")
def served() -> Iterator[Served]:
    """A server that has answered a stream, a call, and refused one."""
    with serving((MODEL, muntaniala())) as server:
        hear(server.client, cut(LIVE, 800, 1600), streaming())
        server.client.recognize(recognition(), AUDIO)
        with pytest.raises(VauError):
            hear(server.client, [], streaming(model="big"))
        eventually(lambda: ended(server, "", "NOT_FOUND", "MODEL_NOT_FOUND") == 1)
        yield server


def ended(served: Served, backend: str, code: str, reason: str) -> float:
    return served.value("vau_streams_total", backend=backend, code=code, reason=reason)


def scrape(served: Served, accept: str = "text/plain") -> str:
    request = urllib.request.Request(
        f"http://{served.metrics_address}/metrics", headers={"Accept": accept}
    )
    with urllib.request.urlopen(request) as page:
        return str(page.read().decode())


def families(served: Served) -> dict[str, Metric]:
    page = scrape(served, "application/openmetrics-text")
    parsed = text_string_to_metric_families(page)  # type: ignore[no-untyped-call]
    return {family.name: family for family in parsed}


@pytest.mark.parametrize("name", TABLE)
def test_a_meter_has_the_type_labels_and_buckets_of_the_contract(
    served: Served, name: str
) -> None:
    family = families(served)[name]
    kind, labels, buckets = TABLE[name]
    assert family.type == kind
    assert family.documentation
    found = {label for sample in family.samples for label in sample.labels} - {"le"}
    assert found <= set(labels.split())
    if family.samples:
        assert found == set(labels.split())
    edges = sorted({float(each.labels["le"]) for each in family.samples if "le" in each.labels})
    expected = [float(edge) for edge in buckets.split()]
    assert edges == ([*expected, math.inf] if expected else [])


def test_there_is_no_other_meter(served: Served) -> None:
    assert families(served).keys() == TABLE.keys()


def test_the_page_is_there_in_both_formats_and_tells_no_creation_times(
    served: Served,
) -> None:
    assert "# EOF" in scrape(served, "application/openmetrics-text")
    assert "vau_frames_total{" in scrape(served)
    assert "_created" not in scrape(served)


@pytest.mark.parametrize("path", ["/", "/metrics/", "/favicon.ico", "/metricsx", "/readyz/"])
def test_there_is_no_other_page(served: Served, path: str) -> None:
    with pytest.raises(urllib.error.HTTPError, match="404"):
        urllib.request.urlopen(f"http://{served.metrics_address}{path}")


def test_a_server_may_show_no_meters_at_all() -> None:
    with serving(config=ServerConfig(listen=FREE, metrics_listen="off")) as server:
        assert server.metrics_address == "off"
        hear(server.client, [LIVE], streaming())


def test_the_page_is_there_over_ipv6(metrics: Metrics) -> None:
    with MetricsPage(metrics, "[::1]:0", str) as page:
        assert page.address.startswith("[::1]:")
        with urllib.request.urlopen(f"http://{page.address}/metrics") as answer:
            assert b"vau_frames_total" in answer.read()


@pytest.mark.parametrize("said", [b"", b"GET /readyz HTTP/1.0\r\n"])
def test_who_hangs_up_leaves_no_line(
    served: Served, said: bytes, capfd: pytest.CaptureFixture[str]
) -> None:
    host, _, port = served.metrics_address.rpartition(":")
    for _ in range(20):
        with socket.create_connection((host, int(port))) as caller:
            reset = struct.pack("ii", 1, 0)
            caller.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, reset)
            caller.sendall(said)
    assert "vau_frames_total{" in scrape(served)
    assert capfd.readouterr().err == ""


def test_counts_name_no_session(served: Served) -> None:
    assert not re.search(r'="[0-9a-f]{16}"', scrape(served))


def test_the_work_is_counted(served: Served) -> None:
    frames = frame_count(1600) + frame_count(16_000)
    assert served.value("vau_frames_total", backend=BACKEND) == frames
    assert served.value("vau_audio_seconds_total", backend=BACKEND) == pytest.approx(1.1)
    steps = frames + 2 * MODEL.output_delay
    origin = {"backend": BACKEND, "origin": "estimated"}
    assert served.value("vau_frame_device_seconds_count", **origin) == steps
    assert served.value("vau_device_cycles_total", **origin) > 0


def test_latency_is_counted_per_frame_of_live_audio(served: Served) -> None:
    for stage in ("queue", "feature", "compute", "post", "total"):
        labels = {"backend": BACKEND, "stage": stage}
        assert served.value("vau_frame_latency_seconds_count", **labels) == frame_count(1600)
    total = served.value("vau_frame_latency_seconds_sum", backend=BACKEND, stage="total")
    for stage in ("queue", "feature", "compute", "post"):
        assert total > served.value(
            "vau_frame_latency_seconds_sum", backend=BACKEND, stage=stage
        )


def test_the_landmarks_of_a_stream_are_counted_once(served: Served) -> None:
    assert served.value("vau_first_answer_seconds_count", backend=BACKEND) == 1
    assert served.value("vau_final_after_end_seconds_count", backend=BACKEND) == 1
    assert served.value("vau_stream_lag_seconds_count", backend=BACKEND) == 4


def test_streams_are_counted_by_how_they_ended(served: Served) -> None:
    assert ended(served, BACKEND, "OK", "") == 2
    assert ended(served, "", "NOT_FOUND", "MODEL_NOT_FOUND") == 1
    assert served.value("vau_stream_duration_seconds_count", backend=BACKEND) == 2


def test_a_stream_that_reached_no_backend_leaves_one_line(served: Served) -> None:
    found = [line for line in scrape(served).splitlines() if 'backend=""' in line]
    (line,) = found
    assert line.startswith("vau_streams_total{")


@pytest.fixture
def endless() -> Iterator[Callable[[], Iterator[bytes]]]:
    """Yield what makes audio whose end does not come before the end of the test."""
    enough = threading.Event()

    def audio() -> Iterator[bytes]:
        yield AUDIO
        enough.wait()

    yield audio
    enough.set()


def test_slots_and_streams_are_shown(
    served: Served, endless: Callable[[], Iterator[bytes]]
) -> None:
    assert served.value("vau_stream_slots", backend=BACKEND) == 8
    assert served.value("vau_streams_active", backend=BACKEND) == 0
    stream = served.client.stream(streaming(), endless())
    next(stream)
    assert served.value("vau_streams_active", backend=BACKEND) == 1
    stream.close()  # type: ignore[attr-defined]
    eventually(lambda: served.value("vau_streams_active", backend=BACKEND) == 0)


def test_there_is_no_room_for_more_streams_than_the_server_takes() -> None:
    other = replace(MODEL, name="other")
    config = ServerConfig(listen=FREE, metrics_listen=FREE, max_streams=3)
    with serving((MODEL, muntaniala()), (other, muntaniala()), config=config) as server:
        assert server.value("vau_stream_slots", backend=BACKEND) == 3


def test_backends_share_the_room_of_their_server(
    endless: Callable[[], Iterator[bytes]],
) -> None:
    config = ServerConfig(listen=FREE, metrics_listen=FREE, max_streams=3)
    with serving((MODEL, muntaniala()), (MODEL, floating()), config=config) as server:
        assert server.value("vau_server_stream_slots") == 3
        streams = [
            server.client.stream(streaming(PHONES, backend=name), endless())
            for name in server.server.host.lanes.backend_ids
        ]
        for stream in streams:
            next(stream)
        assert server.value("vau_streams_active", backend=BACKEND) == 1
        assert server.value("vau_server_streams_active") == 2
        for stream in streams:
            stream.close()  # type: ignore[attr-defined]
        eventually(lambda: server.value("vau_server_streams_active") == 0)


def test_a_client_that_cancels_is_counted_as_cancelled(
    endless: Callable[[], Iterator[bytes]],
) -> None:
    with serving() as served:
        stream = served.client.stream(streaming(), endless())
        next(stream)
        stream.close()  # type: ignore[attr-defined]
        eventually(lambda: ended(served, BACKEND, "CANCELLED", "") == 1)


def test_a_refused_stream_is_counted_with_its_reason(
    endless: Callable[[], Iterator[bytes]],
) -> None:
    with serving((MODEL, muntaniala(slot_count=1))) as served:
        talk = served.client.stream(streaming(), endless())
        next(talk)
        with pytest.raises(SlotsExhausted):
            next(served.client.stream(streaming(), [AUDIO]))
        talk.close()  # type: ignore[attr-defined]
        eventually(
            lambda: ended(served, BACKEND, "RESOURCE_EXHAUSTED", "STREAM_SLOTS_EXHAUSTED") == 1
        )


def test_what_is_served_is_shown(served: Served) -> None:
    labels = {"model": "tiny", "digest": MODEL.digest, "backend": BACKEND}
    assert served.value("vau_model_info", **labels) == 1
    assert served.value("vau_backend_state", backend=BACKEND, state="ready") == 1
    assert served.value("vau_backend_state", backend=BACKEND, state="fault") == 0


def test_a_backend_that_counts_nothing_shows_no_zero_for_it() -> None:
    with serving((MODEL, floating())) as served:
        hear(served.client, [AUDIO], streaming(pb.OutputConfig()))
        page = scrape(served)
    for name in ("vau_energy_joules_total", "vau_device_cycles_total"):
        assert f"{name}{{" not in page


def round_of(cost: Cost, steps: int) -> Round:
    """Return a round of one answer that took so many steps."""
    stream = hear_nothing(cost, steps)
    return Round(answers=[stream], feature_s=0.0, compute_s=0.0, post_s=0.0)


def hear_nothing(cost: Cost, steps: int) -> Answer:
    classes = len(MODEL.phonemes)
    return Answer(
        utterance_index=0,
        first_frame=0,
        first_sample=0,
        log_prob=np.zeros((steps, classes), np.float32),
        logits=None,
        segments=(),
        steps=steps,
        cost=cost,
        received_sample=0,
        answered_sample=0,
    )


def energy(joules: float, **parts: float) -> Energy:
    return Energy(
        joules=joules,
        origin="estimated",
        boundary="core",
        method="test/1",
        parts=tuple(parts.items()),
    )


def test_energy_is_counted_by_part_or_under_all(metrics: Metrics) -> None:
    meters = metrics.of("x")
    meters.on_round(round_of(Cost(energies=(energy(3e-6, mac=1e-6, sram=2e-6),)), 3))
    meters.on_round(round_of(Cost(energies=(energy(5e-6),)), 2))
    labels = {"backend": "x", "origin": "estimated", "boundary": "core"}
    value = metrics.registry.get_sample_value
    for component, joules in (("mac", 1e-6), ("sram", 2e-6), ("all", 5e-6)):
        assert value("vau_energy_joules_total", labels | {"component": component}) == joules
    assert value("vau_energy_joules_per_frame_count", labels) == 5
    assert value("vau_energy_joules_per_frame_sum", labels) == pytest.approx(8e-6)


SHARED = Cost(
    cycles=300,
    energies=(energy(3e-6, mac=1e-6, dram=2e-6),),
    memory_bytes=1000,
    unshared=Cost(cycles=900, energies=(energy(9e-6),), memory_bytes=8000),
)
UNSHARED: tuple[tuple[str, dict[str, str], float], ...] = (
    ("vau_device_cycles_total", {"origin": "estimated"}, 3.0),
    ("vau_energy_joules_total", {"origin": "estimated", "boundary": "core"}, 3.0),
    ("vau_memory_bytes_total", {}, 8.0),
)


@pytest.mark.parametrize(("name", "labels", "times"), UNSHARED, ids=lambda each: str(each)[:30])
def test_what_sharing_a_call_gained_reads_off_as_a_ratio(
    metrics: Metrics, name: str, labels: dict[str, str], times: float
) -> None:
    metrics.of("x").on_round(round_of(SHARED, 8))
    metrics.of("x").on_round(round_of(SHARED, 8))
    unshared = name.replace("vau_", "vau_unshared_")
    assert total(metrics, unshared, labels) == pytest.approx(
        times * total(metrics, name, labels)
    )


def test_streams_that_share_calls_of_the_rpu_read_its_weights_far_less_often(
    metrics: Metrics,
) -> None:
    backend = open_backend("rpu:streamed", MODEL)
    frontend, sessions = Frontend(MODEL.frontend), [Session(MODEL) for _ in range(8)]
    for session in sessions:
        open_session(session, backend)
    for piece in cut(speech(8_000), *range(3200, 16_000, 3200)):  # bytes of 100 ms
        pushes = [Push(session, piece) for session in sessions]
        metrics.of("x").on_round(advance(frontend, backend, pushes))
    gains = [
        total(metrics, name.replace("vau_", "vau_unshared_"), labels)
        / total(metrics, name, labels)
        for name, labels in (
            ("vau_memory_bytes_total", {}),
            ("vau_energy_joules_total", {"origin": "estimated", "boundary": "system"}),
        )
    ]
    assert gains[0] > 8.0  # of eight streams, and some more of ten frames
    assert gains[1] > 2.0


def test_where_sharing_gains_nothing_both_meters_show_the_same(metrics: Metrics) -> None:
    metrics.of("x").on_round(round_of(Cost(cycles=7, energies=(energy(1e-6),)), 2))
    for name, labels, _ in UNSHARED:
        unshared = name.replace("vau_", "vau_unshared_")
        assert total(metrics, unshared, labels) == total(metrics, name, labels)


def total(metrics: Metrics, name: str, labels: dict[str, str]) -> float:
    """Add up all samples of backend x with these labels, whatever else they have."""
    wanted = (labels | {"backend": "x"}).items()
    return sum(
        sample.value
        for family in metrics.registry.collect()
        for sample in family.samples
        if sample.name == name and wanted <= sample.labels.items()
    )


def test_the_frames_of_a_stream_that_share_a_call_are_shown(metrics: Metrics) -> None:
    for steps in (8, 1, 0):
        metrics.of("x").on_round(round_of(Cost(), steps))
    value = metrics.registry.get_sample_value
    assert value("vau_chunk_frames_count", {"backend": "x"}) == 2
    assert value("vau_chunk_frames_sum", {"backend": "x"}) == 9


def test_saturations_are_counted_by_layer(metrics: Metrics) -> None:
    metrics.of("x").on_round(round_of(Cost(saturations=(0, 4)), 1))
    metrics.of("x").on_round(round_of(Cost(saturations=(1, 2)), 1))
    value = metrics.registry.get_sample_value
    assert value("vau_saturations_total", {"backend": "x", "layer": "0"}) == 1
    assert value("vau_saturations_total", {"backend": "x", "layer": "1"}) == 6


def test_an_energy_without_a_step_is_counted_but_not_per_frame(metrics: Metrics) -> None:
    metrics.of("x").on_round(round_of(Cost(energies=(energy(1e-6),)), 0))
    labels = {"backend": "x", "origin": "estimated", "boundary": "core"}
    value = metrics.registry.get_sample_value
    assert value("vau_energy_joules_total", labels | {"component": "all"}) == 1e-6
    assert not value("vau_energy_joules_per_frame_count", labels)


def times(queue_s: float = 0.0, compute_s: float = 0.0) -> StageTimes:
    return StageTimes(
        queue_s=queue_s, feature_s=1e-3, compute_s=compute_s, post_s=1e-3, batch_size=1
    )


@pytest.mark.parametrize(
    ("took", "total_s", "stage"),
    [
        (times(queue_s=0.011, compute_s=0.005), 0.018, "queue"),
        (times(queue_s=0.011, compute_s=0.020), 0.033, "compute"),
        (times(queue_s=0.005, compute_s=0.005), 0.012, "sum"),
        (times(compute_s=0.002), 0.020, "wait"),
        (times(queue_s=0.010), 0.012, "sum"),
    ],
)
def test_a_frame_that_came_late_is_counted_once_by_the_stage_that_alone_was_late(
    metrics: Metrics, took: StageTimes, total_s: float, stage: str
) -> None:
    metrics.of("x").answered(7, took, total_s)
    assert total(metrics, "vau_deadline_misses_total", {"stage": stage}) == 7
    assert total(metrics, "vau_deadline_misses_total", {}) == 7


def test_a_frame_in_time_is_no_miss_whatever_a_stage_took(metrics: Metrics) -> None:
    metrics.of("x").answered(7, times(queue_s=0.006), 0.010)
    assert total(metrics, "vau_deadline_misses_total", {}) == 0


def test_lines_that_the_log_lost_are_shown(metrics: Metrics) -> None:
    with Log(None) as log:
        log.on_lost(metrics.log_lines_lost)
        log.lose("full")
    assert (
        metrics.registry.get_sample_value("vau_log_lines_lost_total", {"reason": "full"}) == 1
    )


def test_an_error_in_a_round_counts_as_a_stream_of_the_batch_only(metrics: Metrics) -> None:
    failed = Round(answers=[VauError("no")], feature_s=0.0, compute_s=0.0, post_s=0.0)
    metrics.of("x").on_round(failed)
    assert metrics.registry.get_sample_value("vau_frames_total", {"backend": "x"}) == 0
    assert metrics.registry.get_sample_value("vau_batch_size_count", {"backend": "x"}) == 1


def test_exactly_one_state_is_shown(metrics: Metrics) -> None:
    for present in State:
        metrics.of("x").state(present)
        shown = {
            state.value: metrics.registry.get_sample_value(
                "vau_backend_state", {"backend": "x", "state": state.value}
            )
            for state in State
        }
        assert shown == {state.value: float(state is present) for state in State}


def test_the_meters_of_a_backend_are_made_once(metrics: Metrics) -> None:
    assert metrics.of("x") is metrics.of("x")
    assert metrics.of("x") is not metrics.of("y")


def test_two_sets_of_meters_need_two_registries() -> None:
    registry = CollectorRegistry()
    Metrics(registry)
    with pytest.raises(ValueError, match="Duplicated"):
        Metrics(registry)
