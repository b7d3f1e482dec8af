"""The alerts of deploy/: each is raised by its own trouble, on the meters that there are.

What they are tried on are the meters of the server, scraped once a minute of a time that is
made up; promtool does what Prometheus would.
"""

import json
import re
import shutil
import subprocess
import time
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any, Final, NamedTuple, cast

import pytest
from prometheus_client import CollectorRegistry, Gauge

from tests.rules import RULES, alerts, written_out
from tests.serving import MODEL, Held, Talk, muntaniala, serving, speech
from vau.backend import Backend, Result, State, Work
from vau.errors import ResumeInvalid
from vau.lane import StageTimes
from vau.metrics import Metrics
from vau.shadow.meters import ShadowMetrics

ROOT = Path(__file__).resolve().parent.parent
TOOL = ROOT / ".cache/tools/promtool"

MINUTES: Final = 45
TROUBLE_FROM: Final = 20  # minutes of a server that is well come first
DAY_S: Final = 86_400
BACKEND: Final = "m"
TIMES: Final = StageTimes(
    queue_s=0.02, feature_s=1e-4, compute_s=1e-3, post_s=1e-4, batch_size=8
)


class Site:
    """A server's meters, and whether it answers the scrape."""

    def __init__(self) -> None:
        self.metrics = Metrics(CollectorRegistry())
        self.meters = self.metrics.of(BACKEND)
        self.shadows = ShadowMetrics(self.metrics.registry)
        names = {"job": "vau"}
        self.up = Gauge("up", "Prometheus's own.", list(names), registry=self.metrics.registry)
        self.up.labels(**names).set(1)

    def frames(self, late: int) -> None:
        """A thousand frames of live audio, of which so many are late."""
        for count, total_s in ((1000 - late, 0.03), (late, 0.2)):
            self.meters.answered(count, TIMES, total_s)

    def device(self, late: int) -> None:
        """A thousand frames on the accelerator, of which so many are late."""
        family = self.metrics.work.frame_device.labels(BACKEND, "estimated")
        family.observe(0.0003, 1000 - late)
        family.observe(0.02, late)

    def lags(self, far: int) -> None:
        """A hundred responses, of which so many are far behind."""
        for at in range(100):
            self.meters.lag.observe(3.0 if at < far else 0.1)

    def is_well(self) -> None:
        """A minute of work, of which each number is just about good enough."""
        self.meters.state(State.READY)
        self.meters.stream_slots.set(64)
        self.meters.streams_active.set(57)
        self.metrics.streams.all_slots.set(100)
        self.metrics.streams.all_active.set(90)
        self.metrics.work.frames.labels(BACKEND).inc(1000)
        self.meters.mended("retries", 40)
        self.meters.ended("OK", "", 12.0)
        self.meters.ended("UNAVAILABLE", "SERVER_DRAINING", 12.0)
        self.frames(late=5)
        self.device(late=5)
        self.lags(far=3)
        self.shadows.up.labels("n", "x").set(1)
        self.shadows.mismatches.labels(BACKEND, "n").inc(0)
        self.metrics.resumes.resumed()
        self.metrics.door.certificate(15 * DAY_S)
        self.metrics.door.reloaded("tls", "renewed")
        knocks(self, 20)


def is_full(site: Site) -> None:
    """All streams of the server are taken, though neither of its backends is near its own."""
    site.meters.streams_active.set(50)
    site.metrics.streams.all_active.set(91)


class Trouble(NamedTuple):
    """What goes wrong."""

    happens: Callable[[Site], object]
    once: bool = False
    """Or else every minute."""


def _invalid(site: Site) -> None:
    for _ in range(5):
        site.metrics.resumes.refused(ResumeInvalid("sealed with another key"))


def knocks(site: Site, times: int) -> None:
    """Callers without a good token."""
    for _ in range(times):
        site.metrics.door.refused("unknown")


