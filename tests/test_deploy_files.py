"""The files of deploy/, by the schemas they are written for and beside the flags of the server.

No cluster and no engine of containers is here: what is tried is what they would be given.
"""

import json
import re
import secrets
from functools import cache
from pathlib import Path
from subprocess import CompletedProcess
from typing import Final

import pytest
import yaml

from deploy import rules
from tests.commands import ROOT, vau
from tests.deploy.files import DEPLOY, TOOLS, Thing, run
from tests.real_server import real_server
from vau.client import Client
from vau.config import ServerConfig

KUBECTL: Final = ROOT / ".cache/kubectl/kubectl"
OVERLAYS: Final = ("model", "board", "tls")
FILES: Final = sorted(str(file.relative_to(DEPLOY)) for file in DEPLOY.rglob("*.y*ml"))
OPERATOR: Final = "monitoring.coreos.com/v1"
END_S: Final = 10.0  # last words, linger and close


@cache
def rendered(overlay: str) -> str:
    """Return what kustomize makes of an overlay."""
    done = run(KUBECTL, "kustomize", DEPLOY / "k8s/overlays" / overlay)
    assert done.returncode == 0, done.stderr
    return done.stdout


def things(overlay: str) -> list[Thing]:
    return [thing for thing in yaml.safe_load_all(rendered(overlay)) if thing]


def the(overlay: str, kind: str, name: str = "vau") -> Thing:
    found = [
        thing
        for thing in things(overlay)
        if (thing["kind"], thing["metadata"]["name"]) == (kind, name)
    ]
    assert len(found) == 1
    return found[0]


def pod_of(workload: Thing) -> Thing:
    spec: Thing = workload["spec"]["template"]["spec"]
    return spec


def shape(*objects: Thing) -> "CompletedProcess[str]":
    return run(TOOLS / "python", ROOT / "tests/deploy/shape.py", sent=json.dumps(objects))


@pytest.mark.tools
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_is_one_of_kubernetes_field_by_field(overlay: str, tmp_path: Path) -> None:
    file = tmp_path / "all.yaml"
    own = [thing for thing in things(overlay) if thing["apiVersion"] != OPERATOR]
    file.write_text(yaml.safe_dump_all(own))
    done = run(TOOLS / "kubernetes-validate", "--strict", file)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "WARN" not in done.stdout + done.stderr  # a kind that it does not know
    assert (done.stdout + done.stderr).count("passed for resource") == len(own) > 8

    own[-1]["spec"]["podSelektor"] = {}
    file.write_text(yaml.safe_dump_all(own))
    assert run(TOOLS / "kubernetes-validate", "--strict", file).returncode != 0


@pytest.mark.tools
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_every_object_of_the_operator_has_its_fields_and_no_others(overlay: str) -> None:
    found = [thing for thing in things(overlay) if thing["apiVersion"] == OPERATOR]
    assert {thing["kind"] for thing in found} == {"ServiceMonitor", "PrometheusRule"}
    done = shape(*found)
    assert done.returncode == 0, done.stdout + done.stderr

    (monitor,) = (thing for thing in found if thing["kind"] == "ServiceMonitor")
    monitor["spec"]["endpoints"][0]["intervall"] = "15s"
    assert "endpoints[0].intervall: there is no such field" in shape(monitor).stdout


