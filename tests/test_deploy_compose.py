"""The stack of Compose, by its schema and beside the files that it mounts."""

from functools import cache
from pathlib import Path
from typing import Final

import pytest
import yaml

from tests.deploy.files import DEPLOY, TOOLS, Thing, run
from vau.smallfile import read_secret

COMPOSE: Final = DEPLOY / "compose.yaml"


@pytest.mark.tools
def test_the_stack_is_one_of_the_compose_specification(tmp_path: Path) -> None:
    check = (TOOLS / "check-jsonschema", "--builtin-schema", "vendor.compose-spec")
    assert run(*check, COMPOSE).returncode == 0
    wrong = tmp_path / "compose.yaml"
    wrong.write_text(COMPOSE.read_text(encoding="utf-8").replace("cap_drop", "cap_dropp"))
    assert run(*check, wrong).returncode != 0


def test_the_stack_publishes_on_loopback_alone_and_mounts_what_there_is() -> None:
    for name, service in stack()["services"].items():
        assert service["cap_drop"] == ["ALL"], name
        assert service["security_opt"] == ["no-new-privileges:true"], name
        for port in service.get("ports", []):
            assert port.startswith("127.0.0.1:"), name
        for volume in service.get("volumes", []):
            source, _, target = volume.partition(":")
            if source.startswith("."):
                assert (DEPLOY / source).exists(), source
                assert target.endswith(":ro"), name
            else:
                assert source in stack()["volumes"], name
        for other in service.get("depends_on", []):
            assert other in stack()["services"], name


def test_the_replicas_of_the_stack_share_a_key_that_is_made_once(tmp_path: Path) -> None:
    made, server = stack()["services"]["resume-key"], stack()["services"]["vau"]
    assert server["deploy"]["replicas"] >= 2
    assert {volume.removesuffix(":ro") for volume in server["volumes"]} == set(made["volumes"])
    assert server["depends_on"]["resume-key"]["condition"] == "service_completed_successfully"
    (folder,) = (volume.partition(":")[2] for volume in made["volumes"])
    assert f"--resume-key-file={folder}/key" in server["command"]
    flag, script = made["command"]
    here = script.replace(folder, str(tmp_path))
    made_twice = set()
    for _ in range(2):
        assert run(made["entrypoint"], flag, here).returncode == 0
        made_twice.add(read_secret(tmp_path / "key"))
    (key,) = made_twice
    assert len(key) == 64


@cache
def stack() -> Thing:
    read: Thing = yaml.safe_load(COMPOSE.read_text(encoding="utf-8"))
    return read