TROUBLES: Final = {
    "VauDown": Trouble(lambda site: site.up.labels("vau").set(0)),
    "VauBackendNotReady": Trouble(lambda site: site.meters.state(State.FAULT)),
    "VauDefect": Trouble(
        lambda site: site.meters.ended("INTERNAL", "INTERNAL", 1.0), once=True
    ),
    "VauAnswersLate": Trouble(lambda site: site.frames(late=30)),
    "VauStreamsLag": Trouble(lambda site: site.lags(far=20)),
    "VauAcceleratorOverBudget": Trouble(lambda site: site.device(late=30)),
    "VauSlotsScarce": Trouble(lambda site: site.meters.streams_active.set(58)),
    "VauStreamsRefused": Trouble(
        lambda site: site.meters.ended("RESOURCE_EXHAUSTED", "STREAM_SLOTS_EXHAUSTED", 0.0)
    ),
    "VauMismatch": Trouble(
        lambda site: site.shadows.mismatches.labels(BACKEND, "n").inc(), once=True
    ),
    "VauStreamsMoved": Trouble(
        lambda site: site.metrics.changed(BACKEND, "n", "BACKEND_LOST"), once=True
    ),
    "VauLinkFaulty": Trouble(lambda site: site.meters.mended("retries", 20)),
    "VauShadowDown": Trouble(lambda site: site.shadows.up.labels("n", "x").set(0)),
    "VauResumeKeysDiffer": Trouble(_invalid, once=True),
    "VauCallersRefused": Trouble(lambda site: knocks(site, 40)),
    "VauCertificateEnds": Trouble(lambda site: site.metrics.door.certificate(13 * DAY_S)),
    "VauFileNotReloaded": Trouble(
        lambda site: site.metrics.door.reloaded("tokens", "kept"), once=True
    ),
    "VauLogLost": Trouble(lambda site: site.metrics.log_lines_lost("full", 3), once=True),
}


def series(trouble: Trouble | None) -> dict[str, list[str]]:
    """Return what is scraped: of each series a value for every minute, _ if there was none."""
    site = Site()
    scraped: dict[str, list[str]] = {}
    for minute in range(MINUTES):
        site.is_well()
        since = minute - TROUBLE_FROM
        if trouble is not None and (since == 0 if trouble.once else since >= 0):
            trouble.happens(site)
        for family in site.metrics.registry.collect():
            for sample in family.samples:
                labels = {"instance": "a"} | sample.labels
                named = ", ".join(f'{name}="{value}"' for name, value in labels.items())
                values = scraped.setdefault(f"{sample.name}{{{named}}}", ["_"] * minute)
                values.append(
                    f"{sample.value:g}" if sample.value < 1e6 else f"{sample.value:.0f}"
                )
    return scraped


# --- the rules as they are written ---------------------------------------------------------


def test_every_alert_has_its_trouble_here_and_its_remedy_in_the_guide() -> None:
    assert list(alerts()) == [*TROUBLES]
    guide = (ROOT / "docs/operations.md").read_text(encoding="utf-8")
    assert [name for name in alerts() if f"| {name} |" not in guide] == []


@pytest.mark.parametrize("name", TROUBLES)
def test_an_alert_looks_at_meters_and_labels_that_there_are(name: str) -> None:
    scraped = list(series(TROUBLES[name]))
    asked = re.findall(r"\b(vau_\w+|up)(?:\{([^}]*)\})?", written_out(alerts()[name]))
    assert asked
    for meter, matchers in asked:
        wanted = re.findall(r'(\w+)=(~?)"([^"]*)"', matchers)
        assert any(_is_meant(text, meter, wanted) for text in scraped), (meter, matchers)


def _is_meant(text: str, meter: str, wanted: list[tuple[str, str, str]]) -> bool:
    name, _, rest = text.partition("{")
    labels = dict(re.findall(r'(\w+)="([^"]*)"', rest))
    return name == meter and all(
        re.fullmatch(value if kind else re.escape(value), labels.get(label, ""))
        for label, kind, value in wanted
    )


# --- what Prometheus makes of them ---------------------------------------------------------