@pytest.mark.tools
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_whoever_is_meant_by_a_label_is_there(overlay: str) -> None:
    """Services, budgets, policies and monitors find pods, or services, by labels alone."""
    pods = {
        name: the(overlay, "Deployment", name)["spec"]["template"]["metadata"]["labels"]
        for name in ("vau", "vau-proxy")
    }
    for kind in ("Deployment", "Service", "PodDisruptionBudget", "NetworkPolicy"):
        for name, labels in pods.items():
            spec = the(overlay, kind, name)["spec"]
            chosen = spec.get("podSelector") or spec["selector"]
            wanted = chosen.get("matchLabels", chosen)
            assert wanted.items() <= labels.items(), (kind, name)
            (other,) = (pods[each] for each in pods if each != name)
            assert not wanted.items() <= other.items(), (kind, name)
    monitor = the(overlay, "ServiceMonitor")["spec"]
    service = the(overlay, "Service")
    assert monitor["selector"]["matchLabels"].items() <= service["metadata"]["labels"].items()
    ports = {port["name"]: port["targetPort"] for port in service["spec"]["ports"]}
    (container,) = pod_of(the(overlay, "Deployment"))["containers"]
    named = {port["name"]: port["containerPort"] for port in container["ports"]}
    assert set(ports.values()) == set(named)
    assert monitor["endpoints"][0]["port"] in ports
    probes = [container[f"{name}Probe"] for name in ("startup", "readiness", "liveness")]
    asks_over_http = {"httpGet": {"port": "metrics", "path": "/readyz"}}
    asks = asks_over_http if overlay == "tls" else {"grpc": {"port": named["grpc"]}}
    assert all(asks.items() <= probe.items() for probe in probes[:2])
    assert "tcpSocket" in probes[2]
    listens = dict(
        argument.split("=") for argument in container["args"] if "listen" in argument
    )
    assert {flag: int(at.rpartition(":")[2]) for flag, at in listens.items()} == {
        "--listen": named["grpc"],
        "--metrics-listen": named["metrics"],
    }


@pytest.mark.tools
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_the_proxy_is_told_where_the_replicas_are(overlay: str) -> None:
    (container,) = pod_of(the(overlay, "Deployment", "vau-proxy"))["containers"]
    told = {each["name"]: each.get("value") for each in container["env"]}
    (namespace,) = (each for each in container["env"] if "valueFrom" in each)
    assert namespace["valueFrom"] == {"fieldRef": {"fieldPath": "metadata.namespace"}}
    names = list(told)  # a variable is put in only behind its own
    assert names.index(namespace["name"]) < names.index("VAU_SERVERS")
    del told[namespace["name"]]
    service = the(overlay, "Service")["metadata"]["name"]
    assert told.pop("VAU_SERVERS") == f"{service}.$({namespace['name']}).svc.cluster.local"
    mounts = [each["mountPath"] for each in container["volumeMounts"]]
    assert all(str(Path(file).parent) in mounts for file in told.values())
    settings = (DEPLOY / "haproxy/haproxy.cfg").read_text(encoding="utf-8")
    defaults = dict(re.findall(r"presetenv (VAU_\w+) :?(\S+)", settings))
    ports = {port["name"]: str(port["containerPort"]) for port in container["ports"]}
    assert ports == {"grpc": defaults["VAU_LISTEN"], "metrics": defaults["VAU_PROXY_METRICS"]}
    (server,) = pod_of(the(overlay, "Deployment"))["containers"]
    ports = {port["name"]: str(port["containerPort"]) for port in server["ports"]}
    assert ports == {"grpc": defaults["VAU_PORT"], "metrics": defaults["VAU_METRICS_PORT"]}


@pytest.mark.tools
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_streams_have_their_grace_before_the_pod_is_killed(overlay: str) -> None:
    pod = pod_of(the(overlay, "Deployment"))
    (container,) = pod["containers"]
    before_s = container["lifecycle"]["preStop"]["sleep"]["seconds"]
    needed_s = before_s + ServerConfig().drain_grace_s + END_S
    assert pod["terminationGracePeriodSeconds"] >= needed_s


@pytest.mark.tools
def test_replicas_are_added_before_streams_are_refused() -> None:
    (container,) = pod_of(the("model", "Deployment"))["containers"]
    (bound,) = (each for each in container["args"] if each.startswith("--max-streams="))
    metrics = {
        each["pods"]["metric"]["name"]: float(
            each["pods"]["target"]["averageValue"].rstrip("m")
        )
        for each in the("model", "HorizontalPodAutoscaler")["spec"]["metrics"]
    }
    assert metrics["vau_server_streams_active"] < 0.9 * int(bound.partition("=")[2])
    assert "vau_stream_lag_p95_seconds" in metrics
    assert "replicas" not in the("model", "Deployment")["spec"]
    assert [each for each in things("board") if each["kind"] == "HorizontalPodAutoscaler"] == []
    assert the("board", "Deployment")["spec"]["replicas"] == 1


@pytest.mark.tools
@pytest.mark.parametrize("overlay", OVERLAYS)
def test_no_container_may_do_more_than_it_must(overlay: str) -> None:
    for name in ("vau", "vau-proxy"):
        pod = pod_of(the(overlay, "Deployment", name))
        assert pod["securityContext"]["runAsNonRoot"] is True
        assert pod["securityContext"]["seccompProfile"] == {"type": "RuntimeDefault"}
        assert pod["automountServiceAccountToken"] is False
        (container,) = pod["containers"]
        assert container["securityContext"] == {
            "allowPrivilegeEscalation": False,
            "readOnlyRootFilesystem": True,
            "capabilities": {"drop": ["ALL"]},
        }
        assert container["resources"]["requests"].keys() == {"cpu", "memory"}


@pytest.fixture
def volume(tmp_path: Path) -> Path:
    """Return a folder as Kubernetes mounts a secret: of links that turn when it changes."""
    (tmp_path / "..2026").mkdir()
    key = tmp_path / "..2026/key"
    key.write_text(secrets.token_hex(32))
    key.chmod(0o440)
    (tmp_path / "..data").symlink_to("..2026")
    (tmp_path / "key").symlink_to("..data/key")
    return tmp_path


@pytest.mark.tools
def test_a_server_starts_with_what_its_pod_is_given(volume: Path, tmp_path: Path) -> None:
    pod = pod_of(the("model", "Deployment"))
    (container,) = pod["containers"]
    (secret,) = (each for each in pod["volumes"] if "secret" in each)
    assert secret["secret"]["defaultMode"] == 0o440
    (mounted,) = (
        each["mountPath"]
        for each in container["volumeMounts"]
        if each["name"] == secret["name"]
    )
    given = [
        each.replace(mounted, str(volume))
        for each in container["args"]
        if "listen=" not in each  # the test chooses a free port
    ]
    with real_server(*given, log=tmp_path / "log") as server, Client(server.grpc) as client:
        assert client.server_info().limits.max_streams == 64


@pytest.mark.parametrize("name", FILES)
def test_every_flag_that_a_file_gives_is_one_of_the_server(name: str) -> None:
    text = (DEPLOY / name).read_text(encoding="utf-8")
    flags = set(re.findall(r"(?:- |value: )\"?(--[a-z-]+)", text))
    assert sorted(flags - known()) == []


def test_the_rules_of_the_operator_are_those_of_prometheus() -> None:
    assert rules.WRITTEN.read_text(encoding="utf-8") == rules.text()
    written = yaml.safe_load(rules.WRITTEN.read_text(encoding="utf-8"))
    assert written["spec"] == yaml.safe_load(rules.SOURCE.read_text(encoding="utf-8"))


def test_the_adapter_has_what_the_autoscaler_asks_for() -> None:
    scaling = yaml.safe_load((DEPLOY / "k8s/base/scaling.yaml").read_text(encoding="utf-8"))
    adapter = yaml.safe_load((DEPLOY / "k8s/adapter.yaml").read_text(encoding="utf-8"))
    asked = {each["pods"]["metric"]["name"] for each in scaling["spec"]["metrics"]}
    assert {rule["name"]["as"] for rule in adapter["rules"]["custom"]} == asked
    page = (ROOT / "docs/metrics.md").read_text(encoding="utf-8")
    for rule in adapter["rules"]["custom"]:
        series = rule["seriesQuery"].partition("{")[0].removesuffix("_bucket")
        assert f"`{series}`" in page


@cache
def known() -> frozenset[str]:
    return frozenset(re.findall(r"--[a-z-]+", vau("serve", "--help").stdout))