def expected(minute: int, *alerts: str) -> dict[str, Any]:
    """Return the check of promtool that just these fire."""
    return {
        "expr": 'count by (alertname) (ALERTS{alertstate="firing"})',
        "eval_time": f"{minute}m",
        "exp_samples": [{"labels": f'{{alertname="{name}"}}', "value": 1} for name in alerts],
    }


def tried(folder: Path, trouble: Trouble | None, checks: list[dict[str, Any]]) -> None:
    """Let promtool play the time through, with a trouble or without."""
    played(folder, series(trouble), checks)


def played(folder: Path, scraped: dict[str, list[str]], checks: list[dict[str, Any]]) -> None:
    """Let promtool play through what was scraped; what it says is why it failed."""
    shutil.copy(RULES, folder)
    inputs = [{"series": name, "values": " ".join(each)} for name, each in scraped.items()]
    test = {"interval": "1m", "input_series": inputs, "promql_expr_test": checks}
    file = folder / "test.yml"  # JSON is YAML
    file.write_text(json.dumps({"rule_files": [RULES.name], "tests": [test]}))
    done = subprocess.run(
        [TOOL, "test", "rules", file], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.tools
def test_promtool_finds_nothing_wrong_with_what_is_deployed() -> None:
    for what, file in (("rules", RULES), ("config", ROOT / "deploy/prometheus.yml")):
        done = subprocess.run(
            [TOOL, "check", what, file], capture_output=True, text=True, check=False
        )
        assert done.returncode == 0, done.stdout + done.stderr


@pytest.mark.tools
def test_a_server_that_is_well_raises_no_alert(tmp_path: Path) -> None:
    minutes = range(1, MINUTES, 4)
    tried(tmp_path, None, [expected(minute) for minute in minutes])


@pytest.mark.tools
@pytest.mark.parametrize("name", TROUBLES)
def test_a_trouble_raises_its_own_alert_and_no_other(name: str, tmp_path: Path) -> None:
    trouble = TROUBLES[name]
    before, then = TROUBLE_FROM - 1, TROUBLE_FROM + (2 if trouble.once else 12)
    checks = [expected(before), expected(then, name)]
    if trouble.once:
        checks.append(expected(MINUTES - 1))  # it is over
    tried(tmp_path, trouble, checks)


@pytest.mark.tools
def test_a_server_is_full_though_none_of_its_backends_is(tmp_path: Path) -> None:
    then = TROUBLE_FROM + 12
    tried(tmp_path, Trouble(is_full), [expected(then, "VauSlotsScarce")])


# --- a batch client is no trouble ----------------------------------------------------------


class Slow(Held):
    """A real backend on a device that takes longer than the alert allows."""

    def run(self, work: Sequence[Work]) -> list[Result]:
        time.sleep(0.06)
        return super().run(work)


def archive_job() -> dict[str, list[str]]:
    """Return what is scraped of a server that a slow device answers, while files are sent.

    One stream of a real server, over and over: each minute adds what it counted.
    """
    with serving((MODEL, cast("Backend", Slow(muntaniala())))) as served:
        talk = Talk(served.client)
        for _ in range(8):
            talk.send(speech(8000))
        talk.half_close()
        found = [
            (family.type in ("counter", "histogram"), sample)
            for family in served.registry.collect()
            for sample in family.samples
        ]
    scraped = {}
    for grows, sample in found:
        labels = {"instance": "a"} | sample.labels
        named = ", ".join(f'{name}="{value}"' for name, value in labels.items())
        times = range(1, MINUTES + 1) if grows else [1] * MINUTES
        scraped[f"{sample.name}{{{named}}}"] = [f"{sample.value * each:g}" for each in times]
    return scraped


@pytest.mark.tools
def test_files_that_are_sent_as_fast_as_they_can_be_raise_no_alert(tmp_path: Path) -> None:
    checks = [expected(minute) for minute in range(1, MINUTES, 4)]
    played(tmp_path, archive_job(), checks)
